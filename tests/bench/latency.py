"""How long a request waits for its acknowledgement, and a span until it can be queried."""

from __future__ import annotations

import http.client
import random
import threading
import time
from pathlib import Path

from bench.data import Pool
from bench.load import Client, Order, percentile
from bench.report import Report, count
from bench.rotel_peer import Options
from bench.throughput import SYSTEMS, Target, running, wait_for

LONGEST_S = 30.0


class Watcher:
    """Looks for probes in the store until each can be queried.

    What is measured is from when a probe's request is sent until a query's answer holds it. It is
    high by half the pause between queries on average, and by the time that the query takes.
    """

    def __init__(self, target: Target, pause_s: float) -> None:
        """Look in `target` every `pause_s` seconds."""
        self._target = target
        self._pause = pause_s
        self._waiting: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.seconds: list[float] = []
        """For each probe that was found."""
        self._thread.start()

    def add(self, trace_id: str, sent_ns: int) -> None:
        """Look for a trace that was sent at `sent_ns` (CLOCK_MONOTONIC)."""
        with self._lock:
            self._waiting[trace_id] = sent_ns

    def _watch(self) -> None:
        while not self._stop.wait(self._pause):
            with self._lock:
                waiting = dict(self._waiting)
            if not waiting:
                continue
            try:
                seen = self._target.seen(list(waiting))
            except (OSError, RuntimeError):
                continue
            now = time.monotonic_ns()
            with self._lock:
                for each in seen & set(waiting):
                    self.seconds.append((now - self._waiting.pop(each)) / 1e9)

    def finish(self, seconds: float = LONGEST_S) -> int:
        """Wait for what is still looked for; how many were never found."""
        end = time.monotonic() + seconds
        while self._waiting and time.monotonic() < end:
            time.sleep(self._pause)
        self._stop.set()
        self._thread.join(10)
        return len(self._waiting)


def run(report: Report, work: Path, *, rate: float, seconds: float, lone: int) -> None:
    """Measure each system at `rate` spans/s for `seconds` s, and then with `lone` lone spans."""
    spans_per_request = 100
    steady: list[tuple[str, ...]] = []
    alone: list[tuple[str, ...]] = []
    # What is fast for rotel here is its own settings: a batch waits 200 ms at most.
    options = Options.of_rotel()
    with Client(spans_per_request) as client:
        for system in SYSTEMS:
            folder = work / f"latency-{system}"
            with running(system, folder, options) as target:
                order = Order(
                    "127.0.0.1", target.port, spans=10_000, seconds=30.0, connections=4, seed=1
                )
                wait_for(target, client.run(order).spans, 30.0)
                watcher = Watcher(target, 0.05)
                order = Order(
                    "127.0.0.1",
                    target.port,
                    spans=int(rate * seconds),
                    seconds=seconds + 5.0,
                    connections=64,
                    rate=rate,
                    probe_every_s=0.5,
                )
                sent = client.run(order, watcher.add)
                missing = watcher.finish()
                found = [each * 1000 for each in watcher.seconds]
                steady.append(
                    (
                        system,
                        count(sent.spans / sent.seconds if sent.seconds else 0),
                        *(f"{sent.percentile(q):.1f}" for q in (0.5, 0.95, 0.99)),
                        *(f"{percentile(found, q):.0f}" for q in (0.5, 0.95)),
                        f"{len(found)} ({missing} never)",
                        str(sent.retries),
                        f"{sent.late_ms:.0f}",
                    )
                )
                acks, queries = _alone(target, lone)
                alone.append(
                    (
                        system,
                        *(f"{percentile(acks, q):.1f}" for q in (0.5, 1.0)),
                        *(f"{percentile(queries, q):.0f}" for q in (0.5, 1.0)),
                    )
                )
                report.keep(
                    **{
                        f"latency_{system}": {
                            "ack_ms": {q: sent.percentile(q) for q in (0.5, 0.95, 0.99)},
                            "queryable_ms": {q: percentile(found, q) for q in (0.5, 0.95)},
                            "lone_ack_ms": acks,
                            "lone_queryable_ms": queries,
                            "requests": sent.requests,
                            "retries": sent.retries,
                            "failures": sent.failures,
                        }
                    }
                )
    meaning = "rotel's acknowledgement is from memory, Spanglass's is durable."
    report.table(
        f"Latency at {count(rate)} spans/s, in ms",
        ("system", "acked spans/s", "ack p50", "ack p95", "ack p99", "queryable p50",
         "queryable p95", "probes", "retries", "client late"),
        steady,
        caption=(
            f"{spans_per_request} spans a request, from when it was due. Queryable: from sending"
            f" until SQL finds it, asked every 50 ms. {meaning}"
        ),
    )  # fmt: skip
    report.table(
        f"Latency of {lone} lone spans on an idle system, in ms",
        ("system", "ack p50", "ack max", "queryable p50", "queryable max"),
        alone,
        caption=f"One span a request, asked every 10 ms. {meaning}",
    )


def _alone(target: Target, times: int) -> tuple[list[float], list[float]]:
    """Send one span after the other: ms until acknowledged, and ms until queryable."""
    pool = Pool(spans_per_request=1, bodies=4, seed=9, corpus_bytes=1 << 20)
    pause = random.Random(9)
    acks: list[float] = []
    queries: list[float] = []
    for _ in range(times):
        # Not in step with anything that happens once a second.
        time.sleep(0.7 + pause.random())
        sent = pool.fresh(time.time_ns())
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
        begin = time.monotonic()
        connection.request(
            "POST", "/v1/traces", bytes(sent.body), {"Content-Type": "application/x-protobuf"}
        )
        status = connection.getresponse().status
        acks.append((time.monotonic() - begin) * 1000)
        connection.close()
        if status != 200:
            raise RuntimeError(f"a lone span was answered {status}")
        while not target.seen([sent.trace_id]):
            if time.monotonic() - begin > LONGEST_S:
                break
            time.sleep(0.01)
        queries.append((time.monotonic() - begin) * 1000)
    return acks, queries
