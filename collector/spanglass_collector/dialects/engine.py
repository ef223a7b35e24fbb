"""Applies the tables of dialects to spans.

Canonical attributes are added; none is taken away, and one that a span already has stays as it
is. Nothing that a sender writes is an error: what can't be read is left as it came.
"""

from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanglass_collector.dialects import content, convert, events, names
from spanglass_collector.dialects.model import SPAN_NAME
from spanglass_collector.dialects.tables import (
    CONTENT,
    FIRST_CHUNK_TIMES,
    KNOWN,
    LISTS,
    ROOTS,
    RULES,
    RULES_OF,
)

Attributes = dict[str, AnyValue]
#: Most items of an attribute that is a list; longer ones (vectors) say nothing that is mapped.
_MOST_ITEMS: Final = 1000
_LARGEST: Final = (1 << 63) - 1


def apply(request: ExportTraceServiceRequest) -> bool:
    """Adds what the spans of a request say in another dialect; whether that was anything."""
    changed = False
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                if _apply_to(span):
                    changed = True
    return changed


def _apply_to(span: Span) -> bool:
    given: Attributes = {each.key: each.value for each in reversed(span.attributes)}
    known = KNOWN & given.keys()
    listed = [key for key in given if key.startswith(ROOTS)]
    said = events.read(span) if span.events else None
    if not known and not listed and said is None:
        return False
    made, told = _scalars(span, given, known)
    lists: dict[str, list[tuple[str, Any]]] = {}
    for key in listed:
        for root in ROOTS:
            if key.startswith(root):
                pair = (key[len(root) :], plain(given[key]))
                lists.setdefault(root, []).append(pair)
                break
    if said is not None:
        _of_events(span, said, given, made)
    held = content.Content(
        {key: plain(given[key]) for key in CONTENT & known},
        [(LISTS[root], pairs) for root, pairs in lists.items()],
        said.input if said else (),
        said.output if said else (),
    )
    content.add(held, told or _text(given.get(names.OPERATION)), given, made)
    _include_cached(given, made)
    added = [(key, value) for key, value in made.items() if key not in given]
    for key, value in added:
        _put(span, key, value)
    return bool(added)


def _scalars(
    span: Span, given: Attributes, known: frozenset[str]
) -> tuple[dict[str, Any], str]:
    """What is added of single attributes, and what the span does as its dialect tells."""
    made: dict[str, Any] = {}
    told = ""
    for place in sorted([n for key in known if key in RULES_OF for n in RULES_OF[key]]):
        rule = RULES[place]
        target = rule.target
        if target and (target in made or target in given):
            # Some set it, too, to something else than their own attribute says.
            if target != names.OPERATION or told:
                continue
        others = [
            span.name if other == SPAN_NAME else plain(given.get(other)) for other in rule.others
        ]
        found = rule.convert(plain(given[rule.key]), *others)
        if not target:
            for key, value in found.items():
                made.setdefault(key, value)
        elif found is not None:
            if target == names.OPERATION:
                told = found
            made[target] = found
    if names.FIRST_CHUNK not in made:
        for key in FIRST_CHUNK_TIMES:
            if key in known:
                _first_chunk(span, convert.nanoseconds(plain(given[key])), made)
    return made, told


def _of_events(span: Span, said: events.Said, given: Attributes, made: dict[str, Any]) -> None:
    _first_chunk(span, said.first_chunk_ns, made)
    if said.error and span.status.code == Status.STATUS_CODE_ERROR:
        made.setdefault(names.ERROR_TYPE, said.error)


def _first_chunk(span: Span, at: int | None, made: dict[str, Any]) -> None:
    began = span.start_time_unix_nano
    if at and began and at >= began:
        made.setdefault(names.FIRST_CHUNK, (at - began) / 1e9)


def _include_cached(given: Attributes, made: dict[str, Any]) -> None:
    """Adds cached tokens to those read where they can't be in them: they are more."""
    count = made.get(names.INPUT_TOKENS)
    if count is None:
        return
    cached = 0
    for key in (names.CACHE_READ, names.CACHE_WRITE):
        cached += made.get(key) or convert.integer(plain(given.get(key))) or 0
    if cached > count:
        made[names.INPUT_TOKENS] = count + cached


# -- values -------------------------------------------------------------------------------------


def plain(value: AnyValue | None) -> Any:
    """An attribute's value as Python has it; None for bytes, long lists and what is missing."""
    if value is None:
        return None
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


def _text(value: AnyValue | None) -> str:
    return "" if value is None else value.string_value


def _put(span: Span, key: str, value: Any) -> None:
    if isinstance(value, str):
        span.attributes.add(key=key).value.string_value = value
    elif isinstance(value, bool):
        span.attributes.add(key=key).value.bool_value = value
    elif isinstance(value, int):
        span.attributes.add(key=key).value.int_value = min(value, _LARGEST)
    elif isinstance(value, float):
        span.attributes.add(key=key).value.double_value = value
    else:
        items = span.attributes.add(key=key).value.array_value.values
        for each in value:
            items.add().string_value = each
