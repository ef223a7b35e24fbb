"""Which of two answers is better, asked twice with the two in either order.

Models prefer what stands first, or last. So a verdict counts only where it is the same in both
orders; else the two are as good, and how often that was so says how far the judge can be trusted.

Source: Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (2023), section 3.4.
"""

import math
import statistics
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal, cast

import scipy

from spanglass_collector.judging.asking import Asker, JudgeFailed
from spanglass_collector.judging.rubric import Label, Rubric

#: What is asked where no other question is given.
QUESTION: Final = "Which of the two answers does better what the user asked for?"

Winner = Literal["first", "second", "tie"]
_OTHER: Final[dict[Winner, Winner]] = {"first": "second", "second": "first", "tie": "tie"}


@dataclass(frozen=True)
class Preference:
    """Which of two answers a judge prefers.

    Attributes:
        winner: which; `tie` also where the two orders disagree.
        is_steady: whether both orders gave the same verdict.
        reasons: what the judge said, in either order.
    """

    winner: Winner
    is_steady: bool
    reasons: tuple[str, str]


class PairJudge:
    """Has a model compare two answers.

    Args:
        asker: the model.
        question: what makes an answer better.
    """

    def __init__(self, asker: Asker, question: str = QUESTION) -> None:
        self._asker = asker
        self._rubric = Rubric(
            name="pair",
            version="1",
            question=question,
            labels={
                "first": Label(value=1, means="first_answer is better."),
                "second": Label(value=0, means="second_answer is better."),
                "tie": Label(value=0.5, means="Neither is better in what was asked for."),
            },
        )

    def compare(self, asked: str, first: str, second: str, context: str = "") -> Preference:
        """Which answer is better.

        Raises:
            JudgeFailed: if there is no verdict.
            Refused: if the endpoint's address may not be reached.
        """
        said, reason = self._verdict(asked, first, second, context)
        swapped, why = self._verdict(asked, second, first, context)
        is_steady = said == _OTHER[swapped]
        return Preference(said if is_steady else "tie", is_steady, (reason, why))

    def _verdict(self, asked: str, first: str, second: str, context: str) -> tuple[Winner, str]:
        given = {"user": asked, "context": context, "first_answer": first, "second_answer": second}
        label, reason = self._asker.ask(self._rubric, given)
        return cast("Winner", label), reason


@dataclass(frozen=True)
class Pair:
    """Two answers to one example."""

    example: str
    asked: str
    before: str
    after: str


@dataclass(frozen=True)
class Preferences:
    """Which of two runs a judge prefers, example by example.

    Attributes:
        by_example: which, and how steadily.
        failed: why there is no verdict, by example.
    """

    by_example: dict[str, Preference]
    failed: dict[str, str]

    def count(self, winner: Winner) -> int:
        """Examples that one won; `first` is before, `second` after."""
        return sum(each.winner == winner for each in self.by_example.values())

    @property
    def share(self) -> float:
        """How often `after` is preferred, a tie being half of one each."""
        size = len(self.by_example)
        return (self.count("second") + self.count("tie") / 2) / size if size else 0.5

    def certainty(self) -> tuple[float, float, float]:
        """The share's 95 % interval, and the chance of a difference as large if there is none.

        The interval is of the mean of 0, half and 1 (Student's t), the p of an exact sign test,
        which ties say nothing in.
        """
        first, second = self.count("first"), self.count("second")
        values = [0.0] * first + [1.0] * second + [0.5] * self.count("tie")
        p = float(scipy.stats.binomtest(second, first + second).pvalue) if first + second else 1.0
        if len(values) < 2 or len(set(values)) == 1:
            return 0.0, 1.0, p
        middle = statistics.fmean(values)
        spread = float(scipy.stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values)
        half = spread / math.sqrt(len(values))
        return max(0.0, middle - half), min(1.0, middle + half), p

    @property
    def steady(self) -> float:
        """The share of examples at which both orders gave the same verdict."""
        held = [each.is_steady for each in self.by_example.values()]
        return sum(held) / len(held) if held else 0.0


def preferences(
    judge: PairJudge,
    pairs: Iterable[Pair],
    workers: int = 4,
    progress: Callable[[], None] = lambda: None,
) -> Preferences:
    """Compares answers pair by pair. Where both are the same text, nobody is asked."""
    found: dict[str, Preference] = {}
    failed: dict[str, str] = {}

    def one(pair: Pair) -> None:
        if pair.before == pair.after:
            found[pair.example] = Preference("tie", True, ("the same answer", "the same answer"))
        else:
            try:
                found[pair.example] = judge.compare(pair.asked, pair.before, pair.after)
            except JudgeFailed as error:
                failed[pair.example] = str(error)
        progress()

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, pairs))
    return Preferences(found, failed)
