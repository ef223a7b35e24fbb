"""OTLP's JSON encoding, brought to the binary one and back.

It is protobuf's JSON mapping with two exceptions: ids are hexadecimal, and enums are numbers.

Source: OpenTelemetry protocol 1.9, section "JSON Protobuf Encoding".
"""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import EncodeError, Message

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.forms import Form
from spanglass_collector.ingest.intake import TooLarge, Unreadable

#: Fields that are ids, wherever they are: names of attributes are values in this encoding.
_IDS: Final = frozenset({
    "traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id",
})  # fmt: skip
#: What stands for an entry that can't be read: no protobuf either, so the check rejects it alone.
_UNREADABLE: Final = b"\xff"
#: Largest text, in bytes. Nobody else can run while it is parsed, and reading it costs fifty
#: times as much as the binary encoding does.
MOST_BYTES: Final = 8 << 20
#: Objects and lists that are let pass whatever their size, and what one takes at least in a
#: text that says something: `{"intValue":1}`.
_FEW: Final = 5_000
_BYTES: Final = 8
_ERRORS: Final = (ValueError, TypeError, AttributeError, ParseError, EncodeError, RecursionError)


def from_json(body: bytes, form: Form) -> bytes:
    """A serialised request from its JSON text.

    An entry that can't be read is left for the check to reject; the others come through.

    Raises:
        TooLarge: if it is larger than `MOST_BYTES`.
        Unreadable: if it is no such text, or most of it is empty objects.
    """
    if len(body) > MOST_BYTES:
        raise TooLarge(MOST_BYTES, "Send smaller batches, or protobuf instead of JSON.")
    try:
        document = json.loads(body)
        if not isinstance(document, dict):
            raise TypeError("it is no object")
        _refuse_empty(document, len(body))
        _change_ids(document, _hex_to_base64)
        try:
            return _message(document, form.request())
        except _ERRORS:
            return b"".join(
                wire.field(1, _resource(each, form)) for each in _each(document, form.resources)
            )
    except _ERRORS as error:
        raise Unreadable(f"The body is no OTLP {form.name} request in JSON: {error}.") from error


def _refuse_empty(document: Any, size: int) -> None:
    count = 0
    waiting = [document]
    while waiting:
        item = waiting.pop()
        items = item.values() if isinstance(item, dict) else item
        count += len(items)
        if count > _FEW and count * _BYTES > size:
            raise ValueError(f"it has more than {count} values in {size} bytes, most of them empty")
        waiting.extend(each for each in items if isinstance(each, dict | list))


def to_json(body: bytes, form: Form) -> dict[str, Any]:
    """A serialised request as what its JSON text says."""
    document: dict[str, Any] = MessageToDict(
        form.request.FromString(body), use_integers_for_enums=True
    )
    _change_ids(document, lambda text: base64.b64decode(text).hex())
    return document


def camel_case(name: str) -> str:
    """A field's name as JSON has it."""
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


def _each(message: dict[str, Any], name: str) -> list[Any]:
    for spelling in (camel_case(name), name):
        found = message.get(spelling)
        if found:
            if not isinstance(found, list):
                raise TypeError(f"{spelling} is no list")
            return found
    return []


def _message(document: Any, message: Message) -> bytes:
    return bytes(ParseDict(document, message, ignore_unknown_fields=True).SerializeToString())


def _shell(document: dict[str, Any], name: str, message: Any) -> bytes:
    """A message without the list of that name."""
    without = (camel_case(name), name)
    return _message({k: v for k, v in document.items() if k not in without}, message)


def _resource(document: dict[str, Any], form: Form) -> bytes:
    scopes = b"".join(wire.field(2, _scope(each, form)) for each in _each(document, form.scopes))
    return _shell(document, form.scopes, getattr(form.request(), form.resources).add()) + scopes


def _scope(document: dict[str, Any], form: Form) -> bytes:
    entries = (part for each in _each(document, form.listed) for part in _entries(each, form))
    resource = getattr(form.request(), form.resources).add()
    shell = _shell(document, form.listed, getattr(resource, form.scopes).add())
    return shell + b"".join(wire.field(2, entry) for entry in entries)


def _entries(document: Any, form: Form) -> Iterator[bytes]:
    """A serialised entry, and what stands for each of its items that can't be read."""
    try:
        yield _message(document, form.entry())
    except _ERRORS:
        yield from _without_bad_items(document, form)


def _without_bad_items(document: Any, form: Form) -> Iterator[bytes]:
    try:
        fields = form.entry.DESCRIPTOR.fields_by_number
        names = {fields[number].name for number in form.holders}
        names |= {camel_case(name) for name in names}
        (kind,) = names.intersection(document)
        points = _each(document[kind], "data_points")
        rest = {k: v for k, v in document[kind].items() if k not in ("dataPoints", "data_points")}
        shell = _message({**document, kind: rest}, form.entry())
    except _ERRORS:
        yield _UNREADABLE
        return
    yield shell
    for point in points:
        try:
            yield _message({**document, kind: {**rest, "dataPoints": [point]}}, form.entry())
        except _ERRORS:
            yield _UNREADABLE


def _change_ids(document: Any, change: Callable[[str], str]) -> None:
    waiting = [document]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            for name, value in item.items():
                if isinstance(value, dict | list):
                    waiting.append(value)
                elif name in _IDS and isinstance(value, str):
                    item[name] = change(value)


def _hex_to_base64(text: str) -> str:
    # An id that is no hexadecimal becomes one of a wrong length.
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b"\x00"
    return base64.b64encode(raw).decode()
