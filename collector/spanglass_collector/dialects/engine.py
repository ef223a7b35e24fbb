"""Applies the tables of dialects to spans.

Canonical attributes are added; none is taken away, and one that a span already has stays as it
is. Nothing that a sender writes is an error: what can't be read is left as it came.
"""

import logging
from collections.abc import Container
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanglass_collector.dialects import (
    attributes,
    content,
    convert,
    events,
    indexed,
    names,
    resources,
)
from spanglass_collector.dialects.attributes import plain
from spanglass_collector.dialects.model import SPAN_NAME
from spanglass_collector.dialects.tables import (
    FIRST_CHUNK_TIMES,
    KNOWN,
    LISTS,
    PLAIN_SCOPES,
    RULES,
    RULES_OF,
)

log = logging.getLogger(__name__)

#: What a name is: whether its value is only looked at where another says something; the places of
#: its rules; or a list, an index and the steps to the value in it.
_Meaning = tuple[bool, tuple[int, ...], str, int, tuple[str, ...]]
#: Canonical attributes that others are understood by.
_LOOKED_AT: Final = frozenset({names.OPERATION, names.CACHE_READ, names.CACHE_WRITE})
#: What rules can say that is no attribute of the span.
_ASIDE: Final = frozenset({names.FAILED, names.REPEATS, *names.OF_RESOURCE})
_ROOTS: Final = tuple(LISTS)
#: Names that were looked at before: the same come again and again. Cleared when there are so many.
_REMEMBERED: Final = 20_000
Meanings = dict[str, _Meaning | None]
_meanings: Meanings = {}
#: The same for the scopes of dialects with names that have no point in them, like `model_name`:
#: anywhere else they are the user's own.
_meanings_with_plain: Meanings = {}


def apply(request: ExportTraceServiceRequest) -> bool:
    """Adds what the spans of a request say in another dialect; whether that was anything."""
    changed = False
    for resource_spans in list(request.resource_spans):
        told = resources.Told()
        for scope_spans in resource_spans.scope_spans:
            meanings = meanings_of(scope_spans.scope.name)
            repeats = []
            for n, span in enumerate(scope_spans.spans):
                try:
                    aside = apply_to(span, meanings)
                except Exception:
                    # A fault of ours, not of the sender's, who would send it again for ever.
                    log.exception("A span of %r is left as it came.", scope_spans.scope.name)
                    continue
                if aside is None:
                    continue
                changed = True
                if names.REPEATS in aside:
                    repeats.append(n)
                elif aside:
                    told.add(aside, span)
            for n in reversed(repeats):
                del scope_spans.spans[n]
        resources.tell(request, resource_spans, told)
    return changed


