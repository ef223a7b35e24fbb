"""How large a change is, with an interval of 95 %."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from scipy import special

from spanglass_detectors.drift.categorical import Counts, total_variation
from spanglass_detectors.drift.numeric import Values, resampled_wasserstein, wasserstein_distance

_RESAMPLES: Final = 200
#: Values of a side that are resampled at most; the interval of more is narrower than anybody asks.
_RESAMPLED: Final = 2_000
#: A normal distribution's quartiles are so many standard deviations apart.
_IQR_OF_SD: Final = 1.3489795003921634


class Effect(NamedTuple):
    """A size of change with its interval."""

    value: float
    low: float
    high: float


def spread(values: Values) -> float:
    """A standard deviation that outliers do not move: from the quartiles, or else the deviation."""
    low, high = np.quantile(values, [0.25, 0.75])
    # What differs in the last digits only is constant.
    least = 1e-9 * float(np.abs(values).max())
    for found in (float(high - low) / _IQR_OF_SD, float(np.std(values))):
        if found > least:
            return found
    return 0.0


def moved(reference: Values, current: Values, *, interval: bool = True) -> Effect:
    """How far values moved on average, in standard deviations of the reference.

    It is Wasserstein's distance over the spread of the reference, or of both where the reference
    has none. A distance is never below 0, so its interval is the bootstrap's after the bias is
    taken off.
    """
    scale = spread(reference) or spread(np.concatenate([reference, current])) or 1.0
    value = wasserstein_distance(reference, current) / scale
    if not interval:
        return Effect(value, value, value)
    chance = np.random.default_rng(0)
    one, other = (_few(each, chance) for each in (reference, current))
    drawn = resampled_wasserstein(one, other, _RESAMPLES) / scale
    bias = max(0.0, float(drawn.mean()) - value)
    low, high = np.quantile(drawn - bias, [0.025, 0.975])
    return Effect(value, max(0.0, float(low)), max(value, float(high)))


def _few(values: Values, chance: np.random.Generator) -> Values:
    few = len(values) <= _RESAMPLED
    return values if few else chance.choice(values, _RESAMPLED, replace=False)


def moved_share(reference: Counts, current: Counts) -> Effect:
    """The share that is in another category than before, with a bootstrap interval."""
    value = total_variation(reference, current)
    chance = np.random.default_rng(0)
    sides = [
        chance.multinomial(int(each.sum()), each / each.sum(), _RESAMPLES)
        for each in (reference, current)
    ]
    drawn = np.array([total_variation(a, b) for a, b in zip(*sides, strict=True)])
    bias = max(0.0, float(drawn.mean()) - value)
    low, high = np.quantile(drawn - bias, [0.025, 0.975])
    return Effect(value, max(0.0, float(low)), min(1.0, max(value, float(high))))


def cohens_h(
    reference: float, n: int, current: float, m: int, design_effect: float = 1.0
) -> Effect:
    """The change of a share on the arcsine scale, where 1 % to 3 % counts as 50 % to 57 % does.

    Source: Cohen, Statistical Power Analysis (1988), chapter 6.
    """
    value = float(2 * np.arcsin(np.sqrt(current)) - 2 * np.arcsin(np.sqrt(reference)))
    half = float(special.ndtri(0.975)) * float(np.sqrt((1 / n + 1 / m) * design_effect))
    return Effect(value, value - half, value + half)
