"""Data points a second that are durable and can be queried, and what one costs.

The points are such as a service with a few hundred series a process exports: sums and gauges of
three attributes, histograms of 14 bounds and exponential ones, with a resource of eight attributes.
"""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from bench.data import SEED
from bench.processes import CLICKHOUSE, CLIENT, COLLECTOR, CpuMeter
from bench.report import Report, count
from bench.sender import send
from bench.server import Service

#: Stands for a time in a body that is made once; each send writes its own in its place.
_MARK: Final = b"\x01\x9a\x7f\x42\xc3\x5d\xe6\x17"
_BOUNDS: Final = [0.01 * 2**n for n in range(14)]
#: Kinds of points, by the name of the data set, with the share of each.
MIXES: Final = {
    "mixed": {"sum": 40, "gauge": 30, "histogram": 25, "exponential_histogram": 5},
    "sums": {"sum": 100},
    "histograms": {"histogram": 100},
}
_WARM_UP: Final = 20
_POLL_S: Final = 0.05
_BODIES: Final = 20


def _attributes(values: dict[str, str]) -> list[KeyValue]:
    return [KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in values.items()]


def _fill(metric: Metric, kind: str, rng: random.Random, points: int) -> None:
    data = getattr(metric, kind)
    if kind != "gauge":
        data.aggregation_temporality = 2
    time_mark = int.from_bytes(_MARK, "little")
    for n in range(points):
        point = data.data_points.add(
            attributes=_attributes({
                "http.route": f"/v1/{rng.choice(('ask', 'chat', 'files', 'threads'))}",
                "http.request.method": rng.choice(("GET", "POST")),
                "server.address": f"node-{n}.example.org",
            }),
            time_unix_nano=time_mark,
            start_time_unix_nano=time.time_ns() - 3600 * 10**9,
        )  # fmt: skip
        if kind in ("sum", "gauge"):
            point.as_double = rng.random() * 1000
            continue
        point.count = rng.randrange(1, 10_000)
        point.sum = rng.random() * 1000
        point.min, point.max = 0.001, 30.0
        if kind == "histogram":
            point.explicit_bounds.extend(_BOUNDS)
            point.bucket_counts.extend(rng.randrange(500) for _ in range(len(_BOUNDS) + 1))
        else:
            point.scale = 3
            point.zero_count = 2
            point.positive.offset = -20
            point.positive.bucket_counts.extend(rng.randrange(500) for _ in range(40))


class Body:
    """One request, whose times are written anew at each send: every point is a new one."""

    def __init__(self, rng: random.Random, number: int, points: int, mix: dict[str, int]) -> None:
        """Build a request of about `points` data points, 25 a metric."""
        request = ExportMetricsServiceRequest()
        resource = request.resource_metrics.add()
        resource.resource.attributes.extend(_attributes({
            "service.name": f"service-{number % 8}", "service.version": "2.41.0",
            "service.instance.id": f"instance-{number}", "deployment.environment.name": "bench",
            "host.name": f"host-{number}", "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry", "telemetry.sdk.version": "1.36.0",
        }))  # fmt: skip
        scope = resource.scope_metrics.add()
        scope.scope.name = "opentelemetry.instrumentation.asgi"
        kinds = rng.choices(list(mix), list(mix.values()), k=points // 25)
        for n, kind in enumerate(kinds):
            metric = scope.metrics.add(name=f"app.{kind}.{n}", unit="s", description="Of a bench.")
            _fill(metric, kind, rng, 25)
        self.points = 25 * len(kinds)
        self._bytes = np.frombuffer(request.SerializeToString(), dtype=np.uint8)
        raw = self._bytes.tobytes()
        places = [at for at in range(len(raw)) if raw.startswith(_MARK, at)]
        self._places = np.array(places)[:, None] + np.arange(8)

    def fresh(self, now: int) -> bytes:
        """The body with `now` (ns since 1970) as every point's time."""
        body = self._bytes.copy()
        body[self._places] = np.frombuffer(now.to_bytes(8, "little"), dtype=np.uint8)
        return body.tobytes()


def _send(port: int, bodies: list[Body], sends: int, connections: int) -> int:
    """Send `sends` requests in turns; how many points were taken."""

    def body(number: int) -> tuple[bytes, int]:
        one = bodies[number % len(bodies)]
        return one.fresh(time.time_ns()), one.points

    return send(port, "/v1/metrics", body, sends, connections)


def _await(service: Service, points: int, seconds: float) -> int:
    end = time.monotonic() + seconds
    while True:
        have = service.store.number("SELECT count() FROM spanglass.metrics")
        if have >= points or time.monotonic() > end:
            return have
        time.sleep(_POLL_S)


def _measure(
    service: Service, mix: dict[str, int], points: int, per_request: int, connections: int
) -> dict[str, Any]:
    rng = random.Random(SEED)
    bodies = [Body(rng, n, per_request, mix) for n in range(_BODIES)]
    begun = service.store.number("SELECT count() FROM spanglass.metrics")
    warmed = _await(service, begun + _send(service.port, bodies, _WARM_UP, connections), 30)
    meter = CpuMeter({**service.processes(), CLIENT: [psutil.Process()]})
    begin = time.monotonic()
    sent = _send(service.port, bodies, max(1, points // bodies[0].points), connections)
    stored = _await(service, warmed + sent, 60) - warmed
    seconds = time.monotonic() - begin
    usage = meter.read()
    size = sum(len(each.fresh(0)) for each in bodies) / sum(each.points for each in bodies)
    cpu = {part: used / max(1, stored) * 1e6 for part, used in usage.cpu.items()}
    return {
        "points": sent, "stored": stored, "seconds": seconds, "rate": stored / seconds,
        "bytes_a_point": size, "cpu_us_per_point": cpu,
        "others": usage.others / usage.seconds,
    }  # fmt: skip


def run(
    report: Report, work: Path, *, points: int, per_request: int, connections: int
) -> dict[str, dict[str, Any]]:
    """Measure each mix on one fresh service, and print what came of it."""
    results = {}
    folder = work / "metrics"
    service = Service(folder / "data")
    try:
        for name, mix in MIXES.items():
            results[name] = _measure(service, mix, points, per_request, connections)
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)
    rows = []
    for name, done in results.items():
        cpu = done["cpu_us_per_point"]
        both = cpu[COLLECTOR] + cpu[CLICKHOUSE]
        rows.append((
            name, count(done["points"]), f"{done['seconds']:.2f}",
            count(done["rate"]) + ("" if done["stored"] >= done["points"] else " (incomplete)"),
            f"{cpu[COLLECTOR]:.2f}", f"{cpu[CLICKHOUSE]:.2f}", f"{cpu[CLIENT]:.2f}",
            count(2e6 / both), f"{done['bytes_a_point']:.0f}", f"{done['others']:.2f}",
        ))  # fmt: skip
    report.table(
        "Metrics: durable and queryable data points",
        (
            "points are", "points", "seconds", "points/s", "collector µs", "ClickHouse µs",
            "client µs", "two cores' worth", "bytes a point", "other load",
        ),
        rows,
        caption=(
            f"{per_request} points a request, {connections} connections. µs of CPU are for each"
            " point; two cores' worth is how many points 2 s of CPU pay for in collector and"
            " ClickHouse; other load is what else ran on the machine, in cores."
        ),
    )  # fmt: skip
    report.keep(metrics=results)
    return results
