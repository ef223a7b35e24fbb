"""Whether several answers to one question say the same.

A model that is sure says the same each time; answers that differ are a sign that it made something
up. It takes calls that ask for several answers (`n` above 1).

Source: Manakul et al., "SelfCheckGPT" (2023), for the idea; the comparison here is by vectors,
numbers and denial instead of by a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from spanglass_detectors.embedding.table import StaticTable
from spanglass_detectors.text.sameness import SAME_ANSWER, digits, sense

#: Answers that are compared.
_MOST: Final = 20
#: What is no longer than this may be a name or a number: then it is compared letter by letter.
_SHORT: Final = 20


@dataclass(frozen=True)
class Consistency:
    """How much answers agree.

    Attributes:
        value: the share of pairs of answers that say the same.
        answers: how many there are.
        differing: two that do not, the first found; None where all agree.
        why: `numbers`, `denial` or `content`; empty where all agree.
    """

    value: float
    answers: int
    differing: tuple[str, str] | None
    why: str


def consistency(table: StaticTable, answers: Sequence[str]) -> Consistency | None:
    """How much several answers agree; None if there are fewer than two that say something."""
    said = [each.strip() for each in answers if each.strip()][:_MOST]
    if len(said) < 2:
        return None
    vectors = table.embed(said)
    senses = [sense(each) for each in said]
    folded = [" ".join(each.casefold().split()).rstrip(".!") for each in said]
    same = 0
    differing: tuple[str, str] | None = None
    why = ""
    pairs = list(combinations(range(len(said)), 2))
    for one, other in pairs:
        is_short = max(len(folded[one]), len(folded[other])) <= _SHORT
        is_alike = not is_short and float(vectors[one] @ vectors[other]) >= SAME_ANSWER
        if folded[one] == folded[other] or (is_alike and senses[one] == senses[other]):
            same += 1
        elif differing is None:
            differing = said[one], said[other]
            if digits(said[one]) != digits(said[other]):
                why = "numbers"
            else:
                why = "denial" if senses[one] != senses[other] else "content"
    return Consistency(same / len(pairs), len(said), differing, why)
