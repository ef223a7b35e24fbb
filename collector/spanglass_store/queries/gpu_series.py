"""How boards and engines went, step by step of a range of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.queries.deployments import RANGE
from spanglass_store.queries.engine_load import describe
from spanglass_store.queries.overview import step_of

#: Numbers of the steps; none where nothing was read.
Steps = list[float | None]

#: What is shown of a board, by metric and the part of it that counts; other parts are left out.
_BOARD: Final[Mapping[str, str]] = {
    "hw.gpu.utilization": "utilization",
    "hw.gpu.memory.usage": "memory_bytes",
    "hw.power": "power_w",
    "hw.temperature": "temperature_c",
    "hw.gpu.throttled": "throttled",
}
#: Of engines in parallel (ranks) requests add up, shares do not.
_GAUGES: Final[Mapping[str, str]] = {
    "engine.requests_running": "running",
    "engine.requests_waiting": "waiting",
    "engine.kv_cache_usage": "kv_cache_usage",
}
_COUNTERS: Final[Mapping[str, str]] = {
    "engine.generated_tokens": "generated_tokens_per_second",
    "engine.prompt_tokens": "prompt_tokens_per_second",
    "engine.prefix_cache_queries": "queries",
    "engine.prefix_cache_hits": "hits",
}
_TIMES: Final[Mapping[str, str]] = {
    "gen_ai.server.time_to_first_token": "time_to_first_token",
    "gen_ai.server.time_per_output_token": "time_per_output_token",
}
#: Number of a step, from the start of the range's first one.
_STEP: Final = "toUInt32(intDiv(toUnixTimestamp64Second(time) - {first:Int64}, {step:UInt32}))"


@dataclass
class Went:
    """How a board or an engine went.

    Attributes:
        project: whose.
        host: its node.
        id: of a board its `hw.id`, of an engine its host and port.
        values: numbers of the steps, by what they are.
    """

    project: str
    host: str
    id: str
    values: dict[str, Steps] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """Boards and engines over a range of time.

    Attributes:
        step_s: seconds a step.
        times: where the steps begin, in seconds since 1970.
        boards: means of `utilization` and `throttled` (shares), `memory_bytes` and `power_w`;
            `temperature_c` is the hottest reading.
        engines: means of `running`, `waiting` and `kv_cache_usage`; tokens a second;
            `prefix_hit_rate`; quantiles of times in seconds (`time_to_first_token_p95`).
    """

    step_s: int
    times: tuple[int, ...]
    boards: tuple[Went, ...]
    engines: tuple[Went, ...]


def series(store: Store, start: datetime, end: datetime, project: str = "") -> Series:
    """Steps of a range of time, those that lack readings included.

    Args:
        store: as a reader.
        start: inclusive.
        end: exclusive.
        project: whose; all where empty.
    """
    step = step_of(start, end)
    first = int(start.timestamp()) // step * step
    times = tuple(range(first, max(first + 1, int(end.timestamp())), step))
    values: dict[str, Any] = {
        "start": start, "end": end, "project": project, "first": first, "step": step,
        "board": list(_BOARD), "gauges": list(_GAUGES), "counters": list(_COUNTERS),
        "histograms": list(_TIMES),
    }  # fmt: skip
    where = RANGE + (" AND project = {project:String}" if project else "")

    def rows(query: str) -> list[dict[str, Any]]:
        text = query.format(database=store.database, where=where, step=_STEP)
        return [row for row in store.query(text, values).dicts() if row["at"] < len(times)]

    boards, engines = _Found(len(times)), _Found(len(times))
    for row in rows(_BOARDS):
        boards.steps(row, _BOARD[row["name"]])[row["at"]] = row["value"]
    for row in rows(_LEVELS):
        engines.steps(row, _GAUGES[row["name"]])[row["at"]] = row["value"]
    _rates(rows(_COUNTED), engines, start)
    _quantiles(rows(_OBSERVED), engines, start)
    return Series(step, times, tuple(boards.by.values()), tuple(engines.by.values()))


class _Found:
    """Boards or engines that were met so far."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.by: dict[tuple[str, str, str], Went] = {}

    def steps(self, row: Mapping[str, Any], key: str) -> Steps:
        of = (row["project"], row["host"], row["id"])
        return self.by.setdefault(of, Went(*of)).values.setdefault(key, [None] * self.length)


