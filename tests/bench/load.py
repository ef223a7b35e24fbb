"""The load generator: OTLP over HTTP, in a process of its own.

`python -m bench.load` reads orders as JSON lines on its standard input and writes events as JSON
lines on its standard output; `Client` starts and drives it. Every order is bounded in time and in
spans. A request that is answered 429, 502, 503 or 504 is sent again after the `Retry-After` of the
answer, as an exporter does, and counted; one that fails otherwise is counted as failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from bench.data import SEED, Pool, Sent

_RETRIED: Final = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE_S: Final = 5.0


@dataclass(frozen=True)
class Order:
    """What to send, where, and until when."""

    host: str
    port: int
    path: str = "/v1/traces"
    spans: int = 300_000
    """Stop after this many spans have been sent."""
    seconds: float = 60.0
    """Stop after this time, whatever has been sent."""
    connections: int = 8
    """Connections in a closed loop; the most that may be open at once in an open one."""
    rate: float = 0.0
    """Spans a second in an open loop; 0 is a closed loop: as fast as it is acknowledged."""
    probe_every_s: float = 0.0
    """Report the trace id of a request this often (0: never), to be looked for in the store."""
    seed: int = SEED
    """The same seed sends the same bodies, but for their times."""


@dataclass
class Result:
    """What came of an order. Times are CLOCK_MONOTONIC, which all processes share."""

    spans: int = 0
    """Spans acknowledged, less those that a partial success rejected."""
    requests: int = 0
    body_bytes: int = 0
    rejected: int = 0
    """Spans that a partial success rejected."""
    retries: int = 0
    """Requests sent again after an answer that asks for it."""
    failures: dict[str, int] = field(default_factory=dict)
    """Requests given up, by status or by exception."""
    first_send_ns: int = 0
    last_ack_ns: int = 0
    late_ms: float = 0.0
    """In an open loop, the furthest that the generator itself fell behind its plan."""
    latencies_ms: list[float] = field(default_factory=list)
    """From when a request was due until it was acknowledged, one for each request."""

    @property
    def seconds(self) -> float:
        """From the first send to the last acknowledgement."""
        return (self.last_ack_ns - self.first_send_ns) / 1e9

    def percentile(self, q: float) -> float:
        """The acknowledgement latency in ms below which the share `q` (0 to 1) of requests is."""
        return percentile(self.latencies_ms, q)


def percentile(values: list[float], q: float) -> float:
    """The value below which the share `q` (0 to 1) of `values` lies; NaN of none."""
    if not values:
        return float("nan")
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(q * len(ranked)))]


class _Connection:
    """One HTTP/1.1 connection that is kept open, and opened again when the server closed it."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._address = (host, port)
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: bench\r\n"
            "Content-Type: application/x-protobuf\r\nContent-Length: "
        ).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytearray) -> tuple[int, dict[bytes, bytes], bytes]:
        """Send one request; the status, headers (lower case) and body of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(b"%b%d\r\n\r\n" % (self._head, len(body)))
        writer.write(body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        status = int(head[0].split(b" ", 2)[1])
        headers = {
            key.strip().lower(): value.strip()
            for key, _, value in (line.partition(b":") for line in head[1:] if line)
        }
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            answer = await _chunks(reader)
        else:
            answer = await reader.readexactly(int(headers.get(b"content-length", b"0")))
        if headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return status, headers, answer

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


class _Sender:
    """Carries out one order."""

    def __init__(self, order: Order, pool: Pool, tell: Callable[[dict[str, Any]], None]) -> None:
        self._order = order
        self._pool = pool
        self._tell = tell
        self._result = Result()
        self._failures: Counter[str] = Counter()
        self._left = order.spans
        self._end = time.monotonic() + order.seconds
        self._next_probe = 0.0
        self._idle: list[_Connection] = []

    def _fresh(self) -> Sent | None:
        """The next body, or None where the order is fulfilled."""
        if self._left <= 0 or time.monotonic() > self._end:
            return None
        sent = self._pool.fresh(time.time_ns())
        self._left -= sent.spans
        return sent

    async def _send(self, connection: _Connection, sent: Sent, due_ns: int) -> None:
        result = self._result
        probe = self._order.probe_every_s and time.monotonic() >= self._next_probe
        if probe:
            self._next_probe = time.monotonic() + self._order.probe_every_s
        result.first_send_ns = result.first_send_ns or time.monotonic_ns()
        if probe:
            self._tell({"probe": sent.trace_id, "at_ns": time.monotonic_ns()})
        while True:
            try:
                status, headers, answer = await connection.post(sent.body)
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                connection.close()
                self._failures[type(error).__name__] += 1
                return
            if status not in _RETRIED:
                break
            if time.monotonic() > self._end:
                self._failures[f"{status} at the end"] += 1
                return
            result.retries += 1
            pause = 0.1
            with contextlib.suppress(ValueError):
                pause = float(headers.get(b"retry-after", b"0.1"))
            await asyncio.sleep(min(pause, _LONGEST_PAUSE_S))
        if status != 200:
            self._failures[str(status)] += 1
            return
        now = time.monotonic_ns()
        rejected = 0
        if answer:
            partial = ExportTraceServiceResponse.FromString(answer).partial_success
            rejected = int(partial.rejected_spans)
        result.requests += 1
        result.spans += sent.spans - rejected
        result.rejected += rejected
        result.body_bytes += len(sent.body)
        result.last_ack_ns = max(result.last_ack_ns, now)
        result.latencies_ms.append((now - due_ns) / 1e6)

    def _connection(self) -> _Connection:
        return _Connection(self._order.host, self._order.port, self._order.path)

    async def _closed(self) -> None:
        connection = self._connection()
        while (sent := self._fresh()) is not None:
            await self._send(connection, sent, time.monotonic_ns())
        connection.close()

    async def _open(self) -> None:
        free = asyncio.Semaphore(self._order.connections)
        begin = time.monotonic_ns()
        running: set[asyncio.Task[None]] = set()
        done = 0

        async def one(sent: Sent, due_ns: int) -> None:
            async with free:
                connection = self._idle.pop() if self._idle else self._connection()
                await self._send(connection, sent, due_ns)
                self._idle.append(connection)

        while (sent := self._fresh()) is not None:
            due_ns = begin + int(done / self._order.rate * 1e9)
            done += sent.spans
            await asyncio.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
            late = (time.monotonic_ns() - due_ns) / 1e6
            self._result.late_ms = max(self._result.late_ms, late)
            task = asyncio.create_task(one(sent, due_ns))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)
        for connection in self._idle:
            connection.close()

    async def run(self) -> Result:
        """Send until the order is fulfilled or its time is over."""
        if self._order.rate:
            tasks: list[Coroutine[Any, Any, None]] = [self._open()]
        else:
            tasks = [self._closed() for _ in range(self._order.connections)]
        # A server that never answers must not hold the bench.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._order.seconds + 30.0):
                await asyncio.gather(*tasks)
        self._result.failures = dict(self._failures)
        return self._result


class Client:
    """The load generator's process. One serves all runs of a bench, so that all have the same."""

    def __init__(self, spans_per_request: int = 500, bodies: int = 40) -> None:
        """Start it and have it build its bodies, which takes a few seconds."""
        here = str(Path(__file__).parents[1])
        path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load", str(spans_per_request), str(bodies)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.spans_per_request = spans_per_request
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        if self._event(120.0) != {"ready": True}:
            raise RuntimeError("the load generator did not start")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def _event(self, timeout: float) -> dict[str, Any]:
        event = self._events.get(timeout=timeout)
        if event is None:
            raise RuntimeError("the load generator has ended")
        return event

    @property
    def process(self) -> psutil.Process:
        """The process, to read its CPU time."""
        return psutil.Process(self._process.pid)

    def run(self, order: Order, probed: Callable[[str, int], None] | None = None) -> Result:
        """Carry out `order`. `probed` is told each probe's trace id and when it was sent (ns)."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        while "result" not in (event := self._event(order.seconds + 60.0)):
            if probed is not None and "probe" in event:
                probed(event["probe"], event["at_ns"])
        return Result(**event["result"])

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(10)

    def __enter__(self) -> Client:
        """Nothing more to do: it is running."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.stop()


def main() -> None:
    """Serve orders until standard input ends."""

    def tell(event: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()

    pool = Pool(spans_per_request=int(sys.argv[1]), bodies=int(sys.argv[2]))
    run: Callable[[Coroutine[Any, Any, Result]], Result] = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop

        run = uvloop.run
    tell({"ready": True})
    for line in sys.stdin:
        order = Order(**json.loads(line))
        pool.rewind(order.seed)
        tell({"result": asdict(run(_Sender(order, pool, tell).run()))})


if __name__ == "__main__":
    main()
