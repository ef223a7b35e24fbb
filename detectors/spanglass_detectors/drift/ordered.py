"""Shortcuts over values in the order of their size: nothing is sorted, merged or copied twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]

#: Places within a distribution at which resamples of it are compared, beside those of its tails.
_PLACES: Final = 128


def in_order(values: Values) -> Values:
    """The values in the order of their size; themselves where they are already."""
    if len(values) < 2 or bool((values[:-1] <= values[1:]).all()):
        return values
    return np.sort(values)


def quantiles(ordered: Values, shares: Sequence[float]) -> Values:
    """Quantiles with linear interpolation, as `numpy.quantile` gives them.

    Args:
        ordered: values in order.
        shares: from 0 to 1.
    """
    places = np.asarray(shares) * (len(ordered) - 1)
    below = places.astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    return np.asarray(ordered[below] + (places - below) * (ordered[above] - ordered[below]))


def pooled_tails(one: Values, other: Values, share: float) -> tuple[float, float]:
    """The quantiles `share` and 1 - `share` of both together, for a small share.

    Args:
        one: values in order.
        other: the same.
        share: below one half.
    """
    place = share * (len(one) + len(other) - 1)
    # Whatever lies so low in both lies as low in its own.
    kept = int(place) + 2
    low = np.sort(np.concatenate([one[:kept], other[:kept]]))
    high = np.sort(np.concatenate([one[-kept:], other[-kept:]]))
    at, part = int(place), place - int(place)
    return (
        float(low[at] + part * (low[at + 1] - low[at])),
        float(high[-1 - at] + part * (high[-2 - at] - high[-1 - at])),
    )


def histogram(ordered: Values, edges: Values) -> Values:
    """Shares between bounds; what lies outside counts to the first or the last.

    Args:
        ordered: values in order.
        edges: bounds, one more than bins; a bound belongs to the bin above it.
    """
    inner = np.searchsorted(ordered, edges[1:-1], side="left")
    return np.diff(inner, prepend=0, append=len(ordered)) / len(ordered)


def distance(one: Values, other: Values) -> float:
    """The area between the distribution functions: Wasserstein's distance, exactly.

    Args:
        one: values in order.
        other: the same.
    """
    n, m = len(one), len(other)
    if n == m:
        return float(np.abs(one - other).mean())
    # Between two levels, each of which is a step of one side, both quantiles stay the same.
    levels = np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n])
    levels.sort()
    moved = np.abs(one[(levels - 1) // m] - other[(levels - 1) // n])
    return float(moved @ (np.diff(levels, prepend=0) / (n * m)))


def counts_below(one: Values, other: Values, groups: int) -> NDArray[np.float64]:
    """How many values of each side are no larger than each of some bounds: a row a side.

    Args:
        one: values in order.
        other: the same.
        groups: about how many bounds, evenly among both; equal values are never apart.
    """
    step = max(1, (len(one) + len(other)) // groups)
    ends = [max(one[-1], other[-1])]
    bounds = np.unique(np.concatenate([one[step - 1 :: step], other[step - 1 :: step], ends]))
    return np.stack([np.searchsorted(side, bounds, "right") for side in (one, other)]).astype(float)


def resampled_distance(one: Values, other: Values, times: int) -> Values:
    """Wasserstein's distance of `times` resamples of two large samples, with a fixed seed.

    How many of a resample lie between two bounds is a Poisson number, drawn as a normal one. The
    bounds are even steps of the ranks, and steps that halve towards both ends.
    """
    bounds = np.unique(np.concatenate([_spaced(one), _spaced(other)]))
    chance, shares, still = np.random.default_rng(0), [], []
    for side in (one, other):
        below = np.searchsorted(side, bounds, "right").astype(float)
        still.append(below / len(side))
        counts = np.diff(below, prepend=0.0)
        noise = chance.standard_normal((times, len(bounds)), dtype=np.float32)
        drawn = np.cumsum(np.maximum(counts + np.sqrt(counts) * noise, 0.0), axis=1)
        shares.append(drawn / np.maximum(drawn[:, -1:], 1.0))
    widths = np.diff(bounds)
    drawn_distances = np.abs(shares[0] - shares[1])[:, :-1] @ widths
    # What the bounds leave out is the same in each of them.
    left_out = distance(one, other) - float(np.abs(still[0] - still[1])[:-1] @ widths)
    return np.asarray(drawn_distances + left_out)


def _spaced(ordered: Values) -> Values:
    last = len(ordered) - 1
    halving = 2 ** np.arange(int(np.log2(max(last, 1))) + 1) - 1
    even = np.linspace(0, last, _PLACES + 1).astype(int)
    places = np.unique(np.concatenate([even, halving, last - halving]))
    return np.asarray(ordered[np.clip(places, 0, last)])
