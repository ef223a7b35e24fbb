"""Attributes of decoded spans: reading their values, and adding further ones.

Adding an attribute through Python's protobuf costs a microsecond; appending its bytes costs a
tenth where the same one was written before, as most are.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector.ingest.wire import LENGTH_DELIMITED, field, integer_field, varint

#: Most items of a list that is read; longer ones (vectors) say nothing that is mapped.
_MOST_ITEMS: Final = 1000
#: Bytes of attributes above which a span is not given them, and those of each that it is.
_MOST_BYTES: Final = 8 << 20
_FEW_BYTES: Final = 64 << 10
_LARGEST: Final = (1 << 63) - 1
#: Most attributes that are remembered, and the longest text among them.
_REMEMBERED: Final = 20_000
_SHORT: Final = 64

# Numbers of fields in OTLP's `Span`, `KeyValue`, `AnyValue` and `ArrayValue`.
_ATTRIBUTES: Final = 9
_KEY: Final = 1
_VALUE: Final = 2
_STRING: Final = 1
_BOOL: Final = 2
_INT: Final = 3
_ATTRIBUTE_TAG: Final = varint(_ATTRIBUTES << 3 | LENGTH_DELIMITED)
_VALUE_TAG: Final = varint(_VALUE << 3 | LENGTH_DELIMITED)
_STRING_TAG: Final = varint(_STRING << 3 | LENGTH_DELIMITED)
_DOUBLE_TAG: Final = varint(4 << 3 | 1)
_ARRAY: Final = 5
_ITEM: Final = 1

_written: dict[Any, bytes] = {}


def plain(value: AnyValue) -> Any:
    """An attribute's value as Python has it; None for bytes, long lists and nothing."""
    found = value.string_value
    if found:
        return found
    kind = value.WhichOneof("value")
    if kind == "array_value":
        items = value.array_value.values
        return [plain(each) for each in items] if len(items) <= _MOST_ITEMS else None
    if kind == "kvlist_value":
        entries = value.kvlist_value.values
        if len(entries) > _MOST_ITEMS:
            return None
        return {each.key: plain(each.value) for each in entries}
    return None if kind is None or kind == "bytes_value" else getattr(value, kind)


def add(span: Span, made: Mapping[str, Any]) -> None:
    """Adds attributes: texts, numbers, flags and lists of texts; of too much, only the short ones.

    The values of one attribute are all of one type.
    """
    added = []
    for key, value in made.items():
        kind = type(value)
        if kind is str and len(value) > _SHORT:
            added.append(_text(key, value))
            continue
        same = (key, tuple(value) if kind is list else value)
        found = _written.get(same)
        if found is None:
            if len(_written) >= _REMEMBERED:
                _written.clear()
            found = field(_KEY, key.encode()) + field(_VALUE, _any_value(value))
            found = _written[same] = field(_ATTRIBUTES, found)
        added.append(found)
    joined = b"".join(added)
    if len(joined) > _MOST_BYTES:
        joined = b"".join(each for each in added if len(each) <= _FEW_BYTES)
    span.MergeFromString(joined)


def _text(key: str, value: str) -> bytes:
    """An attribute that is a long text: the same as the others, with fewer steps."""
    content = value.encode("utf-8", "replace")
    size = varint(len(content))
    inner = varint(1 + len(size) + len(content))
    head = _written.get(key)
    if head is None:
        head = _written[key] = field(_KEY, key.encode()) + _VALUE_TAG
    outer = varint(len(head) + len(inner) + 1 + len(size) + len(content))
    return b"".join((_ATTRIBUTE_TAG, outer, head, inner, _STRING_TAG, size, content))


def _any_value(value: Any) -> bytes:
    if isinstance(value, str):
        return field(_STRING, value.encode("utf-8", "replace"))
    if isinstance(value, bool):
        return integer_field(_BOOL, int(value))
    if isinstance(value, int):
        return integer_field(_INT, min(value, _LARGEST))
    if isinstance(value, float):
        return _DOUBLE_TAG + struct.pack("<d", value)
    return field(_ARRAY, b"".join(field(_ITEM, _any_value(each)) for each in value))
