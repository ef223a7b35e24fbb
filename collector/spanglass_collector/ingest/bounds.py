"""What a request may cost to read, and how a large one is taken apart.

A body of a few kilobytes can unpack to millions of empty messages, each of which costs as much to
look at as a real one. What a real one takes at least is known: a span has two ids and a start.
So bodies are judged by bytes a message, before anything is done for each of them. The protobuf
runtime lets nobody else run while it parses: what is large is parsed in pieces.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.forms import MOST_VALUES as MOST_VALUES
from spanglass_collector.ingest.forms import Form

#: Fields of every signal's messages: a request's resources, their scopes, and their entries.
RESOURCES: Final = 1
SCOPES: Final = 2
ENTRIES: Final = 2
#: Field of what holds a list in an entry, whatever its kind: its items.
ITEMS: Final = 1

#: A larger body is parsed in pieces of about this size, in bytes.
PIECE: Final = 256 << 10
#: Bytes of a body in which no number of messages takes long.
FEW_BYTES: Final = 64 << 10
#: Most bytes that the resources and scopes of one request may take in the store, where each span
#: has its own copy.
MOST_REPEATED: Final = 256 << 20

#: Messages that are let pass whatever their size: what is wrong with each is said of each.
_FEW: Final = 1_000
#: A tag, two sizes, a key of a letter and a short value: what an attribute takes, in bytes.
_ATTRIBUTE_BYTES: Final = 8
#: A tag, a size and a small number: what an item of a list takes.
_ITEM_BYTES: Final = 4
#: Most bytes of a resource or scope whose spans don't fit into one piece.
_SHELL_BYTES: Final = 64 << 10
#: Messages in messages that are looked at; the runtime refuses as many.
_DEPTH: Final = 100

# Tiny messages have tiny sizes: where more than an eighth of the bytes is below 9, there may be
# many of them. Texts and ids have a thirtieth, spans without attributes a twelfth.
_SIZES: Final = bytes(range(9))
_DENSE: Final = 8
# Such a message begins with a tag and its size, as a small number does. Where one takes eight
# bytes, that is an eighth of them; half as many are let pass. Either may be written longer than it
# has to be, and then has a byte of 128 or more before its last.
_STARTS: Final = frozenset(
    {(number << 3 | kind, size) for number in range(1, 16) for kind in (0, 2) for size in _SIZES}
    | {(more, last) for more in range(0x80, 0x100) for last in range(16)}
)
_DENSE_STARTS: Final = 16
# Every 251st byte or so; nobody outside knows which. A prime, so that no pattern falls into step.
_STRIDE: Final = secrets.choice((239, 241, 251, 257, 263))


class Unreadable(ValueError):
    """The body is no OTLP request; the message says why."""


def is_dense(body: bytes) -> bool:
    """Whether a serialised message may have very many small ones in it, judged by a sample."""
    if len(body) < FEW_BYTES:
        return False
    at = secrets.randbelow(_STRIDE)
    sample = body[at::_STRIDE]
    if (len(sample) - len(sample.translate(None, _SIZES))) * _DENSE <= len(sample):
        return False
    # Numbers of a fixed width have small bytes, too. What a small message begins with is rarer.
    starts = sum(map(_STARTS.__contains__, zip(sample, body[at + 1 :: _STRIDE], strict=False)))
    return starts * _DENSE_STARTS > len(sample)


def count_messages(request: Any, form: Form, size: int) -> int:
    """Number of resources, scopes and items of a request of `size` bytes.

    Raises:
        Unreadable: if there are far more than fit into the bytes.
    """
    resources = getattr(request, form.resources)
    containers = len(resources)
    _refuse_empty(containers, size, form)
    scopes = items = 0
    for resource in resources:
        listed = getattr(resource, form.scopes)
        scopes += len(listed)
        _refuse_empty(scopes, size, form)
        for scope in listed:
            items += form.sizes(getattr(scope, form.listed))
    _refuse_empty(items, size, form)
    return containers + scopes + items


def refuse_tiny_values(request: Any, form: Form, size: int, lists: bool = True) -> None:
    """Looks at a request in which there may be very many small messages.

    Args:
        request: the request.
        form: what it looks like inside.
        size: its bytes, serialised.
        lists: whether there may be values that are lists: looking for them takes a look at each.

    Raises:
        Unreadable: if it has far more attributes, events, links and items than fit into its bytes.
    """
    # First what takes no look at each: their numbers.
    count = 0
    resources = getattr(request, form.resources)
    for resource in resources:
        for scope in getattr(resource, form.scopes):
            for entry in getattr(scope, form.listed):
                count += form.children(entry)
                _refuse_tiny(count * _ATTRIBUTE_BYTES, size)
    if not lists:
        return
    count = items = 0
    for value in form.values_of(resources):
        count += 1
        if value.WhichOneof("value") in ("array_value", "kvlist_value"):
            for entries, others in _inside(value):
                count += entries
                items += others
                _refuse_tiny(count * _ATTRIBUTE_BYTES + items * _ITEM_BYTES, size)
    _refuse_tiny(count * _ATTRIBUTE_BYTES + items * _ITEM_BYTES, size)


def _refuse_tiny(least: int, size: int) -> None:
    if least > max(size, _FEW * _ATTRIBUTE_BYTES):
        raise Unreadable(
            f"There are more attributes, events, links and items of lists than fit into {size}"
            " bytes with something in them: most are empty. Send only those that say something."
        )


def _inside(value: AnyValue) -> Iterator[tuple[int, int]]:
    """Numbers of entries and of items of each list in a value, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if value.WhichOneof("value") == "kvlist_value":
            yield len(value.kvlist_value.values), 0
            waiting.extend(entry.value for entry in value.kvlist_value.values)
        elif value.WhichOneof("value") == "array_value":
            yield 0, len(value.array_value.values)
            waiting.extend(value.array_value.values)


