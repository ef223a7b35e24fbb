"""How many values stand for one independent one.

Calls of a conversation, of an hour or of a customer resemble each other. Tests that take them for
independent find changes every day. So windows come in blocks (hours, sessions, days), and the
variance between blocks says how much smaller the samples really are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.numeric import smooth_scores
from spanglass_detectors.drift.ordered import Values

#: Below so many blocks their variance is a guess.
LEAST_BLOCKS: Final = 5


def design_effect(
    reference: Values,
    current: Values,
    reference_blocks: NDArray[Any],
    current_blocks: NDArray[Any],
) -> float:
    """Variance of means over blocks, over what independent values would have; at least 1.

    Of the scores that the default test sums up, the first two: place and spread. The larger one
    counts. A side with few blocks says nothing.

    Source: Kish, Survey Sampling (1965); Rao and Scott (1981).

    Args:
        reference: values.
        current: values.
        reference_blocks: a label a value.
        current_blocks: the same.
    """
    scores = smooth_scores(reference, current)
    sides = ((scores.reference, reference_blocks), (scores.current, current_blocks))
    found = []
    for part in (0, 1):
        weighed = [_inflation(each[:, part], blocks) for each, blocks in sides]
        weight = sum(blocks for _, blocks in weighed)
        found.append(sum(value * blocks for value, blocks in weighed) / weight if weight else 1.0)
    return max(1.0, *found)


def share_design_effect(tables: Sequence[NDArray[np.float64]]) -> float:
    """The same for counts over categories.

    Args:
        tables: one a side: a row a block, a column a category, counts.
    """
    weighed = [_table_inflation(table) for table in tables]
    weight = sum(blocks for _, blocks in weighed)
    return max(1.0, sum(value * blocks for value, blocks in weighed) / weight) if weight else 1.0


def _inflation(values: NDArray[np.float64], blocks: NDArray[Any]) -> tuple[float, int]:
    """A side's inflation, and from how many blocks; none from too few."""
    names, inverse, sizes = np.unique(blocks, return_inverse=True, return_counts=True)
    within = float(np.var(values))
    if len(names) < LEAST_BLOCKS or len(values) <= len(names) or within <= 0:
        return 1.0, 0
    sums = np.bincount(inverse, weights=values - values.mean())
    # The variance of the total, from blocks that are independent of each other.
    of_total = float((sums**2).sum()) * len(names) / (len(names) - 1)
    return of_total / (within * float(sizes.sum())), len(names)


def _table_inflation(table: NDArray[np.float64]) -> tuple[float, int]:
    sizes = table.sum(axis=1)
    table, sizes = table[sizes > 0], sizes[sizes > 0]
    if len(table) < LEAST_BLOCKS or sizes.sum() <= len(table):
        return 1.0, 0
    shares = table.sum(axis=0) / sizes.sum()
    kept = shares > 0
    if kept.sum() < 2:
        return 1.0, 0
    due = sizes[:, None] * shares[kept]
    # Pearson's statistic between blocks, over its expectation (Rao and Scott's first order).
    statistic = float(((table[:, kept] - due) ** 2 / due).sum())
    return statistic / ((len(table) - 1) * (int(kept.sum()) - 1)), len(table)
