"""Tests and distances of two windows' counts over the same categories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray

from spanglass_detectors.drift.numeric import Tested

Counts: TypeAlias = NDArray[np.float64]

#: Expected counts below which chi-squared is no good: such categories are taken together.
_EXPECTED: Final = 5.0
#: What an empty bin counts as, as a share, so that PSI stays finite.
_FLOOR: Final = 1e-4
_PERMUTATIONS: Final = 999


def pooled_rare(reference: Counts, current: Counts) -> tuple[Counts, Counts]:
    """The same with rare categories taken together, so that each is expected five times."""
    total = reference.sum() + current.sum()
    smaller = min(reference.sum(), current.sum()) / total
    rare = (reference + current) * smaller < _EXPECTED
    if not rare.any():
        return reference, current
    kept = [np.append(each[~rare], each[rare].sum()) for each in (reference, current)]
    if (kept[0][-1] + kept[1][-1]) * smaller < _EXPECTED and len(kept[0]) > 1:
        # Still rare together: with the rarest of the others.
        last = int(np.argmin((kept[0] + kept[1])[:-1]))
        for each in kept:
            each[last] += each[-1]
        kept = [each[:-1] for each in kept]
    return kept[0], kept[1]


def _expected(reference: Counts, current: Counts) -> tuple[Counts, Counts]:
    both = reference + current
    return both * reference.sum() / both.sum(), both * current.sum() / both.sum()


def chi_squared(reference: Counts, current: Counts, design_effect: float = 1.0) -> Tested:
    """Pearson's test of equal shares, without a correction for continuity.

    The design effect divides the statistic (Rao and Scott 1981).
    """
    expected = _expected(reference, current)
    statistic = sum(
        float(((seen - due) ** 2 / due).sum())
        for seen, due in zip((reference, current), expected, strict=True)
    )
    return Tested(statistic / design_effect, _tail(len(reference), statistic / design_effect))


def g_test(reference: Counts, current: Counts, design_effect: float = 1.0) -> Tested:
    """The likelihood-ratio test of equal shares (Wilks)."""
    expected = _expected(reference, current)
    statistic = 2 * sum(
        float(scipy.special.xlogy(seen, seen / due).sum())
        for seen, due in zip((reference, current), expected, strict=True)
    )
    return Tested(statistic / design_effect, _tail(len(reference), statistic / design_effect))


def _tail(categories: int, statistic: float) -> float:
    return float(scipy.special.chdtrc(categories - 1, statistic)) if categories > 1 else 1.0


def fisher(reference: Counts, current: Counts, design_effect: float = 1.0) -> Tested:
    """Fisher's exact test of two categories; the statistic is the odds ratio.

    Raises:
        ValueError: with more than two categories.
    """
    if len(reference) != 2:
        raise ValueError("Fisher's test takes two categories; ask for chi_squared or g_test")
    (a, b), (c, d) = np.rint(np.array([reference, current]) / design_effect)
    odds = float(a * d / (b * c)) if b * c else (float("inf") if a * d else float("nan"))
    # All tables with these sums, by their first cell: those that are no likelier than this one.
    first = np.arange(max(0.0, a - d), min(a + b, a + c) + 1)
    log = _log_choose(a + b, first) + _log_choose(c + d, a + c - first)
    chance = np.exp(log - _log_choose(a + b + c + d, a + c))
    found = chance[int(a - first[0])]
    return Tested(odds, float(min(1.0, chance[chance <= found * (1 + 1e-7)].sum())))


def _log_choose(n: float, k: Any) -> Any:
    return (
        scipy.special.gammaln(n + 1)
        - scipy.special.gammaln(k + 1)
        - scipy.special.gammaln(n - k + 1)
    )


def jensen_shannon_distance(reference: Counts, current: Counts) -> float:
    """The square root of Jensen and Shannon's divergence in bits: 0 for equal, 1 for disjoint."""
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    parts = scipy.special.rel_entr(p, middle).sum() + scipy.special.rel_entr(q, middle).sum()
    return float(np.sqrt(max(0.0, parts / 2 / np.log(2))))


def population_stability_index(reference: Counts, current: Counts) -> float:
    """PSI: the sum of (q - p) ln(q / p) over the bins, an empty one counting as 0.0001."""
    p = np.maximum(reference / reference.sum(), _FLOOR)
    q = np.maximum(current / current.sum(), _FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def total_variation(reference: Counts, current: Counts) -> float:
    """The share that is in another category than before: half the sum of the differences."""
    return float(np.abs(reference / reference.sum() - current / current.sum()).sum() / 2)


def jensen_shannon(reference: Counts, current: Counts, design_effect: float = 1.0) -> Tested:
    """Jensen and Shannon's distance; p by 999 draws of the pooled shares."""
    return _drawn(jensen_shannon_distance, reference, current, design_effect)


def psi(reference: Counts, current: Counts, design_effect: float = 1.0) -> Tested:
    """The population stability index; p by 999 draws of the pooled shares."""
    return _drawn(population_stability_index, reference, current, design_effect)


def _drawn(
    distance: Callable[[Counts, Counts], float],
    reference: Counts,
    current: Counts,
    design_effect: float,
) -> Tested:
    found = distance(reference, current)
    pooled = (reference + current) / (reference.sum() + current.sum())
    chance = np.random.default_rng(0)
    sizes = [max(1, int(each.sum() / design_effect)) for each in (reference, current)]
    draws = [chance.multinomial(size, pooled, _PERMUTATIONS).astype(float) for size in sizes]
    as_far = sum(distance(a, b) >= found for a, b in zip(*draws, strict=True))
    return Tested(found, (as_far + 1) / (_PERMUTATIONS + 1))


#: By name. Each takes counts of reference and of current, and the design effect.
CATEGORICAL_TESTS: Final[Mapping[str, Callable[..., Tested]]] = {
    "chi_squared": chi_squared,
    "g_test": g_test,
    "fisher": fisher,
    "jensen_shannon": jensen_shannon,
    "psi": psi,
}
