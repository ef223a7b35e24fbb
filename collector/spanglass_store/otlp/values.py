"""Attribute values as they came, from the text and the type that the store keeps of them."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from spanglass_store.otlp.expressions import ARRAY_KEY, BYTES_KEY, DOUBLE_KEY, KVLIST_KEY

#: A JSON value; bytes are `{"$bytes": base64}`, infinities and NaN `{"$double": text}`.
JsonValue = Any


def restore(text: str, kind: str) -> JsonValue:
    """The JSON value of an attribute.

    Args:
        text: as the column `attributes` has it.
        kind: as `attribute_types` has it; `string` where that has none.
    """
    if kind == "string":
        return text
    if kind == "int":
        return int(text)
    if kind == "bool":
        return text == "true"
    if kind == "double":
        number = float(text)
        return number if number - number == 0 else {DOUBLE_KEY: text}
    if kind == "bytes":
        return {BYTES_KEY: text}
    if kind == "empty":
        return None
    try:
        return _unfold(json.loads(text))
    except (ValueError, TypeError, RecursionError, DecodeError):
        return text


def restore_map(values: Mapping[str, str], kinds: Mapping[str, str]) -> Mapping[str, JsonValue]:
    """A whole attribute map; itself where all of it is text."""
    if not kinds or not values:
        return values
    return {
        key: text if key not in kinds else restore(text, kinds[key]) for key, text in values.items()
    }


def _unfold(value: JsonValue) -> JsonValue:
    """JSON text as the store has it, without its marks: deep values decoded, keys as they were."""
    if isinstance(value, list):
        return [_unfold(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, inner),) = value.items()
        if key == ARRAY_KEY:
            parsed = ArrayValue.FromString(base64.b64decode(inner))
            return [_plain(item) for item in parsed.values]
        if key == KVLIST_KEY:
            # A list's own item is one encoded list; an attribute's are its entries.
            entries = (
                [KeyValue.FromString(base64.b64decode(entry)) for entry in inner]
                if isinstance(inner, list)
                else KeyValueList.FromString(base64.b64decode(inner)).values
            )
            return {entry.key: _plain(entry.value) for entry in entries}
        if key in (BYTES_KEY, DOUBLE_KEY):
            return value
    return {
        key.removeprefix("$") if key.startswith("$$") else key: _unfold(inner)
        for key, inner in value.items()
    }


def _plain(value: AnyValue) -> JsonValue:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {entry.key: _plain(entry.value) for entry in value.kvlist_value.values}
    if kind == "bytes_value":
        return {BYTES_KEY: base64.b64encode(value.bytes_value).decode()}
    if kind == "double_value":
        number = value.double_value
        return number if number - number == 0 else {DOUBLE_KEY: str(number)}
    return getattr(value, kind) if kind else None
