"""OTLP's JSON encoding of traces, brought to the binary one and back.

It is protobuf's JSON mapping with two exceptions: ids are hexadecimal, and enums are numbers.

Source: OpenTelemetry protocol 1.9, section "JSON Protobuf Encoding".
"""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import EncodeError, Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.intake import TooLarge, Unreadable

_IDS: Final = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_SCOPE_SPANS: Final = ("scopeSpans", "scope_spans")
#: What stands for a span that can't be read: no protobuf either, so the check rejects it alone.
_UNREADABLE_SPAN: Final = b"\xff"
#: Largest text, in bytes. Nobody else can run while it is parsed, and reading it costs fifty
#: times as much as the binary encoding does.
MOST_BYTES: Final = 8 << 20
#: Objects and lists that are let pass whatever their size, and what one takes at least in a
#: text that says something: `{"intValue":1}`.
_FEW: Final = 5_000
_BYTES: Final = 8
_ERRORS: Final = (ValueError, TypeError, AttributeError, ParseError, EncodeError, RecursionError)


def traces_from_json(body: bytes) -> bytes:
    """A serialised `ExportTraceServiceRequest` from its JSON text.

    A span that can't be read is left for the check to reject; the others come through.

    Raises:
        TooLarge: if it is larger than `MOST_BYTES`.
        Unreadable: if it is no such text, or most of it is empty objects.
    """
    if len(body) > MOST_BYTES:
        raise TooLarge(MOST_BYTES, "Send smaller batches, or protobuf instead of JSON.")
    try:
        document = json.loads(body)
        _refuse_empty(document, len(body))
        for span in _spans(document):
            _change_ids(span, _hex_to_base64)
        try:
            return _message(document, ExportTraceServiceRequest())
        except _ERRORS:
            return b"".join(
                wire.field(1, _resource_spans(each))
                for each in _each(document, "resourceSpans", "resource_spans")
            )
    except _ERRORS as error:
        raise Unreadable(f"The body is no OTLP trace request in JSON: {error}.") from error


def _refuse_empty(document: Any, size: int) -> None:
    count = 0
    waiting = [document]
    while waiting:
        item = waiting.pop()
        items = item.values() if isinstance(item, dict) else item
        count += len(items)
        if count > _FEW and count * _BYTES > size:
            raise ValueError(f"it has more than {count} values in {size} bytes, most of them empty")
        waiting.extend(each for each in items if isinstance(each, dict | list))


def traces_to_json(body: bytes) -> dict[str, Any]:
    """A serialised `ExportTraceServiceRequest` as what its JSON text says."""
    request = ExportTraceServiceRequest.FromString(body)
    document: dict[str, Any] = MessageToDict(request, use_integers_for_enums=True)
    for span in _spans(document):
        _change_ids(span, lambda text: base64.b64decode(text).hex())
    return document


def _spans(document: dict[str, Any]) -> Iterator[Any]:
    for resource_spans in _each(document, "resourceSpans", "resource_spans"):
        for scope_spans in _each(resource_spans, *_SCOPE_SPANS):
            yield from _each(scope_spans, "spans")


def _each(message: dict[str, Any], *names: str) -> list[Any]:
    for name in names:
        found = message.get(name)
        if found:
            if not isinstance(found, list):
                raise TypeError(f"{name} is no list")
            return found
    return []


def _message(document: Any, message: Message) -> bytes:
    return bytes(ParseDict(document, message, ignore_unknown_fields=True).SerializeToString())


def _resource_spans(document: dict[str, Any]) -> bytes:
    scopes = _each(document, *_SCOPE_SPANS)
    shell = {name: value for name, value in document.items() if name not in _SCOPE_SPANS}
    return _message(shell, ResourceSpans()) + b"".join(
        wire.field(2, _scope_spans(each)) for each in scopes
    )


def _scope_spans(document: dict[str, Any]) -> bytes:
    spans = _each(document, "spans")
    shell = {name: value for name, value in document.items() if name != "spans"}
    return _message(shell, ScopeSpans()) + b"".join(wire.field(2, _span(each)) for each in spans)


def _span(document: Any) -> bytes:
    try:
        return _message(document, Span())
    except _ERRORS:
        return _UNREADABLE_SPAN


def _change_ids(span: Any, change: Callable[[str], str]) -> None:
    if not isinstance(span, dict):
        return
    links = span.get("links")
    for message in (span, *(links if isinstance(links, list) else ())):
        for name in _IDS:
            value = message.get(name) if isinstance(message, dict) else None
            if isinstance(value, str):
                message[name] = change(value)


def _hex_to_base64(text: str) -> str:
    # An id that is no hexadecimal becomes one of a wrong length.
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b"\x00"
    return base64.b64encode(raw).decode()
