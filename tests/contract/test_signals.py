"""Whatever is sent as logs or metrics, the receivers answer by their protocol and live on."""

import gzip
import zlib
from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.test_receivers import mutated
from support import otlp_signals
from support.otlp_signals import LOGS, METRICS, Way
from support.running import PROTOBUF, RunningService
from support.strategies import log_requests, metric_requests

JSON = "application/json"
SOME = settings(max_examples=40)
PACK = {"identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress}
MADE = {"logs": (LOGS, log_requests()), "metrics": (METRICS, metric_requests())}


@pytest.fixture(scope="module")
def alive(shared_service: RunningService) -> Iterator[RunningService]:
    """A service that is as well afterwards as it was before."""
    before = {signal: shared_service.settle(signal).dead_lettered for signal in MADE}
    pid = shared_service.store_process.pid
    yield shared_service
    for signal, dead in before.items():
        assert shared_service.settle(signal).dead_lettered == dead
    assert shared_service.store_process.pid == pid, "the store has died"
    assert "Traceback" not in shared_service.output()


@st.composite
def sent(draw: st.DrawFn) -> tuple[Way, Message, bytes]:
    """A signal, a request of it, and what is sent: the request, changed bytes, or any bytes."""
    way, made = MADE[draw(st.sampled_from(sorted(MADE)))]
    message = draw(made)
    content = message.SerializeToString()
    kind = draw(st.sampled_from(["whole", "whole", "mutated", "any"]))
    if kind == "mutated":
        content = draw(mutated(content))
    elif kind == "any":
        content = draw(st.binary(max_size=300))
    return way, message, content


def check(service: RunningService, way: Way, content: bytes, received: int, rejected: int) -> None:
    """The account has so many items more, which are those that were sent."""
    after = service.account(way.signal)
    assert after.holds, after
    try:
        items = otlp_signals.count(way.request.FromString(content))
    except DecodeError:
        # What the runtime can't read as a whole is read in part.
        return
    assert after.received - received == items
    assert rejected <= items


@SOME
@given(what=sent(), encoding=st.sampled_from(sorted(PACK)))
def test_http(alive: RunningService, what: tuple[Way, Message, bytes], encoding: str) -> None:
    way, _, content = what
    before = alive.account(way.signal)
    answer = alive.post(PACK[encoding](content), path=way.path, content_encoding=encoding)
    assert answer.status_code in (200, 400), answer.content
    assert answer.headers["content-type"] == PROTOBUF
    if answer.status_code == 400:
        assert Status.FromString(answer.content).message
        assert alive.account(way.signal).received == before.received
    else:
        check(alive, way, content, before.received, way.rejected(answer.content))


@SOME
@given(what=sent())
def test_grpc(alive: RunningService, what: tuple[Way, Message, bytes]) -> None:
    way, _, content = what
    before = alive.account(way.signal)
    try:
        answer = alive.call(way.method, content)
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, error
        assert error.details()
        assert alive.account(way.signal).received == before.received
    else:
        check(alive, way, content, before.received, way.rejected(answer))


@SOME
@given(what=sent(), data=st.data())
def test_json(alive: RunningService, what: tuple[Way, Message, bytes], data: st.DataObject) -> None:
    way, message, _ = what
    before = alive.account(way.signal)
    text = MessageToJson(message, indent=None).encode()
    body = data.draw(st.just(text) | mutated(text) | st.binary(max_size=100))
    answer = alive.post(body, path=way.path, content_type=JSON)
    assert answer.status_code in (200, 400), answer.content
    if answer.status_code == 400:
        assert answer.json()["message"]
        assert alive.account(way.signal).received == before.received
    elif body == text:
        after = alive.account(way.signal)
        assert after.received - before.received == otlp_signals.count(message)
        partial = answer.json().get("partialSuccess", {})
        assert after.rejected - before.rejected == int(partial.get(way.refused, "0"))


@pytest.mark.parametrize("way", [LOGS, METRICS], ids=["logs", "metrics"])
def test_bombs_and_broken_bodies(alive: RunningService, way: Way) -> None:
    """What unpacks to more than is accepted, breaks off, or claims another encoding."""
    before = alive.settle(way.signal)
    bomb = gzip.compress(bytes((64 << 20) + 1))
    assert alive.post(bomb, path=way.path, content_encoding="gzip").status_code == 413
    whole = otlp_signals.logs(otlp_signals.record("x" * 1000)) if way is LOGS else (
        otlp_signals.metrics(otlp_signals.gauge("g", [otlp_signals.point() for _ in range(50)]))
    )  # fmt: skip
    packed = gzip.compress(whole.SerializeToString())
    broken = packed[: len(packed) // 2]
    assert alive.post(broken, path=way.path, content_encoding="gzip").status_code == 400
    assert alive.post(whole.SerializeToString()[:-3], path=way.path).status_code == 400
    assert alive.post(b"{", path=way.path, content_type=JSON).status_code == 400
    assert alive.settle(way.signal) == before
