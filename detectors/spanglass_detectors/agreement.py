"""How far those who judge the same things agree, beyond what chance would give.

Sources: J. Cohen, "A coefficient of agreement for nominal scales" (1960) and "Weighted kappa"
(1968); K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011). Intervals are of the
percentile bootstrap over the things judged (B. Efron, 1979).

1 is full agreement, 0 is what chance gives, less is disagreement. Where nearly everything has one
and the same value both are low although nearly all judgements agree: look at the share of
agreement beside them (A. R. Feinstein and D. V. Cicchetti, "High agreement but low kappa", 1990).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

#: Fewer things judged than this say nothing.
FEWEST: Final = 5
#: Kappa's categories at most: more of them are a measure, not a choice.
MOST_CATEGORIES: Final = 50
_RESAMPLES: Final = 500
_TAIL: Final = 0.025

Weights = Literal["none", "linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval"]
_Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """A coefficient with its 95 % interval.

    Attributes:
        value: at most 1.
        low: lower end of the interval.
        high: upper end.
        n: things that were judged.
    """

    value: float
    low: float
    high: float
    n: int


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    weights: Weights = "none",
    seed: int = 0,
) -> Agreement | None:
    """Cohen's kappa of two judges.

    Args:
        first: categories that the first gave; in order where they are weighted, so they have to
            be comparable then.
        second: those of the second, of the same things.
        weights: how much a disagreement counts: `none` all the same, else by the distance of
            the categories' places, or by its square.
        seed: of the resampling: the same judgements always give the same interval.

    Returns:
        The agreement; None below `FEWEST` things, where both always say the same one thing, or
        where there are more than `MOST_CATEGORIES` categories.

    Raises:
        ValueError: if the two did not judge equally many.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} judgements beside {len(second)}")
    known = set(first) | set(second)
    if len(first) < FEWEST or len(known) > MOST_CATEGORIES:
        return None
    kinds: list[Any] = sorted(known) if weights != "none" else list(known)
    place = {kind: n for n, kind in enumerate(kinds)}
    size = len(kinds)
    table = np.zeros((size, size))
    for a, b in zip(first, second, strict=True):
        table[place[a], place[b]] += 1
    far = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(float)
    cost = {"none": (far > 0).astype(float), "linear": far, "quadratic": far**2}[weights]

    def kappa(tables: _Numbers) -> _Numbers:
        total = tables.sum(axis=(1, 2))
        seen = (tables * cost).sum(axis=(1, 2)) / total
        rows, columns = tables.sum(axis=2), tables.sum(axis=1)
        chance = np.einsum("ni,ij,nj->n", rows, cost, columns) / total**2
        return _beyond_chance(seen, chance)

    value = float(kappa(table[None])[0])
    if np.isnan(value):
        return None
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(first), (table / len(first)).ravel(), _RESAMPLES)
    return _with_interval(value, kappa(drawn.reshape(-1, size, size).astype(float)), len(first))


def krippendorff_alpha(
    units: Sequence[Sequence[float | str]], level: Level = "nominal", seed: int = 0
) -> Agreement | None:
    """Krippendorff's alpha of any number of judges, each of whom may have left things out.

    Args:
        units: of each thing that was judged, the values that it got. Those with one value or none
            have nothing to compare and do not count.
        level: what the values are: names, ranks, or numbers whose distances mean something.
        seed: of the resampling.

    Returns:
        The agreement; None below `FEWEST` things with two values, or where all values are the
        same.

    Raises:
        ValueError: if values of ranks or numbers are text or not finite.
    """
    paired = [list(unit) for unit in units if len(unit) > 1]
    if len(paired) < FEWEST:
        return None
    kinds: list[Any] = sorted({value for unit in paired for value in unit}, key=_order)
    if level != "nominal" and not all(_is_number(kind) for kind in kinds):
        raise ValueError(f"values of level {level} have to be finite numbers")
    place = {kind: n for n, kind in enumerate(kinds)}
    widest = max(map(len, paired))
    codes = np.full((len(paired), widest), -1)
    for row, unit in enumerate(paired):
        codes[row, : len(unit)] = [place[value] for value in unit]
    alpha = _alpha_of(codes, np.array(kinds, float) if level == "interval" else None, level, kinds)
    everything = np.arange(len(paired))
    value = alpha(everything)
    if np.isnan(value):
        return None
    rng = np.random.default_rng(seed)
    size = len(paired)
    drawn = [alpha(rng.integers(0, size, size)) for _ in range(_RESAMPLES)]
    return _with_interval(value, np.array(drawn), size)


def _alpha_of(
    codes: NDArray[np.int64], numbers: _Numbers | None, level: Level, kinds: Sequence[Any]
) -> Callable[[NDArray[np.int64]], float]:
    """The coefficient of the rows that are asked for, by the sums that a row adds to."""
    there = codes >= 0
    judged = there.sum(axis=1).astype(float)

    def by_name(rows: NDArray[np.int64]) -> float:
        own = judged[rows]
        # Pairs within a row that are the same, itself included.
        same = matches[rows]
        observed = ((own**2 - same) / (own - 1)).sum()
        counts = np.bincount(codes[rows][there[rows]], minlength=len(kinds)).astype(float)
        return _ratio(observed, own.sum(), own.sum() ** 2 - (counts**2).sum())

    def by_distance(rows: NDArray[np.int64]) -> float:
        own, its_codes, its = judged[rows], codes[rows], there[rows]
        scale = numbers
        if scale is None:
            # The distance of two ranks is the number of values between them: of their mid-ranks.
            counts = np.bincount(its_codes[its], minlength=len(kinds)).astype(float)
            scale = np.cumsum(counts) - counts / 2
        values = np.where(its, scale[its_codes], 0.0)
        values[its] -= values[its].mean()
        sums, squares = values.sum(axis=1), (values**2).sum(axis=1)
        observed = (2 * (own * squares - sums**2) / (own - 1)).sum()
        expected = 2 * (own.sum() * squares.sum() - sums.sum() ** 2)
        return _ratio(observed, own.sum(), expected)

    if level != "nominal":
        return by_distance
    matches = np.zeros(len(codes))
    for at in range(codes.shape[1]):
        matches += ((codes == codes[:, [at]]) & there & there[:, [at]]).sum(axis=1)
    return by_name


def _ratio(observed: float, size: float, expected: float) -> float:
    return float(1 - (size - 1) * observed / expected) if expected > 1e-12 else float("nan")


def _beyond_chance(seen: _Numbers, chance: _Numbers) -> _Numbers:
    """1 less the disagreement seen by that of chance; no number where chance never disagrees."""
    possible = chance > 1e-12
    return np.where(possible, 1 - seen / np.where(possible, chance, 1), np.nan)


def _with_interval(value: float, drawn: _Numbers, n: int) -> Agreement:
    # A resample in which all is the same has no coefficient.
    kept = drawn[~np.isnan(drawn)]
    if not kept.size:
        return Agreement(value, value, value, n)
    low, high = np.quantile(kept, [_TAIL, 1 - _TAIL])
    return Agreement(value, float(low), float(high), n)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _order(value: float | str) -> tuple[bool, Any]:
    return isinstance(value, str), value
