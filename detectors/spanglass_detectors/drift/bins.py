"""From values to counts: bins of numbers, and categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from spanglass_detectors.drift.categorical import Counts
from spanglass_detectors.drift.numeric import Values

#: Bins of PSI and Jensen-Shannon over numbers: deciles of the reference, open at both ends.
BINS: Final = 10
#: Categories that are told apart; the rarer ones are one.
MOST_CATEGORIES: Final = 100
OTHERS: Final = "(others)"


def decile_edges(reference: Values, bins: int = BINS) -> Values:
    """Inner bounds at the reference's quantiles; fewer where values repeat."""
    inner = np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1])
    return np.unique(inner)


def binned(values: Values, inner: Values) -> Counts:
    """How many values lie in each bin; a bound belongs to the bin below it."""
    places = np.searchsorted(inner, values, side="left")
    return np.bincount(places, minlength=len(inner) + 1).astype(float)


def category_counts(
    reference: Sequence[str], current: Sequence[str]
) -> tuple[list[str], Counts, Counts]:
    """Categories, the most frequent first, with their counts in both."""
    return merged_counts(Counter(reference), Counter(current))


def merged_counts(
    reference: Mapping[str, float], current: Mapping[str, float]
) -> tuple[list[str], Counts, Counts]:
    """Two counts by name over the same categories, the most frequent first."""
    there = {name for side in (reference, current) for name, count in side.items() if count}
    names = sorted(there, key=lambda n: (-reference.get(n, 0) - current.get(n, 0), n))
    kept, rest = names[:MOST_CATEGORIES], names[MOST_CATEGORIES:]
    sides = [[float(each.get(name, 0)) for name in kept] for each in (reference, current)]
    if rest:
        kept = [*kept, OTHERS]
        for side, each in zip(sides, (reference, current), strict=True):
            side.append(float(sum(each.get(name, 0) for name in rest)))
    return kept, np.array(sides[0]), np.array(sides[1])


def shown_edges(reference: Values, current: Values, bins: int = 24) -> Values:
    """Bounds of equal width for a picture: from the 1st to the 99th percentile of both."""
    both = np.concatenate([reference, current])
    low, high = np.quantile(both, [0.01, 0.99])
    if high <= low:
        low, high = both.min(), both.max()
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)
