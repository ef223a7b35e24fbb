"""Two-sample tests of numbers, behind one interface: two arrays in, statistic and p out.

Those that people ask for by name give what scipy gives. The default is `smooth`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from spanglass_detectors.drift.ordered import Values, counts_below, distance, in_order

#: From here on exact distributions cost more than they add; scipy draws the line there, too.
_EXACT: Final = 10_000
_COMPONENTS: Final = 4
#: From here on ranks are taken in groups, and how many of them.
_GROUPED: Final = 20_000
_GROUPS: Final = 4_096
_PERMUTATIONS: Final = 999


class Tested(NamedTuple):
    """A statistic and the probability of one as large without a change."""

    statistic: float
    p: float


class Scores(NamedTuple):
    """What `smooth` sums up: a row of scores a value, of reference and of current."""

    reference: NDArray[np.float64]
    current: NDArray[np.float64]


def kolmogorov_smirnov(reference: Values, current: Values, design_effect: float = 1.0) -> Tested:
    """The largest distance between the two distribution functions (Kolmogorov, Smirnov).

    Exact for small samples, as `scipy.stats.ks_2samp`; its power is for the middle.
    """
    one, other = in_order(reference), in_order(current)
    farthest = _distance(one, other)
    n, m = len(one), len(other)
    if max(n, m) <= _EXACT and design_effect == 1.0:
        found = scipy.stats.ks_2samp(one, other)
        return Tested(farthest, float(found.pvalue))
    effective = n * m / (n + m) / design_effect
    return Tested(
        farthest, float(scipy.stats.distributions.kstwo.sf(farthest, max(1, round(effective))))
    )


def _distance(one: Values, other: Values) -> float:
    """KS distance of sorted arrays."""
    # The functions are farthest apart at a jump of either: those of the smaller sample suffice.
    if len(other) < len(one):
        one, other = other, one
    steps = np.arange(len(one) + 1) / len(one)
    above = steps[1:] - np.searchsorted(other, one, side="right") / len(other)
    below = np.searchsorted(other, one, side="left") / len(other) - steps[:-1]
    return float(max(above.max(), below.max()))


def _merged(one: Values, other: Values) -> tuple[Values, NDArray[np.float64]]:
    """Distinct values of two sorted arrays, and how many of each are no larger: a row a side."""
    every = np.concatenate([one, other])
    # A stable sort of two runs only merges them.
    order = np.argsort(every, kind="stable")
    every = every[order]
    ends = np.flatnonzero(np.append(every[1:] != every[:-1], True))
    of_one = np.cumsum(order < len(one))[ends].astype(float)
    return every[ends], np.stack([of_one, ends + 1 - of_one])


def _gap(one: Values, other: Values) -> tuple[Values, Values]:
    """Distinct values of two sorted arrays, and by how much the distribution functions differ."""
    every, below = _merged(one, other)
    return every, below[0] / len(one) - below[1] / len(other)


def smooth_scores(reference: Values, current: Values) -> Scores:
    """Orthogonal scores of the pooled mid-ranks: place, spread, skewness, tails."""
    pooled = np.sort(np.concatenate([reference, current]))
    sides = [
        (np.searchsorted(pooled, each, "left") + np.searchsorted(pooled, each, "right"))
        / len(pooled)
        - 1
        for each in (reference, current)
    ]
    return Scores(_legendre(sides[0]), _legendre(sides[1]))


def _legendre(x: Values) -> NDArray[np.float64]:
    """The first four of Legendre's polynomials."""
    square = x * x
    return np.stack(
        [x, 1.5 * square - 0.5, (2.5 * square - 1.5) * x, (4.375 * square - 3.75) * square + 0.375],
        axis=1,
    )


def smooth(reference: Values, current: Values, design_effect: float = 1.0) -> Tested:
    """Neyman's smooth test on pooled ranks: of place, spread, skewness and tails at once.

    Its first part is Mann and Whitney's test, its second Mood's. Ties share a rank, and the parts
    are measured by their own covariance, so that discrete values keep the promised rate.
    The p is chi-squared's, with as many degrees of freedom as the values leave.

    Source: Neyman (1937); Rayner, Thas and Best, Smooth Tests of Goodness of Fit (2009).
    """
    n, m = len(reference), len(current)
    reference, current = in_order(reference), in_order(current)
    # Scores of distinct values, and how many of each side have them; of many values a rank in
    # `_GROUPS` says as much as each one's own.
    below = (
        _merged(reference, current)[1]
        if n + m <= _GROUPED
        else counts_below(reference, current, _GROUPS)
    )
    ends = below.sum(axis=0)
    own = np.diff(below, axis=1, prepend=0.0)
    both = own[0] + own[1]
    scores = _legendre((2 * ends - both) / (n + m) - 1)
    difference = (own[1] / m - own[0] / n) @ scores
    centred = scores - both @ scores / (n + m)
    covariance = (centred * both[:, None]).T @ centred / (n + m - 1)
    size = n * m / (n + m)
    # Few distinct values leave fewer parts than four: what is no variance is no evidence.
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-9 * max(values.max(), 1e-300)
    parts = (difference @ vectors[:, kept]) ** 2 / values[kept]
    statistic = float(size * parts.sum() / design_effect)
    return Tested(statistic, float(scipy.special.chdtrc(int(kept.sum()), statistic)))


