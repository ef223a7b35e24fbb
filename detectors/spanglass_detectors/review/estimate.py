"""The true rate or mean of a population from labels of a stratified sample.

Every stratum is a simple random sample of its part of the population; one that is labelled whole
counts as it is. The estimate weighs each label by the inverse of its chance to be in the sample
(D. G. Horvitz and D. J. Thompson, 1952); its variance is that of stratified sampling without
replacement (W. G. Cochran, Sampling Techniques, 1977, chapter 5). Intervals of shares are Wilson's
with the effective size of the sample (N. Dean and M. Pagano, 2015), which never leave 0 to 1 and
are not empty where all labels are the same; those of means are Student's.

What it rests on: labels are missing by chance alone. Whoever skips the hard ones biases it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import scipy

#: The normal distribution's quantile of a 95 % interval.
Z: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Stratum:
    """A part of the population, and the labels from it.

    Attributes:
        population: how many there are.
        values: of those that are labelled; 0 and 1 for a share.
    """

    population: int
    values: Sequence[float]


@dataclass(frozen=True)
class Estimate:
    """What labels say of a population.

    Attributes:
        value: the share or mean.
        low: lower end of its 95 % interval; None where too few labels allow none.
        high: upper end.
        labels: how many it rests on.
        population: how many it is of.
        covered: share of the population in strata with at least one label. The rest is not
            spoken of.
        effective: labels of a simple random sample that would be as precise.
    """

    value: float
    low: float | None
    high: float | None
    labels: int
    population: int
    covered: float
    effective: float


def estimate(strata: Sequence[Stratum], share: bool = True) -> Estimate | None:
    """The share or mean of the population; None without labels.

    Args:
        strata: disjoint parts that together are the population.
        share: whether values are 0 and 1.

    Raises:
        ValueError: if more are labelled than there are, or a share has another value.
    """
    for each in strata:
        if len(each.values) > each.population:
            raise ValueError(f"{len(each.values)} labels of {each.population}")
        if share and any(value not in (0, 1) for value in each.values):
            raise ValueError("values of a share are 0 and 1")
    told = [each for each in strata if each.values]
    total = sum(each.population for each in told)
    if not total:
        return None
    everything = sum(each.population for each in strata)
    labels = sum(len(each.values) for each in told)
    value = sum(each.population * _mean(each.values) for each in told) / total
    spread = _Spread.of(told, total, share, value)
    low, high, effective = _interval(value, spread, labels, len(told), share)
    return Estimate(value, low, high, labels, total, total / everything, effective)


def labels_needed(strata: Sequence[Stratum], half_width: float, share: bool = True) -> int | None:
    """How many more labels bring the 95 % interval to so much to each side.

    It takes them as drawn in the same way as those that are there. Before the first, a share is
    taken for one half, which needs the most. None where labels so far say nothing of the spread.

    Args:
        strata: as in `estimate`.
        half_width: half of the wanted interval's length.
        share: whether values are 0 and 1.

    Raises:
        ValueError: if the half width is not above 0.
    """
    if not half_width > 0:
        raise ValueError("the half width has to be above 0")
    population = sum(each.population for each in strata)
    found = estimate(strata, share)
    if not population:
        return None
    if found is None:
        if not share:
            return None
        per_label, variance, labels = 1.0, 0.25, 0
    else:
        told = [each for each in strata if each.values]
        spread = _Spread.of(told, found.population, share, found.value)
        labels = found.labels
        if share:
            effective = spread.effective(found.value, labels)
            middle = (effective * found.value + Z * Z / 2) / (effective + Z * Z)
            variance, per_label = middle * (1 - middle), effective / labels
        elif spread.without_end is None:
            return None
        else:
            variance, per_label = spread.without_end * labels, 1.0
    wanted = Z * Z * variance / half_width**2 / max(per_label, 1e-9)
    wanted = wanted / (1 + wanted / population)
    return max(0, min(math.ceil(wanted - 1e-9), population) - labels)


@dataclass(frozen=True)
class _Spread:
    """Variance of an estimate, and what it would be if the population had no end.

    Attributes:
        variance: None where no stratum has two labels and a mean is asked for.
        without_end: the same without the correction for a population that ends.
        left: the correction: how much of the variance is left of it.
        kish: effective labels by the weights alone.
    """

    variance: float | None
    without_end: float | None
    left: float
    kish: float

    @classmethod
    def of(cls, told: Sequence[Stratum], total: int, share: bool, value: float) -> _Spread:
        free = sum(len(each.values) - 1 for each in told)
        pooled = (
            sum(_squares(each.values) for each in told) / free
            if free
            else (value * (1 - value) or 0.25)
            if share
            else None
        )
        variance = without_end = 0.0
        weighted = ended = 0.0
        weights = squares = 0.0
        for each in told:
            n, part = len(each.values), each.population / total
            own = _squares(each.values) / (n - 1) if n > 1 else pooled
            open_ = 1 - n / each.population
            weighted += part**2 / n
            ended += part**2 * open_ / n
            weights += each.population
            squares += each.population**2 / n
            if own is None and open_:
                return cls(None, None, 1.0, 1.0)
            without_end += part**2 * (own or 0.0) / n
            variance += part**2 * open_ * (own or 0.0) / n
        left = variance / without_end if without_end else ended / weighted
        return cls(variance, without_end, left, weights**2 / squares)

    def effective(self, value: float, labels: int) -> float:
        """Labels of a simple random sample of a population without end that say as much."""
        if not self.without_end or value in (0, 1):
            return self.kish
        # A stratum in which all say the same by chance would make it more than there are.
        return min(value * (1 - value) / self.without_end, float(labels))


def _interval(
    value: float, spread: _Spread, labels: int, strata: int, share: bool
) -> tuple[float | None, float | None, float]:
    if spread.variance is None:
        return None, None, float(labels)
    if not spread.left:
        return value, value, float(labels)
    if not share:
        half = float(scipy.stats.t.ppf(0.975, max(labels - strata, 1))) * math.sqrt(spread.variance)
        return value - half, value + half, float(labels)
    size = spread.effective(value, labels) / spread.left
    middle = (value + Z * Z / (2 * size)) / (1 + Z * Z / size)
    half = Z / (1 + Z * Z / size) * math.sqrt(value * (1 - value) / size + Z * Z / (4 * size**2))
    return max(0.0, middle - half), min(1.0, middle + half), size


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _squares(values: Sequence[float]) -> float:
    mean = _mean(values)
    return sum((value - mean) ** 2 for value in values)