def apply_to(span: Span, meanings: Meanings) -> dict[str, Any] | None:
    """Adds what one span says in another dialect.

    Args:
        span: it is changed in place.
        meanings: what names are in its scope.

    Returns:
        What it says that is not its own (`names.OF_RESOURCE`, `names.REPEATS`), mostly nothing;
        None where it says nothing at all in another dialect.
    """
    given: set[str] = set()
    known: dict[str, Any] = {}
    lists: dict[str, indexed.Items] = {}
    places: list[int] = []
    says_something = False
    # What is done for every attribute is written out here: calls would cost twice as much.
    for each in span.attributes:
        key = each.key
        given.add(key)
        try:
            meaning = meanings[key]
        except KeyError:
            meaning = _meaning(key, meanings)
        if meaning is None:
            continue
        is_passive, rules, root, index, steps = meaning
        message = each.value
        value = message.string_value or plain(message)
        if not root:
            # Of a name that comes again, as many times as there is room for, the first counts.
            if key in known:
                continue
            known[key] = value
            if not is_passive:
                says_something = True
                places += rules
            continue
        items = lists.get(root)
        if items is None:
            items = lists[root] = {}
        item = items.get(index)
        if item is None:
            item = items[index] = {}
        if len(steps) > 1:
            indexed.put(item, steps, value)
        elif steps[0] not in item:
            item[steps[0]] = value
    said = events.read(span) if span.events else None
    if not says_something and not lists and said is None:
        return None
    made, told = _scalars(span, given, known, places)
    if said is not None:
        _first_chunk(span, said.first_chunk_ns, given, made)
        failed = said.error and span.status.code == Status.STATUS_CODE_ERROR
        if failed and names.ERROR_TYPE not in given:
            made.setdefault(names.ERROR_TYPE, said.error)
        if said.documents and not told and names.OPERATION not in given:
            made[names.OPERATION] = told = "retrieval"
    operation = told or convert.text(known.get(names.OPERATION)) or ""
    content.add(content.Content(known, lists, said), operation, given, made)
    if names.INPUT_TOKENS in made:
        _include_cached(known, made)
    if made.keys().isdisjoint(_ASIDE):
        if not made:
            return None
        attributes.add(span, made)
        return {}
    aside = {key: made.pop(key) for key in made.keys() & _ASIDE}
    if names.FAILED in aside:
        message = aside.pop(names.FAILED)
        if span.status.code == Status.STATUS_CODE_UNSET:
            span.status.code = Status.STATUS_CODE_ERROR
            span.status.message = message
    if made:
        attributes.add(span, made)
    return aside


def meanings_of(scope: str) -> Meanings:
    """What names are in an instrumentation scope."""
    return _meanings_with_plain if scope.startswith(PLAIN_SCOPES) else _meanings


def _meaning(key: str, meanings: Meanings) -> _Meaning | None:
    """What a name is, remembered for the next time; None where it says nothing."""
    found: _Meaning | None = None
    if key in KNOWN and ("." in key or meanings is _meanings_with_plain):
        found = (False, RULES_OF.get(key, ()), "", 0, ())
    elif key in _LOOKED_AT:
        found = (True, (), "", 0, ())
    elif key.startswith(_ROOTS):
        root = next(root for root in _ROOTS if key.startswith(root))
        at = indexed.place(key[len(root) :])
        if at is not None:
            found = (False, (), root, *at)
    if len(meanings) >= _REMEMBERED:
        meanings.clear()
    meanings[key] = found
    return found


def _scalars(
    span: Span, given: Container[str], known: dict[str, Any], places: list[int]
) -> tuple[dict[str, Any], str]:
    """What is added of single attributes, and what the span does as its dialect tells."""
    made: dict[str, Any] = {}
    told = ""
    places.sort()
    for place in places:
        target, key, converted, others = RULES[place]
        # Some dialects set the operation, too, to something else than their own attribute says.
        if target and (target in made or target in given) and (target != names.OPERATION or told):
            continue
        if others:
            found = converted(
                known[key], *[span.name if o == SPAN_NAME else known.get(o) for o in others]
            )
        else:
            found = converted(known[key])
        if not target:
            for one, value in found.items():
                if one not in given:
                    made.setdefault(one, value)
        elif found is not None:
            if target == names.OPERATION:
                told = found
                if target in given:
                    continue
            made[target] = found
    for key in FIRST_CHUNK_TIMES:
        if key in known:
            _first_chunk(span, convert.nanoseconds(known[key]), given, made)
    return made, told


def _first_chunk(span: Span, at: int | None, given: Container[str], made: dict[str, Any]) -> None:
    began = span.start_time_unix_nano
    if at and began and at >= began and names.FIRST_CHUNK not in given:
        made.setdefault(names.FIRST_CHUNK, (at - began) / 1e9)


def _include_cached(known: dict[str, Any], made: dict[str, Any]) -> None:
    """Adds cached tokens to those read where they can't be in them: they are more."""
    cached = 0
    for key in (names.CACHE_READ, names.CACHE_WRITE):
        cached += made[key] if key in made else convert.integer(known.get(key)) or 0
    if cached > made[names.INPUT_TOKENS]:
        made[names.INPUT_TOKENS] += cached
