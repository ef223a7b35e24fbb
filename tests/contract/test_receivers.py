"""Whatever is sent, the receivers answer by their protocol, live on, and keep their accounts."""

import gzip
import zlib

import grpc
import zstandard
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from contract.conftest import Fuzzed
from support import otlp
from support.running import PROTOBUF, Account
from support.strategies import requests

JSON = "application/json"
PACK = {
    "identity": lambda body: body, "gzip": gzip.compress, "deflate": zlib.compress,
    "zstd": zstandard.compress,
}  # fmt: skip
SOME = settings(max_examples=60)


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes with a few changes: flipped, cut out, doubled, put in."""
    body = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        size = draw(st.integers(0, 12))
        change = draw(st.sampled_from(["flip", "cut", "double", "insert"]))
        if change == "flip" and at < len(body):
            body[at] ^= 1 << draw(st.integers(0, 7))
        elif change == "cut":
            del body[at : at + size]
        elif change == "double":
            body[at:at] = body[at : at + size]
        else:
            body[at:at] = draw(st.binary(max_size=size))
    return bytes(body)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Random bytes, or a request with spans of now, whole or mutated."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.binary(max_size=300))
    content = draw(requests(2)).SerializeToString()
    return content if draw(st.booleans()) else draw(mutated(content))


def check_answer(
    fuzzed: Fuzzed, before: Account, body: bytes, answer: ExportTraceServiceResponse | None
) -> None:
    """What was answered is what was done.

    Args:
        before: the accounts before it was sent.
        answer: of a success; None where the request was refused.
    """
    if answer is None:
        fuzzed.check(before, 0, 0)
        return
    rejected = answer.partial_success.rejected_spans
    assert bool(rejected) == bool(answer.partial_success.error_message)
    try:
        spans = len(otlp.all_spans(ExportTraceServiceRequest.FromString(body)))
    except DecodeError:
        # What the runtime can't read as a whole is read in part.
        spans = fuzzed.service.account().received - before.received
    fuzzed.check(before, spans, rejected)


@SOME
@given(body=bodies(), encoding=st.sampled_from(sorted(PACK)))
def test_http(fuzzed: Fuzzed, body: bytes, encoding: str) -> None:
    before = fuzzed.before()
    response = fuzzed.service.post(PACK[encoding](body), content_encoding=encoding)
    assert response.status_code in (200, 400), response.content
    assert response.headers["content-type"] == PROTOBUF
    answer = None
    if response.status_code == 200:
        answer = ExportTraceServiceResponse.FromString(response.content)
    else:
        assert Status.FromString(response.content).message
    check_answer(fuzzed, before, body, answer)


@SOME
@given(
    body=bodies(),
    encoding=st.sampled_from(["gzip", "deflate", "zstd", "br", "", "gzip,gzip", "GZIP", "\xff"]),
    kind=st.sampled_from([PROTOBUF, JSON, JSON + "; charset=utf-8", "text/plain", "", "\xff", ";"]),
    more=st.dictionaries(
        st.sampled_from(["authorization", "x-api-key", "traceparent", "cookie", "accept"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
        max_size=2,
    ),
)
def test_http_headers(
    fuzzed: Fuzzed, body: bytes, encoding: str, kind: str, more: dict[str, str]
) -> None:
    before = fuzzed.before()
    fields = {"content-encoding": encoding, "content-type": kind, **more}
    response = fuzzed.service.http.post(
        f"{fuzzed.service.otlp}/v1/traces",
        content=body,
        headers=[
            (name.encode(), value.strip().encode("latin-1")) for name, value in fields.items()
        ],
    )
    if response.status_code != 200:
        assert response.status_code in (400, 415), response.content
        fuzzed.check(before, 0, 0)


@SOME
@given(data=st.data())
def test_http_json(fuzzed: Fuzzed, data: st.DataObject) -> None:
    before = fuzzed.before()
    message = data.draw(requests(1))
    text = MessageToJson(message, indent=None).encode()
    body = data.draw(st.just(text) | mutated(text) | st.binary(max_size=100))
    response = fuzzed.service.post(body, content_type=JSON)
    assert response.status_code in (200, 400), response.content
    assert response.headers["content-type"] == JSON
    if response.status_code == 400:
        assert response.json()["message"]
        fuzzed.check(before, 0, 0)
    elif body == text:
        # Ids in base64 are no hexadecimal: every span is rejected.
        fuzzed.check(before, len(otlp.all_spans(message)), len(otlp.all_spans(message)))


@SOME
@given(body=bodies(), compression=st.sampled_from([None, *grpc.Compression]))
def test_grpc(fuzzed: Fuzzed, body: bytes, compression: grpc.Compression | None) -> None:
    before = fuzzed.before()
    answer = None
    try:
        answer = fuzzed.service.grpc(body, compression=compression)
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, error
        assert error.details()
    check_answer(fuzzed, before, body, answer)
