"""What a decorated call costs, beside the plain OpenTelemetry SDK and other SDKs.

Each SDK records a 750-character prompt and a 700-character answer, and exports in the background
to a sink in a process of its own, which counts what arrives. Peers have virtual environments of
their own: they are never dependencies of ours. One that does not install, or does not run here, is
named with the reason; so is one whose spans do not arrive.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.report import Report, median, ratio
from bench.sdk_peers import BESIDE, PEERS, output, peer, version
from bench.sdk_program import ANSWER, WARM_UP

_HERE: Final = Path(__file__).parent
#: Seconds that spans may be late after their process has ended.
_LATE_S: Final = 5.0
_RUN_S: Final = 180
_IMPORT: Final = """
import sys, time
began = time.perf_counter()
import spanglass
took = (time.perf_counter() - began) * 1000
heavy = ("grpc", "google", "requests", "numpy", "clickhouse_connect")
print(took, [name for name in heavy if name in sys.modules])
"""


def run(report: Report, *, rounds: int, calls: int, spans: int, peers: bool) -> None:
    """Measure calls, import and memory.

    Args:
        report: where the tables go.
        rounds: of each SDK; medians are shown.
        calls: of each round.
        spans: of the run that watches memory.
        peers: whether other SDKs are installed and measured.
    """
    with _sink() as url:
        _calls(report, url, rounds, calls, PEERS if peers else ())
        _imports(report, rounds)
        _memory(report, url, spans)


def _calls(report: Report, url: str, rounds: int, calls: int, peers: tuple[str, ...]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        targets = {
            "opentelemetry": ("opentelemetry", url, sys.executable),
            "spanglass": ("spanglass", url, sys.executable),
            "spanglass, redacted": ("spanglass redacted", url, sys.executable),
            "no SDK": ("bare", url, sys.executable),
        }
        failed = []
        for name in peers:
            try:
                targets[name] = (name, url, str(peer(name, beside=BESIDE.get(name, ()))))
            except RuntimeError as error:
                failed.append(f"{name} does not install: {error}")
        figures: dict[str, dict[str, Any]] = {}
        arrived: dict[str, float | None] = {}
        for shown, (program, target, python) in targets.items():
            try:
                figures[shown] = _medians(_program(python, program, target, rounds, calls))
            except RuntimeError as error:
                failed.append(f"{shown} does not run here: {error}")
                continue
            expected = 0 if program == "bare" else WARM_UP + rounds * calls
            arrived[shown] = _counted(url, expected) / expected if expected else None
        dead = _program(sys.executable, "spanglass dead", nobody, rounds, calls)
        figures["spanglass, collector dead"] = _medians(dead)
    base = figures.get("opentelemetry", {})
    rows = []
    for name, found in sorted(figures.items(), key=lambda each: each[1]["wall"]):
        found_version = version(name, targets.get(name, ("", "", sys.executable))[2])
        rows.append(
            (
                f"{name} {found_version}".strip(), f"{found['wall']:.1f}", f"{found['own']:.1f}",
                f"{found['cpu']:.1f}", ratio(found["wall"], base.get("wall", 0)),
                ratio(found["cpu"], base.get("cpu", 0)),
                "" if (share := arrived.get(name)) is None else f"{share:.0%}",
            )
        )  # fmt: skip
    report.table(
        "A decorated call, 750 characters in and 700 out",
        [
            "SDK",
            "call µs",
            "its thread's CPU µs",
            "all CPU µs",
            "call / OTel",
            "CPU / OTel",
            "arrived",
        ],
        rows,
        f"Medians of {rounds} rounds of {calls} calls. All CPU includes the exporter's thread and"
        " the flush. Floors: 1.0 x OTel in both, 0.3 x Langfuse, for the default, which records"
        " content as it is. Arrived: texts at the sink for each that was recorded.",
    )
    failed += [
        f"{name}: only {share:.0%} of its spans arrived, so its figures are of less work"
        for name, share in arrived.items()
        if share is not None and share < 1
    ]
    for line in failed:
        report.say(line)
    report.keep(sdk_call_us=figures, sdk_arrived=arrived, sdk_failed=failed)


def _imports(report: Report, rounds: int) -> None:
    found = []
    heavy = ""
    for _ in range(rounds):
        told = output([sys.executable, "-c", _IMPORT], _RUN_S)
        took, _, heavy = told.partition(" ")
        found.append(float(took))
    report.say(f"import spanglass: {median(found):.0f} ms (floor 150 ms); heavy modules: {heavy}")
    report.keep(sdk_import_ms=median(found))


def _memory(report: Report, url: str, spans: int) -> None:
    found = json.loads(
        output(
            [sys.executable, str(_HERE / "sdk_program.py"), "memory", url, str(spans), "10"], 600
        )
    )
    steps = ", ".join(f"{each:.0f}" for each in found["resident"])
    arrived = _counted(url, spans) / spans
    report.say(
        f"Resident MiB at every tenth of {spans:,} spans: {steps}; peak {found['peak']:.0f}; {arrived:.0%} arrived"
    )
    report.keep(sdk_memory_mib=found)


def _medians(found: dict[str, list[float]]) -> dict[str, float]:
    return {name: median(values) for name, values in found.items()}


def _program(python: str, program: str, url: str, rounds: int, calls: int) -> dict[str, Any]:
    script = str(_HERE / "sdk_program.py")
    told = output([python, script, program, url, str(rounds), str(calls)], _RUN_S)
    lines = [line for line in told.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError("it printed no figures")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


@contextmanager
def _sink() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(_HERE / "sdk_sink.py"), ANSWER], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def _counted(url: str, expected: int) -> int:
    """How many answers have arrived at the sink since it was asked last; waits for stragglers."""
    found = 0
    until = time.monotonic() + _LATE_S
    while found < expected and time.monotonic() < until:
        with urllib.request.urlopen(f"{url}/counted") as told:
            found += max(0, int(told.read()))
        time.sleep(0.1)
    return found
