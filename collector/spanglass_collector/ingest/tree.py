"""Requests as trees: counted and divided by their framing, whatever else is in their messages.

A path names, level by level, the fields that lead down to the items. Everything else that a
message has (its resource, what the collector stamped, fields of a later protocol) goes with every
part that the message is divided into.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeAlias, TypeVar

from spanglass_collector.ingest import wire

K = TypeVar("K", bound=Hashable)

#: Numbers of the fields that lead a level further down, by level.
Path: TypeAlias = tuple[frozenset[int], ...]


def path(*levels: Iterable[int]) -> Path:
    """A path of these levels."""
    return tuple(frozenset(level) for level in levels)


def count(message: bytes, along: Path) -> int:
    """The number of items in a message.

    Raises:
        Malformed: if it is no message.
    """
    numbers, rest = along[0], along[1:]
    total = 0
    for number, kind, _, content, end in wire.fields(message):
        if kind == wire.LENGTH_DELIMITED and number in numbers:
            total += count(message[content:end], rest) if rest else 1
    return total


def items(message: bytes, along: Path) -> Iterator[bytes]:
    """The contents of the items of a message, in order.

    Raises:
        Malformed: if it is no message.
    """
    numbers, rest = along[0], along[1:]
    for number, kind, _, content, end in wire.fields(message):
        if kind == wire.LENGTH_DELIMITED and number in numbers:
            if rest:
                yield from items(message[content:end], rest)
            else:
                yield message[content:end]


def halve(message: bytes, along: Path) -> list[bytes]:
    """A message in two, with about half of its items each, divided as far up as possible.

    Messages without items go. Empty for a message with a single item.

    Raises:
        Malformed: if it is no message.
    """
    numbers, rest = along[0], along[1:]
    shell: list[bytes] = []
    children: list[tuple[bytes, int]] = []
    only = 0, b""
    for number, kind, begin, content, end in wire.fields(message):
        field = message[begin:end]
        if kind != wire.LENGTH_DELIMITED or number not in numbers:
            shell.append(field)
        elif held := (count(message[content:end], rest) if rest else 1):
            children.append((field, held))
            only = number, message[content:end]
    about = b"".join(shell)
    if len(children) == 1 and rest:
        number, content_of_only = only
        return [about + wire.field(number, half) for half in halve(content_of_only, rest)]
    if len(children) < 2:
        return []
    middle = _middle([held for _, held in children])
    return [
        about + b"".join(field for field, _ in part)
        for part in (children[:middle], children[middle:])
    ]


def group(message: bytes, along: Path, key: Callable[[bytes], K]) -> dict[K, bytes]:
    """A message divided by a property of what is at the end of the path, in order of appearance.

    Args:
        message: what is divided.
        along: the path; it can end above the items.
        key: the property, of the content of one field there.

    Raises:
        Malformed: if it is no message.
    """
    numbers, rest = along[0], along[1:]
    shell: list[bytes] = []
    groups: dict[K, list[bytes]] = {}
    for number, kind, begin, content, end in wire.fields(message):
        if kind != wire.LENGTH_DELIMITED or number not in numbers:
            shell.append(message[begin:end])
        elif rest:
            for found, part in group(message[content:end], rest, key).items():
                groups.setdefault(found, []).append(wire.field(number, part))
        else:
            groups.setdefault(key(message[content:end]), []).append(message[begin:end])
    about = b"".join(shell)
    return {found: about + b"".join(parts) for found, parts in groups.items()}


def _middle(sizes: list[int]) -> int:
    """Where a list of sizes is divided, so that both sides are there and about as large."""
    half = sum(sizes) / 2
    before, best, place = 0, half, 1
    for index, size in enumerate(sizes[:-1], 1):
        before += size
        if abs(before - half) < best:
            best, place = abs(before - half), index
    return place
