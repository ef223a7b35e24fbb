"""The copy of the stream: whole where the other side takes it, counted where it does not."""

import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from spanglass_alerts.delivery.outgoing import Answer, Outgoing, networks
from spanglass_collector.ingest.forward import Forwarder
from support import otlp
from support.sdk_sink import Reply, Sink
from support.waiting import wait_until

Make = Callable[..., Forwarder]


@pytest.fixture
def forwarder() -> Iterator[Make]:
    made: list[Forwarder] = []

    def make(endpoint: str, limit: int = 1 << 20, allowed: str = "127.0.0.1/32") -> Forwarder:
        outgoing = Outgoing(networks(allowed), "--forward-private-networks")
        one = Forwarder(endpoint, {"api-key": "k"}, outgoing.post, limit, lambda seconds: False)
        made.append(one)
        one.start()
        return one

    yield make
    for each in made:
        each.stop(0)


def resource(*names: str) -> list[bytes]:
    return [otlp.resource_spans([otlp.span(name)]).SerializeToString() for name in names]


def test_it_arrives_as_it_was_accepted(forwarder: Make, sink: Sink) -> None:
    copy = forwarder(sink.url + "/")
    copy.offer("traces", resource("a", "b"), 2)
    copy.offer("traces", resource("c"), 1)
    wait_until(lambda: copy.sent["traces"] == 3)
    names = [span.name for request in sink.received for span in request.spans()]
    assert names == ["a", "b", "c"]
    assert {request.headers["api-key"] for request in sink.received} == {"k"}
    assert copy.waiting == 0
    assert not copy.lost


def test_what_can_be_tried_again_is(forwarder: Make, sink: Sink) -> None:
    sink.replies += [Reply(503), Reply(0), Reply(429, {"Retry-After": "1"})]
    copy = forwarder(sink.url)
    copy.offer("traces", resource("a"), 1)
    wait_until(lambda: copy.sent["traces"] == 1)
    assert [request.status for request in sink.received if request.status] == [503, 429, 200]
    assert not copy.lost


def test_what_is_refused_is_lost_and_counted(forwarder: Make, sink: Sink) -> None:
    sink.replies += [Reply(400, body=b"no")]
    copy = forwarder(sink.url)
    copy.offer("traces", resource("a"), 5)
    wait_until(lambda: copy.lost["traces", "refused"] == 5)
    copy.offer("traces", resource("b"), 1)
    wait_until(lambda: copy.sent["traces"] == 1)


def test_an_address_that_is_not_public_takes_a_word(
    forwarder: Make, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    copy = forwarder(sink.url, allowed="")
    copy.offer("traces", resource("a"), 1)
    wait_until(lambda: copy.lost["traces", "refused"] == 1)
    assert "--forward-private-networks 127.0.0.1/32" in caplog.text
    assert sink.received == []


def test_nobody_waits_for_one_that_hangs() -> None:
    """Beyond the bound what comes is left out; what waits at the end is counted, too."""
    asked, go = threading.Event(), threading.Event()

    def hang(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        asked.set()
        go.wait()
        return Answer(200, {}, b"")

    one = resource("a")
    size = len(one[0])
    copy = Forwarder("http://x", {}, hang, 3 * size)
    copy.start()
    copy.offer("traces", one, 1)
    asked.wait()
    for _ in range(10):
        copy.offer("traces", one, 1)
    assert copy.lost["traces", "full"] == 8, "one is on its way, two wait"
    assert copy.waiting == 3 * size
    copy.stop(0)
    assert copy.lost["traces", "ended"] == 2
    copy.offer("traces", one, 1)
    assert copy.lost["traces", "ended"] == 3
    go.set()
    wait_until(lambda: copy.sent["traces"] == 1)
