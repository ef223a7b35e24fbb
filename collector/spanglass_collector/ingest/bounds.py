"""What a request may cost to read, and how a large one is taken apart.

A body of a few kilobytes can unpack to millions of empty messages, each of which costs as much to
look at as a real one. What a real one takes at least is known: a span has two ids and a start.
So bodies are judged by bytes a message, before anything is done for each of them. The protobuf
runtime lets nobody else run while it parses: what is large is parsed in pieces.
"""

import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.nested import attributes

RESOURCE_SPANS: Final = 1
SCOPE_SPANS: Final = 2
SPANS: Final = 2

#: A larger body is parsed in pieces of about this size, in bytes.
PIECE: Final = 256 << 10
#: Bytes of a body in which no number of messages takes long.
FEW_BYTES: Final = 64 << 10
#: Most values (attributes, events, links, items of lists, at any depth) of a span that is larger
#: than a piece. A hundred embeddings of 1,536 numbers have a third of that.
MOST_VALUES: Final = 500_000
#: Most bytes that the resources and scopes of one request may take in the store, where each span
#: has its own copy.
MOST_REPEATED: Final = 256 << 20

#: Messages that are let pass whatever their size: what is wrong with each is said of each.
_FEW: Final = 1_000
#: Two ids, a start and their tags: what a span that can be kept takes at least, in bytes.
SPAN_BYTES: Final = 37
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
# Every 251st byte or so; nobody outside knows which. A prime, so that no pattern falls into step.
_STRIDE: Final = secrets.choice((239, 241, 251, 257, 263))


class Unreadable(ValueError):
    """The body is no trace request; the message says why."""


def is_dense(body: bytes) -> bool:
    """Whether a serialised message may have very many small ones in it, judged by a sample."""
    if len(body) < FEW_BYTES:
        return False
    sample = body[secrets.randbelow(_STRIDE) :: _STRIDE]
    return (len(sample) - len(sample.translate(None, _SIZES))) * _DENSE > len(sample)


def count_messages(request: ExportTraceServiceRequest, size: int) -> int:
    """Number of resources, scopes and spans of a request of `size` bytes.

    Raises:
        Unreadable: if there are far more than fit into the bytes.
    """
    containers = len(request.resource_spans)
    _refuse_empty(containers, size)
    scopes = spans = 0
    for resource_spans in request.resource_spans:
        scopes += len(resource_spans.scope_spans)
        _refuse_empty(scopes, size)
        for scope_spans in resource_spans.scope_spans:
            spans += len(scope_spans.spans)
    _refuse_empty(spans, size)
    return containers + scopes + spans


def refuse_tiny_values(request: ExportTraceServiceRequest, size: int) -> None:
    """Looks at a request in which there may be very many small messages.

    Raises:
        Unreadable: if it has far more attributes, events, links and items than fit into its bytes.
    """
    # First what takes no look at each: their numbers.
    count = 0
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                count += len(span.attributes) + len(span.events) + len(span.links)
                _refuse_tiny(count * _ATTRIBUTE_BYTES, size)
    count = items = 0
    for attribute in attributes(request.resource_spans):
        count += 1
        kind = attribute.value.WhichOneof("value")
        if kind in ("array_value", "kvlist_value"):
            for entries, others in _inside(attribute.value):
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


def repeated_bytes(request: ExportTraceServiceRequest) -> int:
    """Bytes of resources and scopes, counted once for each of their spans."""
    total = 0
    for resource_spans in request.resource_spans:
        resource = resource_spans.resource.ByteSize()
        for scope_spans in resource_spans.scope_spans:
            total += (resource + scope_spans.scope.ByteSize()) * len(scope_spans.spans)
    return total


def pieces(body: bytes, rejected: Counter[str]) -> Iterator[bytes]:
    """A large request as several of about `PIECE` bytes, with the same spans in the same order.

    Each is larger only by a resource, a scope or a span that is.

    Args:
        body: the serialised request.
        rejected: gets the spans that are left out, by reason.

    Raises:
        Unreadable: if the body is not framed like a request, or has very many empty messages.
    """
    waiting: list[bytes] = []
    size = 0
    try:
        for number, kind, begin, inner, end in _fields(body):
            if number != RESOURCE_SPANS or kind != wire.LENGTH_DELIMITED:
                continue
            if end - begin <= PIECE:
                parts: Iterator[bytes] = iter((body[begin:end],))
            else:
                parts = _split_resource(body[inner:end], rejected)
            for part in parts:
                if waiting and size + len(part) > PIECE:
                    yield b"".join(waiting)
                    waiting, size = [], 0
                waiting.append(part)
                size += len(part)
    except wire.Malformed as error:
        raise Unreadable(f"The body is no OTLP trace request: {error}.") from error
    if waiting:
        yield b"".join(waiting)