def mann_whitney(reference: Values, current: Values, design_effect: float = 1.0) -> Tested:
    """Whether one is larger than the other (Mann and Whitney); with ties, without continuity."""
    n, m = len(reference), len(current)
    pooled = np.concatenate([reference, current])
    _, inverse, counts = np.unique(pooled, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    u = float(ranks[:n].sum() - n * (n + 1) / 2)
    total = n + m
    ties = float(((counts.astype(float) ** 3) - counts).sum()) / (total * (total - 1))
    spread = np.sqrt(n * m / 12 * (total + 1 - ties) * design_effect)
    z = abs(u - n * m / 2) / spread if spread > 0 else 0.0
    return Tested(u, float(2 * scipy.special.ndtr(-z)))


def anderson_darling(reference: Values, current: Values, design_effect: float = 1.0) -> Tested:
    """Distance with more weight in the tails; scipy's p lies between 0.001 and 0.25.

    Source: Scholz and Stephens (1987).
    """
    import warnings

    kept = _thinned(reference, design_effect), _thinned(current, design_effect)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: Any = scipy.stats.anderson_ksamp(kept)
    return Tested(float(found.statistic), float(found.pvalue))


def cramer_von_mises(reference: Values, current: Values, design_effect: float = 1.0) -> Tested:
    """Squared distance between the distribution functions (Cramér, von Mises; Anderson 1962)."""
    found: Any = scipy.stats.cramervonmises_2samp(
        _thinned(reference, design_effect), _thinned(current, design_effect), method="asymptotic"
    )
    return Tested(float(found.statistic), float(found.pvalue))


def wasserstein(reference: Values, current: Values, design_effect: float = 1.0) -> Tested:
    """How far values have to be moved, in their own unit; p by 999 permutations."""
    kept = _thinned(reference, design_effect), _thinned(current, design_effect)
    return _permuted(wasserstein_distance, *kept)


def energy(reference: Values, current: Values, design_effect: float = 1.0) -> Tested:
    """Energy distance (Székely and Rizzo 2004), as scipy's; p by 999 permutations."""
    kept = _thinned(reference, design_effect), _thinned(current, design_effect)
    return _permuted(energy_distance, *kept)


def wasserstein_distance(reference: Values, current: Values) -> float:
    """The area between the two distribution functions."""
    return distance(in_order(reference), in_order(current))


def energy_distance(reference: Values, current: Values) -> float:
    """The square root of twice the squared area between the distribution functions."""
    every, gap = _gap(in_order(reference), in_order(current))
    return float(np.sqrt(2 * (gap[:-1] ** 2) @ np.diff(every)))


def resampled_wasserstein(reference: Values, current: Values, times: int) -> Values:
    """Wasserstein's distance of `times` resamples of both, drawn with a fixed seed.

    Each value is there a Poisson number of times, which is the bootstrap for large samples.
    """
    one, other = in_order(reference), in_order(current)
    every = np.concatenate([one, other])
    order = np.argsort(every, kind="stable")
    # A table of 65,536 quantiles is ten times as fast as a draw each.
    drawn = np.random.default_rng(0).integers(0, 1 << 16, (times, len(every)), dtype=np.uint16)
    counts = _poisson_table()[drawn]
    is_one = order < len(one)
    totals = [np.maximum(side.sum(axis=1, dtype=float, keepdims=True), 1.0)
              for side in (counts[:, : len(one)], counts[:, len(one) :])]  # fmt: skip
    gaps = counts[:, order] * np.where(is_one, 1 / totals[0], -1 / totals[1])
    np.cumsum(gaps, axis=1, out=gaps)
    return np.asarray(np.abs(gaps[:, :-1], out=gaps[:, :-1]) @ np.diff(every[order]))


@functools.cache
def _poisson_table() -> NDArray[np.uint8]:
    """Quantiles of a Poisson distribution of mean 1, evenly."""
    counts = np.arange(12)
    below = scipy.special.gammaincc(counts + 1, 1.0)
    return np.searchsorted(below, (np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.uint8)


def _thinned(values: Values, design_effect: float) -> Values:
    """As many values as there are independent ones, evenly from the whole."""
    if design_effect <= 1.0:
        return values
    kept = max(2, int(len(values) / design_effect))
    return np.asarray(values[np.linspace(0, len(values) - 1, kept).astype(int)])


def _permuted(measure: Callable[[Values, Values], float], one: Values, other: Values) -> Tested:
    found = measure(one, other)
    pooled, chance, as_far = np.concatenate([one, other]), np.random.default_rng(0), 1
    for _ in range(_PERMUTATIONS):
        chance.shuffle(pooled)
        as_far += measure(pooled[: len(one)], pooled[len(one) :]) >= found
    return Tested(found, as_far / (_PERMUTATIONS + 1))


#: By name. Each takes reference, current and the design effect.
NUMERIC_TESTS: Final[Mapping[str, Callable[..., Tested]]] = {
    "smooth": smooth,
    "ks": kolmogorov_smirnov,
    "mann_whitney": mann_whitney,
    "anderson_darling": anderson_darling,
    "cramer_von_mises": cramer_von_mises,
    "wasserstein": wasserstein,
    "energy": energy,
}
