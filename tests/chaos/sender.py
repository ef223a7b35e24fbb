"""A sender that remembers what was acknowledged."""

import http.client
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support import otlp
from support.running import EXPORT, PROTOBUF

SPANS_PER_TRACE: Final = 5
#: Traces begin on one of so many days, so that one insert writes several parts.
DAYS: Final = 3
#: Seconds after which a request counts as unanswered.
_TIMEOUT_S: Final = 45.0


@dataclass(frozen=True)
class Answer:
    """What came of a request.

    Attributes:
        status: as in HTTP; 0 where there was no answer.
        wrong: what is against the protocol in it.
        error: why there was no answer.
    """

    status: int
    wrong: str = ""
    error: str = ""


class _Connection(Protocol):
    """One connection, that lasts until its first failure."""

    def send(self, body: bytes) -> Answer: ...

    def close(self) -> None: ...


class _Http:
    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)

    def send(self, body: bytes) -> Answer:
        try:
            self._connection.request("POST", "/v1/traces", body, {"content-type": PROTOBUF})
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, error=type(error).__name__)
        wrong = ""
        if response.status == 200 and content:
            wrong = f"accepted in part only: {content!r}"
        if response.status == 503 and not response.headers.get("retry-after", "").isdigit():
            wrong = "a 503 without Retry-After"
        if response.status not in (200, 503):
            wrong = f"the answer {response.status}: {content[:200]!r}"
        return Answer(response.status, wrong)

    def close(self) -> None:
        self._connection.close()


class _Grpc:
    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, [("grpc.enable_retries", 0)])
        self._call = self._channel.unary_unary(EXPORT)

    def send(self, body: bytes) -> Answer:
        try:
            content = self._call(body, timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata() or ())
            if error.code() is grpc.StatusCode.UNAVAILABLE and "grpc-status-details-bin" in details:
                return Answer(503)
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                return Answer(0, error=f"gRPC {error.code().name}")
            return Answer(500, f"gRPC {error.code().name}: {error.details()}")
        return Answer(200, f"accepted in part only: {content!r}" if content else "")

    def close(self) -> None:
        self._channel.close()


class Sender:
    """Sends batches over several connections until it is told to stop, and retries nothing.

    The first connection speaks gRPC, the others HTTP.

    Args:
        address: of a door, `otlp_grpc` or `otlp_http`; empty while the service is away.
        connections: how many there are.
        traces: traces a batch, at most.
        rate: spans a second of all connections together, about.
        filler: bytes of text in each span.
    """

    def __init__(
        self,
        address: Callable[[str], str],
        connections: int = 4,
        traces: int = 12,
        rate: float = 2000,
        filler: int = 100,
    ) -> None:
        self._address = address
        self._traces = traces
        self._pause_s = connections * (traces / 2 * SPANS_PER_TRACE) / rate
        self._filler = filler
        self._lock = threading.Lock()
        self._ending = False
        self._running = threading.Event()
        self._busy = 0
        self._idle = threading.Condition(self._lock)
        #: Ids of every span that was sent, and of those that were acknowledged.
        self.sent: set[bytes] = set()
        self.acknowledged: set[bytes] = set()
        #: Requests by the status of the answer; 0 where there was none.
        self.answers: Counter[int] = Counter()
        #: Why there was no answer.
        self.errors: Counter[str] = Counter()
        #: What was against the protocol.
        self.wrong: list[str] = []
        self._threads = [
            threading.Thread(target=self._run, args=(n,), name=f"sender-{n}", daemon=True)
            for n in range(connections)
        ]

    def __enter__(self) -> Self:
        self._running.set()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending = True
        self._running.set()
        for thread in self._threads:
            thread.join(_TIMEOUT_S + 5)

    def pause(self) -> None:
        """Sends nothing more; returns when every request has its answer or has failed."""
        self._running.clear()
        with self._lock:
            quiet = self._idle.wait_for(lambda: self._busy == 0, _TIMEOUT_S + 5)
        assert quiet, "a request got no answer"

    def resume(self) -> None:
        self._running.set()

    def count(self, status: int) -> int:
        """How many requests were answered like that."""
        with self._lock:
            return self.answers[status]

    def more_than(self, spans: int) -> Callable[[], bool]:
        """A condition: so many more spans than now are acknowledged."""
        goal = len(self.acknowledged) + spans
        return lambda: len(self.acknowledged) >= goal

    # -- one connection ------------------------------------------------------------------------

    def _connect(self, number: int) -> _Connection | None:
        address = self._address("otlp_http" if number else "otlp_grpc")
        if not address:
            return None
        return _Http(address) if number else _Grpc(address)

    def _run(self, number: int) -> None:
        chance = random.Random(number)
        connection: _Connection | None = None
        late: list[tuple[bytes, int]] = []
        while not self._ending:
            self._running.wait()
            with self._lock:
                if not self._running.is_set() or self._ending:
                    continue
                self._busy += 1
            try:
                if connection is None:
                    connection = self._connect(number)
                if connection is None or not self._send(connection, *self._batch(chance, late)):
                    if connection is not None:
                        connection.close()
                    connection = None
                    time.sleep(0.02)
            finally:
                with self._lock:
                    self._busy -= 1
                    self._idle.notify_all()
            time.sleep(self._pause_s * chance.uniform(0.5, 1.5))
        if connection is not None:
            connection.close()

    def _batch(
        self, chance: random.Random, late: list[tuple[bytes, int]]
    ) -> tuple[set[bytes], bytes]:
        """Ids and body of a request: some whole traces, and late spans of an earlier one."""
        now = time.time_ns() - otlp.SECOND
        traces = [
            (otlp.trace_id(), now - chance.randrange(DAYS) * otlp.DAY)
            for _ in range(chance.randint(1, self._traces))
        ]
        text = os.urandom(self._filler // 2).hex()
        spans = []
        for trace, start in traces:
            root = otlp.span(trace=trace, start=start, attrs={"filler": text})
            spans.append(root)
            spans += [
                otlp.chat_span(
                    trace=trace, parent=root.span_id, start=start + n, attrs={"filler": text}
                )
                for n in range(1, SPANS_PER_TRACE)
            ]
        spans += [
            otlp.span(trace=trace, parent=otlp.span_id(), start=start) for trace, start in late
        ]
        late[:] = traces[:1]
        # Two resources, so that a request is more than one field of the spool's file.
        half = len(spans) // 2
        message = ExportTraceServiceRequest(
            resource_spans=[
                otlp.resource_spans(spans[:half], service="first"),
                otlp.resource_spans(spans[half:], service="second"),
            ]
        )
        return {span.span_id for span in spans}, message.SerializeToString()

    def _send(self, connection: _Connection, ids: set[bytes], body: bytes) -> bool:
        """One request; says whether the connection can be used again."""
        with self._lock:
            self.sent |= ids
        answer = connection.send(body)
        with self._lock:
            self.answers[answer.status] += 1
            if answer.error:
                self.errors[answer.error] += 1
            if answer.wrong:
                self.wrong.append(answer.wrong)
            elif answer.status == 200:
                self.acknowledged |= ids
        return answer.status != 0
