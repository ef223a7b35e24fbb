"""Recall and precision by entity, with their intervals."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from support.pii_texts import Labelled


class Accuracy(NamedTuple):
    """How well an entity is found.

    Attributes:
        labels: how many there are.
        hits: how many were found, whole and as what they are.
        found: how many findings there were of it.
        right: how many of those were one.
    """

    labels: int
    hits: int
    found: int
    right: int

    @property
    def recall(self) -> float:
        return self.hits / self.labels if self.labels else math.nan

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else math.nan


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson's score interval)."""
    if not count:
        return 0.0, 1.0
    z, share = 1.96, hits / count
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return (middle - half) / scale, (middle + half) / scale


def accuracy(
    texts: Iterable[Labelled], find: Callable[[str], Sequence[tuple[int, int, str]]]
) -> dict[str, Accuracy]:
    """How well each entity is found.

    Args:
        texts: with their labels.
        find: gives start, end and entity of what is found.
    """
    labels, hits, found, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for each in texts:
        seen = [tuple(finding[:3]) for finding in find(each.text)]
        for start, end, entity in each.labels:
            labels[entity] += 1
            hits[entity] += any(a <= start and b >= end and e == entity for a, b, e in seen)
        for start, end, entity in seen:
            found[str(entity)] += 1
            right[str(entity)] += any(
                a < end and b > start and e == entity for a, b, e in each.labels
            )
    names = sorted({*labels, *found})
    return {name: Accuracy(labels[name], hits[name], found[name], right[name]) for name in names}
