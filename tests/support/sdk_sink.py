"""A real OTLP/HTTP receiver for the SDK's tests, that answers as it is told."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.quiet_server import QuietServer
from support.running import environment
from support.waiting import PATIENCE_S

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the sink answers to one request.

    Attributes:
        status: of HTTP; 0 cuts the connection without a word.
        hold: waits for this before it answers.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hold: threading.Event | None = None


@dataclass(frozen=True)
class Received:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    size: int
    request: ExportTraceServiceRequest
    status: int
    connection: int

    def spans(self) -> list[Any]:
        """Its spans, as protobuf."""
        return [s for r in self.request.resource_spans for c in r.scope_spans for s in c.spans]


@dataclass(frozen=True)
class ReceivedLogs:
    """One request with log records that arrived."""

    path: str
    headers: dict[str, str]
    request: ExportLogsServiceRequest
    status: int

    def records(self) -> list[Any]:
        """Its log records, as protobuf."""
        return [
            record
            for resource in self.request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


def attributes_of(message: Any) -> Attributes:
    """Attributes of a span, an event or a resource, as Python values."""
    return {pair.key: _value(pair.value) for pair in message.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None


class Sink:
    """Answers with the replies it was given, in turn, and then with 200.

    What is posted to a path that ends in `/v1/logs` is log records, with replies of their own.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.received_logs: list[ReceivedLogs] = []
        #: With the status of the answer.
        self.received_metrics: list[tuple[int, ExportMetricsServiceRequest]] = []
        self.replies: list[Reply] = []
        self.log_replies: list[Reply] = []
        self._changed = threading.Condition()
        self._connections = 0
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                sink._connections += 1
                self.number = sink._connections

            def do_POST(self) -> None:
                sink._handle(self)

            def log_message(self, *args: Any) -> None:
                return None

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def _handle(self, handler: Any) -> None:
        length = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(length)
        size = len(body)
        if handler.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        are_logs = handler.path.endswith("/v1/logs")
        with self._changed:
            replies = self.log_replies if are_logs else self.replies
            reply = replies.pop(0) if replies else Reply()
        if reply.hold is not None:
            reply.hold.wait(20)
        with self._changed:
            headers = {key.lower(): value for key, value in handler.headers.items()}
            if are_logs:
                logs = ExportLogsServiceRequest.FromString(body)
                self.received_logs.append(ReceivedLogs(handler.path, headers, logs, reply.status))
            elif handler.path.endswith("/v1/metrics"):
                metrics = ExportMetricsServiceRequest.FromString(body)
                self.received_metrics.append((reply.status, metrics))
            else:
                request = ExportTraceServiceRequest.FromString(body)
                self.received.append(
                    Received(handler.path, headers, size, request, reply.status, handler.number)
                )
            self._changed.notify_all()
        if reply.status == 0:
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        for key, value in reply.headers.items():
            handler.send_header(key, value)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)

    def wait(self, enough: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Waits until something holds.

        Raises:
            AssertionError: it does not come to hold.
        """
        with self._changed:
            assert self._changed.wait_for(enough, timeout_s), "the sink waited in vain"

    def spans(self) -> list[Any]:
        """Every span that was taken, as protobuf."""
        return [s for r in self.received if 200 <= r.status < 300 for s in r.spans()]

    def events(self, name: str) -> list[Any]:
        """Every log record with an event's name that was taken, as protobuf."""
        taken = [r for r in self.received_logs if 200 <= r.status < 300]
        return [record for r in taken for record in r.records() if record.event_name == name]

    def names(self) -> list[str]:
        """Names of the spans that were taken, sorted."""
        return sorted(span.name for span in self.spans())

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink on a free port."""
    sink = Sink()
    try:
        yield sink
    finally:
        sink.close()


def run_python(
    code: str, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program that uses the SDK in a process of its own, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(**{"PYTHONWARNINGS": "error", **(env or {})}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
