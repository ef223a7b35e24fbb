"""What a pass of the drift job takes over a day of many spans: samples, comparisons, findings.

The job's own process does it, beside a store with a week before that day, as it does behind a
night in which it did not run. All metrics are watched, at eight services and what models each has.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil

from bench.processes import CLICKHOUSE, CpuMeter, Memory, Peak, Usage
from bench.report import Report, count
from bench.week import copy, made, opened
from spanglass_collector.drift.config import read_drift
from spanglass_collector.drift.run import cursor_of, run_pass
from spanglass_collector.drift.topics import embedder
from spanglass_collector.drift.worker import JOB
from spanglass_collector.jobs.keeper import endpoint_told
from spanglass_store.client import Store
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.state.database import Database
from spanglass_store.state.jobs import JobBook

_DAY_S: Final = 86_400
_WEEK: Final = 7
_HOUR_S: Final = 3600
_LONGEST_S: Final = 540.0
_BOTH: Final = "both"


def run(report: Report, work: Path, *, spans: int) -> None:
    """Makes a day of about `spans` spans and a week before it, and looks at the day."""
    folder = work / "drift-store"
    _build(report, folder, spans)
    with opened(folder) as (store, server):
        state = f"sqlite:///{folder / 'bench.sqlite'}"
        until = int(time.time() - read_drift({}).settle_s) // _HOUR_S
        _look_at_the_week(store, state, folder, until - 24)
        said, usage, peaks = _pass(server, state, folder)
        (row,) = store.query(
            "SELECT count(), uniq(metric), uniq(service, model), countIf(p IS NOT NULL)"
            f" FROM {store.database}.drift_results FINAL"
            " WHERE window_end > {start:DateTime('UTC')}",
            {"start": _moment(until - 24)},
        ).rows
        there = store.query(
            f"SELECT count() FROM {store.database}.spans"
            " WHERE start_time >= {start:DateTime('UTC')}"
            " AND start_time < {end:DateTime('UTC')}",
            {"start": _moment(until - 24), "end": _moment(until)},
        ).rows[0][0]
    both = peaks[_BOTH]
    report.table(
        "A pass of drift over a day",
        ("spans", "metrics", "services and models", "comparisons", "tested", "seconds",
         "CPU s, ClickHouse", "CPU s, job", "MB, ClickHouse", "MB, job", "MB, both at a time", "other load"),
        [(count(int(there)), str(row[1]), str(row[2]), count(int(row[0])), count(int(row[3])),
          f"{usage.seconds:.1f}", *(f"{usage.cpu[name]:.1f}" for name in (CLICKHOUSE, JOB)),
          *(f"{peaks[name].resident / 1e6:.0f}" for name in (CLICKHOUSE, JOB, _BOTH)),
          f"{usage.others / usage.seconds:.2f}")],
        caption="Aims: 30 s, 1,000 MB, for 30 metrics by 3 segments. MB are resident at most, with pages of"
        f" files (of both, {both.file / 1e6:.0f}); other load is what else ran, in cores.",
    )  # fmt: skip
    report.keep(drift_store={
        "seconds": usage.seconds, "cpu": usage.cpu, "resident_bytes": both.resident, "pass": said,
        "others": usage.others / usage.seconds,
    })  # fmt: skip


def _build(report: Report, folder: Path, spans: int) -> None:
    done = folder.with_name(folder.name + ".hour")
    if done.exists() and int(done.read_text()) == int(time.time()) // _HOUR_S:
        return
    began = time.monotonic()
    # Behind the hour that is not over.
    back = time.time() % _HOUR_S + read_drift({}).settle_s
    with made(folder, spans) as (store, templates):
        copies = max(1, spans // templates)
        copy(store, copies, back, _DAY_S)
        # Of an hour a few hundred values of a metric are kept, however many there were.
        before = max(_WEEK, copies // 3)
        copy(store, before, back + _DAY_S, _WEEK * _DAY_S, first=copies + 1)
    done.write_text(str(int(time.time()) // _HOUR_S))
    report.say(
        f"  {count((copies + before) * templates)} spans were made in {time.monotonic() - began:.0f} s."
    )


def _look_at_the_week(store: Store, state: str, folder: Path, until: int) -> None:
    """The passes before: samples of the week, topics learned, what was found."""
    for table in ("drift_samples", "drift_results", "drift_topics"):
        store.command(f"TRUNCATE TABLE {store.database}.{table}")
    Path(state.removeprefix("sqlite:///")).unlink(missing_ok=True)
    now = _moment(until) + timedelta(seconds=read_drift({}).settle_s)
    done = run_pass(store, read_drift({}), 0, 0, now, embed=embedder(folder / "models"))
    database = Database(state)
    try:
        book, owner = JobBook(database), "bench"
        place = book.acquire(JOB, owner, 0)
        assert place is not None
        place.watermark, place.cursor = done.watermark, cursor_of(done.seen)
        book.save(place, owner)
        book.release(owner)
    finally:
        database.close()


def _moment(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * _HOUR_S, UTC)


def _pass(
    server: EmbeddedServer, state: str, folder: Path
) -> tuple[dict[str, Any], Usage, dict[str, Memory]]:
    """What the process says that it did, and what it and the store used for it."""
    told = {
        "endpoint": endpoint_told(server.endpoint), "state": state, "drift": {},
        "log_level": "warning", "models": str(folder / "models"), "owner": uuid.uuid4().hex,
    }  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "spanglass_collector.drift.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    parts = {CLICKHOUSE: [psutil.Process(server.pid)], JOB: [psutil.Process(worker.pid)]}
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        with (
            Peak(parts[CLICKHOUSE]) as stores,
            Peak(parts[JOB]) as own,
            Peak([*parts[CLICKHOUSE], *parts[JOB]]) as together,
        ):
            meter = CpuMeter(parts)
            worker.stdin.write(json.dumps(told) + "\n")
            worker.stdin.flush()
            line = worker.stdout.readline()
            usage = meter.read()
    finally:
        worker.stdin.close()
        worker.wait(_LONGEST_S)
    if not line:
        raise RuntimeError("the job's process ended without a word")
    return json.loads(line), usage, {
        CLICKHOUSE: stores.most, JOB: own.most, _BOTH: together.most,
    }  # fmt: skip
