"""Quotas: how much of a project is taken in a second and in a day.

A bucket for each project and limit fills with the limit's rate and holds ten seconds of it. A
request is taken as long as there is something in it, and takes out what it is: so one that is
larger than the bucket passes, too, and what comes after waits the longer.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from spanglass_collector.project_tables import read_tables

#: Stands for every project of which nothing is said.
OTHERS: Final = "*"
_BURST_S: Final = 10.0
_DAY_S: Final = 86_400
#: The longest that a sender is told to wait, in seconds.
_LONGEST_S: Final = 3600


class Quota(BaseModel):
    """What is taken of one project."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    items_per_s: float = Field(
        0, ge=0, le=1e12, description="Spans, log records and data points a second; 0 for any."
    )
    bytes_per_s: float = Field(
        0, ge=0, le=1e15, description="Bytes a second, decompressed; 0 for any."
    )
    bytes_per_day: int = Field(
        0, ge=0, le=1 << 62, description="Bytes a day (UTC), decompressed; 0 for any."
    )


def read_quotas(given: Mapping[str, Any]) -> dict[str, Quota]:
    """The quotas by project, `*` for all others.

    Args:
        given: the table `[quotas]`.

    Raises:
        ValueError: if something in it is wrong; the message names it.
    """
    return read_tables("quotas", given, Quota)


class OverQuota(Exception):
    """A project has sent more than is taken of it.

    Attributes:
        retry_after_s: after how long it may send again, in seconds.
    """

    def __init__(self, project: str, what: str, retry_after_s: int) -> None:
        super().__init__(
            f"The project {project!r} is over its quota of {what}. Send less, or have the quota"
            " raised (`[quotas]` in spanglass.toml)."
        )
        self.retry_after_s = retry_after_s


class _Bucket:
    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._level = rate * _BURST_S
        self._at = now

    def wait_s(self, now: float) -> float:
        """Seconds until there is something in it; 0 if there is."""
        self._level = min(self._rate * _BURST_S, self._level + (now - self._at) * self._rate)
        self._at = now
        return 0.0 if self._level > 0 else max(-self._level / self._rate, 1.0)

    def take(self, amount: float) -> None:
        self._level -= amount


class Quotas:
    """What may be taken, by project. For one thread.

    Args:
        quotas: by project, `*` for all others.
        clock: seconds that only grow.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        quotas: Mapping[str, Quota],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._quotas = dict(quotas)
        self._clock = clock
        self._wall = wall
        self._items: dict[str, _Bucket] = {}
        self._bytes: dict[str, _Bucket] = {}
        self._day = 0
        self._of_day: Counter[str] = Counter()
        #: Requests that were refused, by project.
        self.refused: Counter[str] = Counter()

    def check(self, project: str) -> None:
        """Whether something may be taken of a project now.

        Raises:
            OverQuota: if not.
        """
        quota = self._of(project)
        if quota is None:
            return
        now = self._clock()
        waits = {
            f"{quota.items_per_s:,g} items a second":
                self._bucket(self._items, project, quota.items_per_s, now),
            f"{quota.bytes_per_s:,g} bytes a second":
                self._bucket(self._bytes, project, quota.bytes_per_s, now),
            f"{quota.bytes_per_day:,} bytes a day": self._rest_of_day(project, quota),
        }  # fmt: skip
        what = max(waits, key=lambda each: waits[each])
        if waits[what] > 0:
            self.refused[project] += 1
            raise OverQuota(project, what, min(math.ceil(waits[what]), _LONGEST_S))

    def charge(self, project: str, items: int, size: int) -> None:
        """So much was taken of a project: items, and bytes as they came, decompressed."""
        quota = self._of(project)
        if quota is None:
            return
        for buckets, amount in ((self._items, items), (self._bytes, size)):
            if project in buckets:
                buckets[project].take(amount)
        if quota.bytes_per_day:
            self._of_day[project] += size

    def _of(self, project: str) -> Quota | None:
        return self._quotas.get(project) or self._quotas.get(OTHERS)

    @staticmethod
    def _bucket(buckets: dict[str, _Bucket], project: str, rate: float, now: float) -> float:
        if not rate:
            return 0.0
        bucket = buckets.get(project)
        if bucket is None:
            bucket = buckets[project] = _Bucket(rate, now)
        return bucket.wait_s(now)

    def _rest_of_day(self, project: str, quota: Quota) -> float:
        day, second = divmod(self._wall(), _DAY_S)
        if day != self._day:
            self._day = int(day)
            self._of_day.clear()
        if not quota.bytes_per_day or self._of_day[project] < quota.bytes_per_day:
            return 0.0
        return _DAY_S - second
