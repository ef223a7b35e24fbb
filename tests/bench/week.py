"""A week of many spans in one store, for what is asked of large stores.

Some thousand traces of the generated data set go through the service, so that every column is what
the service makes of them; ClickHouse copies them, each copy with ids and texts of its own, at other
times of the week. A store that is there already is used again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.data import Pool
from bench.report import Report, count
from bench.sender import send
from bench.server import Service
from bench.store import Store
from spanglass_store import client
from spanglass_store.data_directory import DataDirectory
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.migrate import migrate

DAYS: Final = 7
_TEMPLATES: Final = 50_000
_A_REQUEST: Final = 500
_POLL_S: Final = 0.2
_WAIT_S: Final = 300.0

#: Of a copy: a trace moves as a whole, by its copy's part of the week and some minutes of its own.
_COPY: Final = """
INSERT INTO spanglass.spans
SELECT * EXCEPT (moved) REPLACE (
    lower(hex(sipHash128(trace_id, {k}))) AS trace_id,
    lower(hex(sipHash64(span_id, {k}))) AS span_id,
    if(parent_span_id = '', '', lower(hex(sipHash64(parent_span_id, {k})))) AS parent_span_id,
    start_time - moved AS start_time, end_time - moved AS end_time,
    toDateTime64(end_time - moved, 6, 'UTC') AS ingested_at,
    if(operation = 'chat', concat(substring(input, 1, length(input) - 5), ' case {k}"}}]}}]'),
        input) AS input,
    ['search', 'chat', 'summaries', 'agent'][1 + cityHash64(trace_id) % 4] AS feature
)
FROM (
    SELECT *, toIntervalNanosecond({began} + cityHash64(trace_id, {k}) % {width}) AS moved
    FROM spanglass.spans WHERE trace_id IN (SELECT trace_id FROM bench_templates)
)
SETTINGS max_threads = 1, max_block_size = 10000, min_insert_block_size_rows = 50000
"""


def build(report: Report, folder: Path, spans: int) -> None:
    """Makes a week of about `spans` spans in the data directory `folder`, unless it is there."""
    done = folder.with_name(folder.name + ".spans")
    if done.exists() and int(done.read_text()) >= spans:
        report.say(f"  {folder} has a week of {count(spans)} spans already.")
        return
    began = time.monotonic()
    with made(folder, spans) as (store, templates):
        copy(store, spans // templates - 1, 0, DAYS * 86_400)
    done.write_text(str(spans))
    report.say(f"  A week of {count(spans)} spans was made in {time.monotonic() - began:.0f} s.")


@contextmanager
def made(folder: Path, spans: int) -> Iterator[tuple[Store, int]]:
    """A store with spans to copy, of now, and their number: at most `spans`."""
    service = Service(folder)
    try:
        pool = Pool(_A_REQUEST, bodies=20, corpus_bytes=8 << 20)

        def body(_: int) -> tuple[bytes, int]:
            sent = pool.fresh(time.time_ns())
            return bytes(sent.body), sent.spans

        number = min(_TEMPLATES, spans) // _A_REQUEST
        templates = send(service.port, "/v1/traces", body, number, 4)
        end = time.monotonic() + _WAIT_S
        while service.count() < templates:
            if time.monotonic() > end:
                raise RuntimeError("the spans to copy were not stored in time")
            time.sleep(_POLL_S)
        service.store.raw(
            "CREATE TABLE IF NOT EXISTS bench_templates ENGINE = Memory AS"
            " SELECT DISTINCT trace_id FROM spanglass.spans",
            "TSV",
        )
        yield service.store, templates
        service.store.raw("DROP TABLE bench_templates", "TSV")
    finally:
        service.stop()


def copy(store: Store, copies: int, began_s: float, seconds: float, first: int = 1) -> None:
    """Copies the templates of a store, each into its part of a span of time.

    Args:
        store: that `made` gave.
        copies: how many times.
        began_s: seconds before the present, behind which they lie.
        seconds: how long that time is.
        first: number of the first copy; what has another number has other ids.
    """
    width = int(seconds * 10**9 / max(1, copies))
    for k in range(copies):
        sql = _COPY.format(k=first + k, began=int(began_s * 10**9) + k * width, width=width)
        store.raw(sql, "TSV", timeout=3600)


@contextmanager
def opened(folder: Path) -> Iterator[tuple[client.Store, EmbeddedServer]]:
    """The store of a data directory, as its owner."""
    with DataDirectory(folder) as directory, EmbeddedServer(directory) as server:
        store = client.Store(server.endpoint)
        try:
            # The week may have been made by an older version.
            migrate(store)
            yield store, server
        finally:
            store.close()
