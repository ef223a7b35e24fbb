"""Takes out of a request what protobuf calls unknown fields, but for our own.

A known number with another wire type is such a field. Every protobuf reader skips it; ClickHouse
refuses the whole batch. Nobody sends that on purpose, so requests are not searched for it when
they arrive: it is done when a batch was refused.

Source: https://protobuf.dev/programming-guides/proto3/#unknowns
"""

import logging
from collections.abc import Iterator
from typing import Final

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.signals import RESOURCE, Signal
from spanglass_store.otlp.schema import JSON_FIELD, STAMPS

log = logging.getLogger(__name__)

#: Requests up to this size, in bytes, are searched; larger ones take too long.
_SEARCHED: Final = 8 << 20


def cleaned(body: bytes, signal: Signal) -> bytes:
    """A refused request without unknown fields; `body` itself where it has none.

    And where that can't be found out, or not in a moment.
    """
    if len(body) > _SEARCHED:
        return body
    try:
        return without_unknown(body, signal)
    except Exception:
        log.exception("a refused request can't be searched for unknown fields")
        return body


def without_unknown(body: bytes, signal: Signal) -> bytes:
    """The resources of a segment with the fields that this version knows, and ours.

    Returns `body` itself where it has no others.
    """
    cleaned = b"".join(
        wire.field(RESOURCE, _cleaned(content, signal)) for content in wire.messages(body, RESOURCE)
    )
    return body if len(cleaned) == len(body) else cleaned


def _cleaned(content: bytes, signal: Signal) -> bytes:
    stamps = b"".join(
        content[begin:end] for number, _, begin, _, end in wire.fields(content) if number in STAMPS
    )
    message = signal.resource.FromString(content)
    texts = _json_texts(signal.form.values_of([message]))
    message.DiscardUnknownFields()
    for holder, text in texts:
        holder.MergeFromString(wire.field(JSON_FIELD, text))
    return bytes(message.SerializeToString()) + stamps


def _json_texts(values: Iterator[AnyValue]) -> list[tuple[Message, bytes]]:
    """The lists whose entries were written as JSON text (see `nested`), with that text."""
    found: list[tuple[Message, bytes]] = []
    for value in values:
        kind = value.WhichOneof("value")
        holder: ArrayValue | KeyValueList
        if kind == "array_value":
            holder = value.array_value
        elif kind == "kvlist_value":
            holder = value.kvlist_value
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
