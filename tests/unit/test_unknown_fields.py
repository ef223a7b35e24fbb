"""What is taken out of a batch that ClickHouse refused: unknown fields, and none of ours."""

import pytest
from hypothesis import given
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from spanglass_collector.ingest import nested, wire
from spanglass_collector.ingest.forms import SPANS
from spanglass_collector.ingest.signals import TRACES
from spanglass_collector.ingest.unknown import without_unknown
from spanglass_store.otlp.schema import JSON_FIELD, PROJECT_FIELD, RETENTION_FIELD, STAMPS
from support import otlp
from support.strategies import requests

STAMP = wire.field(PROJECT_FIELD, b"mine") + wire.integer_field(RETENTION_FIELD, 30)


def stamped(request: ExportTraceServiceRequest) -> bytes:
    """As a segment has it."""
    return b"".join(
        wire.field(1, one.SerializeToString() + STAMP) for one in request.resource_spans
    )


def built(level: str = "", extra: bytes = b"") -> bytes:
    """A stamped request with one span and one attribute; `extra` at the end of one level."""

    def end(name: str) -> bytes:
        return extra if name == level else b""

    attribute = KeyValue(key="k").SerializeToString()
    value = wire.field(1, b"text") + end("value")
    pair = attribute + wire.field(2, value) + end("attribute")
    span = otlp.span("one", id=b"\x01" * 8, trace=b"\x02" * 16, start=1)
    body = span.SerializeToString() + wire.field(9, pair) + end("span")
    scope = wire.field(1, end("scope")) + wire.field(2, body) + end("scope_spans")
    resource = wire.field(1, end("resource")) + wire.field(2, scope) + end("resource_spans")
    return wire.field(1, resource + STAMP)


@pytest.mark.parametrize(
    "level",
    ["resource_spans", "resource", "scope_spans", "scope", "span", "attribute", "value"],
)
@pytest.mark.parametrize(
    "extra",
    [wire.integer_field(1, 5), wire.integer_field(77, 5), wire.field(78, b"new")],
    ids=["mistyped", "later number", "later text"],
)
def test_an_unknown_field_goes_and_nothing_else(level: str, extra: bytes) -> None:
    (whole,) = wire.messages(built(), 1)
    unstamped = b"".join(
        whole[begin:end] for number, _, begin, _, end in wire.fields(whole) if number not in STAMPS
    )
    stored = ResourceSpans.FromString(unstamped).SerializeToString() + STAMP
    assert without_unknown(built(level, extra), TRACES) == wire.field(1, stored)


@given(requests())
def test_a_request_without_unknown_fields_stays_as_it_is(
    request: ExportTraceServiceRequest,
) -> None:
    nested.write_json(SPANS.values_of(request.resource_spans))
    body = stamped(request)
    assert without_unknown(body, TRACES) == body


def test_texts_of_nested_values_stay() -> None:
    request = otlp.request(otlp.span(attrs={"a": {"b": [1, {"c": 2}]}, "l": [[1], [2]]}))
    nested.write_json(SPANS.values_of(request.resource_spans))
    text = wire.varint(JSON_FIELD << 3 | wire.LENGTH_DELIMITED)
    body = stamped(request)
    assert body.count(text) == 2
    cleaned = without_unknown(body + wire.field(1, wire.integer_field(2, 7)), TRACES)
    assert cleaned.count(text) == 2
    assert cleaned == body + wire.field(1, b"")


@pytest.mark.parametrize(
    "imitation", [wire.integer_field(JSON_FIELD, 5), wire.varint(JSON_FIELD << 3 | 5) + b"1234"]
)
@pytest.mark.parametrize("kind", [5, 6], ids=["list", "keys and values"])
def test_a_clients_own_use_of_our_number_goes(kind: int, imitation: bytes) -> None:
    def request(content: bytes) -> bytes:
        pair = wire.field(1, b"k") + wire.field(2, wire.field(kind, content))
        span = otlp.span("one", id=b"\x01" * 8, trace=b"\x02" * 16, start=1)
        whole = wire.field(2, wire.field(2, span.SerializeToString() + wire.field(9, pair)))
        return wire.field(1, ResourceSpans.FromString(whole).SerializeToString() + STAMP)

    assert without_unknown(request(imitation), TRACES) == request(b"")
