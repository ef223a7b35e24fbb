"""Which part of the traffic explains a change: with it left out, how much of the change is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spanglass_detectors.drift.categorical import Counts, chi_squared, pooled_rare
from spanglass_detectors.drift.many import benjamini_hochberg

#: Parts that explain less than this beyond their size are not named.
_LEAST: Final = 0.2
#: Of everything: without it there is nothing left to compare.
_WHOLE: Final = 0.95


@dataclass(frozen=True)
class Slice:
    """A part of the traffic, as counts over the bins or categories of the metric.

    Attributes:
        dimension: what it is told apart by (`model`).
        value: which one it is.
    """

    dimension: str
    value: str
    reference: Counts
    current: Counts


@dataclass(frozen=True)
class Explained:
    """How much of a change a part of the traffic accounts for.

    Attributes:
        share_before: its share of all traffic, in the reference.
        share_now: the same, in the current window.
        explains: the share of the change that is gone without it.
        p: of no change within it, corrected for all the parts; 1 if it is too small to tell.
        how: `changed` itself, or its share `grew` or `shrank`.
    """

    dimension: str
    value: str
    share_before: float
    share_now: float
    explains: float
    p: float
    how: str

    def words(self) -> str:
        """In words."""
        name = f"{self.dimension} {self.value or '(none)'}"
        if self.how == "changed":
            return (
                f"{name}: {self.share_now:.0%} of the traffic, explains {self.explains:.0%} of the"
                " change"
            )
        return (
            f"{name} {self.how} from {self.share_before:.0%} to {self.share_now:.0%} of the"
            f" traffic, which explains {self.explains:.0%} of the change"
        )


def explain(slices: Sequence[Slice], most: int = 5, alpha: float = 0.01) -> list[Explained]:
    """The parts that explain a change of the whole, the best first.

    A part is left out of both windows; the share of the distance that goes with it is what it
    explains. A part that is most of the traffic takes most of any change with it, so what counts
    is how much more it explains than its size would.

    Args:
        slices: the parts of every dimension; those of one dimension add up to the whole.
        most: parts that are named.
        alpha: p from which on a part did not change itself.
    """
    if not slices:
        return []
    whole = _whole(slices)
    change = _distance(*whole)
    if change <= 0:
        return []
    p = benjamini_hochberg([_p(each) for each in slices])
    found = []
    sizes = whole[0].sum(), whole[1].sum()
    for each, corrected in zip(slices, p, strict=True):
        shares = each.reference.sum() / sizes[0], each.current.sum() / sizes[1]
        if max(shares) > _WHOLE:
            continue
        left = _distance(whole[0] - each.reference, whole[1] - each.current)
        explains = 1 - left / change
        size = (shares[0] + shares[1]) / 2
        moved = abs(shares[1] - shares[0])
        how = "changed"
        if corrected > alpha:
            if moved < 0.02:
                continue
            how = "grew" if shares[1] > shares[0] else "shrank"
        if explains - size < _LEAST:
            continue
        found.append(
            (explains - size, Explained(each.dimension, each.value, float(shares[0]),
             float(shares[1]), float(min(1.0, explains)), float(corrected), how))
        )  # fmt: skip
    found.sort(key=lambda each: -each[0])
    return [each for _, each in found[:most]]


def _whole(slices: Sequence[Slice]) -> tuple[Counts, Counts]:
    first = slices[0].dimension
    own = [each for each in slices if each.dimension == first]
    return (
        np.sum([each.reference for each in own], axis=0),
        np.sum([each.current for each in own], axis=0),
    )


def _distance(reference: Counts, current: Counts) -> float:
    """Squared distance of the shares, less what chance alone would make of so few values."""
    n, m = reference.sum(), current.sum()
    both = reference + current
    kept = both > 0
    if n <= 0 or m <= 0 or kept.sum() < 2:
        return 0.0
    gap = reference[kept] / n - current[kept] / m
    usual = both[kept] / (n + m)
    chance = float((kept.sum() - 1) * (1 / n + 1 / m))
    return max(0.0, float((gap**2 / usual).sum()) - chance)


def _p(part: Slice) -> float:
    if min(part.reference.sum(), part.current.sum()) < 10:
        return 1.0
    tested = pooled_rare(part.reference, part.current)
    return chi_squared(*tested).p if len(tested[0]) > 1 else 1.0
