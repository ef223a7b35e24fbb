"""`search`: rounds of successive halving, and a last look at examples kept aside."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from spanglass.evaluation import EvaluationError, Example, Journal, Result
from spanglass.prompts import Definition
from spanglass_detectors.comparison import Difference, paired
from spanglass_detectors.duplicates import assigned, groups, near_duplicates
from spanglass_detectors.prompt_search import writing
from spanglass_detectors.prompt_search.breeding import Breeder
from spanglass_detectors.prompt_search.candidate import (
    Candidate,
    can_be_shown,
    instruction_of,
    text_of,
)
from spanglass_detectors.prompt_search.front import Point, front
from spanglass_detectors.prompt_search.running import Ask, Progress, Runner, Scorer

#: Examples that choosing, and the last look, need at least.
FEWEST: Final = 5
#: Candidates that are looked at on the examples kept aside, besides the prompt as it is.
FINALISTS: Final = 4
_SHARES: Final = {"shown": 0.25, "chosen by": 0.45, "test": 0.3}
_FAILURES: Final = 3
_SMALLEST_RUNG: Final = 3
CostUnit = Literal["usd", "tokens", ""]


@dataclass(frozen=True)
class Scored:
    """A candidate and what it achieves.

    Attributes:
        candidate: what it is made of.
        definition: its prompt.
        quality: mean of the score on the examples that were chosen by.
        cost: of a call, in `Found.cost_unit`; None where it is not known.
        duration_s: median of a call, in seconds.
        held_out: mean of the score on the examples kept aside; None where it was not looked at.
    """

    candidate: Candidate
    definition: Definition
    quality: float
    cost: float | None
    duration_s: float
    held_out: float | None = None


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        base: the prompt as it was.
        best: the candidate with the best quality; the base where nothing is better.
        front: candidates that are beaten by none in quality, cost and time, the best first.
        difference: of best and base on the examples kept aside, in pairs; None where best is base.
        cost_unit: of costs: dollars where every call has a price, else tokens; empty for neither.
        shown: examples that may be shown; the numbers of the three parts add up to all.
        chosen_by: examples that candidates were chosen by.
        kept_aside: examples of the last look.
        calls: that were made, those of the writer among them.
        tried: candidates.
        unusable: instructions that a model wrote and that make no prompt.
        rounds: best quality after each round.
    """

    base: Scored
    best: Scored
    front: tuple[Scored, ...]
    difference: Difference | None
    cost_unit: CostUnit
    shown: int
    chosen_by: int
    kept_aside: int
    calls: int
    tried: int
    unusable: int
    rounds: tuple[float, ...]

    @property
    def is_better(self) -> bool:
        """Whether the best is clearly better where it was not chosen by."""
        return self.difference is not None and self.difference.low > 0


