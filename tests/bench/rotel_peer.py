"""The peer: rotel, a compiled OpenTelemetry collector with a ClickHouse exporter.

It keeps what it has received in memory and acknowledges it before it is written anywhere, so its
acknowledgement means less than Spanglass's; what is compared is when spans can be queried.

The tables are those of rotel's own tool for them, which are those of the ClickHouse exporter of
opentelemetry-collector-contrib: Map attributes, ZSTD(1), bloom filters on the trace id and on the
keys and values of attributes, and a second table of each trace's times that a materialized view
keeps.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil

from bench.processes import CLICKHOUSE, COLLECTOR
from bench.store import Store, free_port

DATABASE: Final = "otel"

# What Spanglass sets on its own tables: what is stored is on disk, and parts up to 128 MiB are in
# one file instead of two for every column, which makes that much cheaper.
_SETTINGS: Final = (
    "fsync_after_insert = 1, fsync_part_directory = 1, min_bytes_for_wide_part = 134217728"
)
_MAP: Final = "Map(LowCardinality(String), String)"
TRACES_DDL: Final = f"""
CREATE TABLE IF NOT EXISTS {DATABASE}.otel_traces (
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes {_MAP} CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes {_MAP} CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (
        Timestamp DateTime64(9), Name LowCardinality(String), Attributes {_MAP}
    ) CODEC(ZSTD(1)),
    Links Nested (
        TraceId String, SpanId String, TraceState String, Attributes {_MAP}
    ) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, {_SETTINGS}
"""
TRACE_TIMES_DDL: Final = (
    f"""
CREATE TABLE IF NOT EXISTS {DATABASE}.otel_traces_trace_id_ts (
    TraceId String CODEC(ZSTD(1)),
    Start DateTime CODEC(Delta, ZSTD(1)),
    End DateTime CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, {_SETTINGS}
""",
    f"""
CREATE MATERIALIZED VIEW IF NOT EXISTS {DATABASE}.otel_traces_trace_id_ts_mv
TO {DATABASE}.otel_traces_trace_id_ts
AS SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End
FROM {DATABASE}.otel_traces WHERE TraceId != '' GROUP BY TraceId
""",
)


@dataclass(frozen=True)
class Options:
    """How the peer is set up. The defaults are what was fastest for it."""

    batch_spans: int = 16_384
    """The most spans in one insert; rotel's default is 8192, which costs ClickHouse more."""
    batch_timeout_ms: int = 200
    """How long a batch that is not full waits; 200 is rotel's default."""
    async_insert: bool = False
    """Let ClickHouse gather inserts, and wait for it; True is rotel's default."""
    trace_times: bool = True
    """Keep the table of each trace's times, as its own tool sets it up."""
    lz4: bool = True
    """Compress inserts on their way to ClickHouse, which is rotel's default."""

    @staticmethod
    def of_rotel() -> Options:
        """Rotel's own defaults: smaller batches that wait less, and asynchronous inserts."""
        return Options(batch_spans=8192, batch_timeout_ms=200, async_insert=True)

    def __str__(self) -> str:
        """The settings in a few words, for a table."""
        inserts = "async" if self.async_insert else "sync"
        return f"{self.batch_spans} spans or {self.batch_timeout_ms} ms a batch, {inserts} inserts"


@dataclass
class RotelPeer:
    """A running rotel that writes to `store`."""

    store: Store
    options: Options
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    name: str = field(default="rotel", init=False)

    @property
    def version(self) -> str:
        """Of the distribution, and of the program in it."""
        said = subprocess.run([agent(), "--version"], capture_output=True, text=True, check=True)
        return f"{metadata.version('rotel')} ({said.stdout.split()[-1]})"

    def count(self) -> int:
        """How many spans can be queried."""
        return self.store.number(f"SELECT count() FROM {DATABASE}.otel_traces")

    def seen(self, trace_ids: list[str]) -> set[str]:
        """Those of `trace_ids` that a query finds."""
        listed = ", ".join(f"'{each}'" for each in trace_ids)
        rows = self.store.query(
            f"SELECT DISTINCT TraceId FROM {DATABASE}.otel_traces WHERE TraceId IN ({listed})"
        )
        return {row[0] for row in rows}

    def settle(self, seconds: float) -> None:
        """There is nothing that it does once."""

    def exports_failed(self) -> int:
        """How often an insert failed or took too long; each is tried again and may come twice."""
        return self.log.read_text(errors="replace").count("Exporting failed")

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Its processes, by part."""
        return {
            COLLECTOR: [psutil.Process(self.process.pid)],
            CLICKHOUSE: self.store.processes(),
        }

    def stop(self) -> None:
        """End rotel; the store is left to the one that started it."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def agent() -> str:
    """The path of the program in the installed distribution `rotel`."""
    import rotel

    return str(Path(rotel.__file__).parent / "rotel-agent")


def start_rotel(
    store: Store, folder: Path, options: Options | None = None, timeout: float = 15.0
) -> RotelPeer:
    """Create the peer's tables in `store` and start it; its files go to `folder`."""
    options = options or Options()
    folder.mkdir(parents=True, exist_ok=True)
    store.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    store.query(TRACES_DDL)
    for statement in TRACE_TIMES_DDL if options.trace_times else ():
        store.query(statement)
    port, log = free_port(), folder / "rotel.log"
    command = [
        agent(),
        "start",
        f"--otlp-http-endpoint=127.0.0.1:{port}",
        f"--otlp-grpc-endpoint=127.0.0.1:{free_port()}",
        "--exporter=clickhouse",
        f"--clickhouse-exporter-endpoint=http://{store.host}:{store.port}",
        f"--clickhouse-exporter-database={DATABASE}",
        f"--clickhouse-exporter-user={store.user}",
        f"--clickhouse-exporter-async-insert={str(options.async_insert).lower()}",
        f"--clickhouse-exporter-compression={'lz4' if options.lz4 else 'none'}",
        f"--batch-max-size={options.batch_spans}",
        f"--batch-timeout={options.batch_timeout_ms}ms",
    ]
    secret = {"ROTEL_CLICKHOUSE_EXPORTER_PASSWORD": store.password}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **secret})
    peer = RotelPeer(store, options, port, process, log)
    end = time.monotonic() + timeout
    while True:
        listening = [c.laddr.port for c in psutil.Process(process.pid).net_connections("tcp")]
        if port in listening:
            return peer
        if process.poll() is not None or time.monotonic() > end:
            peer.stop()
            raise RuntimeError(f"rotel did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
