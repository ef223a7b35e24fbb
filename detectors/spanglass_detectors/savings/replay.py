"""A cache of answers, replayed over the calls that were made.

A call hits if one with the same key was answered before it began and at most `ttl` seconds earlier;
else it is a miss, and its own answer is kept from its end on. A hit does not prolong an entry. So
a key's calls are walked through once in the order of time, and what comes out is what a cache of
unlimited size with this time-to-live would have done; `peak` says how many entries that takes.

Source: the definition of a cache with a time-to-live; J. Jung, A. W. Berger, H. Balakrishnan,
"Modeling TTL-based Internet Caches" (2003) has the theory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Times-to-live that are tried, in seconds: a minute to a week.
TTLS: Final = (60.0, 300.0, 3_600.0, 6 * 3_600.0, 86_400.0, 7 * 86_400.0)
#: The shortest time-to-live that saves this part of what the longest does is proposed.
_ENOUGH: Final = 0.9


@dataclass(frozen=True)
class Calls:
    """Calls of models, one place in each array; in any order.

    Attributes:
        key: what makes two calls the same.
        trace: which request a call belongs to.
        start: seconds.
        end: seconds.
        usd: what it cost; weighted, where it stands for several.
        answer: what makes two answers the same.
    """

    key: NDArray[np.uint64]
    trace: NDArray[np.uint64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    usd: NDArray[np.float64]
    answer: NDArray[np.uint64]

    def __len__(self) -> int:
        return int(self.key.size)

    def at(self, index: Any) -> Calls:
        """Those at some places, or those of a mask."""
        return Calls(
            self.key[index], self.trace[index], self.start[index], self.end[index],
            self.usd[index], self.answer[index],
        )  # fmt: skip


@dataclass(frozen=True)
class Replay:
    """What a cache would have done.

    Attributes:
        ttl: seconds.
        calls: that were replayed.
        hits: places of the calls that would have been answered from it.
        fills: of each hit, the place of the call whose answer it would have been given.
        usd: what the hits cost.
        seconds: that they took.
        same: share of hits whose own answer was the kept one, word by word; None without hits.
        peak: entries at once, at most.
    """

    ttl: float
    calls: int
    hits: NDArray[np.int64]
    fills: NDArray[np.int64]
    usd: float
    seconds: float
    same: float | None
    peak: int

    @property
    def hit_rate(self) -> float:
        return self.hits.size / self.calls if self.calls else 0.0


def split_repeats(calls: Calls) -> tuple[Calls, Calls]:
    """Calls by whether they repeat one of the same request: the first ones, and the repeats.

    What one request asks twice is a retry or a loop, and no two people's question.
    """
    order = np.lexsort((calls.start, calls.key, calls.trace))
    same = (np.diff(calls.key[order]) == 0) & (np.diff(calls.trace[order]) == 0)
    repeats = np.zeros(len(calls), bool)
    repeats[order[1:][same]] = True
    return calls.at(~repeats), calls.at(repeats)


def replay(calls: Calls, ttl: float) -> Replay:
    """What a cache with a time-to-live would have done.

    Args:
        calls: see `Calls`.
        ttl: seconds.
    """
    order = np.lexsort((calls.start, calls.key))
    key, start, end = calls.key[order], calls.start[order], calls.end[order]
    hits: list[int] = []
    fills: list[int] = []
    kept_until: list[tuple[float, float]] = []
    filled = -1
    # Keys that come once can't hit, and most do.
    lone = np.ones(len(calls), bool)
    again = np.flatnonzero(key[1:] == key[:-1])
    lone[again] = lone[again + 1] = False
    for n in np.flatnonzero(~lone).tolist():
        is_first = filled < 0 or key[n] != key[filled]
        if is_first or start[n] > end[filled] + ttl:
            filled = n
            kept_until.append((end[n], end[n] + ttl))
        elif start[n] >= end[filled]:
            hits.append(n)
            fills.append(filled)
    places = order[np.array(hits, np.int64)]
    sources = order[np.array(fills, np.int64)]
    opened = np.sort(np.concatenate([[a for a, _ in kept_until], end[lone]]))
    same = float(np.mean(calls.answer[places] == calls.answer[sources])) if places.size else None
    return Replay(
        ttl, len(calls), places, sources, float(calls.usd[places].sum()),
        float((calls.end[places] - calls.start[places]).sum()), same,
        # Every entry lives as long: those alive when one is made began within a lifetime before.
        int(np.max(np.arange(1, opened.size + 1) - np.searchsorted(opened, opened - ttl, "right")))
        if opened.size
        else 0,
    )  # fmt: skip


def best(replays: Sequence[Replay]) -> Replay:
    """The shortest time-to-live that saves nearly as much as the longest does."""
    most = max(each.usd for each in replays)
    return min((each for each in replays if each.usd >= _ENOUGH * most), key=lambda each: each.ttl)


def by_day(calls: Calls, places: NDArray[np.int64], first: float, days: int) -> list[float]:
    """What calls cost, day by day.

    Args:
        calls: see `Calls`.
        places: which of them.
        first: where the first day begins, in seconds.
        days: how many there are; calls outside are left out.
    """
    day = np.floor((calls.start[places] - first) / 86_400).astype(int)
    inside = (day >= 0) & (day < days)
    summed = np.bincount(day[inside], calls.usd[places][inside], minlength=days)
    return [float(each) for each in summed]