def search(
    base: Definition,
    examples: Iterable[Example | Mapping[str, Any]],
    ask: Ask,
    scorers: Sequence[Scorer],
    *,
    objective: str,
    write: writing.Write | None = None,
    models: Sequence[str] = (),
    budget: int = 500,
    rounds: int = 5,
    population: int = 12,
    most_shots: int = 4,
    worst: float = 0.0,
    seed: int = 0,
    workers: int = 8,
    journal: Path | str | None = None,
    name: str = "prompt search",
    progress: Progress | None = None,
) -> Found:
    """Looks for a better prompt.

    Examples are divided into three parts that share nothing nearly the same: those that a prompt
    may show, those that candidates are chosen by, and those kept aside. Whoever is in the split
    `test` is kept aside; where nobody is, a hash decides. A round halves its candidates on a
    quarter of the examples, then on half of them, and only what is left sees all. The best of all
    rounds are parents of the next. On the examples kept aside the winner is compared with the
    prompt as it was, once: that difference is not flattered by the choice.

    The same arguments and answers give the same result. With a journal, a search that was killed
    goes on where it ended, and asks nothing twice.

    Args:
        base: the prompt as it is.
        examples: with an expected output where a prompt may show them.
        ask: the model: takes a prompt and an example's input.
        scorers: as `spanglass.evaluate` takes them; higher is better.
        objective: the name of the score that counts.
        write: a model that writes instructions; without one they stay as they are.
        models: who may answer; by default the one that the prompt names.
        budget: calls that are made at most, those of the writer among them.
        rounds: of candidates.
        population: candidates of a round.
        most_shots: examples that a prompt shows at most; 0 for none.
        worst: what a call that failed counts as.
        seed: of chance.
        workers: calls at a time.
        journal: a file that results are kept in.
        name: of the run, in traces.
        progress: told of calls.

    Raises:
        ValueError: there are too few examples, the budget is too small, an argument is wrong, or
            there is no such score; the message says what to do.
        EvaluationError: every call failed, the writer does not answer, or results can't be kept.
    """
    if rounds < 1 or population < 2 or not 0 <= most_shots <= 50:
        raise ValueError("at least 1 round, 2 candidates, and 0 to 50 examples to show")
    if not math.isfinite(worst):
        raise ValueError("worst is a finite number")
    wanted = [_example(each) for each in examples]
    shown, chosen_by, kept_aside = divided(base, wanted, most_shots)
    reserved = (1 + FINALISTS) * len(kept_aside)
    least = reserved + 3 * len(chosen_by)
    if budget < least:
        raise ValueError(
            f"a search over {len(wanted)} examples takes a budget of {least} calls at least,"
            f" not {budget}"
        )
    rng = random.Random(seed)  # noqa: S311 - a search is no secret
    rng.shuffle(chosen_by)
    keeper = Journal(journal, name) if journal is not None else None
    runner = Runner(
        base, shown, ask, scorers, objective, worst, budget, workers, keeper, name, progress
    )
    runner.reserved = reserved
    # A prompt that names no model is asked as the first of those that are given.
    named = "" if base.model.get("name") or not models else models[0]
    begun = Candidate(instruction_of(base), model=named)
    breeder = Breeder(shown, models, most_shots, rng)
    work = _Search(runner, breeder, base, begun, chosen_by, write, rng)
    work.begin(objective)
    history = [work.go(work.first(population, models))]
    for _ in range(rounds - 1):
        if runner.left < len(chosen_by):
            break
        history.append(work.go(work.children(population)))
    return _ended(work, runner, kept_aside, len(shown), history)


def divided(
    base: Definition, examples: Sequence[Example], most_shots: int
) -> tuple[dict[str, Example], list[Example], list[Example]]:
    """Examples to show, to choose by, and to keep aside; near-duplicates stay together.

    Raises:
        ValueError: if there are too few, or two have the same id.
    """
    keys = [each.key for each in examples]
    if len(set(keys)) < len(keys):
        raise ValueError("two examples have the same id: leave one out")
    texts = [text_of(each) for each in examples]
    of = groups(len(texts), near_duplicates(texts))
    has_test = any(each.split == "test" for each in examples)
    shares = dict(_SHARES)
    if not most_shots:
        del shares["shown"]
    if has_test:
        del shares["test"]
    parts = assigned(keys, of, shares)
    tested = {group for each, group in zip(examples, of, strict=True) if each.split == "test"}
    shown, chosen_by, kept_aside = {}, [], []
    for each, part, group in zip(examples, parts, of, strict=True):
        if each.split == "test" or (part == "test" and not has_test):
            kept_aside.append(each)
        elif has_test and group in tested:
            # Nearly the same as what is kept aside: choosing by it would be a leak.
            continue
        elif part == "shown" and can_be_shown(base, each):
            shown[each.key] = each
        else:
            chosen_by.append(each)
    if min(len(chosen_by), len(kept_aside)) < FEWEST:
        raise ValueError(
            f"of {len(examples)} examples {len(chosen_by)} are left to choose by and"
            f" {len(kept_aside)} to keep aside; {FEWEST} are the fewest of each: add examples"
        )
    return shown, chosen_by, kept_aside


