"""`python -m bench COMMAND`: prints tables of what Spanglass does, beside peers and limits.

Every command is bounded in time and in data. None of them fails because something is slow.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench import (
    agent,
    alerts,
    dialects,
    drift,
    drift_store,
    idle,
    install,
    latency,
    limit,
    metrics,
    page,
    pii,
    prices,
    quality,
    sdk,
    throughput,
    trace,
)
from bench.report import Report, limit_cores, versions
from bench.rotel_peer import Options

COMMANDS = (
    "throughput",
    "metrics",
    "dialects",
    "limit",
    "latency",
    "idle",
    "trace",
    "sdk",
    "install",
    "agent",
    "alerts",
    "prices",
    "pii",
    "quality",
    "drift",
    "drift-store",
    "page",
    "all",
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("command", choices=COMMANDS, help="what to measure")
    parser.add_argument("--spans", type=int, default=300_000, help="spans of a throughput run")
    parser.add_argument("--points", type=int, default=600_000, help="of a run of metrics")
    parser.add_argument("--points-per-request", type=int, default=1_000)
    parser.add_argument("--dialect-spans", type=int, default=60_000, help="of each dialect")
    parser.add_argument("--all-dialects", action="store_true", help="not one of each family only")
    parser.add_argument("--rounds", type=int, default=2, help="throughput runs of each system")
    parser.add_argument("--connections", type=int, default=8, help="of a throughput run")
    parser.add_argument("--spans-per-request", type=int, default=500)
    parser.add_argument(
        "--only",
        choices=(*throughput.SYSTEMS, throughput.REDACTING),
        help="measure the throughput of one system alone",
    )
    parser.add_argument("--rotel-batch", type=int, help="spans in rotel's batches")
    parser.add_argument("--rotel-wait", type=int, help="ms that a batch of rotel's may wait")
    parser.add_argument("--rotel-async", action="store_true", help="rotel's asynchronous inserts")
    parser.add_argument("--rate", type=float, default=5_000.0, help="spans/s for latency")
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="of latency, idle and agent, each"
    )
    parser.add_argument("--lone", type=int, default=10, help="lone spans sent one by one")
    parser.add_argument("--trace-spans", type=int, default=10_000, help="spans of the long trace")
    parser.add_argument("--others", type=int, default=100_000, help="spans around the long trace")
    parser.add_argument("--calls", type=int, default=1_000, help="of a round of an SDK")
    parser.add_argument("--sdk-rounds", type=int, default=15, help="rounds of each SDK")
    parser.add_argument("--sdk-spans", type=int, default=1_000_000, help="while memory is watched")
    parser.add_argument("--rules", type=int, default=1_000, help="of alerts, evaluated at once")
    parser.add_argument("--rule-spans", type=int, default=10_000_000, help="that they look at")
    parser.add_argument("--rule-hours", type=float, default=24, help="that these spans are of")
    parser.add_argument("--week-spans", type=int, default=10_000_000, help="of a week of spans")
    parser.add_argument(
        "--no-peers", action="store_true", help="of SDKs and drift; they are installed"
    )
    parser.add_argument("--texts", type=int, default=3_000, help="that are looked through")
    parser.add_argument("--rows", type=int, default=100_000, help="of a column that may drift")
    parser.add_argument("--vectors", type=int, default=10_000, help="that may drift")
    parser.add_argument("--day-spans", type=int, default=1_000_000, help="of a day that may drift")
    parser.add_argument("--draws", type=int, default=400, help="of a simulation of drift")
    parser.add_argument("--visits", type=int, default=15, help="of each page in Chromium")
    parser.add_argument("--address", default="", help="of a service whose pages are opened")
    parser.add_argument("--cores", type=int, default=2, help="cores that everything runs on")
    parser.add_argument("--work", type=Path, help="a folder for the data; default is a new one")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    return parser.parse_args()


def main() -> int:
    """Run what the command line asks for."""
    asked = _arguments()
    # Everything that was started is stopped, also when this is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cores = limit_cores(asked.cores)
    report = Report(asked.json)
    about = versions(cores)
    report.say(" · ".join(f"{name} {version}" for name, version in about.items()))
    report.keep(versions=about, at=time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    work = asked.work or Path(tempfile.mkdtemp(prefix="spanglass-bench-"))
    chosen = [name for name in COMMANDS[:-1] if asked.command in (name, "all")]
    failed = []
    try:
        for name in chosen:
            try:
                _run(name, asked, report, work)
            except (RuntimeError, OSError) as error:
                failed.append(name)
                report.say(f"{name} could not be measured: {error}")
    finally:
        if asked.work is None:
            shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


def _run(name: str, asked: argparse.Namespace, report: Report, work: Path) -> None:
    if name == "throughput":
        options = Options()
        throughput.run(
            report,
            work,
            spans=asked.spans,
            rounds=asked.rounds,
            connections=asked.connections,
            spans_per_request=asked.spans_per_request,
            systems=(asked.only,) if asked.only else throughput.SYSTEMS,
            options=Options(
                batch_spans=asked.rotel_batch or options.batch_spans,
                batch_timeout_ms=asked.rotel_wait or options.batch_timeout_ms,
                async_insert=asked.rotel_async,
            ),
        )
    elif name == "metrics":
        metrics.run(
            report,
            work,
            points=asked.points,
            per_request=asked.points_per_request,
            connections=asked.connections,
        )
    elif name == "dialects":
        dialects.run(
            report,
            work,
            spans=asked.dialect_spans,
            spans_per_request=asked.spans_per_request,
            connections=asked.connections,
            every=asked.all_dialects,
        )
    elif name == "limit":
        limit.run(
            report,
            work,
            spans=asked.spans,
            connections=asked.connections,
            spans_per_request=asked.spans_per_request,
        )
    elif name == "latency":
        latency.run(report, work, rate=asked.rate, seconds=asked.seconds, lone=asked.lone)
    elif name == "idle":
        idle.run(report, work, seconds=asked.seconds)
    elif name == "agent":
        agent.run(report, work, seconds=asked.seconds)
    elif name == "prices":
        prices.run(report, work, spans=asked.week_spans)
    elif name == "pii":
        pii.run(report, texts=asked.texts)
        throughput.run(
            report,
            work,
            spans=min(asked.spans, 100_000),
            rounds=1,
            connections=asked.connections,
            spans_per_request=asked.spans_per_request,
            systems=(throughput.REDACTING,),
        )
    elif name == "quality":
        quality.run(report, work, texts=asked.texts)
    elif name == "drift":
        drift.run(
            report,
            work,
            rows=asked.rows,
            vector_rows=asked.vectors,
            times=asked.draws,
            peers=not asked.no_peers,
        )
    elif name == "drift-store":
        drift_store.run(report, work, spans=asked.day_spans)
    elif name == "sdk":
        sdk.run(
            report,
            rounds=asked.sdk_rounds,
            calls=asked.calls,
            spans=asked.sdk_spans,
            peers=not asked.no_peers,
        )
    elif name == "install":
        install.run(report, work)
    elif name == "page":
        page.run(report, work, visits=asked.visits, address=asked.address)
    elif name == "alerts":
        alerts.run(report, work, spans=asked.rule_spans, rules=asked.rules, hours=asked.rule_hours)
    else:
        trace.run(report, work, spans=asked.trace_spans, others=asked.others)


if __name__ == "__main__":
    sys.exit(main())
