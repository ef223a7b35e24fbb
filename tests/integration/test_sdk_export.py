"""What the exporter does with a receiver that behaves, and with ones that do not."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry import context as otel_context
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.trace import SpanKind

import spanglass
from spanglass import _state
from support.sdk_sink import Reply, Sink, attributes_of, running_sink
from support.waiting import wait_until


def make(count: int, text: str = "") -> None:
    for number in range(count):
        with spanglass.span(f"s{number:03}", input=text):
            pass


def assert_balanced() -> spanglass.Stats:
    """Every span is somewhere."""
    stats = spanglass.stats()
    after = {"queue_full", "queue_bytes", "shutdown", "not_initialised"}
    lost = sum(count for reason, count in stats.dropped.items() if reason not in after)
    assert stats.accepted == stats.sent + lost + stats.waiting
    return stats


def test_spans_arrive_with_what_sent_them(sink: Sink, start: Callable[..., None]) -> None:
    start(api_key="sg-key", release="1.2", sample_data=True, headers={"x-team": "search"})
    with spanglass.span("outer", n=1), spanglass.generation("m", provider="openai"):
        pass
    assert spanglass.flush() is True
    [request] = sink.received
    assert request.path == "/v1/traces"
    assert request.headers["authorization"] == "Bearer sg-key"
    assert request.headers["x-team"] == "search"
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["user-agent"].startswith("spanglass/")
    assert "content-encoding" not in request.headers, "not worth it on the same machine"
    [resource_spans] = request.request.resource_spans
    resource = attributes_of(resource_spans.resource)
    assert resource["service.name"] == "test"
    assert resource["service.version"] == "1.2"
    assert resource["spanglass.sample_data"] is True
    assert [scope.scope.name for scope in resource_spans.scope_spans] == ["spanglass"]
    inner, outer = request.spans()
    assert (inner.name, outer.name) == ("chat m", "outer")
    assert inner.parent_span_id == outer.span_id
    assert inner.trace_id == outer.trace_id
    assert attributes_of(outer) == {"n": 1, "spanglass.sequence": 2}
    assert len(resource["spanglass.instance.id"]) == 36
    assert assert_balanced().sent == 2


def test_compression(sink: Sink, start: Callable[..., None]) -> None:
    start(compression="gzip")
    make(1, "x" * 100_000)
    assert spanglass.flush()
    assert sink.received[0].headers["content-encoding"] == "gzip"
    assert sink.received[0].size < 10_000
    assert len(attributes_of(sink.spans()[0])["input.value"]) == 100_000


def test_a_lone_span_arrives_by_itself(sink: Sink, start: Callable[..., None]) -> None:
    start(export_delay_s=0.05)
    make(1)
    sink.wait(lambda: len(sink.received) == 1)


def test_batches_are_bounded_by_number(sink: Sink, start: Callable[..., None]) -> None:
    start(max_batch_spans=10)
    make(25)
    assert spanglass.flush()
    assert [len(request.spans()) for request in sink.received] == [10, 10, 5]
    assert sink.names() == [f"s{n:03}" for n in range(25)]
    assert len({request.connection for request in sink.received}) == 1, "one connection is kept"


def test_batches_are_bounded_by_bytes(sink: Sink, start: Callable[..., None]) -> None:
    start(max_batch_bytes=50_000)
    # Four bytes of UTF-8 a character: the estimate in the queue is too low, and is put right.
    make(12, "\U0001f600" * 5_000)
    assert spanglass.flush()
    assert all(request.size <= 50_000 for request in sink.received)
    assert len(sink.names()) == 12


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 0])
def test_what_may_pass_is_tried_again(
    sink: Sink, start: Callable[..., None], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    sink.replies = [Reply(status)]
    start()
    make(3)
    assert spanglass.flush(20) is True
    assert len(sink.received) == 2
    assert len({request.request.SerializeToString() for request in sink.received}) == 1
    stats = assert_balanced()
    assert (stats.sent, stats.dropped, stats.retries, stats.last_error) == (3, {}, 1, "")
    assert caplog.text.count("cannot be sent") == 1


def test_retry_after_is_kept_to_also_in_a_hurry(sink: Sink, start: Callable[..., None]) -> None:
    sink.replies = [Reply(503, {"Retry-After": "3600"})]
    start(export_delay_s=0.01)
    make(1)
    wait_until(lambda: spanglass.stats().last_error.startswith("503"))
    time.sleep(0.1)  # now the exporter waits
    assert spanglass.flush(0.3) is False
    assert len(sink.received) == 1
    assert spanglass.stats().waiting == 1


def test_a_flush_cuts_our_own_wait_short(sink: Sink, start: Callable[..., None]) -> None:
    sink.replies = [Reply(503, {"Retry-After": "nonsense"})] * 4
    start(export_delay_s=0.01)
    make(1)
    sink.wait(lambda: len(sink.received) == 1)
    assert spanglass.flush(20) is True
    assert len(sink.received) == 5


def test_a_connection_that_the_server_has_closed(sink: Sink, start: Callable[..., None]) -> None:
    sink.replies = [Reply(200), Reply(0)]
    start()
    make(1)
    assert spanglass.flush()
    make(1)
    assert spanglass.flush()
    assert [request.status for request in sink.received] == [200, 0, 200]
    assert spanglass.stats().retries == 0, "it was not the server's answer"


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "refused"), (401, "unauthorized"), (403, "unauthorized"), (404, "refused"),
     (302, "refused"), (501, "refused")],
)  # fmt: skip
def test_what_will_not_pass_is_dropped_and_counted(
    sink: Sink,
    start: Callable[..., None],
    status: int,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = Status(code=16, message="this key is not known").SerializeToString()
    sink.replies = [Reply(status, {"Location": "http://127.0.0.1:9/"}, body)]
    start()
    make(2)
    assert spanglass.flush() is False
    stats = assert_balanced()
    assert (stats.sent, stats.dropped) == (0, {reason: 2})
    assert stats.last_error == f"{status} this key is not known"
    assert "this key is not known" in caplog.text
    make(1)
    assert spanglass.flush() is True, "what comes later has a chance of its own"


def test_a_batch_that_is_too_large_is_halved(sink: Sink, start: Callable[..., None]) -> None:
    sink.replies = [Reply(413), Reply(413), Reply(200), Reply(200), Reply(413), Reply(200)]
    start()
    make(4)
    assert spanglass.flush() is True
    assert [len(r.spans()) for r in sink.received] == [4, 2, 1, 1, 2, 1, 1]
    assert sink.names() == ["s000", "s001", "s002", "s003"]


def test_a_span_that_is_too_large_by_itself(sink: Sink, start: Callable[..., None]) -> None:
    sink.replies = [Reply(413)]
    start()
    make(1)
    assert spanglass.flush() is False
    assert assert_balanced().dropped == {"too_large": 1}


def test_what_the_receiver_rejects_is_counted(
    sink: Sink, start: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    sink.replies = [Reply(200, body=body)]
    start()
    make(5)
    assert spanglass.flush() is False
    stats = assert_balanced()
    assert (stats.sent, stats.dropped) == (3, {"rejected": 2})
    assert "too old" in caplog.text


def test_an_answer_that_is_no_protobuf_is_taken_for_a_yes(
    sink: Sink, start: Callable[..., None]
) -> None:
    sink.replies = [Reply(200, body=b"<html>fine</html>")]
    start()
    make(1)
    assert spanglass.flush() is True


def test_a_batch_that_is_never_taken_is_given_up(sink: Sink, start: Callable[..., None]) -> None:
    sink.replies = [Reply(503)] * 100
    start(retry_s=0.2)
    make(1)
    assert spanglass.flush(20) is False
    assert assert_balanced().dropped == {"retries_exhausted": 1}
    sink.replies.clear()
    make(1)
    assert spanglass.flush(20) is True, "what comes later has a chance of its own"


def test_a_slow_receiver_holds_nobody_up(
    sink: Sink, start: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    hold = threading.Event()
    sink.replies = [Reply(hold=hold)]
    start(max_queue_spans=20, export_delay_s=0.01)
    try:
        make(1)
        wait_until(lambda: spanglass.stats().waiting == 1 and not len(sink.replies))
        make(50)
        stats = assert_balanced()
        assert stats.waiting == 21
        assert stats.dropped == {"queue_full": 30}
        assert spanglass.flush(0.1) is False
        assert "30 spans dropped so far: 30 queue_full" in caplog.text
    finally:
        hold.set()
    sink.wait(lambda: len(sink.spans()) == 21)
    assert spanglass.flush(20) is True
    assert assert_balanced().waiting == 0


def test_a_receiver_that_never_answers_is_tried_again(
    sink: Sink, start: Callable[..., None]
) -> None:
    hold = threading.Event()
    sink.replies = [Reply(hold=hold)]
    start(timeout_s=0.5)
    make(1)
    assert spanglass.flush(20) is True
    assert "timed out" not in spanglass.stats().last_error
    assert spanglass.stats().retries >= 1
    hold.set()


def test_the_queue_is_bounded_in_bytes(sink: Sink, start: Callable[..., None]) -> None:
    hold = threading.Event()
    sink.replies = [Reply(hold=hold)]
    start(max_queue_bytes=100_000, export_delay_s=0.01)
    try:
        make(1)
        wait_until(lambda: not len(sink.replies))
        make(10, "x" * 30_000)
        assert spanglass.stats().dropped == {"queue_bytes": 7}
    finally:
        hold.set()
    assert spanglass.flush(20) is False, "seven are lost, and it says so"
    assert spanglass.flush(20) is True, "once"


def test_a_span_that_cannot_be_encoded_takes_no_other_with_it(
    sink: Sink, start: Callable[..., None]
) -> None:
    start()
    make(3)
    runtime = _state.runtime
    assert runtime is not None
    bad: Any = runtime.start_span("bad", otel_context.get_current(), SpanKind.CLIENT, None, 1)
    bad.attributes["what"] = object()
    bad.end()
    make(3)
    assert spanglass.flush() is False
    assert assert_balanced().dropped == {"encoding": 1}
    assert len(sink.names()) == 6


def test_a_key_that_no_header_can_carry(
    sink: Sink, start: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    start(api_key="sg-key\r\nx-evil: 1\x00\n2")
    make(1)
    assert spanglass.flush() is False
    assert assert_balanced().dropped == {"refused": 1}
    assert "no request can be made" in caplog.text
    assert sink.received == []


def test_a_second_init_loses_nothing(sink: Sink, start: Callable[..., None]) -> None:
    start()
    make(2)
    first = _state.runtime
    start()
    assert _state.runtime is first, "the same settings again change nothing"
    with running_sink() as other:
        with spanglass.span("across"):
            start(endpoint=other.url)
            make(1)
        assert spanglass.flush()
        sink.wait(lambda: len(sink.spans()) == 2)
        assert other.names() == ["s000"]
    # It began with the first, which takes nothing any more: that is counted there.
    assert first is not None
    assert first.sink.stats().dropped == {"shutdown": 1}


def test_shutdown_sends_and_then_nothing_is_recorded(
    sink: Sink, start: Callable[..., None]
) -> None:
    start()
    make(2)
    spanglass.shutdown()
    assert len(sink.names()) == 2
    missed = spanglass.stats().dropped.get("shutdown", 0)
    make(1)
    assert spanglass.stats().dropped["shutdown"] == missed + 1
    start()
    make(1)
    assert spanglass.flush()
    assert len(sink.names()) == 3


def test_disabled_means_nothing_and_no_noise(
    sink: Sink,
    start: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(_state, "absence", "not_initialised")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    spanglass.init(sink.url)
    before = spanglass.stats()
    make(3)
    assert spanglass.stats() == before
    assert caplog.text == ""


def test_what_speaks_no_http_is_said_in_words(
    start: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    start(endpoint=f"http://127.0.0.1:{port}", retry_s=0.1)
    with spanglass.span("lost"):
        pass
    assert spanglass.flush(20) is False
    assert server.stop(None).wait(20)
    assert "no HTTP is spoken there; OTLP over HTTP usually has port 4318" in caplog.text
    assert all(record.getMessage().isprintable() for record in caplog.records)