class _Search:
    """Candidates from round to round."""

    def __init__(
        self, runner: Runner, breeder: Breeder, base: Definition, begun: Candidate,
        examples: list[Example], write: writing.Write | None, rng: random.Random,
    ) -> None:  # fmt: skip
        self.runner = runner
        self.examples = examples
        self.base = begun
        #: Candidates that saw every example, the base first.
        self.whole: list[Candidate] = [self.base]
        self.seen = {self.base.key}
        self.unusable = 0
        self._prompt = base
        self._breeder, self._write, self._rng = breeder, write, rng
        self._attempts = 0

    def begin(self, objective: str) -> None:
        """Asks the prompt as it is."""
        self.runner.run([self.base], self.examples)
        results = self.runner.results(self.base, self.examples)
        if all(each.error for each in results):
            raise EvaluationError(f"every call failed, the first with: {results[0].error}")
        if all(each.value(objective) is None for each in results):
            names = {score.name for each in results for score in each.scores}
            broken = next((why for each in results for why in each.unscored.values()), "")
            raise ValueError(
                f"there is no score {objective}; there are: {', '.join(sorted(names)) or 'none'}"
                + (f" ({broken})" if broken else "")
            )

    def go(self, candidates: Sequence[Candidate]) -> float:
        """One round; the best quality after it."""
        sizes = rungs(len(self.examples))
        standing = list(candidates)
        while standing and cost_of(len(standing), sizes) > self.runner.left:
            standing.pop()
        for number, size in enumerate(sizes):
            if not standing:
                break
            some = self.examples[:size]
            self.runner.run(standing, some)
            if number < len(sizes) - 1:
                standing.sort(key=lambda each: -self.runner.mean(each, some))
                standing = standing[: math.ceil(len(standing) / 2)]
        self.whole += standing
        return max(self.runner.mean(each, self.examples) for each in self.whole)

    def first(self, count: int, models: Sequence[str]) -> list[Candidate]:
        """The first candidates: examples chosen for being far apart or by chance, instructions
        rewritten, every model.
        """
        made = [replace(self.base, model=each, origin="model") for each in models]
        made.append(replace(self.base, shots=self._breeder.diverse(), origin="examples"))
        for _ in range(count // 3):
            if (written := self._rewritten(self.base)) is not None:
                made.append(written)
                made.append(replace(written, shots=self._breeder.diverse()))
        made += [
            replace(self.base, shots=self._breeder.drawn(), origin="examples")
            for _ in range(10 * count)
        ]
        return self._new(made, count)

    def children(self, count: int) -> list[Candidate]:
        """Candidates from the best so far."""
        ranked = sorted(self.whole, key=lambda each: -self.runner.mean(each, self.examples))
        # Without time: it differs from run to run, and a search that goes on has to decide alike.
        at = [replace(each, duration_s=0.0)
              for each in points(self.runner, self.whole, self.examples)[0]]  # fmt: skip
        on_front = [self.whole[place] for place in front(at)]
        parents = list(dict.fromkeys((*ranked[: max(2, count // 3)], *on_front)))
        made: list[Candidate] = []
        rewrites = count // 4
        for _ in range(10 * count):
            one, other = self._rng.choice(parents), self._rng.choice(parents)
            failed = [each for each, _ in self._failed(one)]
            chance = self._rng.random()
            if rewrites and chance < 0.25:
                rewrites -= 1
                child = self._rewritten(one)
            elif chance < 0.6 and one is not other:
                child = self._breeder.crossed(one, other)
                if self._rng.random() < 0.3:
                    child = self._breeder.mutated(child, failed)
            else:
                child = self._breeder.mutated(one, failed)
            if child is not None:
                made.append(child)
            if len({each.key for each in made} - self.seen) >= count:
                break
        return self._new(made, count)

    def _new(self, made: Sequence[Candidate], count: int) -> list[Candidate]:
        found = {each.key: each for each in made if each.key not in self.seen}
        kept = list(found.values())[:count]
        self.seen |= {each.key for each in kept}
        return kept

    def _rewritten(self, one: Candidate) -> Candidate | None:
        if self._write is None or self.runner.left < 1:
            return None
        failures = [
            writing.Failure(
                text_of(example), None if example.expected is None else str(example.expected),
                result.error or str(result.output),
            )
            for example, result in self._failed(one)[:_FAILURES]
        ]  # fmt: skip
        self._attempts += 1
        asked = writing.ask(self._prompt, one.instruction, failures, self._attempts)
        said = writing.instruction_in(self.runner.write(self._write, asked))
        if not writing.is_usable(self._prompt, said):
            self.unusable += 1
            return None
        return replace(one, instruction=said, origin="rewritten")

    def _failed(self, one: Candidate) -> list[tuple[Example, Result]]:
        """Examples that a candidate is worse at than any candidate was, the worst first."""
        values = self.runner.values(one, self.examples)
        best = max(max(self.runner.values(each, self.examples)) for each in self.whole)
        results = self.runner.results(one, self.examples)
        found = [
            (value, place) for place, value in enumerate(values) if value < best
        ]  # fmt: skip
        self._rng.shuffle(found)
        found.sort(key=lambda each: each[0])
        return [(self.examples[place], results[place]) for _, place in found]


def rungs(count: int) -> list[int]:
    """How many examples are asked in each step of halving, of so many."""
    sizes = {max(_SMALLEST_RUNG, math.ceil(count / part)) for part in (4, 2)}
    return [*sorted(size for size in sizes if size < count), count]


def cost_of(candidates: int, sizes: Sequence[int]) -> int:
    """Calls that halving so many candidates takes."""
    calls, before = 0, 0
    for size in sizes:
        calls += candidates * (size - before)
        candidates, before = math.ceil(candidates / 2), size
    return calls


def points(
    runner: Runner, candidates: Sequence[Candidate], examples: Sequence[Example]
) -> tuple[list[Point], CostUnit]:
    """Quality, cost and time of candidates, with the unit of cost that all calls have."""
    results = [runner.results(each, examples) for each in candidates]
    answered = [each for some in results for each in some if not each.error]
    unit: CostUnit = ""
    if all(each.cost_usd is not None for each in answered):
        unit = "usd"
    elif all(_tokens(each) is not None for each in answered):
        unit = "tokens"
    how: Callable[[Result], float | None] = (
        (lambda each: each.cost_usd) if unit == "usd" else _tokens
    )
    found = []
    for candidate, some in zip(candidates, results, strict=True):
        done = [each for each in some if not each.error] or some
        costs = [value for each in done if (value := how(each)) is not None] if unit else []
        found.append(Point(
            runner.mean(candidate, examples),
            math.fsum(costs) / len(costs) if costs else None,
            statistics.median(each.duration_s for each in done),
        ))  # fmt: skip
    return found, unit


def _ended(
    work: _Search, runner: Runner, kept_aside: list[Example], shown: int, history: list[float]
) -> Found:
    """The winner and the front, looked at once more where nobody chose by."""
    at, unit = points(runner, work.whole, work.examples)
    places = front(at)
    # Of the same quality the cheaper wins, then the quicker, then what was there first.
    top = min(
        range(len(at)),
        key=lambda place: (-at[place].quality, at[place].cost or 0.0, place),
    )
    finalists = list(dict.fromkeys((top, *places)))[:FINALISTS]
    runner.reserved = 0
    runner.run([work.whole[place] for place in dict.fromkeys((0, *finalists))], kept_aside)

    def scored(place: int) -> Scored:
        one = work.whole[place]
        was_run = place in finalists or place == 0
        return Scored(
            one, runner.definition(one), at[place].quality, at[place].cost, at[place].duration_s,
            runner.mean(one, kept_aside) if was_run else None,
        )  # fmt: skip

    difference = None
    if top:
        before, after = (runner.values(work.whole[place], kept_aside) for place in (0, top))
        difference = paired(before, after)
    return Found(
        base=scored(0), best=scored(top), front=tuple(scored(place) for place in places),
        difference=difference, cost_unit=unit, shown=shown, chosen_by=len(work.examples),
        kept_aside=len(kept_aside), calls=runner.used, tried=len(work.seen),
        unusable=work.unusable, rounds=tuple(history),
    )  # fmt: skip


def _tokens(result: Result) -> float | None:
    if result.input_tokens is None or result.output_tokens is None:
        return None
    return float(result.input_tokens + result.output_tokens)


def _example(given: Example | Mapping[str, Any]) -> Example:
    if isinstance(given, Example):
        return given
    if "input" not in given:
        raise ValueError("an example is a mapping with input, and expected where it is known")
    known = ("input", "expected", "metadata", "split", "id")
    return Example(**{key: given[key] for key in known if given.get(key) is not None})
