"""Where in a series its level changed, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_PERMUTATIONS: Final = 499
_RESAMPLES: Final = 200
#: Points that a side needs.
_LEAST: Final = 3


@dataclass(frozen=True)
class ChangePoint:
    """The likeliest place of one change of level.

    Attributes:
        index: the first point behind the change.
        low: of the interval of 95 %, as an index.
        high: the same.
        before: mean before.
        after: mean from there on.
        p: of a split as good without any change.
    """

    index: int
    low: int
    high: int
    before: float
    after: float
    p: float


def change_point(
    values: Sequence[float] | NDArray[np.float64],
    weights: Sequence[float] | NDArray[np.float64] | None = None,
) -> ChangePoint | None:
    """The split of a series into two levels that fits best; None for a series too short or flat.

    The split minimises squares (Hinkley 1970). Its p comes from permutations of blocks, which keep
    what follows each other together; the interval from resampling both sides around their means
    (Hušková and Kirch 2008). Points that are NaN are left out.

    Args:
        values: in the order of time.
        weights: how many values a point stands for.
    """
    array = np.asarray(values, dtype=float)
    weight = np.ones(len(array)) if weights is None else np.asarray(weights, dtype=float)
    known = np.flatnonzero(np.isfinite(array) & (weight > 0))
    y, w = array[known], weight[known]
    if len(y) < 2 * _LEAST or np.ptp(y) == 0:
        return None
    place, gain = _best(y, w)
    chance = np.random.default_rng(0)
    size = max(1, round(len(y) ** (1 / 3)))
    as_good = 1
    for _ in range(_PERMUTATIONS):
        order = _shuffled(len(y), size, chance)
        as_good += _best(y[order], w[order])[1] >= gain
    before, after = _mean(y[:place], w[:place]), _mean(y[place:], w[place:])
    residuals = y - np.where(np.arange(len(y)) < place, before, after)
    level = y - residuals
    found = []
    for _ in range(_RESAMPLES):
        sides = (residuals[:place], residuals[place:])
        drawn = np.concatenate([chance.choice(side, len(side)) for side in sides])
        found.append(_best(level + drawn, w)[0])
    low, high = np.quantile(found, [0.025, 0.975])
    last = len(known) - 1
    return ChangePoint(
        int(known[place]),
        int(known[min(place, int(np.floor(low)))]),
        int(known[min(last, max(place, int(np.ceil(high))))]),
        before,
        after,
        as_good / (_PERMUTATIONS + 1),
    )


def _best(y: NDArray[np.float64], w: NDArray[np.float64]) -> tuple[int, float]:
    """The split whose sides' means differ most for their weight, and by how much."""
    sums, weights = np.cumsum(y * w), np.cumsum(w)
    left, total = weights[:-1], weights[-1]
    gap = sums[:-1] / left - (sums[-1] - sums[:-1]) / (total - left)
    gain = gap**2 * left * (total - left) / total
    inside = gain[_LEAST - 1 : len(y) - _LEAST]
    place = int(np.argmax(inside))
    return place + _LEAST, float(inside[place])


def _mean(y: NDArray[np.float64], w: NDArray[np.float64]) -> float:
    return float(np.average(y, weights=w))


def _shuffled(count: int, size: int, chance: np.random.Generator) -> NDArray[np.intp]:
    """All places, in blocks that are shuffled, the blocks' bounds drawn anew."""
    start = int(chance.integers(size))
    places = np.roll(np.arange(count), start)
    blocks = [places[at : at + size] for at in range(0, count, size)]
    return np.concatenate([blocks[n] for n in chance.permutation(len(blocks))])
