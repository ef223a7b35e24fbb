"""Spans a second that are durable and can be queried, Spanglass and rotel in turns."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import psutil

from bench.load import Client, Order, Result
from bench.processes import CLICKHOUSE, CLIENT, COLLECTOR, CpuMeter, Usage
from bench.report import Report, count, median, ratio
from bench.rotel_peer import Options, RotelPeer, start_rotel
from bench.server import Service
from bench.store import start_store

SPANGLASS: Final = "Spanglass"
ROTEL: Final = "rotel"
#: Spanglass that takes personal data out before it stores anything.
REDACTING: Final = "Spanglass, redacting"
SYSTEMS: Final = (SPANGLASS, ROTEL)
WARM_UP_SPANS: Final = 10_000
POLL_S: Final = 0.05


class Target(Protocol):
    """A system under test that takes OTLP over HTTP on 127.0.0.1."""

    port: int

    def count(self) -> int:
        """How many spans are in its table."""
        ...

    def settle(self, seconds: float) -> None:
        """Wait until what it does once for new names is done, for at most `seconds`."""
        ...

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Its processes, by part."""
        ...

    def seen(self, trace_ids: list[str]) -> set[str]:
        """Those of `trace_ids` that a query finds."""
        ...


@contextmanager
def spanglass(folder: Path, settings: str = "") -> Iterator[Service]:
    """A fresh service whose data is in `folder`, and deleted afterwards."""
    service = Service(folder / "data", settings=settings)
    try:
        yield service
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def rotel(folder: Path, options: Options | None = None) -> Iterator[RotelPeer]:
    """A fresh rotel and a fresh store with Spanglass's settings, deleted afterwards."""
    store = start_store(folder / "data")
    try:
        peer = start_rotel(store, folder / "rotel", options)
        try:
            yield peer
        finally:
            peer.stop()
    finally:
        store.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(
    system: str, folder: Path, options: Options | None = None
) -> Iterator[Service | RotelPeer]:
    """A fresh one of the system of that name, whose files are in `folder`."""
    if system != ROTEL:
        settings = '[redact]\naction = "placeholder"\n' if system == REDACTING else ""
        with spanglass(folder, settings) as service:
            yield service
    else:
        with rotel(folder, options) as peer:
            yield peer


