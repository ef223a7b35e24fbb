"""How an application is doing: traffic, errors, latency, tokens, cost and scores, over time.

Requests are root spans; a request has failed if any span of its trace has. What failed in a trace
whose root is not among these spans is no failed request. Calls are inference
spans, each once. A sampled span counts for those that it stands for; percentiles are of the spans
as they are, from a t-digest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.queries.leaves import is_leaf

#: Steps of time, in seconds: of what people count in.
_STEPS: Final = (
    60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 7 * 86_400,
)  # fmt: skip
#: Steps that a range has at most.
MOST_STEPS: Final = 120
#: Models and names of scores that are listed at most.
MOST_MODELS: Final = 20
MOST_SCORES: Final = 12

_ROOT: Final = "parent_span_id = ''"
_SUMS: Final[Mapping[str, str]] = {
    "requests": f"sumIf(sample_weight, {_ROOT})",
    "failed": f"sumIf(sample_weight, {_ROOT} AND has_failed)",
    "calls": "sumIf(sample_weight, is_leaf)",
    "failed_calls": "sumIf(sample_weight, is_leaf AND status = 'error')",
    "input_tokens": "sumIf(ifNull(input_tokens, 0) * sample_weight, is_leaf)",
    "output_tokens": "sumIf(ifNull(output_tokens, 0) * sample_weight, is_leaf)",
    "cost_usd": "sumIf(ifNull(cost_usd, 0) * sample_weight, is_leaf)",
}
_DURATION: Final = f"quantilesTDigestIf(0.5, 0.95)(duration_ns / 1e9, {_ROOT})"
_CALL: Final = "quantilesTDigestIf(0.5, 0.95)(duration_ns / 1e9, is_leaf)"
_TTFT: Final = (
    "quantilesTDigestIf(0.5, 0.95)(assumeNotNull(time_to_first_token_s),"
    " is_leaf AND time_to_first_token_s IS NOT NULL)"
)
_COLUMNS: Final = (
    "project, trace_id, parent_span_id, start_time, duration_ns, time_to_first_token_s, status,"
    " sample_weight, provider, request_model, response_model, input_tokens, output_tokens, cost_usd"
)
# As it was asked for: a call that failed has no model that answered.
_MODEL: Final = "if(request_model != '', request_model, response_model)"


@dataclass(frozen=True)
class OverviewFilter:
    """Which spans; everything that is given has to hold.

    Attributes:
        start: earliest start, inclusive.
        end: latest start, exclusive.
    """

    start: datetime
    end: datetime
    project: str = ""
    service: str = ""
    environment: str = ""

    @property
    def before(self) -> datetime:
        """Where the range of the same length before this one begins."""
        return range_before(self.start, self.end)

    def conditions(self, time: str = "start_time") -> tuple[str, dict[str, Any]]:
        """SQL over this range and the one before it, and its parameters."""
        where = [
            f"{time} >= {{start:DateTime64(6, 'UTC')}}", f"{time} < {{end:DateTime64(6, 'UTC')}}",
        ]  # fmt: skip
        values: dict[str, Any] = {"start": self.before, "middle": self.start, "end": self.end}
        if self.project:
            where.append("project = {project:String}")
            values["project"] = self.project
        if time == "start_time":
            for name in ("service", "environment"):
                if value := getattr(self, name):
                    where.append(f"{name} = {{{name}:String}}")
                    values[name] = value
        return " AND ".join(where), values


def range_before(start: datetime, end: datetime) -> datetime:
    """Where the range of the same length before another begins."""
    earliest = datetime(1970, 1, 1, tzinfo=UTC)
    try:
        return max(start - (end - start), earliest)
    except OverflowError:
        return earliest


def step_of(start: datetime, end: datetime) -> int:
    """Seconds a step of a range: the shortest that people count in, with few enough of them."""
    length = max(1.0, (end - start).total_seconds())
    found = next((step for step in _STEPS if length / step <= MOST_STEPS), 0)
    week = _STEPS[-1]
    return found or week * math.ceil(length / MOST_STEPS / week)


def overview(store: Store, which: OverviewFilter) -> dict[str, Any]:
    """How it goes, and how it went before.

    Args:
        store: as a reader.
        which: spans.

    Returns:
        `step_s`; `total` and `before`, of the range and of the one before it; `series`, a row a
        step, steps without anything included; `models`, those that were called most first;
        `scores` by name.
    """
    step = step_of(which.start, which.end)
    where, values = which.conditions()
    values["step"] = step
    columns = ", ".join(f"{sql} AS {name}" for name, sql in _SUMS.items())
    source = (
        f"(SELECT {_COLUMNS}, ({is_leaf(store.database)}) AS is_leaf,"
        f" {_ROOT} AND cityHash64(project, trace_id) IN (SELECT cityHash64(project, trace_id)"
        f" FROM {store.database}.spans FINAL WHERE {where} AND status = 'error') AS has_failed,"
        f" if(is_leaf, {_MODEL}, '') AS model,"
        " start_time >= {middle:DateTime64(6, 'UTC')} AS is_now"
        f" FROM {store.database}.spans FINAL WHERE {where})"
    )
    # By time, by model and in all, so that the spans are read once.
    rows = store.query(
        "SELECT is_now, toUnixTimestamp(toStartOfInterval(start_time,"
        " toIntervalSecond({step:UInt32}))) AS time, model,"
        " multiIf(grouping(time) = 0, 'time', grouping(model) = 0, 'model', 'all') AS by,"
        f" any(provider) AS provider, {columns},"
        f" {_DURATION} AS duration, {_CALL} AS call, {_TTFT} AS first_token FROM {source}"
        " GROUP BY GROUPING SETS ((is_now, time), (is_now, model), (is_now))"
        " HAVING by = 'all' OR (is_now AND (by = 'time' OR (model != '' AND calls > 0)))",
        values,
    ).dicts()
    sums = {bool(row["is_now"]): _shaped(row) for row in rows if row["by"] == "all"}
    steps = {row["time"]: _shaped(row) for row in rows if row["by"] == "time"}
    return {
        "step_s": step,
        "total": sums.get(True, _NOTHING),
        "before": sums.get(False, _NOTHING),
        "series": _filled(which, step, steps),
        "models": _models([row for row in rows if row["by"] == "model"]),
        "scores": _scores(store, which),
    }


_NOTHING: Final[Mapping[str, Any]] = {
    **dict.fromkeys(_SUMS, 0.0),
    **dict.fromkeys(("duration_p50_s", "duration_p95_s", "first_token_p50_s", "first_token_p95_s")),
}


def _shaped(row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: float(row[name]) for name in _SUMS}
    for name in ("duration", "first_token"):
        # Of nothing, a percentile is no number.
        half, most = (float(each) for each in row[name])
        found[f"{name}_p50_s"] = None if math.isnan(half) else half
        found[f"{name}_p95_s"] = None if math.isnan(most) else most
    return found


def _filled(
    which: OverviewFilter, step: int, steps: Mapping[int, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    first = int(which.start.timestamp()) // step * step
    times = range(first, math.ceil(which.end.timestamp()), step)
    return [
        {"time": datetime.fromtimestamp(at, UTC), **(steps.get(at) or _NOTHING)} for at in times
    ]


def _models(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    most = sorted(rows, key=lambda row: (-row["calls"], row["model"]))[:MOST_MODELS]
    return [
        {
            "model": row["model"],
            "provider": row["provider"],
            **_shaped({**row, "requests": 0, "failed": 0, "duration": row["call"]}),
        }
        for row in most
    ]


def _scores(store: Store, which: OverviewFilter) -> list[dict[str, Any]]:
    """Means of scores that have a value, by name. They are of no service or environment.

    Detectors give some to every answer; what people say would have no room among those.
    """
    where, values = which.conditions("created_at")
    current = "created_at >= {middle:DateTime64(6, 'UTC')}"
    rows: Sequence[Mapping[str, Any]] = store.query(
        f"SELECT name, countIf({current}) AS count, avgIf(assumeNotNull(value), {current}) AS mean,"
        f" avgIf(assumeNotNull(value), NOT {current}) AS before"
        f" FROM {store.database}.scores FINAL WHERE {where} AND value IS NOT NULL"
        " GROUP BY name HAVING count > 0 ORDER BY min(source = 'detector'), count DESC,"
        " name LIMIT {most:UInt32}",
        {**values, "most": MOST_SCORES},
    ).dicts()
    return [{**row, "before": None if math.isnan(row["before"]) else row["before"]} for row in rows]