def _rates(rows: Sequence[Mapping[str, Any]], engines: _Found, start: datetime) -> None:
    """A step's rate goes from the last reading of the one before to its own last one."""
    before: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in rows:
        count = (row["project"], row["host"], row["id"], row["name"], row["series"], row["begun"])
        was = before.get(count)
        before[count] = row
        if was is not None:
            value, since = was["last"], was["seen"]
        elif row["begun"] >= start.timestamp():
            value, since = 0.0, row["begun"]
        else:
            value, since = row["least"], row["earliest"]
        if row["seen"] <= since:
            continue
        steps = engines.steps(row, _COUNTERS[row["name"]])
        rate = (row["last"] - value) / (row["seen"] - since)
        steps[row["at"]] = (steps[row["at"]] or 0.0) + rate
    for went in engines.by.values():
        queries, hits = went.values.pop("queries", None), went.values.pop("hits", None)
        if queries is not None and hits is not None:
            went.values["prefix_hit_rate"] = [
                min(1.0, (part or 0.0) / whole) if whole else None
                for part, whole in zip(hits, queries, strict=True)
            ]


def _quantiles(rows: Sequence[Mapping[str, Any]], engines: _Found, start: datetime) -> None:
    before: dict[tuple[Any, ...], Sequence[int]] = {}
    grown: dict[tuple[str, str, str, str, int, tuple[float, ...]], list[int]] = {}
    for row in rows:
        bounds = tuple(row["bounds"])
        of = (row["project"], row["host"], row["id"], row["name"])
        count = (*of, row["series"], row["begun"], bounds)
        was = before.get(count)
        before[count] = row["last"]
        if was is None:
            was = [0] * len(row["last"]) if row["begun"] >= start.timestamp() else row["least"]
        sums = grown.setdefault((*of, row["at"], bounds), [0] * len(row["last"]))
        for place, (now, then) in enumerate(zip(row["last"], was, strict=True)):
            sums[place] += max(0, now - then)
    for (project, host, instance, name, at, bounds), counts in grown.items():
        described = describe(bounds, counts, 0.0)
        of_engine = {"project": project, "host": host, "id": instance}
        for quantile in ("p50", "p95") if described else ():
            steps = engines.steps(of_engine, f"{_TIMES[name]}_{quantile}")
            steps[at] = described[quantile]


_BOARDS: Final = """
SELECT project, host, id, name, at,
    if(name = 'hw.temperature', max(most), max(mean)) AS value
FROM (
    SELECT project, resource['host.name'] AS host, attributes['hw.id'] AS id, name, {step} AS at,
        attributes['hw.gpu.throttle.reason'] AS reason, avg(value) AS mean, max(value) AS most
    FROM {database}.metrics FINAL
    WHERE name IN {{board:Array(String)}} AND {where} AND attributes['hw.id'] != ''
        AND attributes['hw.gpu.task'] IN ('', 'general')
        AND attributes['hw.sensor_location'] IN ('', 'gpu')
    GROUP BY project, host, id, name, at, reason
) GROUP BY project, host, id, name, at ORDER BY project, host, id
"""
_OF_ENGINE: Final = (
    "project, resource['host.name'] AS host, resource['service.instance.id'] AS id, name,"
    " {step} AS at, series"
)
_LEVELS: Final = f"""
SELECT project, host, id, name, at,
    if(name = 'engine.kv_cache_usage', max(mean), sum(mean)) AS value
FROM (
    SELECT {_OF_ENGINE}, avg(value) AS mean FROM {{database}}.metrics FINAL
    WHERE name IN {{{{gauges:Array(String)}}}} AND {{where}} AND resource['engine.url'] != ''
    GROUP BY project, host, id, name, at, series
) GROUP BY project, host, id, name, at ORDER BY project, host, id
"""
_COUNTED: Final = f"""
SELECT {_OF_ENGINE}, toFloat64(start_time) AS begun, max(value) AS last, min(value) AS least,
    toFloat64(max(time)) AS seen, toFloat64(min(time)) AS earliest
FROM {{database}}.metrics FINAL
WHERE name IN {{{{counters:Array(String)}}}} AND {{where}} AND resource['engine.url'] != ''
GROUP BY project, host, id, name, at, series, start_time ORDER BY at
"""
_OBSERVED: Final = f"""
SELECT {_OF_ENGINE}, toFloat64(start_time) AS begun, bucket_bounds AS bounds,
    argMax(bucket_counts, time) AS last, argMin(bucket_counts, time) AS least
FROM {{database}}.metrics FINAL
WHERE name IN {{{{histograms:Array(String)}}}} AND type = 'histogram' AND {{where}}
    AND resource['engine.url'] != ''
GROUP BY project, host, id, name, at, series, start_time, bucket_bounds ORDER BY at
"""
