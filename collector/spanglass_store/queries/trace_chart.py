"""A list's traces as lines over time: how many, how long, how costly, by what tells them apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from spanglass_store.client import Store
from spanglass_store.queries.overview import step_of
from spanglass_store.queries.traces import TraceFilter

Metric = Literal["traces", "errors", "duration_p50", "duration_p95", "cost", "tokens"]
Group = Literal[
    "", "service", "model", "operation", "environment", "feature", "tag", "status", "user",
    "session", "name",
]  # fmt: skip

_VALUE: Final[Mapping[Metric, str]] = {
    "traces": "toFloat64(count())",
    "errors": "countIf(notEmpty(error_ids)) / count()",
    "duration_p50": "quantile(0.5)(duration_ns) / 1e9",
    "duration_p95": "quantile(0.95)(duration_ns) / 1e9",
    "cost": "sum(cost_usd)",
    "tokens": "toFloat64(sum(total_tokens))",
}
#: What adds up over groups and steps; of the others a mean of means would mislead.
_SUMS: Final = frozenset({"traces", "cost", "tokens"})
_COLUMN: Final[Mapping[Group, str]] = {
    "": "''",
    "service": "root_service",
    "model": "arrayJoin(if(empty(models), [''], models))",
    "operation": "arrayJoin(if(empty(operations), [''], operations))",
    "environment": "environment",
    "feature": "feature",
    "tag": "arrayJoin(if(empty(tags), [''], tags))",
    "status": "toString(status)",
    "user": "user_id",
    "session": "session_id",
    "name": "root_name",
}
#: Groups that have a line of their own; the others share none, and are counted.
MOST_GROUPS: Final = 8


@dataclass(frozen=True)
class Line:
    """One group of traces over time.

    Attributes:
        name: the value that its traces share; empty for those that have none.
        traces: how many there are in the whole range.
        value: the metric over the whole range: pieces, a share, seconds or US dollars.
        values: the same by step; None where a step has no trace to take it from.
    """

    name: str
    traces: int
    value: float
    values: list[float | None]


@dataclass(frozen=True)
class TraceChart:
    """A list's traces over time.

    Attributes:
        step_s: seconds a step.
        times: where the steps begin.
        lines: groups, the largest first, `MOST_GROUPS` at most.
        groups: how many groups there are.
    """

    step_s: int
    times: list[datetime]
    lines: list[Line]
    groups: int


def trace_chart(store: Store, which: TraceFilter, metric: Metric, by: Group) -> TraceChart:
    """Lines of a metric. Reads no payload column.

    A trace with several models, operations or tags is in each one's line.

    Args:
        store: as a reader.
        which: traces.
    """
    step = step_of(which.start, which.end)
    where, values = which.conditions(store.database)
    source = f"FROM {store.database}.traces AS t FINAL WHERE {' AND '.join(where)}"
    weight = "value" if metric in _SUMS else "traces"
    largest: Sequence[Mapping[str, Any]] = store.query(
        f"SELECT {_COLUMN[by]} AS line, count() AS traces, {_VALUE[metric]} AS value,"
        f" count() OVER () AS groups {source}"
        f" GROUP BY line ORDER BY {weight} DESC, line LIMIT {MOST_GROUPS}",
        values,
    ).dicts()
    names = [row["line"] for row in largest]
    steps: Sequence[Mapping[str, Any]] = store.query(
        f"SELECT {_COLUMN[by]} AS line,"
        " intDiv(toUnixTimestamp64Second(t.start_time), {step:UInt32}) AS number,"
        f" {_VALUE[metric]} AS value {source}"
        " GROUP BY line, number HAVING has({lines:Array(String)}, line)",
        {**values, "step": step, "lines": names},
    ).dicts()  # fmt: skip
    found = {(row["line"], row["number"]): float(row["value"]) for row in steps}
    numbers = range(int(which.start.timestamp()) // step, math.ceil(which.end.timestamp() / step))
    nothing = 0.0 if metric in _SUMS else None
    lines = [
        Line(
            row["line"], row["traces"], float(row["value"]),
            [found.get((row["line"], number), nothing) for number in numbers],
        )
        for row in largest
    ]  # fmt: skip
    times = [datetime.fromtimestamp(number * step, UTC) for number in numbers]
    return TraceChart(step, times, lines, largest[0]["groups"] if largest else 0)
