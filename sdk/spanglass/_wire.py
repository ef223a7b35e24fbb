"""Spans as OTLP on the wire, without protobuf.

OTLP's messages are stable and small, and what Python needs to write one with protobuf's
objects is several times what it needs to write the bytes. It also keeps protobuf, which comes in
versions that exclude each other, out of the application. A test decodes what this writes with
protobuf and compares it with what OpenTelemetry's own encoder makes of the same spans.

Source: opentelemetry-proto 1.x, `trace/v1/trace.proto`, `logs/v1/logs.proto`,
`common/v1/common.proto`; Protocol Buffers, Encoding.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext

    from spanglass._recorded import RecordedSpan

_fixed64: Final = struct.Struct("<Q").pack
_fixed32: Final = struct.Struct("<I").pack
_double: Final = struct.Struct("<d").pack

#: What a span's flags say beside the trace's: whether the parent's place is known, and is remote.
_HAS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200

_SHORT: Final = tuple(bytes((n,)) for n in range(128))
_MASK64: Final = (1 << 64) - 1


def varint(number: int) -> bytes:
    """A number as protobuf's varint; a negative one as 64 bits of two's complement."""
    if 0 <= number < 128:
        return _SHORT[number]
    number &= _MASK64
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(tag: bytes, body: bytes) -> bytes:
    """A field that has a length: text, bytes or a message."""
    return tag + varint(len(body)) + body


def _utf8(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


@functools.lru_cache(maxsize=2048)
def _key(key: str) -> bytes:
    return field(b"\x0a", _utf8(key))


@functools.lru_cache(maxsize=1024)
def _name(name: str) -> bytes:
    return field(b"\x2a", _utf8(name))


def _any_value(value: Any) -> bytes:
    kind = value.__class__
    if kind is str:
        return field(b"\x0a", _utf8(value))
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if kind is int:
        return b"\x18" + varint(value)
    if kind is float:
        return b"\x21" + _double(value)
    if value is None:
        return b""
    if isinstance(value, bytes):
        return field(b"\x3a", value)
    if isinstance(value, Mapping):
        return field(b"\x32", attributes(b"\x0a", value))
    if isinstance(value, str):
        return field(b"\x0a", _utf8(str(value)))
    if isinstance(value, bool | int | float):
        # Of a class of its own, such as an enumeration's.
        return _any_value(float(value) if isinstance(value, float) else int(value))
    return field(b"\x2a", b"".join([field(b"\x0a", _any_value(each)) for each in value]))


def attributes(tag: bytes, found: Mapping[str, Any]) -> bytes:
    """Attributes as a repeated field of key and value.

    Args:
        tag: of the field, in the message around it.
        found: values of OpenTelemetry's types.
    """
    parts: list[bytes] = []
    for key, value in found.items():
        body = _any_value(value)
        pair = _key(key) + b"\x12" + varint(len(body)) + body
        parts += (tag, varint(len(pair)), pair)
    return b"".join(parts)


def span_bytes(
    span: ReadableSpan | RecordedSpan, found: Mapping[str, Any], more: Mapping[str, Any]
) -> bytes:
    """One span as a field of `ScopeSpans`.

    Args:
        span: which.
        found: its attributes, as they are to be sent.
        more: attributes beside these.

    Raises:
        Exception: it has values that OTLP has no form for.
    """
    about: Any = span.get_span_context()
    parts = [
        b"\x0a\x10", about.trace_id.to_bytes(16, "big"),
        b"\x12\x08", about.span_id.to_bytes(8, "big"),
    ]  # fmt: skip
    if about.trace_state:
        parts.append(field(b"\x1a", _utf8(about.trace_state.to_header())))
    parent = span.parent
    flags = _HAS_REMOTE | int(about.trace_flags)
    if parent is not None:
        parts += (b"\x22\x08", parent.span_id.to_bytes(8, "big"))
        if parent.is_remote:
            flags |= _IS_REMOTE
    parts += (
        _name(span.name),
        b"\x30" + _SHORT[span.kind.value + 1],
        b"\x39", _fixed64(span.start_time or 0),
        b"\x41", _fixed64(span.end_time or 0),
        attributes(b"\x4a", found),
        attributes(b"\x4a", more),
    )  # fmt: skip
    if span.dropped_attributes:
        parts.append(b"\x50" + varint(span.dropped_attributes))
    for event in span.events:
        body = b"\x09" + _fixed64(event.timestamp) + field(b"\x12", _utf8(event.name))
        parts.append(field(b"\x5a", body + attributes(b"\x1a", event.attributes or {})))
    if span.dropped_events:
        parts.append(b"\x60" + varint(span.dropped_events))
    for link in span.links:
        parts.append(field(b"\x6a", _link(link.context, link.attributes or {})))
    status = span.status
    if status.status_code.value:
        message = field(b"\x12", _utf8(status.description)) if status.description else b""
        parts.append(field(b"\x7a", message + b"\x18" + _SHORT[status.status_code.value]))
    else:
        parts.append(b"\x7a\x00")
    parts.append(b"\x85\x01" + _fixed32(flags))
    return field(b"\x12", b"".join(parts))


def _link(context: SpanContext, found: Mapping[str, Any]) -> bytes:
    flags = _HAS_REMOTE | int(context.trace_flags) | (_IS_REMOTE if context.is_remote else 0)
    state = context.trace_state.to_header() if context.trace_state else ""
    return (
        field(b"\x0a", context.trace_id.to_bytes(16, "big"))
        + field(b"\x12", context.span_id.to_bytes(8, "big"))
        + (field(b"\x1a", _utf8(state)) if state else b"")
        + attributes(b"\x22", found)
        + b"\x35" + _fixed32(flags)
    )  # fmt: skip


def resource_bytes(resource: Resource, more: Mapping[str, Any]) -> bytes:
    """A resource as a field of `ResourceSpans`.

    Args:
        resource: what sends.
        more: what is added to it.
    """
    return field(b"\x0a", attributes(b"\x0a", {**more, **resource.attributes}))


def scope_bytes(
    scope: InstrumentationScope | None,
    spans: Iterable[bytes],
) -> bytes:
    """The spans of one scope as a field of `ResourceSpans`.

    Args:
        scope: who recorded them.
        spans: each as `span_bytes` writes it.
    """
    if scope is None:
        return field(b"\x12", b"".join(spans))
    about = (
        (field(b"\x0a", _utf8(scope.name)) if scope.name else b"")
        + (field(b"\x12", _utf8(scope.version)) if scope.version else b"")
        + attributes(b"\x1a", scope.attributes or {})
    )
    url = field(b"\x1a", _utf8(scope.schema_url)) if scope.schema_url else b""
    return field(b"\x12", field(b"\x0a", about) + b"".join(spans) + url)


def log_bytes(
    name: str, time_ns: int, trace_id: int, span_id: int, found: Mapping[str, Any]
) -> bytes:
    """One event as a field of `ScopeLogs`, whose numbers are those of `ScopeSpans`.

    Args:
        name: of the event.
        time_ns: when, in nanoseconds since 1970.
        trace_id: what it is about; 0 for none.
        span_id: what it is about; 0 for none.
        found: its attributes.
    """
    parts = [
        b"\x09", _fixed64(time_ns),
        attributes(b"\x32", found),
        field(b"\x4a", trace_id.to_bytes(16, "big")) if trace_id else b"",
        field(b"\x52", span_id.to_bytes(8, "big")) if span_id else b"",
        b"\x59", _fixed64(time_ns),
        field(b"\x62", _utf8(name)),
    ]  # fmt: skip
    return field(b"\x12", b"".join(parts))


def resource_spans(resource: bytes, scopes: Iterable[bytes], schema_url: str = "") -> bytes:
    """Scopes of one resource as a field of the request."""
    url = field(b"\x1a", _utf8(schema_url)) if schema_url else b""
    return field(b"\x0a", resource + b"".join(scopes) + url)


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message, by number: varints as numbers, all else as bytes.

    Raises:
        ValueError: it is no protobuf.
    """
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _read_varint(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _read_varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("no protobuf")
        if at + size > len(message):
            raise ValueError("a field is cut off")
        yield tag >> 3, message[at : at + size]
        at += size


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("a number is cut off")
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
