"""Windows of time: those that are due, and what each is compared with."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_DAY_HOURS: Final = 24
#: By how much clocks may differ.
_CLOCKS: Final = timedelta(minutes=1)
_BACK: Final = re.compile(r"(\d+)\s*([mhdw])")
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, order=True)
class HourWindow:
    """Whole hours, in hours since 1970: `start` inclusive, `end` exclusive."""

    end: int
    start: int

    @property
    def length(self) -> int:
        return self.end - self.start

    def reference(self, days: int, before: int | None = None, most: int = 14) -> list[int]:
        """The same hours of the days before: hours since 1970, the latest day first.

        Args:
            days: how many days.
            before: days that end later are left out: what came since is what is compared.
            most: days to go back.
        """
        hours: list[int] = []
        taken = 0
        for back in range(1, most + 1):
            if taken == days:
                break
            if before is not None and self.end - back * _DAY_HOURS > before:
                continue
            hours += range(self.start - back * _DAY_HOURS, self.end - back * _DAY_HOURS)
            taken += 1
        return hours


def due_windows(
    scales: Collection[int], first: int, last: int, seen: int, changed: Collection[int], days: int
) -> Iterator[HourWindow]:
    """Windows to look at, in the order of their ends.

    Those that ended since the last look, and those of which an hour, or an hour of the reference,
    has changed since.

    Args:
        scales: lengths in hours; windows lie end to end.
        first: windows that end before are over and done with.
        last: the hour up to which everything is there.
        seen: the end of what was looked at.
        changed: hours that changed.
        days: of the reference.
    """
    touched = set(changed)
    for end in range(first, last + 1):
        for scale in sorted(scales):
            if end % scale:
                continue
            window = HourWindow(end, end - scale)
            if end > seen or not touched.isdisjoint(
                [*range(window.start, window.end), *window.reference(days)]
            ):
                yield window


def parse_window(text: str, now: datetime) -> tuple[datetime, datetime]:
    """A range from words: `24h` (the last 24 hours), `8d..1d` (from 8 days ago to a day ago), or
    two moments, `2026-01-01..2026-01-08T12:00`.

    Raises:
        ValueError: if it is none of these, or ends before it begins.
    """
    begin, separator, finish = text.partition("..")
    start = _moment(begin, now)
    end = _moment(finish, now) if separator and finish.strip() else now
    if start >= end:
        raise ValueError(f"the window {text!r} ends before it begins")
    return start, end


def _moment(text: str, now: datetime) -> datetime:
    text = text.strip()
    if text in ("now", "0"):
        return now
    if found := _BACK.fullmatch(text):
        return now - timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} should look like 24h, 7d, 8d..1d or 2026-01-31T12:00"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def unfit_reason(
    reference: tuple[datetime, datetime],
    current: tuple[datetime, datetime],
    now: datetime,
    *,
    are_apart: bool = False,
) -> str:
    """Why two windows can't be compared; empty if they can.

    Args:
        reference: from and until when.
        current: the same.
        now: the present.
        are_apart: whether no call can be of both, so that they may overlap.
    """
    for name, window in (("reference", reference), ("current window", current)):
        if window[1] > now + _CLOCKS:
            return f"the {name} lies in the future: it ends at {window[1]:%Y-%m-%d %H:%M} UTC"
    if not are_apart and reference[0] < current[1] and current[0] < reference[1]:
        return "the reference and the current window overlap"
    return ""
