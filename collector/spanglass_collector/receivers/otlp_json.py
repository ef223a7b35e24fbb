"""OTLP's JSON encoding of traces, brought to the binary one.

It is protobuf's JSON mapping with two exceptions: ids are hexadecimal, and enums are numbers.

Source: OpenTelemetry protocol 1.9, section "JSON Protobuf Encoding".
"""

import base64
import json
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanglass_collector.ingest.intake import Unreadable

_IDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")


def traces_from_json(body: bytes) -> bytes:
    """A serialised `ExportTraceServiceRequest` from its JSON text.

    Raises:
        Unreadable: if it is no such text.
    """
    try:
        document = json.loads(body)
        for resource_spans in _each(document, "resourceSpans", "resource_spans"):
            for scope_spans in _each(resource_spans, "scopeSpans", "scope_spans"):
                for span in _each(scope_spans, "spans"):
                    _ids_from_hex(span)
                    for link in _each(span, "links"):
                        _ids_from_hex(link)
        request = ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (ValueError, TypeError, AttributeError, ParseError, RecursionError) as error:
        raise Unreadable(f"The body is no OTLP trace request in JSON: {error}.") from error
    return request.SerializeToString()


def _each(message: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    for name in names:
        found = message.get(name)
        if found:
            return list(found)
    return []


def _ids_from_hex(message: dict[str, Any]) -> None:
    for name in _IDS:
        value = message.get(name)
        if value:
            # An id that is no hexadecimal becomes one of a wrong length: that span is rejected.
            try:
                raw = bytes.fromhex(value)
            except ValueError:
                raw = b"\x00"
            message[name] = base64.b64encode(raw).decode()
