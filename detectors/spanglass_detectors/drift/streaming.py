"""Change in a series while it comes: one value in, whether it changed out.

Each is told how often it may be wrong, and derives its limit from that. Values are measured in the
standard deviations of a first stretch, after which watching begins; a change starts anew.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np

Direction = Literal["up", "down"]

#: Siegmund's correction for steps that jump over the limit.
_OVERSHOOT: Final = 1.166
_LONGEST_BLOCK: Final = 10


def cusum_limit(steps: float, slack: float) -> float:
    """The limit at which a two-sided CUSUM is wrong once in `steps` on average.

    Source: Siegmund, Sequential Analysis (1985), for independent normal values.
    """
    low, high = 0.0, 200.0
    for _ in range(80):
        middle = (low + high) / 2
        b = 2 * slack * (middle + _OVERSHOOT)
        once = (math.exp(min(b, 700.0)) - b - 1) / (2 * slack * slack)
        low, high = (low, middle) if once / 2 > steps else (middle, high)
    return high


class Cusum:
    """Page's cumulative sum, both ways: best for a lasting change of a known small size.

    Source: Page (1954).

    Args:
        slack: half the change that matters, in standard deviations.
        steps: values between two false alarms, on average.
        warm_up: values from which mean and deviation are learned. The mean is learned further
            while nothing speaks for a change (Hawkins 1987), or an unlucky one would look like it.
    """

    def __init__(self, slack: float = 0.5, steps: float = 10_000, warm_up: int = 60) -> None:
        if slack <= 0 or steps < 2 or warm_up < 10:
            raise ValueError("slack has to be above 0, steps 2 or more, warm_up 10 or more")
        self._slack = slack
        self._warm_up = warm_up
        self.limit = cusum_limit(steps, slack)
        #: Values that came since the change began, where one was found.
        self.delay = 0
        self.direction: Direction | None = None
        self._reset()

    def _reset(self) -> None:
        self._first: list[float] = []
        self._mean, self._deviation, self._count = 0.0, 0.0, 0
        self._sums = [0.0, 0.0]
        self._since = [0, 0]

    def update(self, value: float) -> bool:
        """Whether it has changed by now; a value that is none says nothing."""
        if not math.isfinite(value):
            return False
        if len(self._first) < self._warm_up:
            self._first.append(value)
            if len(self._first) == self._warm_up:
                self._mean, self._deviation = _learned(self._first)
                self._count = self._warm_up
            return False
        z = (value - self._mean) / self._deviation * math.sqrt(self._count / (self._count + 1))
        for side, sign in enumerate((1.0, -1.0)):
            total = self._sums[side] + sign * z - self._slack
            self._since[side] = self._since[side] + 1 if total > 0 else 0
            self._sums[side] = max(0.0, total)
            if total > self.limit:
                self.delay, self.direction = self._since[side], "up" if sign > 0 else "down"
                self._reset()
                return True
        if max(self._sums) < self.limit / 2:
            self._count += 1
            self._mean += (value - self._mean) / self._count
        return False


class PageHinkley:
    """Page and Hinkley's test: against the mean of all that came, so that slow drifts are forgiven.

    Source: Hinkley (1971); Mouss and others (2004).

    Args:
        slack: change that is forgiven, in standard deviations.
        limit: sum of what is not at which it has changed, in standard deviations. The default is
            wrong about once in ten thousand independent values.
        warm_up: values before watching begins.
    """

    def __init__(self, slack: float = 0.25, limit: float = 16.0, warm_up: int = 60) -> None:
        if slack < 0 or limit <= 0 or warm_up < 10:
            raise ValueError("slack has to be 0 or more, limit above 0, warm_up 10 or more")
        self._slack, self._limit, self._warm_up = slack, limit, warm_up
        self.direction: Direction | None = None
        self._reset()

    def _reset(self) -> None:
        self._first: list[float] = []
        self._deviation = 0.0
        self._count, self._mean = 0, 0.0
        self._sums = [0.0, 0.0]

    def update(self, value: float) -> bool:
        """Whether it has changed by now; a value that is none says nothing."""
        if not math.isfinite(value):
            return False
        if len(self._first) < self._warm_up:
            self._first.append(value)
            if len(self._first) == self._warm_up:
                self._mean, self._deviation = _learned(self._first)
                self._count = self._warm_up
            return False
        z = (value - self._mean) / self._deviation
        self._count += 1
        self._mean += (value - self._mean) / self._count
        for side, sign in enumerate((1.0, -1.0)):
            self._sums[side] = max(0.0, self._sums[side] + sign * z - self._slack)
            if self._sums[side] > self._limit:
                self.direction = "up" if sign > 0 else "down"
                self._reset()
                return True
        return False


def _learned(values: list[float]) -> tuple[float, float]:
    """Mean and long-run deviation: values that follow each other closely count for less."""
    array = np.array(values)
    plain = float(array.std(ddof=1))
    found = plain
    for size in range(2, min(_LONGEST_BLOCK, len(array) // 8) + 1):
        means = array[: len(array) // size * size].reshape(-1, size).mean(axis=1)
        found = max(found, float(means.std(ddof=1)) * math.sqrt(size))
    # A constant stretch has no deviation: then any other value is a change.
    return float(array.mean()), found or max(1e-9, abs(float(array.mean())) * 1e-6)


class Adwin:
    """A window that grows while nothing changes and is cut where its halves differ.

    Source: Bifet and Gavaldà, Learning from Time-Changing Data with Adaptive Windowing (2007);
    values are kept in exponential histograms, so memory grows with the logarithm of the window.

    Args:
        delta: probability of a cut without a change.
        clock: values between two looks.
    """

    _BUCKETS: Final = 5

    def __init__(self, delta: float = 0.002, clock: int = 32) -> None:
        if not 0 < delta < 1 or clock < 1:
            raise ValueError("delta lies between 0 and 1, clock is 1 or more")
        self._delta, self._clock = delta, clock
        #: By size 1, 2, 4 …: buckets of total and squared deviation, the oldest first.
        self._rows: list[list[tuple[float, float]]] = [[]]
        self.width = 0
        self._total, self._squares = 0.0, 0.0
        self._seen = 0

    @property
    def mean(self) -> float:
        """Of what is in the window."""
        return self._total / self.width if self.width else 0.0

    def update(self, value: float) -> bool:
        """Whether the window was cut; a value that is none says nothing."""
        if not math.isfinite(value):
            return False
        if self.width:
            self._squares += self.width / (self.width + 1) * (value - self.mean) ** 2
        self.width += 1
        self._total += value
        self._rows[0].append((value, 0.0))
        self._compress()
        self._seen += 1
        if self._seen % self._clock:
            return False
        was_cut = False
        while self._cut():
            was_cut = True
        return was_cut

    def _compress(self) -> None:
        for row, buckets in enumerate(self._rows):
            if len(buckets) <= self._BUCKETS:
                return
            if row + 1 == len(self._rows):
                self._rows.append([])
            (one, one_squares), (other, other_squares) = buckets[0], buckets[1]
            del buckets[:2]
            size = 1 << row
            between = size / 2 * (one / size - other / size) ** 2
            self._rows[row + 1].append((one + other, one_squares + other_squares + between))

    def _cut(self) -> bool:
        """Drops the oldest bucket if some older and newer part differ."""
        if self.width < 2 * self._BUCKETS:
            return False
        variance = self._squares / self.width
        log = math.log(2 * math.log(self.width) / self._delta)
        old_count, old_total = 0, 0.0
        for row in range(len(self._rows) - 1, -1, -1):
            for total, _ in self._rows[row]:
                old_count += 1 << row
                old_total += total
                new_count = self.width - old_count
                if old_count < self._BUCKETS or new_count < self._BUCKETS:
                    continue
                gap = abs(old_total / old_count - (self._total - old_total) / new_count)
                part = 1 / (1 / old_count + 1 / new_count)
                if gap > math.sqrt(2 / part * variance * log) + 2 / (3 * part) * log:
                    self._drop()
                    return True
        return False

    def _drop(self) -> None:
        row = max(n for n, buckets in enumerate(self._rows) if buckets)
        total, squares = self._rows[row].pop(0)
        size = 1 << row
        left = self.width - size
        gap = total / size - (self._total - total) / left
        self._squares = max(0.0, self._squares - squares - size * left / self.width * gap * gap)
        self.width, self._total = left, self._total - total
