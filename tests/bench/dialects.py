"""Spans a second of a stream that is all in one dialect, and what one costs.

The spans are those that real instrumentations sent when they were captured for the contract tests,
again and again, each time with ids and times of their own.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any, Final

import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.processes import CLICKHOUSE, CLIENT, COLLECTOR, CpuMeter
from bench.report import Report, count
from bench.sender import send
from bench.server import Service
from support.dialects import NAMES, load

#: Those that are measured unless all are asked for: one of each family.
CHOSEN: Final = ("openinference", "openllmetry-old", "openllmetry", "langfuse", "vercel5")
_WARM_UP: Final = 10
_POLL_S: Final = 0.05


class Bodies:
    """Requests of one capture's spans.

    Args:
        name: of the capture.
        requests: how many there are.
        spans_per_request: about.
    """

    def __init__(self, name: str, requests: int, spans_per_request: int) -> None:
        capture = load(name).request
        own = sum(
            len(scope.spans)
            for resource in capture.resource_spans
            for scope in resource.scope_spans
        )
        self.spans = max(1, spans_per_request // own) * own
        now = time.time_ns()
        self._bodies = [
            b"".join(_renewed(capture, now) for _ in range(self.spans // own))
            for _ in range(requests)
        ]
        self.bytes_a_span = len(self._bodies[0]) / self.spans

    def __call__(self, number: int) -> tuple[bytes, int]:
        """The n-th body and its spans."""
        return self._bodies[number], self.spans


def _renewed(capture: ExportTraceServiceRequest, now: int) -> bytes:
    """The capture as another run would have sent it, a moment ago."""
    request = ExportTraceServiceRequest()
    request.CopyFrom(capture)
    ids: dict[bytes, bytes] = {b"": b""}
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                for field in ("trace_id", "span_id", "parent_span_id"):
                    old = getattr(span, field)
                    setattr(span, field, ids.setdefault(old, os.urandom(len(old))))
                took = span.end_time_unix_nano - span.start_time_unix_nano
                span.start_time_unix_nano, span.end_time_unix_nano = now - took, now
    return request.SerializeToString()


def _await(service: Service, spans: int, seconds: float) -> int:
    end = time.monotonic() + seconds
    while True:
        have = service.count()
        if have >= spans or time.monotonic() > end:
            return have
        time.sleep(_POLL_S)


def _measure(
    service: Service, name: str, spans: int, spans_per_request: int, connections: int
) -> dict[str, Any]:
    sends = max(1, spans // spans_per_request)
    bodies = Bodies(name, _WARM_UP + sends, spans_per_request)
    warmed = _await(
        service,
        service.count() + send(service.port, "/v1/traces", bodies, _WARM_UP, connections),
        30,
    )
    meter = CpuMeter({**service.processes(), CLIENT: [psutil.Process()]})
    begin = time.monotonic()
    sent = send(service.port, "/v1/traces", lambda n: bodies(_WARM_UP + n), sends, connections)
    stored = _await(service, warmed + sent, 60) - warmed
    seconds = time.monotonic() - begin
    usage = meter.read()
    cpu = {part: used / max(1, stored) * 1e6 for part, used in usage.cpu.items()}
    return {
        "spans": sent, "stored": stored, "seconds": seconds, "rate": stored / seconds,
        "bytes_a_span": bodies.bytes_a_span, "cpu_us_per_span": cpu,
        "others": usage.others / usage.seconds,
    }  # fmt: skip


def run(
    report: Report, work: Path, *, spans: int, spans_per_request: int, connections: int,
    every: bool = False,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Measure each dialect on one fresh service, and print what came of it."""
    results = {}
    folder = work / "dialects"
    service = Service(folder / "data")
    try:
        for name in NAMES if every else CHOSEN:
            results[name] = _measure(service, name, spans, spans_per_request, connections)
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)
    rows = []
    for name, done in results.items():
        cpu = done["cpu_us_per_span"]
        rows.append((
            name, count(done["spans"]), f"{done['seconds']:.2f}",
            count(done["rate"]) + ("" if done["stored"] >= done["spans"] else " (incomplete)"),
            f"{cpu[COLLECTOR]:.1f}", f"{cpu[CLICKHOUSE]:.1f}", f"{cpu[CLIENT]:.1f}",
            count(2e6 / (cpu[COLLECTOR] + cpu[CLICKHOUSE])), f"{done['bytes_a_span']:.0f}",
            f"{done['others']:.2f}",
        ))  # fmt: skip
    report.table(
        "Streams all in one dialect: durable and queryable spans",
        (
            "dialect", "spans", "seconds", "spans/s", "collector µs", "ClickHouse µs", "client µs",
            "two cores' worth", "bytes a span", "other load",
        ),
        rows,
        caption=(
            f"About {spans_per_request} spans a request, {connections} connections. µs of CPU are"
            " for each span; two cores' worth is how many spans 2 s of CPU pay for in collector"
            " and ClickHouse; other load is what else ran on the machine, in cores."
        ),
    )  # fmt: skip
    report.keep(dialects=results)
    return results
