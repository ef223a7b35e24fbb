"""What two sides of a comparison are, in words: a window, a version in a window, a golden set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from spanglass_detectors.drift.windows import parse_window

#: What a side may be a version of.
VERSIONS: Final = ("release", "prompt", "model", "environment", "feature")
#: How far back a version is looked for where no window is given.
_BACK: Final = timedelta(days=14)
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED: Final = re.compile(r"([a-z]+):\s*(.+)")
_WITHIN: Final = re.compile(r"(.+?)\s+in\s+(\S+)")
_VERSION: Final = re.compile(r"([^@]+)(?:@(\d{1,9}))?")


@dataclass(frozen=True)
class Side:
    """One side.

    Attributes:
        start: of its window.
        end: the same, exclusive.
        version: what it is a version of (`release`, `prompt` …), and which; empty for all traffic.
        dataset: the golden set that it is, instead of traffic; empty for none.
        dataset_version: of that; 0 for the newest.
    """

    start: datetime = _EARLIEST
    end: datetime = _EARLIEST
    version: tuple[str, str] = ("", "")
    dataset: str = ""
    dataset_version: int = 0

    @property
    def window(self) -> tuple[datetime, datetime]:
        """From and until when."""
        return self.start, self.end


def parse_sides(reference: str, current: str, now: datetime) -> tuple[Side, Side]:
    """Both sides from words.

    `24h`, `8d..1d` and two moments are windows; `release:2.3.0` is a version in the last 14 days,
    up to where a window that it is compared with begins; `release:2.3.0 in 8d..1d` in a window;
    `dataset:NAME` or `dataset:NAME@3` a golden set, as a reference.

    Raises:
        ValueError: if a side is none of these.
    """
    then, is_open = _side(reference, now)
    side, is_open_too = _side(current, now)
    if side.dataset:
        raise ValueError("a dataset can only be the reference: current is what was sent since")
    if is_open and not is_open_too and not side.version[0]:
        then = Side(min(then.start, side.start - _BACK), side.start, then.version)
    return then, side


def _side(text: str, now: datetime) -> tuple[Side, bool]:
    """A side, and whether its window was left open."""
    text = text.strip()
    named = _NAMED.fullmatch(text)
    if named is None:
        return Side(*parse_window(text, now)), False
    kind, value = named[1], named[2].strip()
    if kind == "dataset":
        found = _VERSION.fullmatch(value)
        if found is None:
            raise ValueError(f"{text!r} should look like dataset:NAME or dataset:NAME@3")
        return Side(dataset=found[1].strip(), dataset_version=int(found[2] or 0)), False
    if kind not in VERSIONS:
        raise ValueError(
            f"a side can't be of {kind!r}; choose from {', '.join((*VERSIONS, 'dataset'))}"
        )
    if within := _WITHIN.fullmatch(value):
        return Side(*parse_window(within[2], now), (kind, within[1])), False
    return Side(now - _BACK, now, (kind, value)), True
