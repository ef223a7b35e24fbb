"""A test on live traffic, user by user: less noise, guardrails, a split that changed, how long.

Each user counts once, with the mean of what happened to them, so that a few who call often make no
interval too narrow. What a user was like before the test explains a part of what they are like in
it; that part is taken out (CUPED).

Sources: A. Deng, Y. Xu, R. Kohavi and T. Walker, "Improving the sensitivity of online controlled
experiments by utilizing pre-experiment data" (2013); R. Kohavi, D. Tang and Y. Xu, "Trustworthy
online controlled experiments" (2020), for guardrails and power.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy
from numpy.typing import NDArray

from spanglass_detectors.comparison import Difference, means
from spanglass_detectors.experiment import (
    FEWEST_TO_LOOK,
    MISMATCH_P,
    always_valid,
    half_width,
)
from spanglass_detectors.experiment import (
    Sequence as Looks,
)

#: What is promised of intervals, and of all guardrails together.
CONFIDENCE: Final = 0.95
#: Users with a value of the time before, below which nothing is taken out.
FEWEST_COVARIATES: Final = 30
_GUARDRAIL: Final = re.compile(r"([A-Za-z_][\w.-]*)=([+-])(\d+(?:\.\d*)?(?:[eE]-?\d+)?)")
_MOST_UNITS: Final = 10**9
#: Standard deviations in an effect that is smaller than `_MOST_UNITS` could ever show.
_FINEST: Final = 50_000

#: A user's value, by user.
Values = Mapping[str, float]


@dataclass(frozen=True)
class Adjusted:
    """Users' values, with what the time before explains taken out.

    Attributes:
        before: of the first side.
        after: of the second.
        saved: share of the variance that is gone: 0 without anything from before.
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    saved: float


def adjusted(before: Values, after: Values, earlier: Values) -> Adjusted:
    """Users' values less theta (x - mean of x), with x what the user was like before.

    Users of whom nothing is known from before keep their value: they are taken for average ones.

    Args:
        before: values of the first side's users.
        after: of the second's.
        earlier: values of users from before the test. It has to end before the test begins: what
            the test itself has changed must not be taken out.
    """
    sides = [np.array([each[unit] for unit in sorted(each)], float) for each in (before, after)]
    plain = Adjusted(sides[0], sides[1], 0.0)
    known = [
        np.array([earlier.get(unit, math.nan) for unit in sorted(each)], float)
        for each in (before, after)
    ]
    has = [np.isfinite(each) for each in known]
    if sum(int(each.sum()) for each in has) < FEWEST_COVARIATES or not all(h.any() for h in has):
        return plain
    # Within the sides, so that theta has nothing of the difference in it.
    ys = np.concatenate([y[h] - y[h].mean() for y, h in zip(sides, has, strict=True)])
    xs = np.concatenate([x[h] - x[h].mean() for x, h in zip(known, has, strict=True)])
    spread = float(xs @ xs)
    if spread == 0:
        return plain
    theta = float(ys @ xs) / spread
    middle = float(np.concatenate([x[h] for x, h in zip(known, has, strict=True)]).mean())
    made = [
        np.where(h, y - theta * (np.nan_to_num(x, nan=middle) - middle), y)
        for y, x, h in zip(sides, known, has, strict=True)
    ]
    was = sum(float(((y - y.mean()) ** 2).sum()) for y in sides)
    now = sum(float(((y - y.mean()) ** 2).sum()) for y in made)
    if was == 0 or now >= was:
        return plain
    return Adjusted(made[0], made[1], 1 - now / was)


@dataclass(frozen=True)
class UsersCompared:
    """A value of users on two sides.

    Attributes:
        difference: for one look at the end; None below five users on a side.
        looks: for as many looks as one likes; None below thirty.
        saved: share of the variance that was explained by the time before.
    """

    difference: Difference | None
    looks: Looks | None
    saved: float


def compared_users(
    before: Values, after: Values, earlier: Values, confidence: float = CONFIDENCE
) -> UsersCompared:
    """The difference of users' means, with what the time before explains taken out."""
    values = adjusted(before, after, earlier)
    return UsersCompared(
        means(values.before, values.after), always_valid(values.before, values.after, confidence),
        values.saved,
    )  # fmt: skip


