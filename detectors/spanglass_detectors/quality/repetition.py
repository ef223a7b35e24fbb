"""Answers that go in circles: the share of an answer that repeats what it said before.

Source: the share of repeated n-grams of Welleck et al., "Neural Text Generation with Unlikelihood
Training" (2019), with n = 4. What it can't see: the same said in other words. Tables and lists of
alike lines repeat by nature and score up to 0.4.
"""

from collections import Counter
from typing import Final, NamedTuple

from spanglass_detectors.text.sentences import words

_N: Final = 4
#: Words below which nothing is said.
FEWEST: Final = 16
_MOST: Final = 5_000
#: From here on an answer is said to loop.
LOOPS: Final = 0.5


class Repetition(NamedTuple):
    """How much an answer repeats itself.

    Attributes:
        share: of its runs of four words that came before, from 0 to 1.
        run: the one that comes most often.
        times: how often it does.
    """

    share: float
    run: str
    times: int


def repetition(answer: str) -> Repetition | None:
    """How much an answer repeats itself; None if it is too short to say."""
    found = words(answer[: 20 * _MOST])[:_MOST]
    if len(found) < FEWEST:
        return None
    runs = Counter(zip(*(found[n:] for n in range(_N)), strict=False))
    total = len(found) - _N + 1
    run, times = runs.most_common(1)[0]
    return Repetition(1 - len(runs) / total, " ".join(run), times)
