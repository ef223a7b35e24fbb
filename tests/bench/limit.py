"""How near the ingest is to what ClickHouse itself can do with the same rows."""

from __future__ import annotations

import time
from pathlib import Path

from bench.load import Client, Order
from bench.report import Report, count
from bench.rotel_peer import DATABASE, Options
from bench.store import Store
from bench.throughput import ROTEL, SPANGLASS, Run, measure, rotel, spanglass


def run(
    report: Report, work: Path, *, spans: int, connections: int, spans_per_request: int
) -> None:
    """Measure each system once, and then a copy of its table inside the server."""
    rows = []
    with Client(spans_per_request) as client:
        with spanglass(folder := work / "limit-spanglass") as service:
            order = Order("127.0.0.1", service.port, spans=spans, connections=connections)
            done = measure(SPANGLASS, service, client, order, folder)
            rows.append(_row(report, done, service.store, "spanglass.spans"))
        with rotel(folder := work / "limit-rotel", Options()) as peer:
            order = Order("127.0.0.1", peer.port, spans=spans, connections=connections)
            done = measure(ROTEL, peer, client, order, folder)
            rows.append(_row(report, done, peer.store, f"{DATABASE}.otel_traces"))
    report.table(
        "Limit: the same rows copied inside the server",
        ("system", "ingest spans/s", "INSERT … SELECT rows/s", "share of the limit"),
        rows,
        caption=(
            "The limit is the faster of a copy with one and with two inserting threads, to a table"
            " of the same definition, without the views that the ingest keeps."
        ),
    )


def _row(report: Report, done: Run, store: Store, table: str) -> tuple[str, str, str, str]:
    fastest = max(copy_rate(store, table, threads) for threads in (1, 2))
    report.keep(
        **{
            f"limit_{done.system}": {
                "ingest": round(done.rate),
                "copy": round(fastest),
                "share": round(done.rate / fastest, 3),
            }
        }
    )
    return (done.system, count(done.rate), count(fastest), f"{done.rate / fastest:.0%}")


def copy_rate(store: Store, table: str, threads: int) -> float:
    """Rows a second that the server copies from `table` to an empty table like it."""
    copy = f"{table}_copy"
    store.query(f"DROP TABLE IF EXISTS {copy} SYNC")
    store.query(f"CREATE TABLE {copy} AS {table}")
    try:
        rows = store.number(f"SELECT count() FROM {table}")
        begin = time.perf_counter()
        store.query(f"INSERT INTO {copy} SELECT * FROM {table}", max_insert_threads=threads)
        return rows / (time.perf_counter() - begin)
    finally:
        store.query(f"DROP TABLE IF EXISTS {copy} SYNC")