def unpacked_bytes(request: Any, form: Form) -> int:
    """Memory that the store needs for a request's items beyond what came, in bytes."""
    return sum(
        form.unpacked(getattr(scope, form.listed))
        for resource in getattr(request, form.resources)
        for scope in getattr(resource, form.scopes)
    )


def repeated_bytes(request: Any, form: Form) -> int:
    """Bytes of resources and scopes, counted once for each of their items."""
    total = 0
    for resource in getattr(request, form.resources):
        size = resource.resource.ByteSize()
        for scope in getattr(resource, form.scopes):
            items = form.sizes(getattr(scope, form.listed))
            total += (size + scope.scope.ByteSize()) * items
    return total


def pieces(body: bytes, form: Form, rejected: Counter[str]) -> Iterator[bytes]:
    """A large request as several of about `PIECE` bytes, with the same items in the same order.

    Each is larger only by a resource, a scope or an entry that is.

    Args:
        body: the serialised request.
        form: what it looks like inside.
        rejected: gets the entries that are left out, by reason.

    Raises:
        Unreadable: if the body is not framed like a request, or has very many empty messages.
    """
    waiting: list[bytes] = []
    size = 0
    try:
        for number, kind, begin, inner, end in _fields(body, form):
            if number != RESOURCES or kind != wire.LENGTH_DELIMITED:
                continue
            if end - begin <= PIECE:
                parts: Iterator[bytes] = iter((body[begin:end],))
            else:
                parts = _split_resource(body[inner:end], form, rejected)
            for part in parts:
                if waiting and size + len(part) > PIECE:
                    yield b"".join(waiting)
                    waiting, size = [], 0
                waiting.append(part)
                size += len(part)
    except wire.Malformed as error:
        raise Unreadable(f"The body is no OTLP {form.name} request: {error}.") from error
    if waiting:
        yield b"".join(waiting)


def _split_resource(content: bytes, form: Form, rejected: Counter[str]) -> Iterator[bytes]:
    """Framed resources of one that is larger than a piece."""
    shell, scopes = _open(content, form, SCOPES)
    waiting: list[bytes] = []
    size = 0
    for begin, inner, end in scopes:
        if end - begin <= PIECE:
            parts: Iterator[bytes] = iter((content[begin:end],))
        else:
            parts = _split_scope(content[inner:end], form, rejected)
        for part in parts:
            if waiting and size + len(part) > PIECE:
                yield wire.field(RESOURCES, shell + b"".join(waiting))
                waiting, size = [], 0
            waiting.append(part)
            size += len(part)
    yield wire.field(RESOURCES, shell + b"".join(waiting))


def _split_scope(content: bytes, form: Form, rejected: Counter[str]) -> Iterator[bytes]:
    """Framed scopes of one that is larger than a piece."""
    shell, entries = _open(content, form, ENTRIES)
    waiting: list[bytes] = []
    size = 0
    for begin, inner, end in entries:
        if end - begin <= PIECE:
            parts: Iterator[bytes] = iter((content[begin:end],))
        else:
            parts = _split_entry(content[inner:end], form, rejected)
        for part in parts:
            if waiting and size + len(part) > PIECE:
                yield wire.field(SCOPES, shell + b"".join(waiting))
                waiting, size = [], 0
            waiting.append(part)
            size += len(part)
    yield wire.field(SCOPES, shell + b"".join(waiting))


