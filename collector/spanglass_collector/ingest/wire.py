"""Protobuf's framing: reading and writing fields without decoding what is in them.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator
from typing import Final

FIXED64: Final = 1
LENGTH_DELIMITED: Final = 2
_GROUP: Final = 3
_GROUP_END: Final = 4


class Malformed(ValueError):
    """The bytes are no protobuf message."""


def varint(value: int) -> bytes:
    """`value` (not negative) as a base-128 varint."""
    if value < _FEW:
        return _VARINTS[value]
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


#: Those of tags and of most lengths, which are written again and again.
_FEW: Final = 1 << 14
_VARINTS: Final = tuple(
    bytes((n,)) if n < 0x80 else bytes((n & 0x7F | 0x80, n >> 7)) for n in range(_FEW)
)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at a position and the position behind it.

    Raises:
        Malformed: if it is cut off or longer than ten bytes.
    """
    value = shift = 0
    end = len(data)
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            break
    raise Malformed("a varint is cut off or too long")


def fields(
    data: bytes, at: int = 0, end: int | None = None
) -> Iterator[tuple[int, int, int, int, int]]:
    """The fields of a message: number, wire type, and where field, content and next field begin.

    Args:
        data: what the message is in.
        at: where it begins.
        end: where it ends; where the data does, unless given.

    Raises:
        Malformed: where a field is cut off, or of a wire type that does not exist.
    """
    end = len(data) if end is None else end
    while at < end:
        begin = at
        tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise Malformed("a field has the number 0")
        content = at
        if kind == LENGTH_DELIMITED:
            size, content = read_varint(data, at)
            at = content + size
        elif kind == _GROUP:
            at = _behind_group(data, at, number)
        else:
            at = _behind_scalar(data, at, kind)
        if at > end:
            raise Malformed("a field is cut off")
        yield number, kind, begin, content, at


def _behind_scalar(data: bytes, at: int, kind: int) -> int:
    if kind == 0:
        return read_varint(data, at)[1]
    if kind == FIXED64:
        return at + 8
    if kind == 5:
        return at + 4
    raise Malformed(f"a field has wire type {kind}")


def _behind_group(data: bytes, at: int, number: int) -> int:
    """Where a group ends. Nobody sends groups, but as unknown fields they are valid."""
    open_groups = [number]
    while open_groups:
        if at >= len(data):
            raise Malformed("a group is cut off")
        tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _GROUP:
            open_groups.append(number)
        elif kind == _GROUP_END:
            if number != open_groups.pop():
                raise Malformed("a group ends that has not begun")
        elif kind == LENGTH_DELIMITED:
            size, at = read_varint(data, at)
            at += size
        else:
            at = _behind_scalar(data, at, kind)
    return at


def messages(data: bytes, number: int) -> Iterator[bytes]:
    """The contents of every length-delimited field of that number, in order."""
    for found, kind, _, content, end in fields(data):
        if found == number and kind == LENGTH_DELIMITED:
            yield data[content:end]


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | LENGTH_DELIMITED) + varint(len(content)) + content


def integer_field(number: int, value: int) -> bytes:
    """A varint field."""
    return varint(number << 3) + varint(value)
