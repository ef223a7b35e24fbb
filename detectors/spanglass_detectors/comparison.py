"""Two samples compared: how far apart they are, and how sure that is.

Sources: B. L. Welch, "The generalization of Student's problem when several different population
variances are involved" (1947), for means; the percentile bootstrap (B. Efron, 1979) for quantiles.

Both take requests to be independent. Requests of one burst are not: the intervals are then too
narrow. A comparison of several metrics finds a difference by chance in one of twenty at 95 %;
`holm` corrects for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

#: Fewer values than this on one side say nothing.
FEWEST: Final = 5
_RESAMPLES: Final = 1000


@dataclass(frozen=True)
class Difference:
    """`after` less `before`.

    Attributes:
        before: the statistic of the first sample.
        after: of the second.
        difference: between them.
        low: lower end of the interval of the difference.
        high: upper end.
        p: probability of such a difference, or a larger one, without any; None for quantiles.
        n_before: values of the first sample.
        n_after: of the second.
    """

    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float | None
    n_before: int
    n_after: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def _clean(values: ArrayLike) -> NDArray[Any]:
    found = np.asarray(values, dtype=float).ravel()
    kept: NDArray[Any] = found[np.isfinite(found)]
    return kept


def means(before: ArrayLike, after: ArrayLike, confidence: float = 0.95) -> Difference | None:
    """The difference of two means, by Welch's test.

    Args:
        before: values; those that are not finite are left out.
        after: the same.
        confidence: of the interval.

    Returns:
        The difference; None where one side has fewer than `FEWEST` values.
    """
    a, b = _clean(before), _clean(after)
    if min(a.size, b.size) < FEWEST:
        return None
    gap = float(b.mean() - a.mean())
    if a.std() == 0 and b.std() == 0:
        p = 1.0 if gap == 0 else 0.0
        return Difference(float(a.mean()), float(b.mean()), gap, gap, gap, p, a.size, b.size)
    test = stats.ttest_ind(b, a, equal_var=False)
    low, high = test.confidence_interval(confidence)
    return Difference(
        float(a.mean()), float(b.mean()), gap, float(low), float(high), float(test.pvalue),
        int(a.size), int(b.size),
    )  # fmt: skip


def quantiles(
    before: ArrayLike, after: ArrayLike, q: float, confidence: float = 0.95, seed: int = 0
) -> Difference | None:
    """The difference of two quantiles, by the bootstrap.

    Args:
        before: values; those that are not finite are left out.
        after: the same.
        q: which quantile, from 0 to 1.
        confidence: of the interval.
        seed: of the resampling: the same samples always give the same interval.

    Returns:
        The difference; None where one side has fewer than `FEWEST` values.
    """
    a, b = _clean(before), _clean(after)
    if min(a.size, b.size) < FEWEST:
        return None
    rng = np.random.default_rng(seed)
    gaps = _resampled(b, q, rng) - _resampled(a, q, rng)
    tail = (1 - confidence) / 2
    low, high = np.quantile(gaps, [tail, 1 - tail])
    first, second = float(np.quantile(a, q)), float(np.quantile(b, q))
    return Difference(
        first, second, second - first, float(low), float(high), None, int(a.size), int(b.size)
    )


def _resampled(values: NDArray[Any], q: float, rng: np.random.Generator) -> NDArray[Any]:
    """The quantile of as many samples with replacement."""
    # The order statistic at a quantile of a resample has the Beta distribution's place: far less
    # work than drawing each resample, and the same law (up to the interpolation).
    n = values.size
    k = min(max(round(q * (n - 1)) + 1, 1), n)
    places = rng.beta(k, n + 1 - k, _RESAMPLES)
    ordered = np.sort(values)
    index = np.minimum((places * n).astype(int), n - 1)
    return np.asarray(ordered[index])


def holm(ps: Sequence[float]) -> list[float]:
    """p-values corrected for their number.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure" (1979).
    """
    order = sorted(range(len(ps)), key=lambda n: ps[n])
    out = [0.0] * len(ps)
    highest = 0.0
    for place, n in enumerate(order):
        highest = max(highest, min(1.0, ps[n] * (len(ps) - place)))
        out[n] = highest
    return out
