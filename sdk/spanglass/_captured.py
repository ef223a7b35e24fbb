"""Spans and scores as tests see them: what would have been sent, as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

from spanglass import _names as names
from spanglass._logs import Event
from spanglass._recorded import RecordedSpan

_INPUTS = (
    names.INPUT_MESSAGES,
    names.TOOL_ARGUMENTS,
    names.RETRIEVAL_QUERY,
    names.INPUT_VALUE,
)
_OUTPUTS = (
    names.OUTPUT_MESSAGES,
    names.TOOL_RESULT,
    names.RETRIEVAL_DOCUMENTS,
    names.OUTPUT_VALUE,
)


@dataclass(frozen=True, slots=True)
class CapturedEvent:
    """Something that happened within a span; `time_ns` is in nanoseconds since 1970."""

    name: str
    attributes: Mapping[str, Any]
    time_ns: int


@dataclass(frozen=True, slots=True)
class CapturedSpan:
    """A span as it would have been sent.

    Attributes:
        name: its name.
        kind: OpenTelemetry's span kind, in lower case: `internal`, `client`, …
        status: `unset`, `ok` or `error`.
        status_message: what went wrong.
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: the parent's `span_id`; None for a root.
        start_ns: in nanoseconds since 1970.
        end_ns: in nanoseconds since 1970.
        attributes: all of them.
        resource: attributes of what sends.
        events: in order of time.
    """

    name: str
    kind: str
    status: str
    status_message: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    events: tuple[CapturedEvent, ...]

    @property
    def input(self) -> Any:
        """What the span started from: JSON is decoded, text stays text; None without one."""
        return self._first(_INPUTS)

    @property
    def output(self) -> Any:
        """What came of it: JSON is decoded, text stays text; None without one."""
        return self._first(_OUTPUTS)

    def _first(self, keys: tuple[str, ...]) -> Any:
        for key in keys:
            value = self.attributes.get(key)
            if value is not None:
                try:
                    return json.loads(value)
                except ValueError:
                    return value
        return None


@dataclass(frozen=True, slots=True)
class CapturedScore:
    """A score as it would have been sent.

    Attributes:
        name: what was measured.
        value: the number; None for a category.
        label: the category; empty without one.
        source: `human`, `user`, `code`, `judge` or `detector`.
        comment: why; empty without one.
        correction: the answer as it should have been; empty without one.
        trace_id: 32 hexadecimal digits; empty for a session's.
        span_id: 16 hexadecimal digits; empty for a trace's or a session's.
        session_id: empty without one.
        attributes: all of them.
        time_ns: when, in nanoseconds since 1970.
    """

    name: str
    value: float | None
    label: str
    source: str
    comment: str
    correction: str
    trace_id: str
    span_id: str
    session_id: str
    attributes: Mapping[str, Any]
    time_ns: int


def captured_score(event: Event, attributes: Mapping[str, Any]) -> CapturedScore:
    """A score, with its attributes as they may leave."""
    return CapturedScore(
        name=attributes[names.EVALUATION_NAME],
        value=attributes.get(names.EVALUATION_SCORE),
        label=attributes.get(names.EVALUATION_LABEL, ""),
        source=attributes[names.SCORE_SOURCE],
        comment=attributes.get(names.EVALUATION_EXPLANATION, ""),
        correction=attributes.get(names.CORRECTION, ""),
        trace_id=format_trace_id(event.trace_id) if event.trace_id else "",
        span_id=format_span_id(event.span_id) if event.span_id else "",
        session_id=attributes.get(names.SESSION, ""),
        attributes=dict(attributes),
        time_ns=event.time_ns,
    )


def captured_span(span: ReadableSpan | RecordedSpan) -> CapturedSpan:
    """A span that has ended."""
    about, parent = span.get_span_context(), span.parent
    assert about is not None
    return CapturedSpan(
        name=span.name,
        kind=span.kind.name.lower(),
        status=span.status.status_code.name.lower(),
        status_message=span.status.description or "",
        trace_id=format_trace_id(about.trace_id),
        span_id=format_span_id(about.span_id),
        parent_id=format_span_id(parent.span_id) if parent is not None else None,
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        attributes=_values(span.attributes),
        resource=dict(span.resource.attributes),
        events=tuple(
            CapturedEvent(event.name, _values(event.attributes), event.timestamp)
            for event in span.events
        ),
    )


def _values(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Attributes that nobody can change: lists as tuples, as OpenTelemetry has them."""
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in (attributes or {}).items()
    }
