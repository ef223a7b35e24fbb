"""The queue: bounded, counted, and safe to enter again."""

import gc
import logging
import threading
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode

from spanglass._exporter import Exporter
from spanglass._queue import SpanQueue, size_of
from spanglass._settings import resolve
from support.sdk_sink import running_sink
from support.waiting import wait_until

RESOURCE = Resource({})


def span(text: str = "", **options: Any) -> ReadableSpan:
    return ReadableSpan("s", attributes={"input.value": text}, resource=RESOURCE, **options)


class _NoThreads:
    """The module `threading` of an interpreter that is at its end."""

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)

    def Thread(self, **options: Any) -> Any:  # noqa: N802
        raise RuntimeError("can't start new thread at interpreter shutdown")


def test_the_number_is_bounded() -> None:
    queue = SpanQueue(3, 1 << 30)
    assert [queue.offer(span()) for _ in range(5)] == ["", "", "", "queue_full", "queue_full"]
    assert len(queue.take(2, 1 << 30)) == 2
    assert queue.offer(span()) == ""
    assert queue.accepted() == 4


def test_the_bytes_are_bounded_but_one_span_always_fits() -> None:
    queue = SpanQueue(100, 10_000)
    assert queue.offer(span("x" * 50_000)) == ""
    assert queue.offer(span("x")) == "queue_bytes"
    queue.take(1, 1)
    assert [queue.offer(span("x" * 4_000)) for _ in range(3)] == ["", "", "queue_bytes"]


def test_batches_are_bounded_and_in_order() -> None:
    queue = SpanQueue(100, 1 << 30)
    spans = [span("x" * 1_000) for _ in range(10)]
    for each in spans:
        queue.offer(each)
    size = size_of(spans[0])
    assert [each for each, _ in queue.take(100, 3 * size)] == spans[:3]
    assert [each for each, _ in queue.take(4, 1 << 30)] == spans[3:7]
    assert [each for each, _ in queue.take(100, 1)] == spans[7:8], "one goes, however large"
    assert [each for each, _ in queue.take(100, 1 << 30)] == spans[8:]
    assert queue.take(100, 1 << 30) == []


def test_sizes() -> None:
    assert size_of(span("x" * 1000)) - size_of(span()) == 1000
    failed = span(status=Status(StatusCode.ERROR), events=())
    assert size_of(failed) == size_of(span())


def test_the_size_is_right_again_after_each_batch() -> None:
    queue = SpanQueue(100, 1 << 30)
    for _ in range(4):
        queue.offer(span("x" * 100))
    queue._bytes += 12_345
    queue.take(2, 1 << 30)
    assert queue._bytes == 2 * size_of(span("x" * 100))


def test_a_finalizer_may_end_a_span_while_a_span_ends() -> None:
    queue = SpanQueue(10_000, 1 << 30)

    class Finalized:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            queue.offer(span())

    threshold = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(500):
            Finalized()
            queue.offer(span("x" * 10))
            queue.take(1, 1 << 30)
            queue.accepted()
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    assert queue.accepted() == 1000


def test_many_threads_lose_nothing_and_count_everything() -> None:
    queue = SpanQueue(500, 1 << 30)
    taken: list[ReadableSpan] = []
    refused = [0] * 8
    done = threading.Event()

    def produce(number: int) -> None:
        for _ in range(2_000):
            refused[number] += bool(queue.offer(span("x")))

    def consume() -> None:
        while not done.is_set() or len(queue):
            queue.wait(64, 0.01)
            taken.extend(queue.take(64, 1 << 30))

    consumer = threading.Thread(target=consume)
    producers = [threading.Thread(target=produce, args=(n,)) for n in range(8)]
    for thread in [consumer, *producers]:
        thread.start()
    for thread in producers:
        thread.join()
    done.set()
    consumer.join()
    assert len(taken) == queue.accepted() == 16_000 - sum(refused)


def test_the_bell_is_never_missed() -> None:
    queue = SpanQueue(10, 1 << 30)
    seen = 0

    def consume() -> None:
        nonlocal seen
        while seen < 3_000:
            queue.wait(1, None)
            seen += len(queue.take(10, 1 << 30))

    consumer = threading.Thread(target=consume, daemon=True)
    consumer.start()
    sent = 0
    while sent < 3_000:
        sent += queue.offer(span()) == ""
    consumer.join(30)
    assert seen == 3_000, "somebody waited for a bell that had been rung"


def test_spans_after_the_end_are_counted() -> None:
    exporter = Exporter(resolve({"endpoint": "http://127.0.0.1:9"}, {}))
    exporter.close(0.0)
    exporter.offer(span())
    assert exporter.counts().dropped == {"shutdown": 1}
    assert exporter.counts().accepted == 0


def test_where_no_thread_can_start_a_flush_sends_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_sink() as sink:
        exporter = Exporter(resolve({"endpoint": sink.url}, {}))
        with monkeypatch.context() as patched:
            patched.setattr("spanglass._exporter.threading", _NoThreads())
            exporter.offer(
                span(context=SpanContext(1, 1, is_remote=False), start_time=1, end_time=2)
            )
            assert exporter.flush(20) is True
        assert len(sink.spans()) == 1
        assert exporter.seconds_left() == float("inf")
        exporter.offer(span(context=SpanContext(1, 1, is_remote=False), start_time=1, end_time=2))
        assert exporter.flush(20) is True, "and later a thread does it"
        assert len(sink.spans()) == 2
        assert exporter.close(20) == 0


@pytest.mark.parametrize("broken", ["deliver", "load"])
def test_a_bug_in_sending_loses_spans_but_counts_them(
    monkeypatch: pytest.MonkeyPatch, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("a bug of ours")

    caplog.set_level(logging.DEBUG, "spanglass")
    exporter = Exporter(resolve({"endpoint": "http://127.0.0.1:9"}, {}))
    if broken == "load":
        monkeypatch.setattr(exporter, "_load", fail)
    else:
        monkeypatch.setattr("spanglass._delivery.Delivery.deliver", fail)
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    for _ in range(3):
        exporter.offer(span())
    assert exporter.flush(20) is False
    stats = exporter.counts()
    assert stats.dropped == {"internal": 3}
    assert stats.waiting == 0
    wait_until(lambda: "a bug of ours" in caplog.text)
    exporter.close(1)
