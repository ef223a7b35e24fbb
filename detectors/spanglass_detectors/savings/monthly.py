"""From what was measured on some days to a month.

With x the amounts of n days, the month is m = 30.4375 * mean(x), and its 95 % interval is
m ± 30.4375 * t(n - 1) * sd(x) / sqrt(n), Student's t. What is uncertain beside the days (a mean of
a sample) is added in quadrature; what is only assumed (tokens of a block by its characters) widens
both ends by the part that it may be off.

Source: Student, "The probable error of a mean" (1908). It takes days to be alike and independent: a
week's rhythm makes the interval wider than need be, and a trend is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import scipy

from spanglass_detectors.savings.findings import Saving

#: Days of a mean month (365.25 / 12).
MONTH_DAYS: Final = 30.4375
#: Fewer days do not say what a month is like.
FEWEST_DAYS: Final = 3
_CONFIDENCE: Final = 0.95


def per_month(days: Sequence[float], tolerance: float = 0.0, error: float = 0.0) -> Saving | None:
    """An amount a month, from amounts of whole days.

    Args:
        days: US dollars, day by day; days without any are zeros.
        tolerance: the part by which every amount may be off, for what is assumed.
        error: standard error of the mean of a day that does not come from the days, in US dollars.

    Returns:
        The month with its interval; None for fewer than `FEWEST_DAYS` days.
    """
    x = np.asarray(days, dtype=float)
    if x.size < FEWEST_DAYS:
        return None
    mean = float(x.mean())
    spread = float(np.hypot(x.std(ddof=1) / np.sqrt(x.size), error))
    half = float(scipy.stats.t.ppf(0.5 + _CONFIDENCE / 2, x.size - 1)) * spread
    return Saving(
        mean * MONTH_DAYS,
        max(0.0, (mean - half) * (1 - tolerance)) * MONTH_DAYS,
        (mean + half) * (1 + tolerance) * MONTH_DAYS,
    )


def share_interval(hits: float, of: float, confidence: float = _CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval of a share (E. B. Wilson, 1927); 0 to 1 where nothing was looked at."""
    if of <= 0:
        return 0.0, 1.0
    z = float(scipy.stats.norm.ppf(0.5 + confidence / 2))
    share = min(1.0, hits / of)
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * float(np.sqrt(share * (1 - share) / of + (z / (2 * of)) ** 2))
    return max(0.0, middle - half), min(1.0, middle + half)