@dataclass(frozen=True)
class Run:
    """What one run measured."""

    system: str
    sent: Result
    seconds: float
    """From the first send until all that was acknowledged was in the table."""
    stored: int
    """Spans in the table at the end, less those of the warm-up."""
    usage: Usage
    bytes_on_disk: int
    complete: bool
    """Whether all that was acknowledged appeared before the time was over."""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Spans a second, acknowledged and in the table."""
        return min(self.stored, self.sent.spans) / self.seconds

    def cpu(self, part: str) -> float:
        """Microseconds of CPU for each span in one part."""
        return self.usage.cpu.get(part, 0.0) / max(1, self.stored) * 1e6


def wait_for(target: Target, spans: int, seconds: float) -> int:
    """Wait until `target` has `spans` spans, for at most `seconds`; how many it has then."""
    end = time.monotonic() + seconds
    have = 0
    while True:
        # A server short of memory for a moment refuses a count; it is asked again.
        with contextlib.suppress(RuntimeError, OSError):
            have = target.count()
        if have >= spans or time.monotonic() > end:
            return have
        time.sleep(POLL_S)


def measure(system: str, target: Target, client: Client, order: Order, folder: Path) -> Run:
    """One run of `order` against `target`, whose files are in `folder`."""
    warm_up = Order(order.host, order.port, spans=WARM_UP_SPANS, seconds=30.0, seed=1)
    warmed = client.run(warm_up).spans
    before = wait_for(target, warmed, 30.0)
    target.settle(30.0)
    size = _size(folder)
    meter = CpuMeter({**target.processes(), CLIENT: [client.process]})
    sent = client.run(order)
    stored = wait_for(target, before + sent.spans, order.seconds) - before
    seconds = (time.monotonic_ns() - sent.first_send_ns) / 1e9
    usage = meter.read()
    return Run(
        system,
        sent,
        seconds,
        stored,
        usage,
        _size(folder) - size,
        complete=stored >= sent.spans > 0,
    )


def _size(folder: Path) -> int:
    """Bytes that the files below `folder` take on the disk, without logs."""
    total = 0
    for within, _, names in os.walk(folder):
        for name in names:
            # Merges delete files while this looks at them.
            with contextlib.suppress(OSError):
                if not name.endswith(".log"):
                    total += (Path(within) / name).stat().st_blocks * 512
    return total


def run(
    report: Report,
    work: Path,
    *,
    spans: int,
    rounds: int,
    connections: int,
    spans_per_request: int,
    systems: tuple[str, ...] = SYSTEMS,
    options: Options | None = None,
) -> list[Run]:
    """Measure all `systems` in turns, `rounds` times each, and print what came of it."""
    options = options or Options()
    runs: list[Run] = []
    with Client(spans_per_request) as client:
        for number in range(rounds):
            for system in systems:
                folder = work / f"throughput-{number}-{system}"
                with running(system, folder, options) as target:
                    order = Order(
                        "127.0.0.1",
                        target.port,
                        spans=spans,
                        seconds=60.0,
                        connections=connections,
                    )
                    done = measure(system, target, client, order, folder)
                    if isinstance(target, Service) and done.complete:
                        # As people see it: a span that came twice is one.
                        seen = target.sql("SELECT count() FROM spans")[0][0]
                        done.extra["seen"] = int(seen) - WARM_UP_SPANS
                    if isinstance(target, RotelPeer):
                        done.extra["exports_failed"] = target.exports_failed()
                    runs.append(done)
                    report.say(f"  {system}: {count(done.rate)} spans/s")
    _print(report, runs, spans_per_request, connections, options)
    report.keep(throughput=[_figures(each) for each in runs])
    return runs


def _figures(done: Run) -> dict[str, Any]:
    sent = asdict(done.sent)
    del sent["latencies_ms"]
    return {
        "system": done.system,
        "spans_per_second": round(done.rate),
        "seconds": round(done.seconds, 3),
        "complete": done.complete,
        "bytes_on_disk": done.bytes_on_disk,
        "cpu_us_per_span": {part: round(done.cpu(part), 2) for part in done.usage.cpu},
        "cpu_of_others_s": round(done.usage.others, 2),
        "sent": sent,
        **done.extra,
    }


def _print(
    report: Report, runs: list[Run], spans_per_request: int, connections: int, options: Options
) -> None:
    size = sum(r.sent.body_bytes for r in runs) / max(1, sum(r.sent.spans for r in runs))
    rows = [
        (
            done.system,
            count(done.sent.spans),
            f"{done.seconds:.2f}",
            f"{count(done.rate)}{'' if done.complete else ' (incomplete)'}",
            count(done.sent.spans / done.sent.seconds if done.sent.seconds else 0),
            f"{done.cpu(COLLECTOR):.1f}",
            f"{done.cpu(CLICKHOUSE):.1f}",
            f"{done.cpu(CLIENT):.1f}",
            f"{done.usage.others / done.usage.seconds:.2f}",
            f"{done.bytes_on_disk / max(1, done.stored):.0f}",
            done.sent.retries
            + sum(done.sent.failures.values())
            + done.extra.get("exports_failed", 0),
        )
        for done in runs
    ]
    report.table(
        "Throughput: durable and queryable spans",
        (
            "system",
            "spans",
            "seconds",
            "spans/s",
            "acked/s",
            "collector µs",
            "ClickHouse µs",
            "client µs",
            "other load",
            "bytes on disk",
            "retries",
        ),
        rows,
        caption=(
            f"{size:.0f} bytes a span, {spans_per_request} spans a request, {connections}"
            f" connections. rotel: {options}; it acknowledges from memory. µs of CPU and bytes on"
            " disk (with what merges have not yet deleted) are for each span; other load is"
            " what else ran on the machine, in cores; retries are of the client and of rotel."
        ),
    )
    ours = [r.rate for r in runs if r.system == SPANGLASS]
    theirs = [r.rate for r in runs if r.system == ROTEL]
    if ours and theirs:
        work = {
            name: median([sum(r.cpu(p) for p in (COLLECTOR, CLICKHOUSE)) for r in runs
                          if r.system == name])
            for name in (SPANGLASS, ROTEL)
        }  # fmt: skip
        report.table(
            "Medians",
            ("", SPANGLASS, ROTEL, "ratio"),
            [
                ("spans/s", count(median(ours)), count(median(theirs)),
                 ratio(median(ours), median(theirs))),
                ("CPU µs a span", f"{work[SPANGLASS]:.1f}", f"{work[ROTEL]:.1f}",
                 ratio(work[SPANGLASS], work[ROTEL])),
            ],
        )  # fmt: skip
