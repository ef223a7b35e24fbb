"""Live experiments: looking early without being fooled, and seeing that the split is broken.

Sources: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy and A. Ramdas, "Time-uniform central
limit theory and asymptotic confidence sequences" (2021), for intervals that hold at every look; A.
Fabijan and others, "Diagnosing sample ratio mismatch in online controlled experiments" (2019), for
the check of the split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy
from numpy.typing import ArrayLike

from spanglass_detectors.comparison import clean

#: With fewer values than this on one side, the limit theorem behind the interval does not hold yet.
FEWEST_TO_LOOK: Final = 30
#: Below this probability a split is taken to be broken: the check is looked at often.
MISMATCH_P: Final = 0.001
#: Values of a side at which the interval is tightest.
_TIGHTEST_AT: Final = 1000


@dataclass(frozen=True)
class Sequence:
    """An interval of a difference that holds at every look together, not only at one.

    Attributes:
        low: its lower end.
        high: its upper end.
    """

    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether it leaves zero out: then the test may stop."""
        return self.low > 0 or self.high < 0


def always_valid(before: ArrayLike, after: ArrayLike, confidence: float = 0.95) -> Sequence | None:
    """The interval of a difference of means that one may look at whenever one likes.

    Each side has a confidence sequence of its own at half the error, so the difference's is a
    little wider than it had to be. It takes values to be independent.

    Args:
        before: values; those that are not finite are left out.
        after: the same.
        confidence: that zero is never left out, over all looks, where there is no difference.

    Returns:
        The interval; None where one side has fewer than `FEWEST_TO_LOOK` values.
    """
    a, b = clean(before), clean(after)
    if min(a.size, b.size) < FEWEST_TO_LOOK:
        return None
    alpha = (1 - confidence) / 2
    gap = float(b.mean() - a.mean())
    reach = sum(float(each.std(ddof=1)) * half_width(each.size, alpha) for each in (a, b))
    return Sequence(gap - reach, gap + reach)


def half_width(n: float, alpha: float) -> float:
    """Half the width of the confidence sequence of a mean of n values, in standard deviations."""
    # Equations 16 and 64 of the paper: the best width at a chosen number of values.
    wide = -2 * np.log(alpha) + np.log(-2 * np.log(alpha)) + 1
    rho2 = wide / _TIGHTEST_AT
    grown = n * rho2 + 1
    return float(np.sqrt(2 * grown / (n**2 * rho2) * np.log(np.sqrt(grown) / alpha)))


@dataclass(frozen=True)
class Ratio:
    """How units were split, against how they should have been.

    Attributes:
        share: of the second side.
        expected: what it should be.
        p: probability of such a share, or one further off, if the split works.
    """

    share: float
    expected: float
    p: float

    @property
    def is_mismatch(self) -> bool:
        """Whether the split is broken: then nothing that is compared can be trusted."""
        return self.p < MISMATCH_P


def sample_ratio(before: int, after: int, expected: float) -> Ratio | None:
    """Whether units (users, sessions) were split as they should have been.

    Args:
        before: units of the first side.
        after: units of the second.
        expected: share of the second, between 0 and 1.

    Returns:
        The check; None without any units.

    Raises:
        ValueError: if the expected share is not between 0 and 1.
    """
    if not 0 < expected < 1:
        raise ValueError("the expected share lies between 0 and 1")
    total = before + after
    if not total:
        return None
    p = float(scipy.stats.binomtest(after, total, expected).pvalue)
    return Ratio(after / total, expected, p)
