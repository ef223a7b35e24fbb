"""One long trace, as the page of a trace asks for it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path

from bench.data import long_trace
from bench.load import Client, Order, percentile
from bench.report import Report, count
from bench.rotel_peer import DATABASE
from bench.throughput import ROTEL, SPANGLASS, Target, rotel, spanglass, wait_for

READS = 7


def run(report: Report, work: Path, *, spans: int, others: int) -> None:
    """Store a trace of `spans` spans among `others` further spans, and read it several times."""
    rows: list[tuple[str, ...]] = []
    with Client(500, bodies=8) as client:
        with spanglass(work / "trace-spanglass") as service:
            trace = _store(service, client, spans, others)
            whole = f"/api/v1/traces/{trace}"
            rows.append(
                _row(report, SPANGLASS, f"GET {whole[:14]}/{{id}}", lambda: service.get(whole))
            )
            direct = service.store
            asked = f"SELECT * FROM spanglass.spans WHERE trace_id = '{trace}'"
            rows.append(
                _row(report, SPANGLASS, "limit: SQL to its store",
                     lambda: direct.raw(asked, "JSONEachRow"))
            )  # fmt: skip
        with rotel(work / "trace-rotel") as peer:
            trace = _store(peer, client, spans, others)
            times = f"{DATABASE}.otel_traces_trace_id_ts WHERE TraceId = '{trace}'"
            looked_up = (
                f"WITH (SELECT min(Start) FROM {times}) AS first, "
                f"(SELECT max(End) + 1 FROM {times}) AS last "
                f"SELECT * FROM {DATABASE}.otel_traces WHERE TraceId = '{trace}'"
                " AND Timestamp >= first AND Timestamp <= last"
            )
            store = peer.store
            rows.append(
                _row(
                    report,
                    ROTEL,
                    "SQL, by its table of times",
                    lambda: store.raw(looked_up, "JSONEachRow"),
                )
            )
    report.table(
        f"A trace of {count(spans)} spans among {count(others)} others, in ms",
        ("system", "read by", "first", "median", "slowest", "MB", "spans"),
        rows,
        caption=f"{READS} reads after the first one.",
    )


def _store(target: Target, client: Client, spans: int, others: int) -> str:
    order = Order("127.0.0.1", target.port, spans=others, connections=4)
    stored = client.run(order).spans
    trace, bodies = long_trace(spans, time.time_ns())
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
    for body in bodies:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"a part of the trace was answered {answer.status}")
    connection.close()
    if wait_for(target, stored + spans, 60.0) < stored + spans:
        raise RuntimeError("the trace did not appear within a minute")
    return trace


def _row(report: Report, system: str, way: str, read: Callable[[], bytes]) -> tuple[str, ...]:
    took: list[float] = []
    body = b""
    for _ in range(READS + 1):
        begin = time.perf_counter()
        body = read()
        took.append((time.perf_counter() - begin) * 1000)
    first, again = took[0], took[1:]
    report.keep(**{f"trace_{system}_{way}": {"ms": took, "bytes": len(body)}})
    return (
        system,
        way,
        f"{first:.0f}",
        f"{percentile(again, 0.5):.0f}",
        f"{max(again):.0f}",
        f"{len(body) / 1e6:.1f}",
        _spans_in(body),
    )


def _spans_in(body: bytes) -> str:
    """How many spans an answer holds: a document with `spans`, or a line for each."""
    try:
        document = json.loads(body)
    except ValueError:
        return count(body.count(b"\n"))
    if isinstance(document, dict) and isinstance(document.get("spans"), list):
        return count(len(document["spans"]))
    return "?"
