"""What the agent of a GPU node costs: eight boards at 1 Hz, two engines every 5 s."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from bench.processes import CpuMeter, memory
from bench.report import Report
from spanglass.gpu.engines._mapping import Mapping
from support import nvml
from support.engines import EngineServer, vllm
from support.running import environment
from support.sdk_sink import running_sink

AGENT = "agent"
#: Until imports and the first reports are over, in s.
SETTLE_S = 8.0
_SCRAPES = 200


def run(report: Report, work: Path, *, seconds: float) -> None:
    """Measure an agent for `seconds` s, against a stub of NVML and engines that answer."""
    folder = work / "agent"
    folder.mkdir(parents=True, exist_ok=True)
    engines = [EngineServer(), EngineServer()]
    try:
        nvml.build(folder)
        nvml.Stub(folder / "nvml.txt").say(boards=8, all_processes="1:1048576", all_pcie_tx=1)
        for engine in engines:
            engine.say(vllm(100).text())
        with running_sink() as sink:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "spanglass_collector.cli", "agent",
                    "--endpoint", sink.url, "--buffer-dir", str(folder / "buffer"),
                    *(word for engine in engines for word in ("--engine", engine.url)),
                ],
                env=environment(LD_LIBRARY_PATH=str(folder), NVML_STUB=str(folder / "nvml.txt")),
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                time.sleep(SETTLE_S)
                watched = {AGENT: [psutil.Process(process.pid)]}
                meter = CpuMeter(watched)
                before = len(sink.received_metrics)
                time.sleep(seconds)
                usage = meter.read()
                used = memory(watched[AGENT])
                requests = sink.received_metrics[before:]
            finally:
                process.terminate()
                process.wait(20)
    finally:
        for engine in engines:
            engine.close()
        shutil.rmtree(folder, ignore_errors=True)
    points = sum(
        len(found)
        for _, body in requests
        for found in nvml.points(body.SerializeToString()).values()
    )
    share = usage.cpu[AGENT] / usage.seconds
    report.table(
        f"The agent for {seconds:.0f} s: 8 boards at 1 Hz, 2 engines every 5 s",
        ("CPU % of a core", "resident MB", "points/s"),
        [(f"{share:.2%}", f"{used.resident / 1e6:.0f}", f"{points / usage.seconds:.0f}")],
        caption="NVML is a stub that answers at once: what a driver takes comes on top.",
    )
    report.keep(agent={"cpu_share_of_a_core": round(share, 5), "resident_bytes": used.resident})
    _read(report)


def _read(report: Report) -> None:
    """One scrape of an engine, beside a general parser."""
    text = vllm(100).text()
    mapping = Mapping()
    mapping.map(text, 1)
    began = time.process_time()
    for n in range(_SCRAPES):
        mapping.map(text, n + 2)
    ours = (time.process_time() - began) / _SCRAPES
    began = time.process_time()
    for _ in range(_SCRAPES // 10):
        list(text_string_to_metric_families(text))
    theirs = (time.process_time() - began) / (_SCRAPES // 10)
    report.table(
        f"Reading one scrape of {len(text.splitlines())} lines, in ms of CPU",
        ("", "ms"),
        [
            ("Spanglass, mapped to the common schema", f"{ours * 1e3:.2f}"),
            ("prometheus_client, read alone", f"{theirs * 1e3:.2f}"),
        ],
    )
    report.keep(scrape_ms={"spanglass": ours * 1e3, "prometheus_client": theirs * 1e3})
