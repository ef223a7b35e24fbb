"""From values to counts: bins of numbers, and categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.categorical import Counts
from spanglass_detectors.drift.ordered import Values, in_order, pooled_tails

#: Bins of PSI and Jensen-Shannon over numbers: deciles of the reference, open at both ends.
BINS: Final = 10
#: Categories that are told apart; the rarer ones are one.
MOST_CATEGORIES: Final = 100
OTHERS: Final = "(others)"
#: From so many words on they are counted by hash (FNV-1a), if short and few different ones.
_HASHED: Final = 2_000
_LETTERS: Final = 64
_MOST_HASHED: Final = 1_000
_FNV_OFFSET: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)


def decile_edges(reference: Values, bins: int = BINS) -> Values:
    """Inner bounds at the reference's quantiles; fewer where values repeat."""
    inner = np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1])
    return np.unique(inner)


def binned(values: Values, inner: Values) -> Counts:
    """How many values lie in each bin; a bound belongs to the bin below it."""
    places = np.searchsorted(inner, values, side="left")
    return np.bincount(places, minlength=len(inner) + 1).astype(float)


def category_counts(
    reference: Sequence[str] | NDArray[np.str_], current: Sequence[str] | NDArray[np.str_]
) -> tuple[list[str], Counts, Counts]:
    """Categories, the most frequent first, with their counts in both."""
    return merged_counts(_counted(reference), _counted(current))


def _counted(words: Sequence[str] | NDArray[np.str_]) -> Mapping[str, float]:
    """How often each word is there."""
    if not isinstance(words, np.ndarray):
        return Counter(words)
    found = _by_hash(words) if len(words) >= _HASHED else None
    return Counter(words.tolist()) if found is None else found


def _by_hash(words: NDArray[np.str_]) -> Mapping[str, float] | None:
    """The same without an object for each word; None where that is of no use."""
    letters = np.ascontiguousarray(words).view(np.uint32).reshape(len(words), -1)
    if letters.shape[1] > _LETTERS:
        return None
    keys = np.full(len(words), _FNV_OFFSET)
    for column in letters.T:
        keys = (keys ^ column) * _FNV_PRIME
    distinct = np.unique(keys)
    if len(distinct) > _MOST_HASHED:
        return None
    codes = np.searchsorted(distinct, keys)
    first = np.zeros(len(distinct), dtype=int)
    first[codes] = np.arange(len(words))
    shown = words[first]
    if not (shown[codes] == words).all():
        return None  # two words with one hash
    return dict(zip(shown.tolist(), np.bincount(codes).astype(float).tolist(), strict=True))


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
    reference, current = in_order(reference), in_order(current)
    low, high = pooled_tails(reference, current, 0.01)
    if high <= low:
        low, high = min(reference[0], current[0]), max(reference[-1], current[-1])
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)
