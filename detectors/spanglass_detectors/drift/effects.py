"""How large a change is, with an interval of 95 %."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import scipy

from spanglass_detectors.drift.categorical import Counts, total_variation
from spanglass_detectors.drift.numeric import resampled_wasserstein, wasserstein_distance
from spanglass_detectors.drift.ordered import Values, in_order, quantiles, resampled_distance

_RESAMPLES: Final = 200
#: Values of a side that are resampled one by one at most; more of them are counted.
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
    values = in_order(values)
    low, high = quantiles(values, [0.25, 0.75])
    # What differs in the last digits only is constant.
    least = 1e-9 * max(abs(float(values[0])), abs(float(values[-1])))
    middle = float(high - low) / _IQR_OF_SD
    if middle > least:
        return middle
    whole = float(np.std(values))
    return whole if whole > least else 0.0


def moved(reference: Values, current: Values, *, interval: bool = True) -> Effect:
    """How far values moved on average, in standard deviations of the reference.

    It is Wasserstein's distance over the spread of the reference, or of both where the reference
    has none. A distance is never below 0, so its interval is the bootstrap's after the bias is
    taken off.
    """
    reference, current = in_order(reference), in_order(current)
    scale = spread(reference) or spread(np.concatenate([reference, current])) or 1.0
    value = wasserstein_distance(reference, current) / scale
    if not interval:
        return Effect(value, value, value)
    few = max(len(reference), len(current)) <= _RESAMPLED
    resampled = resampled_wasserstein if few else resampled_distance
    drawn = resampled(reference, current, _RESAMPLES) / scale
    bias = max(0.0, float(drawn.mean()) - value)
    low, high = np.quantile(drawn - bias, [0.025, 0.975])
    return Effect(value, max(0.0, float(low)), max(value, float(high)))


def moved_share(reference: Counts, current: Counts) -> Effect:
    """The share that is in another category than before, with a bootstrap interval."""
    value = total_variation(reference, current)
    chance = np.random.default_rng(0)
    sides = [
        chance.multinomial(int(each.sum()), each / each.sum(), _RESAMPLES)
        for each in (reference, current)
    ]
    shares = [each / each.sum(axis=1, keepdims=True) for each in sides]
    drawn = np.abs(shares[0] - shares[1]).sum(axis=1) / 2
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
    half = float(scipy.special.ndtri(0.975)) * float(np.sqrt((1 / n + 1 / m) * design_effect))
    return Effect(value, value - half, value + half)
