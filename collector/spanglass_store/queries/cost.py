"""What calls of models have cost, by who made them and when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from spanglass_store.client import Store
from spanglass_store.prices.costs import PRICED_MODEL, is_unpriced
from spanglass_store.queries.leaves import is_leaf

GroupBy = Literal[
    "project", "service", "environment", "provider", "model", "operation", "user", "session",
    "feature", "tag", "prompt", "prompt_version", "cost_source",
]  # fmt: skip
Interval = Literal["none", "hour", "day", "week", "month"]

#: Group, and SQL that makes its name.
GROUPS: Final[Mapping[str, str]] = {
    "project": "project",
    "service": "service",
    "environment": "environment",
    "provider": "provider",
    "model": PRICED_MODEL,
    "operation": "operation",
    "user": "user_id",
    "session": "session_id",
    "feature": "feature",
    # A call counts once for each of its tags.
    "tag": "arrayJoin(if(empty(tags), [''], CAST(tags, 'Array(String)')))",
    "prompt": "prompt_name",
    "prompt_version": "if(prompt_name = '', '', concat(prompt_name, ':', prompt_version))",
    "cost_source": "toString(cost_source)",
}
_INTERVALS: Final[Mapping[str, str]] = {
    "hour": "toStartOfHour(start_time)",
    "day": "toStartOfDay(start_time)",
    "week": "toStartOfWeek(start_time, 1)",
    "month": "toStartOfMonth(start_time)",
}
#: A sampled span stands for several.
_SUMS: Final = ", ".join((
    "sum(s.cost_usd * s.sample_weight) AS cost_usd",
    "sum(s.input_cost_usd * s.sample_weight) AS input_cost_usd",
    "sum(s.output_cost_usd * s.sample_weight) AS output_cost_usd",
    "sum(s.sample_weight) AS calls",
    f"sumIf(s.sample_weight, {is_unpriced('s')}) AS unknown_calls",
    "sum(s.input_tokens * s.sample_weight) AS input_tokens",
    "sum(s.output_tokens * s.sample_weight) AS output_tokens",
    # The engine's own count of tokens tells what those have used that were not kept.
    "sum(s.energy_j * s.sample_weight) AS energy_j",
))  # fmt: skip
SUMS: Final = (
    "cost_usd", "input_cost_usd", "output_cost_usd", "calls", "unknown_calls", "input_tokens",
    "output_tokens", "energy_j",
)  # fmt: skip


@dataclass(frozen=True)
class CostFilter:
    """Which calls; everything that is given has to hold.

    Attributes:
        start: earliest start, inclusive.
        end: latest start, exclusive.
    """

    start: datetime
    end: datetime
    project: str = ""
    service: str = ""
    environment: str = ""
    provider: str = ""
    model: str = ""
    user: str = ""
    session: str = ""
    feature: str = ""
    tag: str = ""
    prompt: str = ""

    def conditions(self) -> tuple[list[str], dict[str, Any]]:
        where = [
            "start_time >= {start:DateTime64(6, 'UTC')}", "start_time < {end:DateTime64(6, 'UTC')}",
        ]  # fmt: skip
        values: dict[str, Any] = {"start": self.start, "end": self.end}
        for name in (
            "project", "service", "environment", "provider", "model", "user", "session", "feature",
            "prompt",
        ):  # fmt: skip
            if value := getattr(self, name):
                where.append(f"{GROUPS[name]} = {{{name}:String}}")
                values[name] = value
        if self.tag:
            where.append("has(tags, {tag:String})")
            values["tag"] = self.tag
        return where, values


def cost(
    store: Store, which: CostFilter, group_by: GroupBy, interval: Interval = "none", limit: int = 50
) -> dict[str, Any]:
    """Sums of calls, by group and time.

    Args:
        store: as a reader.
        which: calls.
        group_by: what a group is.
        interval: steps of time; without them only sums.
        limit: groups at most, the dearest first; the others are summed as `others`.

    Returns:
        `total`, `groups` (name and sums, with a `series` where there is an interval), `others`.
    """
    where, values = which.conditions()
    source = (
        f"{store.database}.spans AS s FINAL WHERE {' AND '.join(where)}"
        f" AND {is_leaf(store.database)}"
    )
    total = store.named_row(f"SELECT {_SUMS} FROM {source}", values)
    group = GROUPS[group_by]
    groups = store.query(
        f"SELECT toString({group}) AS name, {_SUMS} FROM {source}"
        " GROUP BY name ORDER BY cost_usd DESC, calls DESC, name LIMIT {limit:UInt32}",
        {**values, "limit": limit},
    ).dicts()
    if interval != "none" and groups:
        _add_series(store, source, values, group, groups, interval)
    for each in (total, *groups):
        each.update({name: each[name] or 0 for name in SUMS})
    # A call with two tags is in two groups, so what is left over can't be told by tag.
    others = (
        {name: max(0, total[name] - sum(each[name] for each in groups)) for name in SUMS}
        if group_by != "tag" and len(groups) == limit
        else dict.fromkeys(SUMS, 0)
    )
    return {"total": total, "groups": groups, "others": others}


def _add_series(
    store: Store,
    source: str,
    values: Mapping[str, Any],
    group: str,
    groups: list[dict[str, Any]],
    interval: str,
) -> None:
    rows = store.query(
        f"SELECT toString({group}) AS name,"
        f" formatDateTime(toDateTime({_INTERVALS[interval]}, 'UTC'), '%Y-%m-%dT%H:%i:%SZ', 'UTC')"
        f" AS time, {_SUMS} FROM {source} AND name IN {{names:Array(String)}}"
        " GROUP BY name, time ORDER BY time",
        {**values, "names": [each["name"] for each in groups]},
    ).dicts()
    series: dict[str, list[dict[str, Any]]] = {each["name"]: [] for each in groups}
    for row in rows:
        series[row.pop("name")].append({key: value or 0 for key, value in row.items()})
    for each in groups:
        each["series"] = series[each["name"]]