@dataclass(frozen=True)
class Guardrail:
    """What a test may not make worse.

    Attributes:
        name: of the value.
        limit: by how much it may change, 0 or more.
        is_most: whether a rise beyond the limit is harm; otherwise a fall.
    """

    name: str
    limit: float
    is_most: bool

    def is_broken(self, looks: Looks | None) -> bool:
        """Whether harm beyond the limit is beyond doubt, however often one looks."""
        if looks is None:
            return False
        return looks.low > self.limit if self.is_most else looks.high < -self.limit


def guardrail(text: str) -> Guardrail:
    """A guardrail as it is typed: `error_rate=+0.02` may rise by so much, `score.relevance=-0.05`
    may fall.

    Raises:
        ValueError: if it is none; the message says what it should look like.
    """
    found = _GUARDRAIL.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no guardrail: error_rate=+0.02 may rise by 0.02, score.relevance=-0.05"
            " may fall by 0.05"
        )
    return Guardrail(found[1], float(found[3]), found[2] == "+")


def confidence_of(guardrails: int) -> float:
    """The confidence of each of so many guardrails, so that all together keep the promise
    (Bonferroni).
    """
    return 1 - (1 - CONFIDENCE) / max(1, guardrails)


def changed(days: Sequence[tuple[int, int]]) -> float:
    """Probability of shares that differ so much from day to day, if the split stayed as it was.

    Args:
        days: new users of each side, day by day.

    Returns:
        p of a chi-square test of homogeneity; 1 where days have too few users to tell.

    Source: K. Pearson (1900); days with fewer than five expected on a side are put together.
    """
    total = [sum(day[side] for day in days) for side in (0, 1)]
    if not all(total):
        return 1.0
    rare = min(total) / sum(total)
    rows: list[list[int]] = []
    held = [0, 0]
    for day in days:
        held = [held[0] + day[0], held[1] + day[1]]
        if sum(held) * rare >= 5:
            rows.append(held)
            held = [0, 0]
    if sum(held) and rows:
        rows[-1] = [rows[-1][0] + held[0], rows[-1][1] + held[1]]
    if len(rows) < 2:
        return 1.0
    return float(scipy.stats.chi2_contingency(np.array(rows), correction=False).pvalue)


def is_changed(p: float) -> bool:
    """Whether a split is taken to have changed in mid-test."""
    return p < MISMATCH_P


@dataclass(frozen=True)
class Needed:
    """Users of both sides together that a test needs.

    Attributes:
        at_the_end: to look once.
        however_often: to look whenever one likes.
    """

    at_the_end: int
    however_often: int


def needed(sd: float, effect: float, share: float, power: float = 0.8) -> Needed:
    """Users that a difference takes to be found.

    At the end: n = (z + z')² s² (1 / p + 1 / (1 - p)) / d², with z of the two-sided 5 %, z' of the
    power, s the standard deviation, p the second side's share, d the difference. However often: the
    least n at which the interval's half width and z' standard errors fit into d.

    Args:
        sd: standard deviation of users' values.
        effect: least difference that matters, in the value's unit.
        share: of the second side, between 0 and 1.
        power: probability to find it.

    Raises:
        ValueError: if an argument makes no sense.
    """
    if not (0 < share < 1 and 0 < power < 1 and effect > 0 and sd > 0):
        raise ValueError("share and power lie between 0 and 1, effect and spread above 0")
    too_small = "the effect is too small for a billion users to show it: give a larger one"
    if sd / effect > _FINEST:
        raise ValueError(too_small)
    z, more = float(scipy.stats.norm.ppf(0.975)), float(scipy.stats.norm.ppf(power))
    once = (z + more) ** 2 * sd**2 * (1 / share + 1 / (1 - share)) / effect**2

    def fits(total: int) -> bool:
        sides = (total * share, total * (1 - share))
        reach = sum(half_width(each, (1 - CONFIDENCE) / 2) for each in sides) * sd
        error = sd * math.sqrt(sum(1 / each for each in sides))
        return min(sides) >= FEWEST_TO_LOOK and reach + more * error <= effect

    low, high = 1, 2
    while high < _MOST_UNITS and not fits(high):
        low, high = high, high * 2
    if once > _MOST_UNITS or not fits(high):
        raise ValueError(too_small)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return Needed(math.ceil(once), high)
