"""What a month will have cost at its end, from its days so far and those before.

A day's spend is taken to be level * weekday factor * noise. Factors are the mean of a weekday over
the mean of all days, drawn towards 1 as if a further week without rhythm had been seen; the level
is the mean of the last four weeks' days, each over its factor, where a day a week earlier weighs
half as much. What is left of the month is the sum of level * factor over its days. The interval is
made by simulation: residuals of past days are drawn with replacement, with an error of the level
that has their spread, and the 2.5 % and 97.5 % quantiles of the sums are its ends.

Sources: R. J. Hyndman and G. Athanasopoulos, "Forecasting: Principles and Practice" (2021),
chapters 3 and 5 (seasonal factors, bootstrapped residuals); B. Efron (1979). A change that has not
happened yet, a launch or a new price, is in no past day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

#: Whole days that a forecast needs, and those that it looks at.
FEWEST_DAYS: Final = 7
MOST_DAYS: Final = 28
_HALVES_IN: Final = 7.0
_DRAWS: Final = 4_000


@dataclass(frozen=True)
class Forecast:
    """The spend of a month.

    Attributes:
        spent: so far, in US dollars.
        expected: at its end.
        low: lower end of the 95 % interval.
        high: upper end.
        days_left: of which nothing is known yet, the present one as a part.
    """

    spent: float
    expected: float
    low: float
    high: float
    days_left: float


def month_end(
    history: Sequence[tuple[date, float]], spent: float, today: date, passed: float, seed: int = 0
) -> Forecast | None:
    """What the month of a day will have cost.

    Args:
        history: whole days before `today` and what they cost, those without calls as 0.
        spent: since the month began, `today` included.
        today: the day that is under way.
        passed: which part of it has passed, from 0 to 1.
        seed: of the simulation.

    Returns:
        The forecast; None with fewer than `FEWEST_DAYS` days.
    """
    recent = sorted(history)[-MOST_DAYS:]
    if len(recent) < FEWEST_DAYS:
        return None
    usd = np.array([amount for _, amount in recent])
    weekday = np.array([day.weekday() for day, _ in recent])
    mean = float(usd.mean())
    factors = np.array([
        (usd[weekday == n].sum() + mean) / (mean * ((weekday == n).sum() + 1)) if mean > 0 else 1.0
        for n in range(7)
    ])  # fmt: skip
    plain = usd / factors[weekday]
    age = np.array([(today - day).days for day, _ in recent])
    weights = 0.5 ** (age / _HALVES_IN)
    level = float(np.average(plain, weights=weights))
    residuals = plain - level
    # As many days as the weights are worth.
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    error = float(np.std(residuals, ddof=1)) / np.sqrt(effective)
    left, last = [], _last_of(today)
    day = today
    while day <= last:
        left.append((factors[day.weekday()], 1 - passed if day == today else 1.0))
        day += timedelta(days=1)
    factor, part = (np.array(column) for column in zip(*left, strict=True))
    rng = np.random.default_rng(seed)
    drawn = rng.choice(residuals, (_DRAWS, len(left)))
    levels = level + rng.normal(0, error, (_DRAWS, 1))
    sums = (np.maximum(0.0, levels + drawn) * factor * part).sum(axis=1)
    low, high = np.quantile(sums, [0.025, 0.975])
    return Forecast(
        spent, spent + float((level * factor * part).sum()), spent + float(low),
        spent + float(high), float(part.sum()),
    )  # fmt: skip


def _last_of(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
