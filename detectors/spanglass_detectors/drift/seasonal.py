"""What is usual at this time of the day or the week, and how far the present is from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: A normal distribution's median absolute deviation is so many standard deviations.
_MAD_OF_SD: Final = 0.6744897501960817
#: Earlier values that a phase needs to have a spread of its own.
_LEAST: Final = 4


@dataclass(frozen=True)
class Baseline:
    """What is usual, by phase.

    Attributes:
        period: steps after which it comes again: 24 hours, 168 hours of a week.
        level: the median of each phase; NaN where nothing came.
        spread: the standard deviation around it, as the median deviation says.
    """

    period: int
    level: NDArray[np.float64]
    spread: NDArray[np.float64]

    def z(self, values: NDArray[np.float64], start: int = 0) -> NDArray[np.float64]:
        """How many standard deviations values are from what is usual.

        Args:
            values: in the order of time.
            start: phase of the first.
        """
        phases = (start + np.arange(len(values))) % self.period
        return (np.asarray(values, dtype=float) - self.level[phases]) / self.spread[phases]


def baseline(history: NDArray[np.float64], period: int, start: int = 0) -> Baseline:
    """Level and spread of each phase, by medians, so that a few bad days do not spoil it.

    Args:
        history: values in the order of time; NaN is missing.
        period: steps after which it comes again.
        start: phase of the first.

    Raises:
        ValueError: if the period is none, or nothing is there.
    """
    if period < 1:
        raise ValueError("a period is 1 step or more")
    values = np.asarray(history, dtype=float)
    if not np.isfinite(values).any():
        raise ValueError("there is no history to learn from")
    phases = (start + np.arange(len(values))) % period
    level = np.full(period, np.nan)
    for phase in range(period):
        own = values[(phases == phase) & np.isfinite(values)]
        if len(own):
            level[phase] = np.median(own)
    residuals = values - level[phases]
    known = np.isfinite(residuals)
    counts = np.bincount(phases[known], minlength=period)
    # A value that is alone in its phase is its own median: it says nothing of the spread.
    told = known & (counts[phases] > 1)
    shared = float(np.median(np.abs(residuals[told]))) / _MAD_OF_SD if told.any() else 0.0
    floor = max(shared * 0.25, float(np.nanmax(np.abs(values))) * 1e-9, 1e-12)
    spread = np.full(period, max(shared, floor))
    for phase in range(period):
        own = residuals[(phases == phase) & known]
        if len(own) >= _LEAST:
            # Half of its own, half of all: few values tell a spread badly.
            spread[phase] = max(
                floor, (float(np.median(np.abs(own))) / _MAD_OF_SD + max(shared, floor)) / 2
            )
    return Baseline(period, level, spread)
