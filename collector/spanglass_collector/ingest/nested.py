"""JSON text for attribute values that SQL does not unfold: key-value lists, lists of lists.

The text takes the place of the entries, in a field of our own (`json` of `ArrayValue` and
`KeyValueList`, see `spanglass_store.otlp.schema`), on the decoded message, for the requests that
have such values. Types survive: integers have no point, doubles have one, and what JSON has no
word for is an object with one key that begins with `$`.
"""

import base64
import math
import re
from collections.abc import Iterable
from json.encoder import encode_basestring as _quoted
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from spanglass_collector.ingest.wire import Malformed, field, read_varint, varint
from spanglass_store.otlp.expressions import BYTES_KEY, DOUBLE_KEY
from spanglass_store.otlp.schema import JSON_FIELD, STAMPS

# `KeyValue.value` (0x12, size) holding a key-value list (0x32, size) or a list (0x2a, size) whose
# first item (0x0a, size) is a list itself. Searching bytes costs a third of walking the message.
_VARINT: Final = rb"[\x80-\xff]{0,4}[\x00-\x7f]"
_CANDIDATE: Final = re.compile(
    rb"\x12(?=" + _VARINT + rb"(?:\x32" + _VARINT + rb"|\x2a" + _VARINT
    + rb"\x0a" + _VARINT + rb"[\x2a\x32]))"
)  # fmt: skip


#: Tags of our fields, in every wire type: first, middle and last byte. A tag may also be written
#: longer than it has to be; then the last byte is another, with the highest bit set.
_OUR_TAGS: Final = [
    varint(number << 3 | kind) for number in (*STAMPS, JSON_FIELD) for kind in (0, 1, 2, 3, 5)
]
_FIRST: Final = frozenset(tag[0] for tag in _OUR_TAGS)
(_MIDDLE,) = {tag[1:2] for tag in _OUR_TAGS}
_LAST: Final = bytes(sorted({last | bit for _, _, last in _OUR_TAGS for bit in (0, 0x80)}))
# From the byte in their middle: a pattern that begins with one byte is found by it.
_OURS: Final = re.compile(re.escape(_MIDDLE) + b"[" + re.escape(_LAST) + b"]")


def claims_ours(body: bytes) -> bool:
    """Whether a serialised request (probably) has fields of ours: then they are the client's."""
    return any(body[match.start() - 1] in _FIRST for match in _OURS.finditer(body) if match.start())


# `KeyValue.value` holding a list of any kind.
_LIST: Final = re.compile(rb"\x12(?=" + _VARINT + rb"[\x2a\x32]" + _VARINT + rb")")


def has_lists(body: bytes) -> bool:
    """Whether a serialised request, in protobuf's shortest form, may have values that are lists."""
    for match in _LIST.finditer(body):
        try:
            size, at = read_varint(body, match.end())
            inner, behind = read_varint(body, at + 1)
        except Malformed:
            continue
        if behind - at + inner <= size and at + size <= len(body):
            return True
    return False


def has_nested(body: bytes) -> bool:
    """Whether a serialised request (probably) has values that SQL does not unfold."""
    for match in _CANDIDATE.finditer(body):
        at = match.end()
        try:
            size, at = read_varint(body, at)
            inner, behind = read_varint(body, at + 1)
        except Malformed:
            continue
        # Chance bytes rarely have two sizes that fit one another.
        if behind - at + inner == size:
            return True
    return False


def write_json(values: Iterable[AnyValue]) -> None:
    """Gives every value that SQL does not unfold its JSON text, in place."""
    for value in values:
        kind = value.WhichOneof("value")
        if kind == "kvlist_value":
            inner: KeyValueList | ArrayValue = value.kvlist_value
        elif kind == "array_value" and any(
            item.WhichOneof("value") in ("array_value", "kvlist_value")
            for item in value.array_value.values
        ):
            inner = value.array_value
        else:
            continue
        text = to_json(value)
        inner.Clear()
        inner.MergeFromString(field(JSON_FIELD, text.encode()))


def to_json(value: AnyValue) -> str:
    """The JSON text of a value, on one line; a key may occur twice if it did in the value."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return _quoted(value.string_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        number = value.double_value
        if math.isfinite(number):
            return repr(number)
        return f'{{"{DOUBLE_KEY}":"{number}"}}'
    if kind == "bytes_value":
        return f'{{"{BYTES_KEY}":"{base64.b64encode(value.bytes_value).decode()}"}}'
    if kind == "array_value":
        return "[" + ",".join(to_json(item) for item in value.array_value.values) + "]"
    if kind == "kvlist_value":
        entries = (
            _quoted("$" + entry.key if entry.key.startswith("$") else entry.key)
            + ":"
            + to_json(entry.value)
            for entry in value.kvlist_value.values
        )
        return "{" + ",".join(entries) + "}"
    return "null"
