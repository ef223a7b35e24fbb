"""What engines did in a range of time: levels, rates, and quantiles of their times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.queries.deployments import RANGE

_QUANTILES: Final = (0.5, 0.95, 0.99)
#: Histograms of the answer, with their names.
_TIMES: Final[Mapping[str, str]] = {
    "gen_ai.server.time_to_first_token": "time_to_first_token",
    "gen_ai.server.time_per_output_token": "time_per_output_token",
    "gen_ai.server.request.duration": "request_duration",
    "engine.inter_token_latency": "inter_token_latency",
    "engine.queue_time": "queue_time",
    "engine.prefill_time": "prefill_time",
    "engine.decode_time": "decode_time",
}


@dataclass
class EngineLoad:
    """One engine over a range of time.

    Attributes:
        last: of gauges, by their name without `engine.`.
        mean: the same over the range.
        peak: their maximum.
        increase: of counters, by their name without `engine.`.
        seconds: that its counters cover.
        finished: requests by the reason that they ended for.
        times: quantiles in seconds (`p50` and so on), mean and count, by what took the time.
    """

    last: dict[str, float] = field(default_factory=dict)
    mean: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)
    increase: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    finished: dict[str, float] = field(default_factory=dict)
    times: dict[str, dict[str, float]] = field(default_factory=dict)


def loads(
    store: Store, start: datetime, end: datetime, project: str = ""
) -> dict[tuple[str, str, str], EngineLoad]:
    """By project, node and instance: what engines did.

    Args:
        store: as a reader.
        start: inclusive.
        end: exclusive.
        project: whose; all where empty.
    """
    where = f"{RANGE} AND resource['engine.url'] != ''" + (
        " AND project = {project:String}" if project else ""
    )
    values = {"start": start, "end": end, "project": project, "times": list(_TIMES)}
    found: dict[tuple[str, str, str], EngineLoad] = {}
    for row in store.query(_NUMBERS.format(database=store.database, where=where), values).dicts():
        one = found.setdefault((row["project"], row["host"], row["instance"]), EngineLoad())
        name = row["name"].removeprefix("engine.")
        if row["is_monotonic"]:
            one.increase[name] = one.increase.get(name, 0) + row["grown"]
            one.seconds = max(one.seconds, row["seconds"])
            if name == "requests_finished":
                one.finished[row["reason"]] = one.finished.get(row["reason"], 0) + row["grown"]
        else:
            # Engines in parallel (ranks) each have their own: requests add up, shares do not.
            for into, key in ((one.last, "last"), (one.mean, "mean"), (one.peak, "peak")):
                into[name] = row[f"{key}_sum"] if name.startswith("requests_") else row[key]
    for row in store.query(
        _HISTOGRAMS.format(database=store.database, where=where), values
    ).dicts():
        one = found.setdefault((row["project"], row["host"], row["instance"]), EngineLoad())
        described = describe(row["bounds"], row["counts"], row["total"])
        if described:
            one.times[_TIMES[row["name"]]] = described
    return found


#: A counter that began within the range counts from 0; of one whose start is not known, or before,
#: what it grew by counts.
_NUMBERS: Final = """
SELECT project, host, instance, name, is_monotonic, reason, sum(s.grown) AS grown,
    max(s.until) - min(s.since) AS seconds, max(s.last) AS last, sum(s.last) AS last_sum,
    max(s.mean) AS mean, sum(s.mean) AS mean_sum, max(s.peak) AS peak, sum(s.peak) AS peak_sum
FROM (
    SELECT project, host, instance, name, is_monotonic, reason, series, sum(r.grown) AS grown,
        min(r.since) AS since, toFloat64(max(r.seen)) AS until, argMax(r.last, r.seen) AS last,
        sum(r.total) / sum(r.n) AS mean, max(r.peak) AS peak
    FROM (
        SELECT project, resource['host.name'] AS host,
            resource['service.instance.id'] AS instance, name, is_monotonic, series, start_time,
            any(attributes['engine.finish_reason']) AS reason, argMax(value, time) AS last,
            max(time) AS seen, toFloat64(min(time)) AS since, sum(value) AS total, count() AS n,
            max(value) AS peak,
            max(value) - if(start_time >= {{start:DateTime64(6, 'UTC')}}, 0,
                min(value)) AS grown
        FROM {database}.metrics FINAL
        WHERE startsWith(name, 'engine.') AND type IN ('gauge', 'sum') AND {where}
        GROUP BY project, host, instance, name, is_monotonic, series, start_time
    ) AS r GROUP BY project, host, instance, name, is_monotonic, reason, series
) AS s GROUP BY project, host, instance, name, is_monotonic, reason
"""
_HISTOGRAMS: Final = """
SELECT project, host, instance, name, bucket_bounds AS bounds, sumForEach(grown) AS counts,
    sum(spent) AS total
FROM (
    SELECT project, resource['host.name'] AS host, resource['service.instance.id'] AS instance,
        name, series, start_time, bucket_bounds,
        start_time < {{start:DateTime64(6, 'UTC')}} AS is_older,
        arrayMap((a, b) -> toInt64(a) - if(is_older, toInt64(b), 0), argMax(bucket_counts, time),
            argMin(bucket_counts, time)) AS grown,
        ifNull(argMax(sum, time), 0) - if(is_older, ifNull(argMin(sum, time), 0), 0) AS spent
    FROM {database}.metrics FINAL
    -- One that began within the range counts from 0, as the numbers do.
    WHERE name IN {{times:Array(String)}} AND type = 'histogram' AND {where}
    GROUP BY project, host, instance, name, series, start_time, bucket_bounds
) GROUP BY project, host, instance, name, bucket_bounds
"""


def describe(bounds: Sequence[float], counts: Sequence[float], total: float) -> dict[str, Any]:
    """Quantiles of a histogram, by linear interpolation within a bucket; nothing without values.

    What lies beyond the last bound counts as the last bound.

    Args:
        bounds: upper bounds of all buckets but the last.
        counts: of all buckets.
        total: sum of the values.
    """
    observed = sum(counts)
    if observed <= 0 or not bounds:
        return {}
    found: dict[str, Any] = {"count": observed, "mean": total / observed}
    for q in _QUANTILES:
        wanted, before = q * observed, 0.0
        value = float(bounds[-1])
        for place, count in enumerate(counts[: len(bounds)]):
            if count and before + count >= wanted:
                low = bounds[place - 1] if place else min(0.0, bounds[0])
                value = low + (bounds[place] - low) * (wanted - before) / count
                break
            before += count
        found[f"p{q * 100:g}"] = value
    return found
