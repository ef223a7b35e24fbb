"""Protobuf's framing: reading and writing fields without decoding what is in them.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator
from typing import Final

LENGTH_DELIMITED: Final = 2


class Malformed(ValueError):
    """The bytes are no protobuf message."""


def varint(value: int) -> bytes:
    """`value` (not negative) as a base-128 varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


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


def fields(data: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """The fields of a message: number, wire type, and where field, content and next field begin.

    Raises:
        Malformed: where a field is cut off, or of a wire type that does not exist.
    """
    at, end = 0, len(data)
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
        elif kind == 0:
            _, at = read_varint(data, at)
        elif kind == 1:
            at += 8
        elif kind == 5:
            at += 4
        else:
            raise Malformed(f"a field has wire type {kind}")
        if at > end:
            raise Malformed("a field is cut off")
        yield number, kind, begin, content, at


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
