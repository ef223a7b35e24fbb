"""OTLP over HTTP, to the letter: content types, encodings, statuses, partial success."""

import gzip
import http.client
import json
import socket
import zlib
from base64 import b64encode
from typing import Any

import httpx
import pytest
import zstandard
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanglass_collector.ingest import wire
from support import otlp
from support.running import PROTOBUF, Launch, RunningService

JSON = "application/json"


def as_json(message: ExportTraceServiceRequest) -> bytes:
    document: dict[str, Any] = MessageToDict(message, use_integers_for_enums=True)
    for of_resource, shown in zip(message.resource_spans, document["resourceSpans"], strict=True):
        for of_scope, in_scope in zip(of_resource.scope_spans, shown["scopeSpans"], strict=True):
            for one, fields in zip(of_scope.spans, in_scope["spans"], strict=True):
                fields["traceId"], fields["spanId"] = one.trace_id.hex(), one.span_id.hex()
    return json.dumps(document).encode()


def raw_span(one: Any, more: bytes = b"") -> bytes:
    """A serialised span as a whole request."""
    return wire.field(1, wire.field(2, wire.field(2, one.SerializeToString() + more)))


def status_of(response: httpx.Response) -> Status:
    """The `Status` that every failure carries."""
    if response.headers["content-type"] == JSON:
        document = response.json()
        assert set(document) == {"code", "message"}
        return Status(**document)
    assert response.headers["content-type"] == PROTOBUF
    return Status.FromString(response.content)


# -- what is taken -------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", [PROTOBUF, "Application/X-Protobuf; charset=utf-8"])
def test_protobuf(service: RunningService, content_type: str) -> None:
    one = otlp.span()
    response = service.post(otlp.request(one), content_type=content_type)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == PROTOBUF
    assert service.stored_span(one.span_id, "name") == {"name": "work"}


@pytest.mark.parametrize("content_type", [JSON, "application/JSON; charset=utf-8"])
def test_json(service: RunningService, content_type: str) -> None:
    one = otlp.chat_span(3, 4, {"list": ["a", 1, {"b": 2.0}], "big": 2**62, "bytes": b"\x00\xff"})
    one.parent_span_id = b""
    response = service.post(as_json(otlp.request(one)), content_type=content_type)
    assert (response.status_code, response.json()) == (200, {})
    assert response.headers["content-type"] == JSON
    (shown,) = service.trace(one.trace_id)
    assert shown["attributes"]["list"] == ["a", 1, {"b": 2.0}]
    assert shown["attributes"]["big"] == 2**62
    assert shown["attributes"]["bytes"] == {"$bytes": "AP8="}
    assert (shown["input_tokens"], shown["span_kind"]) == (3, "client")


PACKED = {
    "gzip": gzip.compress, "zstd": zstandard.compress, "deflate": zlib.compress,
    "GZIP": gzip.compress, "identity": lambda body: body, "": lambda body: body,
}  # fmt: skip


def test_every_encoding(service: RunningService) -> None:
    trace = otlp.trace_id()
    for encoding, pack in PACKED.items():
        body = otlp.request(otlp.span(encoding, trace=trace)).SerializeToString()
        response = service.post(pack(body), content_encoding=encoding)
        assert (response.status_code, response.content) == (200, b""), encoding
    body = as_json(otlp.request(otlp.span("json", trace=trace)))
    response = service.post(gzip.compress(body), content_type=JSON, content_encoding="gzip")
    assert response.json() == {}
    assert {one["name"] for one in service.trace(trace)} == {*PACKED, "json"}


def test_several_gzip_members_are_one_body(service: RunningService) -> None:
    trace = otlp.trace_id()
    bodies = [otlp.request(otlp.span(n, trace=trace)).SerializeToString() for n in "ab"]
    service.post(b"".join(map(gzip.compress, bodies)), content_encoding="gzip")
    assert sorted(one["name"] for one in service.trace(trace)) == ["a", "b"]


def test_a_body_in_chunks(service: RunningService) -> None:
    one = otlp.span(attrs={"text": "x" * 100_000})
    body = otlp.request(one).SerializeToString()
    service.dirty = True
    response = service.http.post(
        service.otlp + "/v1/traces",
        content=iter([body[:10], b"", body[10:50_000], body[50_000:]]),
        headers={"content-type": PROTOBUF},
    )
    assert response.status_code == 200
    assert service.stored_span(one.span_id, "length(attributes['text']) AS n") == {"n": 100_000}


