"""What the service costs while nothing happens, and how long it takes to start."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from bench.load import Client, Order
from bench.processes import CLICKHOUSE, COLLECTOR, CpuMeter, Parts, memory
from bench.report import Report
from bench.server import Service
from bench.throughput import ROTEL, SPANGLASS, Target, rotel, wait_for

SETTLE_S = 15.0
#: What was stored is judged first; workers end when nothing is left.
JUDGED_S = 300.0
STORED_SPANS = 50_000


def run(report: Report, work: Path, *, seconds: float) -> None:
    """Measure both systems, each with some spans stored, for `seconds` s."""
    rows: list[tuple[str, ...]] = []
    data = work / "idle" / "data"
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, work / "idle", ignore_errors=True)
        client = stack.enter_context(Client(500, bodies=8))
        cold = Service(data)
        try:
            _fill(cold, client)
            _await_judges(cold)
        finally:
            cold.stop()
        warm = Service(data)
        try:
            time.sleep(SETTLE_S)
            _await_judges(warm)
            rows.extend(_rows(report, SPANGLASS, warm.processes(), seconds))
        finally:
            warm.stop()
        with rotel(work / "idle-rotel") as peer:
            _fill(peer, client)
            time.sleep(SETTLE_S)
            rows.extend(_rows(report, ROTEL, peer.processes(), seconds))
    report.table(
        f"Idle for {seconds:.0f} s, with {STORED_SPANS:,} spans stored",
        ("system", "part", "CPU % of a core", "resident MB", "anonymous MB", "file MB"),
        rows,
        caption="Pages of files (libraries, above all) can be taken back by the system.",
    )
    report.table(
        "Start until /readyz, in s",
        ("system", "first", "warm"),
        [(SPANGLASS, f"{cold.start_seconds:.2f}", f"{warm.start_seconds:.2f}")],
        caption="First: of an empty folder. Warm: again, with the data above.",
    )
    report.keep(start_s={"first": cold.start_seconds, "warm": warm.start_seconds})


def _fill(target: Target, client: Client) -> None:
    order = Order("127.0.0.1", target.port, spans=STORED_SPANS, connections=4)
    wait_for(target, client.run(order).spans, 60.0)


def _await_judges(service: Service) -> None:
    """Waits until all that is stored is judged: nothing but the service itself runs then.

    Raises:
        TimeoutError: if that takes longer than `JUDGED_S`.
    """
    deadline = time.monotonic() + JUDGED_S
    while len(service.processes()[COLLECTOR]) > 1:
        if time.monotonic() > deadline:
            raise TimeoutError(f"workers still run {JUDGED_S:.0f} s after the last span")
        time.sleep(1.0)


def _rows(report: Report, system: str, parts: Parts, seconds: float) -> list[tuple[str, ...]]:
    meter = CpuMeter(parts)
    time.sleep(seconds)
    usage = meter.read()
    rows = []
    for part in (COLLECTOR, CLICKHOUSE):
        used = memory(parts[part])
        share = usage.cpu[part] / usage.seconds
        rows.append(
            (
                system,
                part,
                f"{share:.2%}",
                *(f"{n / 1e6:.0f}" for n in (used.resident, used.anonymous, used.file)),
            )
        )
        report.keep(
            **{
                f"idle_{system}_{part}": {
                    "cpu_share_of_a_core": round(share, 5),
                    "anonymous_bytes": used.anonymous,
                    "file_bytes": used.file,
                }
            }
        )
    return rows
