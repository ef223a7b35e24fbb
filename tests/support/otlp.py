"""Builders of OTLP trace requests."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

#: A value that an attribute can have: text, numbers, `bytes`, None (an empty `AnyValue`), lists,
#: dicts, and `Pairs` for a list of keys and values in which a key comes twice.
Value = Any

SECOND: Final = 10**9
DAY: Final = 86_400 * SECOND


class Pairs(list[tuple[str, Value]]):
    """Keys and values in order; a key may occur twice."""


def trace_id() -> bytes:
    return os.urandom(16)


def span_id() -> bytes:
    return os.urandom(8)


def any_value(value: Value) -> AnyValue:
    """A Python value as OTLP carries it."""
    if value is None:
        return AnyValue()
    if isinstance(value, AnyValue):
        return value
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, Mapping | Pairs):
        return AnyValue(kvlist_value=KeyValueList(values=attributes(value)))
    return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))


def attributes(values: Mapping[str, Value] | Iterable[tuple[str, Value]]) -> list[KeyValue]:
    pairs = values.items() if isinstance(values, Mapping) else values
    return [KeyValue(key=key, value=any_value(value)) for key, value in pairs]


def span(
    name: str = "work",
    *,
    trace: bytes | None = None,
    id: bytes | None = None,  # noqa: A002  (what OTLP calls it)
    parent: bytes = b"",
    start: int | None = None,
    duration: int = 5_000_000,
    attrs: Mapping[str, Value] | Iterable[tuple[str, Value]] = (),
    kind: int = Span.SPAN_KIND_INTERNAL,
    error: str | None = None,
    events: Sequence[Span.Event] = (),
    links: Sequence[Span.Link] = (),
) -> Span:
    """A span that began just now, with ids of its own unless they are given.

    Args:
        start: nanoseconds since 1970.
        duration: nanoseconds.
        error: the message of an error status.
    """
    began = time.time_ns() - SECOND if start is None else start
    return Span(
        trace_id=trace_id() if trace is None else trace,
        span_id=span_id() if id is None else id,
        parent_span_id=parent,
        name=name,
        kind=kind,  # type: ignore[arg-type]
        start_time_unix_nano=began,
        end_time_unix_nano=began + duration,
        attributes=attributes(attrs),
        status=Status() if error is None else Status(code=Status.STATUS_CODE_ERROR, message=error),
        events=events,
        links=links,
    )


def event(name: str, attrs: Mapping[str, Value] | None = None, **fields: Any) -> Span.Event:
    fields.setdefault("time_unix_nano", time.time_ns())
    return Span.Event(name=name, attributes=attributes(attrs or {}), **fields)


def resource_spans(
    spans: Iterable[Span],
    service: str = "tests",
    resource: Mapping[str, Value] | Iterable[tuple[str, Value]] = (),
    scope: InstrumentationScope | None = None,
) -> ResourceSpans:
    more = resource.items() if isinstance(resource, Mapping) else resource
    return ResourceSpans(
        resource=Resource(attributes=attributes([("service.name", service), *more])),
        scope_spans=[
            ScopeSpans(scope=scope or InstrumentationScope(name="tests", version="1"), spans=spans)
        ],
    )


def request(
    *spans: Span,
    service: str = "tests",
    resource: Mapping[str, Value] | Iterable[tuple[str, Value]] = (),
    scope: InstrumentationScope | None = None,
) -> ExportTraceServiceRequest:
    """A request with one resource and one scope."""
    return ExportTraceServiceRequest(
        resource_spans=[resource_spans(spans, service, resource, scope)]
    )


def all_spans(message: ExportTraceServiceRequest) -> list[Span]:
    return [
        one
        for of_resource in message.resource_spans
        for of_scope in of_resource.scope_spans
        for one in of_scope.spans
    ]


def chat_span(
    input_tokens: int = 10,
    output_tokens: int = 5,
    attrs: Mapping[str, Value] | None = None,
    **fields: Any,
) -> Span:
    """A call of a model."""
    about: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
    }
    return span(
        "chat gpt-4o-mini", attrs=about | dict(attrs or {}), kind=Span.SPAN_KIND_CLIENT, **fields
    )