def test_an_empty_body_is_a_request_without_spans(service: RunningService) -> None:
    before = service.account()
    assert service.post(b"").status_code == 200
    assert service.post(b"{}", content_type=JSON).json() == {}
    assert service.account() == before


def test_the_address_that_langfuse_sdks_send_to(service: RunningService) -> None:
    one = otlp.span()
    basic = "Basic " + b64encode(b"pk-lf-1:sk-lf-1").decode()
    response = service.post(
        otlp.request(one), path="/api/public/otel/v1/traces", authorization=basic,
        x_langfuse_sdk_name="python",
    )  # fmt: skip
    assert response.status_code == 200
    assert service.stored_span(one.span_id, "name") == {"name": "work"}


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", "/v1/trace", "/v1/traces//", "/v1/metrics/x", "/v2/traces", "/healthz", "//v1/traces"],
)
def test_other_addresses_are_404(service: RunningService, path: str) -> None:
    response = service.post(otlp.request(otlp.span()), path=path)
    assert response.status_code == 404
    assert "/v1/traces" in status_of(response).message


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_other_methods_are_405(service: RunningService, method: str) -> None:
    response = service.http.request(method, service.otlp + "/v1/traces")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/protobuf", "*/*", ""])
def test_other_content_types_are_415(service: RunningService, content_type: str | None) -> None:
    before = service.requests("unsupported")
    response = service.post(otlp.request(otlp.span()), content_type=content_type)
    assert response.status_code == 415
    assert PROTOBUF in status_of(response).message
    assert service.requests("unsupported") == before + 1


def test_other_encodings_are_415(service: RunningService) -> None:
    for encoding in ("br", "gzip, zstd", "x-snappy"):
        response = service.post(otlp.request(otlp.span()), content_encoding=encoding)
        assert response.status_code == 415
        assert "gzip" in response.headers["accept-encoding"]
        assert "gzip" in status_of(response).message


def body() -> bytes:
    return otlp.request(*(otlp.span(attrs={"n": n}) for n in range(20))).SerializeToString()


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        pytest.param(body()[:-1], {}, id="truncated"),
        pytest.param(b"\x00" * 100, {}, id="zeros"),
        pytest.param(b"hello", {}, id="text"),
        pytest.param(b"{}", {}, id="json as protobuf"),
        pytest.param(body(), {"content_type": JSON}, id="protobuf as json"),
        pytest.param(b'{"resourceSpans": [', {"content_type": JSON}, id="truncated json"),
        pytest.param(b"[]", {"content_type": JSON}, id="json list"),
        pytest.param(b"[" * 50_000, {"content_type": JSON}, id="deep json"),
        pytest.param(body(), {"content_encoding": "gzip"}, id="not gzip"),
        pytest.param(gzip.compress(body())[:-9], {"content_encoding": "gzip"}, id="gzip cut off"),
        pytest.param(
            zstandard.compress(body())[:-1], {"content_encoding": "zstd"}, id="zstd cut off"
        ),
        pytest.param(zlib.compress(body())[:30], {"content_encoding": "deflate"}, id="deflate"),
        pytest.param(
            gzip.compress(body()) + b"x", {"content_encoding": "gzip"}, id="gzip and more"
        ),
    ],
)
def test_what_can_not_be_read_is_400_and_counted(
    service: RunningService, content: bytes, headers: dict[str, str]
) -> None:
    before, unreadable = service.account(), service.requests("unreadable")
    response = service.post(content, **headers)  # type: ignore[arg-type]
    assert response.status_code == 400
    assert status_of(response).code == 3
    assert status_of(response).message
    assert service.requests("unreadable") == unreadable + 1
    assert service.account() == before


def test_what_is_too_large_is_413_and_counted(launch: Launch) -> None:
    service = launch("--max-body-bytes", "100000")
    fits = otlp.request(otlp.span(attrs={"a": "x" * 90_000}))
    large = otlp.request(otlp.span(attrs={"a": "x" * 110_000})).SerializeToString()
    service.send(fits)
    refused = [
        service.post(large),
        service.post(gzip.compress(large), content_encoding="gzip"),
        service.post(zstandard.compress(large), content_encoding="zstd"),
        service.post(zlib.compress(bytes(80 << 20)), content_encoding="deflate"),
        service.post(gzip.compress(bytes(80 << 20)), content_encoding="gzip"),
        service.post(zstandard.compress(bytes(80 << 20)), content_encoding="zstd"),
    ]
    chunks = {"content-type": PROTOBUF}
    url = service.otlp + "/v1/traces"
    refused.append(service.http.post(url, content=iter([large, large]), headers=chunks))
    for response in refused:
        assert response.status_code == 413
        assert "--max-body-bytes" in status_of(response).message
    assert service.requests("too_large") == len(refused)
    # A small body in chunks, whose size nobody knows before, is none of those.
    small = otlp.request(otlp.span()).SerializeToString()
    assert service.http.post(url, content=iter([small]), headers=chunks).status_code == 200
    assert service.process.memory_info().rss < 600 << 20
    # Over gRPC the limit is the same.
    import grpc

    with pytest.raises(grpc.RpcError) as caught:
        service.grpc(large)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(grpc.RpcError) as caught:
        service.grpc(bytes(50 << 20), compression=grpc.Compression.Gzip)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert service.requests("too_large") == len(refused) + 2
    service.grpc(fits)
    assert service.settle().stored == 3


def test_a_declared_size_that_is_too_large_is_refused_before_it_is_sent(
    service: RunningService,
) -> None:
    connection = http.client.HTTPConnection(service.addresses["otlp_http"], timeout=30)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("content-type", PROTOBUF)
    connection.putheader("content-length", str(10 << 30))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_sender_that_goes_away_leaves_nothing_behind(service: RunningService) -> None:
    before = service.account()
    message = otlp.request(otlp.span()).SerializeToString()
    host, port = service.addresses["otlp_http"].split(":")
    for sent in (b"", message[:10]):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(
                b"POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: " + PROTOBUF.encode()
                + f"\r\ncontent-length: {len(message)}\r\n\r\n".encode() + sent
            )  # fmt: skip
    assert service.account() == before
    one = otlp.span()
    service.send(otlp.request(one))
    assert service.stored_span(one.span_id, "name")


@pytest.mark.parametrize(
    "lines",
    [
        b"\x16\x03\x01\x00\x05hello",
        b"GET\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"A" * 200_000,
        b"POST /v1/traces HTTP/1.1\r\nhost: \xff\xfe\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
        b"connection: upgrade\r\n\r\n",
    ],
)
def test_what_is_no_http_does_not_disturb(service: RunningService, lines: bytes) -> None:
    host, port = service.addresses["otlp_http"].split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        try:
            connection.sendall(lines)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        except OSError:
            # It may have hung up in the middle of that.
            answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer
    one = otlp.span()
    service.send(otlp.request(one))


def test_a_page_of_somebody_else_can_not_send(service: RunningService) -> None:
    before = service.requests("denied")
    for headers in (
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"host": "spans.evil.example:4318", "origin": "http://spans.evil.example:4318"},
    ):
        response = service.post(otlp.request(otlp.span()), **headers)
        assert response.status_code == 403
        assert status_of(response).code == 7
        assert "access-control-allow-origin" not in response.headers
    assert service.requests("denied") == before + 4


# -- what is taken in part -----------------------------------------------------------------------


def mixed() -> ExportTraceServiceRequest:
    """Two good spans among five bad ones."""
    now = otlp.span().start_time_unix_nano
    return otlp.request(
        otlp.span("good"),
        otlp.span(trace=bytes(16)),
        otlp.span(id=b"\x01"),
        otlp.span(start=now - 400 * otlp.DAY),
        otlp.span(start=now + 3 * otlp.DAY),
        otlp.span(parent=b"\x01"),
        otlp.span("good"),
    )


REASONS = {"trace_id": 1, "span_id": 1, "too_old": 1, "in_future": 1, "parent_span_id": 1}


def rejected_since(service: RunningService, before: dict[str, int]) -> dict[str, int]:
    reasons = service.account().reasons
    return {
        reason: count - before.get(reason, 0)
        for reason, count in reasons.items()
        if count != before.get(reason, 0)
    }


def test_partial_success_in_protobuf(service: RunningService) -> None:
    before = dict(service.account().reasons)
    response = service.post(mixed())
    assert response.status_code == 200
    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    assert partial.rejected_spans == 5
    assert "1 span: the time is older than what is kept" in partial.error_message
    assert rejected_since(service, before) == REASONS


def test_partial_success_in_json(service: RunningService) -> None:
    before = dict(service.account().reasons)
    document = json.loads(as_json(mixed()))
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[1]["traceId"] = "not hexadecimal"
    spans.append({"name": ["unreadable"]})
    response = service.post(json.dumps(document).encode(), content_type=JSON)
    assert response.status_code == 200
    partial = response.json()["partialSuccess"]
    assert partial["rejectedSpans"] == "6"
    assert "trace id" in partial["errorMessage"]
    assert rejected_since(service, before) == REASONS | {"malformed": 1}


def test_partial_success_over_grpc(service: RunningService) -> None:
    before = dict(service.account().reasons)
    partial = service.grpc(mixed()).partial_success
    assert partial.rejected_spans == 5
    assert partial.error_message
    assert rejected_since(service, before) == REASONS


def test_a_request_of_bad_spans_alone_is_answered_and_stores_nothing(
    service: RunningService,
) -> None:
    before = service.settle()
    response = service.post(otlp.request(otlp.span(trace=bytes(16)), otlp.span(start=0)))
    assert response.status_code == 200
    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    assert partial.rejected_spans == 2
    after = service.account()
    assert (after.stored, after.rejected) == (before.stored, before.rejected + 2)


def test_one_span_of_five_hundred_with_invalid_utf8(service: RunningService) -> None:
    trace = otlp.trace_id()
    spans = [otlp.span(f"n{n}", trace=trace, attrs={"k": f"v{n:03}"}) for n in range(500)]
    body = bytearray(otlp.request(*spans).SerializeToString())
    body[body.index(b"v250")] = 0xFF
    before = dict(service.account().reasons)
    for send in (
        lambda: ExportTraceServiceResponse.FromString(service.post(bytes(body)).content),
        lambda: service.grpc(bytes(body)),
    ):
        assert send().partial_success.rejected_spans == 1
    assert rejected_since(service, before) == {"malformed": 2}
    names = {one["name"] for one in service.trace(trace)}
    assert names == {f"n{n}" for n in range(500) if n != 250}


def test_attributes_a_hundred_deep_cost_that_span(service: RunningService) -> None:
    value = AnyValue(int_value=1).SerializeToString()
    for _ in range(100):
        value = wire.field(5, wire.field(1, value))
    deep = wire.field(9, wire.field(1, b"deep") + wire.field(2, value))
    fine = otlp.span("fine")
    body = raw_span(otlp.span("deep"), deep) + raw_span(fine)
    response = ExportTraceServiceResponse.FromString(service.post(body).content)
    assert response.partial_success.rejected_spans == 1
    assert service.stored_span(fine.span_id, "name") == {"name": "fine"}


def test_many_thousand_attributes_on_a_span(service: RunningService) -> None:
    count = 400_000
    attribute = otlp.attributes({"key-0000000": 1})[0].SerializeToString()
    framed = wire.field(9, attribute)
    many = b"".join(framed.replace(b"0000000", b"%07d" % n, 1) for n in range(count))
    one, other = otlp.span("large"), otlp.span("small")
    response = service.post(raw_span(one, many) + raw_span(other))
    assert (response.status_code, response.content) == (200, b"")
    row = service.stored_span(
        one.span_id,
        "length(mapKeys(attributes)) AS n, attributes['key-0399999'] AS last,"
        " length(attribute_types) AS types",
    )
    assert row == {"n": count, "last": "1", "types": count}
    assert service.stored_span(other.span_id, "name") == {"name": "small"}


def test_of_fields_written_twice_the_last_is_stored(service: RunningService) -> None:
    one, trace = otlp.span("first"), otlp.trace_id()
    again = wire.field(1, trace) + wire.field(5, b"second") + wire.field(15, wire.field(2, b"why"))
    assert service.post(raw_span(one, again)).content == b""
    row = service.stored_span(one.span_id, "trace_id, name, status_message")
    assert row == {"trace_id": trace.hex(), "name": "second", "status_message": "why"}


def test_attributes_of_ten_megabytes(service: RunningService) -> None:
    text = "0123456789" * (1 << 20)
    one = otlp.span(attrs={"large": text, "input.value": text})
    service.send(otlp.request(one))
    row = service.stored_span(
        one.span_id,
        "length(attributes['large']) AS a, length(input) AS b, input = attributes['large'] AS same",
    )
    assert row == {"a": len(text), "b": len(text), "same": 1}
    (shown,) = service.trace(one.trace_id)
    assert shown["input"] == text
