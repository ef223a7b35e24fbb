"""What the SDK writes is what OpenTelemetry's own encoder writes of the same spans."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from spanglass._logs import Event
from spanglass._requests import RequestWriter, parts_of
from spanglass._wire import field, read_fields, varint

texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=200)
integers = st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1)
scalars = texts | st.booleans() | integers | st.floats(allow_nan=False)
values = scalars | st.lists(texts, min_size=1, max_size=4) | st.lists(integers, min_size=1)
attribute_maps = st.dictionaries(texts.filter(bool), values, max_size=6)
times = st.integers(min_value=1, max_value=(1 << 63) - 1)
contexts = st.builds(
    SpanContext,
    st.integers(min_value=1, max_value=(1 << 128) - 1),
    st.integers(min_value=1, max_value=(1 << 64) - 1),
    st.booleans(),
    st.just(TraceFlags(0)),
    st.sampled_from([TraceState(), TraceState([("vendor", "value")])]),
)
RESOURCES = [Resource({"service.name": "a", "n": 1}), Resource({}, "https://schema.example/1")]
SCOPES = [
    InstrumentationScope("a", "1.0", "https://schema.example/2", {"key": True}),
    InstrumentationScope("b"),
]
statuses = st.sampled_from(
    [Status(), Status(StatusCode.OK), Status(StatusCode.ERROR, "bad \u00e9")]
)
spans = st.builds(
    ReadableSpan,
    name=texts,
    context=contexts,
    parent=st.none() | contexts,
    resource=st.sampled_from(RESOURCES),
    attributes=attribute_maps,
    events=st.lists(st.builds(SpanEvent, texts, attribute_maps, times), max_size=2),
    # The standard encoder leaves out a link's trace state.
    links=st.lists(
        st.builds(Link, contexts.filter(lambda context: not context.trace_state), attribute_maps),
        max_size=2,
    ),
    kind=st.sampled_from(SpanKind),
    status=statuses,
    start_time=times,
    end_time=times,
    instrumentation_scope=st.sampled_from(SCOPES),
)


def ours(found: list[ReadableSpan]) -> ExportTraceServiceRequest:
    writer = RequestWriter({})
    written = [writer.write(span, span.attributes or {}, 0) for span in found]
    return ExportTraceServiceRequest.FromString(writer.request(written))


def by_scope(request: ExportTraceServiceRequest) -> list[Any]:
    """Without the order of resources and scopes, which means nothing."""
    return sorted(
        (resource.resource.SerializeToString(), resource.schema_url, scope.SerializeToString())
        for resource in request.resource_spans
        for scope in resource.scope_spans
    )


@given(st.lists(spans, max_size=4))
def test_it_says_what_the_standard_encoder_says(found: list[ReadableSpan]) -> None:
    assert by_scope(ours(found)) == by_scope(encode_spans(found))


@given(st.integers(min_value=-(1 << 63), max_value=(1 << 64) - 1))
def test_numbers_come_back(number: int) -> None:
    [(tag, found)] = read_fields(b"\x08" + varint(number))
    assert (tag, found) == (1, number % (1 << 64))


@given(st.binary(max_size=300))
def test_an_answer_is_read_or_refused_and_never_breaks(body: bytes) -> None:
    with suppress(ValueError):
        list(read_fields(body))


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 3_000_000])
def test_lengths(size: int) -> None:
    [(number, body)] = read_fields(field(b"\x12", b"x" * size))
    assert (number, body) == (2, b"x" * size)


def test_what_utf_8_cannot_carry_is_replaced() -> None:
    span = ReadableSpan("a\ud800", SpanContext(1, 2, False), attributes={"k\ud800": "v\udfff"})
    [resource] = ours([span]).resource_spans
    [written] = resource.scope_spans[0].spans
    assert written.name == "a?"
    assert written.attributes[0].key == "k?"
    assert written.attributes[0].value.string_value == "v?"


def test_parts_are_bounded_and_one_always_fits() -> None:
    writer = RequestWriter({})
    spans_ = [
        ReadableSpan(
            "s", SpanContext(1, n, False), resource=RESOURCES[0], attributes={"t": "x" * size}
        )
        for n, size in enumerate([1000, 1000, 50_000, 10, 10], 1)
    ]
    written = [writer.write(span, span.attributes or {}, 7) for span in spans_]
    assert [len(part) for part in parts_of(written, 3_000)] == [2, 1, 2]
    assert parts_of([], 3_000) == []


def test_the_identity_of_the_process_goes_before_nothing_that_was_set() -> None:
    writer = RequestWriter({"service.instance.id": "ours", "more": "x"})
    resource = Resource({"service.instance.id": "theirs"})
    span = ReadableSpan("s", SpanContext(1, 2, False), resource=resource)
    request = ExportTraceServiceRequest.FromString(writer.request([writer.write(span, {}, 3)]))
    [found] = request.resource_spans
    assert {a.key: a.value.string_value for a in found.resource.attributes} == {
        "service.instance.id": "theirs",
        "more": "x",
    }
    [sequence] = found.scope_spans[0].spans[0].attributes
    assert (sequence.key, sequence.value.int_value) == ("spanglass.sequence", 3)


@given(
    name=texts, time=times, trace=st.integers(0, (1 << 128) - 1), span=st.integers(0, (1 << 64) - 1),
    found=attribute_maps,
)  # fmt: skip
def test_an_event_is_a_log_record(
    name: str, time: int, trace: int, span: int, found: dict[str, Any]
) -> None:
    event = Event(name, found, time, trace, span, RESOURCES[0], SCOPES[0])
    writer = RequestWriter({"k": "v"})
    body = writer.request([writer.write_event(event, found)] * 2)
    [resource] = ExportLogsServiceRequest.FromString(body).resource_logs
    [scope] = resource.scope_logs
    assert (scope.scope.name, scope.schema_url) == ("a", "https://schema.example/2")
    assert {a.key for a in resource.resource.attributes} == {"k", "service.name", "n"}
    first, second = scope.log_records
    assert first == second
    assert (first.event_name, first.time_unix_nano) == (name, time)
    assert int.from_bytes(first.trace_id, "big") == trace
    assert int.from_bytes(first.span_id, "big") == span
    assert (len(first.trace_id), len(first.span_id)) == (16 * bool(trace), 8 * bool(span))
    # As the standard encoder writes the same attributes of a span.
    like = ReadableSpan("s", SpanContext(1, 2, False), resource=RESOURCES[0], attributes=found)
    [written] = encode_spans([like]).resource_spans[0].scope_spans[0].spans
    assert list(first.attributes) == list(written.attributes)
