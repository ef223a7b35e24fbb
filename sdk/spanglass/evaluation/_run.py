"""`spanglass.evaluate`: an application over examples."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final, Protocol

from spanglass._context import context
from spanglass._current import current_span
from spanglass._spans import span
from spanglass.evaluation._example import Example, Result
from spanglass.evaluation._journal import Journal
from spanglass.evaluation._report import Report
from spanglass.evaluation._scorers import Scorer, scores_of

#: Called with how many are done, of how many, and the latest.
Progress = Callable[[int, int, Result], None]
MOST_WORKERS: Final = 256


class EvaluationError(RuntimeError):
    """A run could not go on; what was done is kept. The message says why."""


class Keeper(Protocol):
    """Where results are kept, so that a run can go on after its process was killed."""

    def done(self) -> Sequence[Result]:
        """Results that are there already."""
        ...

    def keep(self, results: Sequence[Result]) -> None:
        """Keeps results. The first one of an example counts."""
        ...


class Usage:
    """What a call used, where whoever makes it knows: `app` may return one beside its output.

    Args:
        output: the answer.
        input_tokens: of the call.
        output_tokens: of the call.
        cost_usd: of the call.
    """

    def __init__(
        self,
        output: Any,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cost_usd: float | None = None,
    ) -> None:
        self.output = output
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens
        self.cost_usd = cost_usd


def evaluate(
    app: Callable[..., Any],
    examples: Iterable[Example | Mapping[str, Any] | Any],
    *,
    scorers: Sequence[Scorer] = (),
    workers: int = 8,
    keeper: Keeper | None = None,
    journal: Path | str | None = None,
    name: str = "",
    progress: Progress | None = None,
) -> Report:
    """Runs an application over examples, several at a time, and scores what it answers.

        def is_short(example, answer):
            return len(answer) < 200

        report = spanglass.evaluate(answer, ["Can I return boots?"], scorers=[is_short])
        report.assert_scores(is_short=0.9)

    An example whose result is kept already is not run again, so a run that was killed goes on with
    what is left. An example at which the application raises has an error and no scores. Where
    `init` was called, every call is a trace, with the run's name in its metadata.

    Args:
        app: takes an input and answers; named values become arguments if it takes them. It may be
            a coroutine function.
        examples: `Example`s, mappings with `input` and `expected`, or plain inputs.
        scorers: take an example and the output; see `Scorer`. A detector becomes one by
            `spanglass_detectors.evaluation.scorer`.
        workers: examples at a time.
        keeper: where results are kept; an `Experiment` of the service.
        journal: a file for them instead.
        name: of the run.
        progress: told of every result.

    Raises:
        ValueError: there are no examples, two have the same id, or an argument is wrong.
        EvaluationError: results can't be kept.
    """
    wanted = [_example(each) for each in examples]
    if not wanted:
        raise ValueError("there are no examples to run over")
    if not 1 <= workers <= MOST_WORKERS:
        raise ValueError(f"workers is from 1 to {MOST_WORKERS}, not {workers}")
    if keeper is not None and journal is not None:
        raise ValueError("give a keeper or a journal, not both")
    seen: set[str] = set()
    for each in wanted:
        if each.key in seen:
            raise ValueError(f"two examples have the id {each.key!r}: leave one out")
        seen.add(each.key)
    held: Keeper | None = Journal(journal, name) if journal is not None else keeper
    found = {each.example: each for each in (held.done() if held is not None else ())}
    left = [each for each in wanted if each.key not in found]
    _Run(app, scorers, held, name, progress, len(wanted)).over(left, found, workers)
    return Report([found[each.key] for each in wanted])


class _Run:
    def __init__(
        self,
        app: Callable[..., Any],
        scorers: Sequence[Scorer],
        keeper: Keeper | None,
        name: str,
        progress: Progress | None,
        total: int,
    ) -> None:
        self._app = app
        self._scorers = scorers
        self._keeper = keeper
        self._name = name
        self._progress = progress
        self._total = total

    def over(self, examples: list[Example], found: dict[str, Result], workers: int) -> None:
        ahead = iter(examples)
        running: set[Future[Result]] = set()
        with ThreadPoolExecutor(workers, "spanglass-evaluate") as threads:
            while True:
                # Never more than there are workers: who ends the run waits for these alone.
                while len(running) < workers and (each := next(ahead, None)) is not None:
                    running.add(threads.submit(self._one, each))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                results = [future.result() for future in done]
                self._keep(results)
                for result in results:
                    found[result.example] = result
                    if self._progress is not None:
                        self._progress(len(found), self._total, result)

    def _keep(self, results: Sequence[Result]) -> None:
        if self._keeper is None:
            return
        try:
            self._keeper.keep(results)
        except Exception as error:
            raise EvaluationError(f"results can't be kept: {error}") from error

    def _one(self, example: Example) -> Result:
        about = {"experiment": self._name, "example": example.key} if self._name else {}
        with context(metadata=about), span(f"evaluate {self._name}".strip()) as here:
            here.input(example.input)
            ids = current_span().get_span_context()
            trace_id = f"{ids.trace_id:032x}" if ids.is_valid else ""
            began = time.perf_counter()
            try:
                output = _called(self._app, example.input)
            except Exception as error:
                here.error(error)
                took = time.perf_counter() - began
                said = f"{type(error).__name__}: {error}"[:2_000]
                return Result(example.key, None, said, took, trace_id=trace_id)
            took = time.perf_counter() - began
            used = output if isinstance(output, Usage) else Usage(output)
            here.output(used.output)
        scores, failed = scores_of(self._scorers, example, used.output)
        return Result(
            example.key, used.output, "", took, tuple(scores), trace_id, used.input_tokens,
            used.output_tokens, used.cost_usd, failed,
        )  # fmt: skip


def _called(app: Callable[..., Any], given: Any) -> Any:
    as_arguments = isinstance(given, Mapping) and _takes(app, given)
    answer = app(**given) if as_arguments else app(given)
    if inspect.isawaitable(answer):

        async def finish() -> Any:
            return await answer

        return asyncio.run(finish())
    return answer


def _takes(app: Callable[..., Any], given: Mapping[Any, Any]) -> bool:
    """Whether named values are the arguments of a function."""
    if not all(isinstance(key, str) for key in given):
        return False
    try:
        inspect.signature(app).bind(**given)
    except (TypeError, ValueError):
        return False
    return True


def _example(given: Any) -> Example:
    if isinstance(given, Example):
        return given
    if isinstance(given, Mapping) and "input" in given:
        known = ("input", "expected", "metadata", "split", "id")
        return Example(**{key: given[key] for key in known if given.get(key) is not None})
    return Example(given)
