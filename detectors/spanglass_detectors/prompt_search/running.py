"""Candidates over examples: each pair is asked once, within a budget, and kept in a journal."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import spanglass
from spanglass.evaluation import EvaluationError, Example, Result
from spanglass.evaluation import Keeper as Keeper
from spanglass.prompts import Definition
from spanglass_detectors.prompt_search.candidate import Candidate, built

#: Asks a prompt about an example's input, and gives the answer, or a `Usage` with it.
Ask = Callable[[Definition, Any], Any]
Scorer = Callable[[Example, Any], Any]
#: Told how many calls were made, and how many there may be.
Progress = Callable[[int, int], None]


class Runner:
    """Runs candidates, and remembers what came of it.

    Args:
        base: the prompt that the search began with.
        shown: examples that candidates may show, by key.
        ask: the model.
        scorers: of answers.
        objective: the score that counts.
        worst: what a call that failed counts as.
        budget: calls that may be made.
        workers: calls at a time.
        keeper: where results are kept; None for memory alone.
        name: of the run, in traces.
        progress: told of calls.
    """

    def __init__(
        self, base: Definition, shown: Mapping[str, Example], ask: Ask, scorers: Sequence[Scorer],
        objective: str, worst: float, budget: int, workers: int, keeper: Keeper | None, name: str,
        progress: Progress | None,
    ) -> None:  # fmt: skip
        self._base, self._shown, self._ask = base, shown, ask
        self._scorers = scorers
        self._objective, self._worst = objective, worst
        self._budget = budget
        self._workers, self._keeper, self._name = workers, keeper, name
        self._progress = progress
        self._built: dict[str, Definition] = {}
        self._examples: dict[str, Example] = {}
        self._known = {each.example: each for each in (keeper.done() if keeper else ())}
        self._asked: set[str] = set()
        #: Calls that are kept for the end.
        self.reserved = 0

    @property
    def used(self) -> int:
        """Calls that the search took, those of an earlier process that it goes on with, too."""
        return len(self._asked)

    @property
    def left(self) -> int:
        """Calls that may still be made."""
        return self._budget - self.reserved - self.used

    def definition(self, candidate: Candidate) -> Definition:
        """The prompt of a candidate."""
        if candidate.key not in self._built:
            self._built[candidate.key] = built(self._base, candidate, self._shown)
        return self._built[candidate.key]

    def run(self, candidates: Sequence[Candidate], examples: Sequence[Example]) -> None:
        """Asks every candidate about every example that it was not asked about yet.

        Raises:
            EvaluationError: if results can't be kept.
        """
        wanted = []
        for candidate in candidates:
            self.definition(candidate)
            for example in examples:
                self._examples[example.key] = example
                key = f"{candidate.key}:{example.key}"
                self._asked.add(key)
                if key not in self._known:
                    given = {"candidate": candidate.key, "example": example.key}
                    wanted.append(Example(given, id=key))
        if wanted:
            before = self.used - len(wanted)
            report = spanglass.evaluate(
                self._answer, wanted, scorers=[self._scored(each) for each in self._scorers],
                workers=self._workers, name=self._name, progress=lambda done, _, result: self._tell(
                    before + done, result
                ),
            )  # fmt: skip
            self._known |= {each.example: each for each in report}
        elif self._progress is not None:
            self._progress(self.used, self._budget)

    def write(self, write: Callable[[str], str], asked: str) -> str:
        """What a model writes when it is asked; each question once.

        Raises:
            EvaluationError: if it does not answer.
        """
        key = f"write:{hashlib.sha256(asked.encode('utf-8', 'replace')).hexdigest()[:24]}"
        self._asked.add(key)
        if key not in self._known:
            try:
                answer = str(write(asked))
            except Exception as error:
                raise EvaluationError(f"the model that writes did not answer: {error}") from error
            self._known[key] = Result(key, answer)
            if self._keeper is not None:
                self._keeper.keep([self._known[key]])
        return str(self._known[key].output)

    def results(self, candidate: Candidate, examples: Sequence[Example]) -> list[Result]:
        """What came of a candidate; it was run over these examples."""
        return [self._known[f"{candidate.key}:{each.key}"] for each in examples]

    def values(self, candidate: Candidate, examples: Sequence[Example]) -> list[float]:
        """The score that counts, of each example."""
        return [
            self._worst if (value := each.value(self._objective)) is None else value
            for each in self.results(candidate, examples)
        ]

    def mean(self, candidate: Candidate, examples: Sequence[Example]) -> float:
        """The mean of the score that counts."""
        return math.fsum(self.values(candidate, examples)) / len(examples)

    def _answer(self, candidate: str, example: str) -> Any:
        return self._ask(self._built[candidate], self._examples[example].input)

    def _scored(self, scorer: Scorer) -> Scorer:
        def judge(pair: Example, output: Any) -> Any:
            return scorer(self._examples[pair.input["example"]], output)

        judge.__name__ = getattr(scorer, "__name__", type(scorer).__name__)
        return judge

    def _tell(self, done: int, result: Result) -> None:
        # Kept one by one: what was paid for is not asked again after a kill.
        if self._keeper is not None:
            try:
                self._keeper.keep([result])
            except Exception as error:
                raise EvaluationError(f"results can't be kept: {error}") from error
        if self._progress is not None:
            self._progress(done, self._budget)