def _split_resource(content: bytes, rejected: Counter[str]) -> Iterator[bytes]:
    """Framed `ResourceSpans` of one that is larger than a piece."""
    shell, scopes = _open(content, SCOPE_SPANS)
    waiting: list[bytes] = []
    size = 0
    for begin, inner, end in scopes:
        if end - begin <= PIECE:
            parts: Iterator[bytes] = iter((content[begin:end],))
        else:
            parts = _split_scope(content[inner:end], rejected)
        for part in parts:
            if waiting and size + len(part) > PIECE:
                yield wire.field(RESOURCE_SPANS, shell + b"".join(waiting))
                waiting, size = [], 0
            waiting.append(part)
            size += len(part)
    yield wire.field(RESOURCE_SPANS, shell + b"".join(waiting))


def _split_scope(content: bytes, rejected: Counter[str]) -> Iterator[bytes]:
    """Framed `ScopeSpans` of one that is larger than a piece."""
    shell, spans = _open(content, SPANS)
    waiting: list[bytes] = []
    size = 0
    for begin, inner, end in spans:
        if end - begin > PIECE:
            try:
                if has_too_many_values(content[inner:end]):
                    rejected["too_many_values"] += 1
                    continue
            except wire.Malformed:
                rejected["malformed"] += 1
                continue
        if waiting and size + end - begin > PIECE:
            yield wire.field(SCOPE_SPANS, shell + b"".join(waiting))
            waiting, size = [], 0
        waiting.append(content[begin:end])
        size += end - begin
    yield wire.field(SCOPE_SPANS, shell + b"".join(waiting))


def _open(content: bytes, number: int) -> tuple[bytes, list[tuple[int, int, int]]]:
    """A message without its fields of one number, and where those are."""
    inside: list[tuple[int, int, int]] = []
    shell = bytearray()
    for found, kind, begin, inner, end in _fields(content):
        if found == number and kind == wire.LENGTH_DELIMITED:
            inside.append((begin, inner, end))
        else:
            shell += content[begin:end]
    if len(shell) > _SHELL_BYTES and len(content) - len(shell) > PIECE:
        raise Unreadable(
            f"A resource or scope takes {len(shell)} bytes, which each of its spans would have to"
            f" keep a copy of. With so many spans it may take {_SHELL_BYTES}: put long values into"
            " the span that they belong to."
        )
    return bytes(shell), inside


def _fields(data: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Like `wire.fields`, for a message of spans: ends where there are far too many fields."""
    for count, field in enumerate(wire.fields(data)):
        _refuse_empty(count, field[-1])
        yield field


def _refuse_empty(count: int, size: int) -> None:
    if count > _FEW and count * SPAN_BYTES > size:
        raise Unreadable(
            f"There are more than {count} spans, scopes and resources in {size} bytes: most of"
            " them are empty, and none of those can be kept. Send only spans with a trace id, a"
            " span id and a start time."
        )


# What can be in a span more than once, by message and field number.
_INSIDE: Final[dict[str, dict[int, str]]] = {
    "span": {9: "attribute", 11: "event", 13: "link"},
    "event": {3: "attribute"},
    "link": {4: "attribute"},
    "attribute": {2: "value"},
    "value": {5: "list", 6: "entries"},
    "list": {1: "value"},
    "entries": {1: "attribute"},
}

_PARTS: Final = {"attribute": 2, "value": 1}


def has_too_many_values(span: bytes) -> bool:
    """Whether a serialised span has more than `MOST_VALUES` values in it, at any depth.

    Raises:
        Malformed: if it is not framed like one.
    """
    count = 0
    waiting = [(span, "span", 0)]
    while waiting:
        content, message, depth = waiting.pop()
        inside = _INSIDE[message]
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
