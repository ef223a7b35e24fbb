"""Two samples compared: how far apart they are, and how sure that is.

Sources: B. L. Welch, "The generalization of Student's problem when several different population
variances are involved" (1947), for means; the percentile bootstrap (B. Efron, 1979) for quantiles;
R. G. Newcombe, "Interval estimation for the difference between independent proportions" (1998,
method 10) and Fisher's exact test or the pooled z test for shares; H. B. Mann and D. R. Whitney,
"On a test of whether one of two random variables is stochastically larger than the other" (1947).

All take requests to be independent. Requests of one burst are not: the intervals are then too
narrow. A comparison of several metrics finds a difference by chance in one of twenty at 95 %;
`holm` corrects for that; `benjamini_hochberg` corrects less where a few false finds are all right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

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


def clean(values: ArrayLike) -> NDArray[Any]:
    """The values that are finite, as numbers."""
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
    a, b = clean(before), clean(after)
    if min(a.size, b.size) < FEWEST:
        return None
    return moments(_moments(a), _moments(b), confidence)


@dataclass(frozen=True)
class Moments:
    """What is to be known of a sample to compare its mean.

    Attributes:
        n: values.
        mean: of them.
        variance: of them, with n - 1 below.
    """

    n: int
    mean: float
    variance: float


def _moments(values: NDArray[Any]) -> Moments:
    return Moments(int(values.size), float(values.mean()), float(values.var(ddof=1)))


def moments(before: Moments, after: Moments, confidence: float = 0.95) -> Difference | None:
    """`means`, of samples whose values are somewhere else: in a database that has summed them up.

    Returns:
        The difference; None where one side has fewer than `FEWEST` values.
    """
    if min(before.n, after.n) < FEWEST:
        return None
    gap = after.mean - before.mean
    a, b = before.variance / before.n, after.variance / after.n
    # What adding up leaves of rounding is no variance.
    if a + b <= 1e-24 * max(1.0, before.mean**2, after.mean**2):
        p = 1.0 if gap == 0 else 0.0
        return Difference(before.mean, after.mean, gap, gap, gap, p, before.n, after.n)
    freedom = (a + b) ** 2 / (a**2 / (before.n - 1) + b**2 / (after.n - 1))
    error = float(np.sqrt(a + b))
    half = float(scipy.stats.t.ppf(1 - (1 - confidence) / 2, freedom)) * error
    p = float(2 * scipy.stats.t.sf(abs(gap) / error, freedom))
    return Difference(before.mean, after.mean, gap, gap - half, gap + half, p, before.n, after.n)


def paired(before: ArrayLike, after: ArrayLike, confidence: float = 0.95) -> Difference | None:
    """The difference of two means of the same examples, which sees far less than two samples need.

    Truths, as 0 and 1: the interval is Bonett's and Price's, p is McNemar's exact. Other numbers:
    Student's test of the differences.

    Args:
        before: a value for each example; those that are not finite on either side are left out.
        after: the same examples in the same order.
        confidence: of the interval.

    Returns:
        The difference; None where fewer than `FEWEST` examples have both values.

    Raises:
        ValueError: if the sides are not of one length.

    Source: D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference of
    binomial proportions based on paired data" (2012); Q. McNemar (1947).
    """
    a, b = np.asarray(before, dtype=float).ravel(), np.asarray(after, dtype=float).ravel()
    if a.size != b.size:
        raise ValueError(f"{a.size} values before and {b.size} after are no pairs")
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    n = int(a.size)
    if n < FEWEST:
        return None
    first, second = float(a.mean()), float(b.mean())
    gap = second - first
    if np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all():
        up, down = int((b > a).sum()), int((b < a).sum())
        high, low = (up + 1) / (n + 2), (down + 1) / (n + 2)
        z = float(scipy.stats.norm.ppf((1 + confidence) / 2))
        half = z * float(np.sqrt((high + low - (high - low) ** 2) / (n + 2)))
        p = float(scipy.stats.binomtest(up, up + down).pvalue) if up + down else 1.0
        middle = high - low
        return Difference(first, second, gap, max(-1.0, middle - half), min(1.0, middle + half),
                          p, n, n)  # fmt: skip
    steps = b - a
    if steps.std() == 0:
        return Difference(first, second, gap, gap, gap, 1.0 if gap == 0 else 0.0, n, n)
    test = scipy.stats.ttest_rel(b, a)
    ends = test.confidence_interval(confidence)
    return Difference(
        first, second, gap, float(ends.low), float(ends.high), float(test.pvalue), n, n
    )


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
    a, b = clean(before), clean(after)
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


def shares(before: ArrayLike, after: ArrayLike, confidence: float = 0.95) -> Difference | None:
    """The difference of two shares: of errors, of thumbs up.

    The interval is Newcombe's; p is Fisher's exact where few are expected, else of the pooled test.

    Args:
        before: truths, as 0 and 1; those that are not finite are left out.
        after: the same.
        confidence: of the interval.

    Returns:
        The difference; None where one side has fewer than `FEWEST` values.
    """
    a, b = clean(before), clean(after)
    hits = int(np.count_nonzero(a)), int(np.count_nonzero(b))
    return counts((hits[0], int(a.size)), (hits[1], int(b.size)), confidence)


def counts(
    before: tuple[int, int], after: tuple[int, int], confidence: float = 0.95
) -> Difference | None:
    """`shares`, of hits that were counted elsewhere.

    Args:
        before: hits, and of how many.
        after: the same.
        confidence: of the interval.

    Returns:
        The difference; None where one side has fewer than `FEWEST` values.
    """
    hits, sizes = (before[0], after[0]), (before[1], after[1])
    if min(sizes) < FEWEST:
        return None
    first, second = hits[0] / sizes[0], hits[1] / sizes[1]
    z = float(scipy.stats.norm.ppf(1 - (1 - confidence) / 2))
    (low_a, high_a), (low_b, high_b) = (_wilson(h, n, z) for h, n in zip(hits, sizes, strict=True))
    gap = second - first
    low = gap - float(np.hypot(second - low_b, high_a - first))
    high = gap + float(np.hypot(high_b - second, first - low_a))
    pooled = sum(hits) / sum(sizes)
    if min(pooled, 1 - pooled) * min(sizes) < FEWEST:
        table = [[hits[0], sizes[0] - hits[0]], [hits[1], sizes[1] - hits[1]]]
        p = float(scipy.stats.fisher_exact(table)[1])
    else:
        spread = float(np.sqrt(pooled * (1 - pooled) * (1 / sizes[0] + 1 / sizes[1])))
        p = float(2 * scipy.stats.norm.sf(abs(gap) / spread))
    return Difference(first, second, gap, low, high, p, *sizes)


def _wilson(hits: int, size: int, z: float) -> tuple[float, float]:
    share = hits / size
    middle = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * np.sqrt(share * (1 - share) / size + (z / (2 * size)) ** 2)
    return float(middle - half), float(middle + half)


@dataclass(frozen=True)
class Shift:
    """Whether one sample's values tend to be larger.

    Attributes:
        superiority: how often a value of the second sample is larger than one of the first, ties
            counted half: 0.5 without any shift.
        p: probability of such a shift, or a larger one, without any.
    """

    superiority: float
    p: float


def shift(before: ArrayLike, after: ArrayLike) -> Shift | None:
    """Whether values tend to be larger after, by the test of Mann and Whitney.

    It asks nothing of the distribution: a few huge values do not decide.

    Args:
        before: values; those that are not finite are left out.
        after: the same.

    Returns:
        The shift; None where one side has fewer than `FEWEST` values.
    """
    a, b = clean(before), clean(after)
    if min(a.size, b.size) < FEWEST:
        return None
    if np.ptp(np.concatenate([a, b])) == 0:
        return Shift(0.5, 1.0)
    test = scipy.stats.mannwhitneyu(b, a, alternative="two-sided")
    return Shift(float(test.statistic) / (a.size * b.size), float(test.pvalue))


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """p-values corrected so that of what is found, a promised share at most is false.

    Source: Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate" (1995).
    """
    order = sorted(range(len(ps)), key=lambda n: ps[n], reverse=True)
    out = [0.0] * len(ps)
    lowest = 1.0
    for place, n in enumerate(order):
        lowest = min(lowest, ps[n] * len(ps) / (len(ps) - place))
        out[n] = lowest
    return out


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
