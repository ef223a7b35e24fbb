"""Takes out of a request what protobuf calls unknown fields, but for our own.

A known number with another wire type is such a field. Every protobuf reader skips it; ClickHouse
refuses the whole batch. Nobody sends that on purpose, so requests are not searched for it when
they arrive: it is done when a batch was refused.

Source: https://protobuf.dev/programming-guides/proto3/#unknowns
"""

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.common.v1.common_pb2 import ArrayValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import RESOURCE_SPANS
from spanglass_collector.ingest.nested import attributes
from spanglass_store.otlp.schema import JSON_FIELD, STAMPS


def without_unknown(body: bytes) -> bytes:
    """The framed `ResourceSpans` of a segment with the fields that this version knows, and ours.

    Returns `body` itself where it has no others.
    """
    cleaned = b"".join(
        wire.field(RESOURCE_SPANS, _cleaned(content))
        for content in wire.messages(body, RESOURCE_SPANS)
    )
    return body if len(cleaned) == len(body) else cleaned


def _cleaned(content: bytes) -> bytes:
    stamps = b"".join(
        content[begin:end] for number, _, begin, _, end in wire.fields(content) if number in STAMPS
    )
    message = ResourceSpans.FromString(content)
    texts = _json_texts(message)
    message.DiscardUnknownFields()
    for holder, text in texts:
        holder.MergeFromString(wire.field(JSON_FIELD, text))
    return message.SerializeToString() + stamps


def _json_texts(resource_spans: ResourceSpans) -> list[tuple[Message, bytes]]:
    """The lists whose entries were written as JSON text (see `nested`), with that text."""
    found: list[tuple[Message, bytes]] = []
    for attribute in attributes([resource_spans]):
        kind = attribute.value.WhichOneof("value")
        holder: ArrayValue | KeyValueList
        if kind == "array_value":
            holder = attribute.value.array_value
        elif kind == "kvlist_value":
            holder = attribute.value.kvlist_value
        else:
            continue
        fields = UnknownFieldSet(holder)
        ours = (fields[n] for n in range(len(fields)))
        # A client can use the number, too, with whatever type.
        found.extend(
            (holder, each.data)
            for each in ours
            if each.field_number == JSON_FIELD and each.wire_type == wire.LENGTH_DELIMITED
        )
    return found
