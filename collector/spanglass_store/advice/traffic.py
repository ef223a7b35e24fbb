"""What traffic there is: how much, of whom, with what of prices, prompts and scores."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from spanglass_detectors.savings.monthly import per_month
from spanglass_store.advice.scope import Scope
from spanglass_store.client import Store
from spanglass_store.prices.costs import PRICED_MODEL, is_unpriced

#: What a segment is: calls that are made for one thing. An application that names no feature and
#: no prompt is one segment.
SEGMENT: Final = ("project", "service", "feature", "prompt_name")
SEGMENT_HASH: Final = f"cityHash64({', '.join(SEGMENT)})"
_MOST_SEGMENTS: Final = 2_000
_MOST_OF_A_DAY: Final = 20_000
#: One user who makes this part of the calls says nothing of others.
_ALL_OF_IT: Final = 0.95


@dataclass(frozen=True)
class Segment:
    """Calls of one model for one thing.

    Attributes:
        key: the segment's, without the model; see `SEGMENT`.
        calls: how many; a sampled one counts for those that it stands for.
        usd: what they cost.
        idle_days: whole days since the last one, until the end of the range.
    """

    key: int
    project: str
    service: str
    feature: str
    prompt_name: str
    provider: str
    model: str
    calls: float
    usd: float
    input_usd: float
    input_tokens: float
    cache_read: float
    cache_write: float
    idle_days: int

    @property
    def scope(self) -> dict[str, str]:
        """What it is, without what is not known."""
        named = {
            "service": self.service, "feature": self.feature, "prompt_name": self.prompt_name,
        }  # fmt: skip
        return {name: value for name, value in named.items() if value}

    @property
    def title(self) -> str:
        return self.prompt_name or self.feature or self.service or "all calls"


@dataclass(frozen=True)
class Traffic:
    """The calls of a range of time.

    Attributes:
        first: the number of the first day that has a call.
        active: days that have calls.
        days: US dollars by day, from the first of them on.
        calls: how many.
        rows: spans of them, which are fewer where calls are sampled.
        busiest: spans of the day with most.
        unpriced: calls without a price.
        with_input: calls whose prompt is stored.
        redacted: of those, the ones with something taken out.
        user: who makes nearly all of the calls; empty if nobody does.
        user_share: which part.
        segments: by what is spent.
    """

    first: int
    active: int
    days: tuple[float, ...]
    calls: float
    rows: int
    busiest: int
    unpriced: float
    with_input: int
    redacted: int
    user: str
    user_share: float
    segments: tuple[Segment, ...]

    @property
    def usd_month(self) -> float:
        """What a month costs at this rate; 0 where there are too few days to say."""
        found = per_month(self.days)
        return found.usd_month if found else 0.0

    @property
    def one_user(self) -> bool:
        return self.user != "" and self.user_share >= _ALL_OF_IT

    def named(self) -> dict[int, Segment]:
        """A segment's dearest model, by its key."""
        found: dict[int, Segment] = {}
        for each in self.segments:
            found.setdefault(each.key, each)
        return found


def traffic(store: Store, scope: Scope) -> Traffic:
    """What traffic there is.

    Args:
        store: as a reader.
        scope: which.
    """
    days: dict[int, float] = {}
    rows: list[int] = []
    users: dict[str, float] = defaultdict(float)
    sums: dict[_Key, dict[str, float]] = {}
    for number, day in enumerate(scope.each_day()):
        found = _segments(store, day)
        if not found:
            continue
        days[number] = sum(float(row["usd"] or 0) for row in found)
        rows.append(sum(int(row["n"]) for row in found))
        for row in found:
            key = _Key(*(row[name] for name in _Key._fields))
            mine = sums.setdefault(key, dict.fromkeys(_SUMS, 0.0))
            for name in _SUMS:
                mine[name] += float(row[name] or 0)
            mine["last"] = number
        for user, calls in _users(store, day):
            users[user] += calls
    total = {name: sum(each[name] for each in sums.values()) for name in _SUMS}
    user = max(users, key=lambda name: users[name], default="")
    first = min(days, default=0)
    dearest = sorted(sums.items(), key=lambda item: (-item[1]["usd"], -item[1]["calls"], item[0]))
    return Traffic(
        first=first,
        active=len(days),
        days=tuple(days.get(n, 0.0) for n in range(first, scope.days)) if days else (),
        calls=total["calls"],
        rows=sum(rows),
        busiest=max(rows, default=0),
        unpriced=total["unpriced"],
        with_input=int(total["told"]),
        redacted=int(total["redacted"]),
        user=user,
        user_share=users[user] / total["calls"] if user and total["calls"] else 0.0,
        segments=tuple(_segment(key, each, scope.days) for key, each in dearest[:_MOST_SEGMENTS]),
    )


class _Key(NamedTuple):
    """What a segment's model is known by."""

    key: int
    project: str
    service: str
    feature: str
    prompt_name: str
    provider: str
    model: str


#: Sums of a segment's model, and those of them that are told of it.
_OF_SEGMENT: Final = ("calls", "usd", "input_usd", "input_tokens", "cache_read", "cache_write")
_SUMS: Final = (*_OF_SEGMENT, "unpriced", "told", "redacted")


def _segment(key: _Key, sums: dict[str, float], days: int) -> Segment:
    figures: dict[str, Any] = {name: sums[name] for name in _OF_SEGMENT}
    return Segment(**key._asdict(), **figures, idle_days=days - 1 - int(sums["last"]))


def _segments(store: Store, day: Scope) -> list[dict[str, Any]]:
    return store.query(
        f"SELECT {SEGMENT_HASH} AS key, {', '.join(SEGMENT)}, provider, {PRICED_MODEL} AS model,"
        " sum(s.sample_weight) AS calls, sum(s.cost_usd * s.sample_weight) AS usd, count() AS n,"
        " sum(s.input_cost_usd * s.sample_weight) AS input_usd,"
        " sum(s.input_tokens * s.sample_weight) AS input_tokens,"
        " sum(s.cache_read_tokens * s.sample_weight) AS cache_read,"
        " sum(s.cache_write_tokens * s.sample_weight) AS cache_write,"
        f" sumIf(s.sample_weight, {is_unpriced('s')}) AS unpriced,"
        " countIf(input_key != '') AS told, countIf(input_key != '' AND s.redacted) AS redacted"
        f" FROM {day.calls(store.database)}"
        f" GROUP BY {', '.join(SEGMENT)}, provider, model ORDER BY usd DESC, calls DESC"
        " LIMIT {most:UInt32}",
        {**day.values(), "most": _MOST_OF_A_DAY},
    ).dicts()


def _users(store: Store, day: Scope) -> list[tuple[str, float]]:
    """Those who make most of the calls of a day."""
    rows = store.query(
        "SELECT user_id, sum(s.sample_weight) AS calls"
        f" FROM {day.calls(store.database)} AND user_id != ''"
        " GROUP BY user_id ORDER BY calls DESC LIMIT 20",
        day.values(),
    ).rows
    return [(str(user), float(calls)) for user, calls in rows]