def _split_entry(content: bytes, form: Form, rejected: Counter[str]) -> Iterator[bytes]:
    """Framed entries of one that is larger than a piece: itself, unless it lists items."""
    try:
        holder = apart(content, form)
        if holder is None:
            if has_too_many_values(content, form):
                rejected["too_many_values"] += len_of(content, form)
            else:
                yield wire.field(ENTRIES, content)
            return
        waiting: list[bytes] = []
        size = 0
        for item in holder.items:
            if len(item) > PIECE and has_too_many_values(holder.around([item]), form):
                rejected["too_many_values"] += 1
                continue
            if waiting and size + len(item) > PIECE:
                yield wire.field(ENTRIES, holder.around(waiting))
                waiting, size = [], 0
            waiting.append(item)
            size += len(item)
        yield wire.field(ENTRIES, holder.around(waiting))
    except wire.Malformed:
        rejected["malformed"] += 1


@dataclass(frozen=True)
class Holder:
    """An entry that lists items, taken apart: a metric and its points.

    Attributes:
        shell: its other fields.
        number: its field that holds the list.
        inner: the other fields of what holds it.
        items: serialised.
    """

    shell: bytes
    number: int
    inner: bytes
    items: list[bytes]

    def around(self, items: Iterable[bytes]) -> bytes:
        """The entry with these items alone."""
        listed = b"".join(wire.field(ITEMS, item) for item in items)
        return self.shell + wire.field(self.number, self.inner + listed)


def apart(entry: bytes, form: Form) -> Holder | None:
    """A serialised entry taken apart; None if it is an item itself, or holds no single list.

    Raises:
        Malformed: if it is not framed like one.
        Unreadable: if it has very many empty items, or too much that is kept with each.
    """
    if not form.holders:
        return None
    shell = bytearray()
    inside: list[tuple[int, bytes]] = []
    for number, kind, begin, inner, end in _fields(entry, form):
        if number in form.holders and kind == wire.LENGTH_DELIMITED:
            inside.append((number, entry[inner:end]))
        else:
            shell += entry[begin:end]
    if len(inside) != 1:
        return None
    ((number, content),) = inside
    rest, items = _open(content, form, ITEMS)
    _refuse_shell(len(shell), len(content), form)
    return Holder(bytes(shell), number, rest, [content[inner:end] for _, inner, end in items])


def len_of(entry: bytes, form: Form) -> int:
    """How many items a serialised entry stands for, where none of them can be kept: at least one.

    Raises:
        Malformed: if it is not framed like one.
    """
    count = 0
    for number, kind, _, inner, end in wire.fields(entry):
        if number in form.holders and kind == wire.LENGTH_DELIMITED:
            count += sum(found == ITEMS for found, *_ in wire.fields(entry[inner:end]))
    return max(count, 1)


def _open(content: bytes, form: Form, number: int) -> tuple[bytes, list[tuple[int, int, int]]]:
    """A message without its fields of one number, and where those are."""
    inside: list[tuple[int, int, int]] = []
    shell = bytearray()
    for found, kind, begin, inner, end in _fields(content, form):
        if found == number and kind == wire.LENGTH_DELIMITED:
            inside.append((begin, inner, end))
        else:
            shell += content[begin:end]
    _refuse_shell(len(shell), len(content) - len(shell), form)
    return bytes(shell), inside


def _refuse_shell(size: int, items: int, form: Form) -> None:
    if size > _SHELL_BYTES and items > PIECE:
        raise Unreadable(
            f"A resource, scope or {form.name} takes {size} bytes, which each of its {form.term}"
            f" would have to keep a copy of. With so many it may take {_SHELL_BYTES}: put long"
            " values where they belong."
        )


def _fields(data: bytes, form: Form) -> Iterator[tuple[int, int, int, int, int]]:
    """Like `wire.fields`, for a message of entries: ends where there are far too many fields."""
    for count, field in enumerate(wire.fields(data)):
        _refuse_empty(count, field[-1], form)
        yield field


def _refuse_empty(count: int, size: int, form: Form) -> None:
    if count > _FEW and count * form.least > size:
        raise Unreadable(
            f"There are more than {count} {form.term}, scopes and resources in {size} bytes: most"
            " of them are empty, and none of those can be kept. Send only those that say something."
        )


# Fields of a message that are parts of what is counted already.
_PARTS: Final = {"attribute": 2, "value": 1}


def has_too_many_values(entry: bytes, form: Form) -> bool:
    """Whether a serialised entry has more than `MOST_VALUES` values in it, at any depth.

    Raises:
        Malformed: if it is not framed like one.
    """
    count = 0
    waiting = [(entry, "item", 0)]
    while waiting:
        content, message, depth = waiting.pop()
        inside = form.inside[message]
        # A key and a value, and the value's one field, are parts of what is counted already.
        free = _PARTS.get(message, 0)
        for at, (number, kind, _, inner, end) in enumerate(wire.fields(content)):
            count += at >= free
            if count > MOST_VALUES:
                return True
            # Two bytes hold one field that is empty.
            if (
                kind == wire.LENGTH_DELIMITED
                and number in inside
                and end - inner > 2
                and depth < _DEPTH
            ):
                waiting.append((content[inner:end], inside[number], depth + 1))
    return False
