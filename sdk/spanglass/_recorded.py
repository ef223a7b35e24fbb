"""Our own implementation of OpenTelemetry's span: what `span`, `generation` and `observe` make.

OpenTelemetry's SDK spends most of a span on what does not apply here: a sampler, a chain of
processors, a lock and a check around each attribute. These spans are written once, by their own
thread, with values that are bounded already. They implement OpenTelemetry's API, and they read
like the SDK's `ReadableSpan`, so that queue, exporter and tests take both kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import trace
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from spanglass import _clock, _current
from spanglass._failures import record_exception
from spanglass._guard import guarded, nothing
from spanglass._serialize import attribute

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from spanglass._runtime import Sink

#: As OpenTelemetry's SDK has it, for events and for links.
MAX_EVENTS: Final = 128
#: Attributes of a span; OpenTelemetry's 128 push out those that say what the span is.
MAX_ATTRIBUTES: Final = 1_000
#: Characters of an attribute that is set through OpenTelemetry's API.
_MAX_CHARS: Final = 200_000

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_UNSET: Final = Status(StatusCode.UNSET)


class Event(NamedTuple):
    """Something that happened within a span.

    Attributes:
        name: what.
        attributes: more about it.
        timestamp: when, in nanoseconds since 1970.
    """

    name: str
    attributes: Mapping[str, Any]
    timestamp: int


class Link(NamedTuple):
    """Another span that belongs to this one without being its parent."""

    context: SpanContext
    attributes: Mapping[str, Any]


class RecordedSpan(trace.Span):
    """A span that is recorded. See OpenTelemetry's `Span` for its methods; none of them raises."""

    def __init__(
        self,
        recorder: Recorder,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: dict[str, Any],
        start_time: int,
    ) -> None:
        self._recorder = recorder
        self._ended = False
        self.name = name
        self.context = context
        self.parent = parent
        self.kind = kind
        self.attributes = attributes
        self.start_time = start_time
        self.end_time: int | None = None
        self.status = _UNSET
        # Lists once there is something: most spans have neither, and what waits in the queue is
        # walked over by the garbage collector.
        self.events: list[Event] | tuple[()] = ()
        self.links: list[Link] | tuple[()] = ()
        self.dropped_attributes = 0
        self.dropped_events = 0

    # What reads it

    @property
    def resource(self) -> Resource:
        """What sends it."""
        return self._recorder.resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """Who recorded it."""
        return self._recorder.scope

    def get_span_context(self) -> SpanContext:
        return self.context

    def is_recording(self) -> bool:
        return not self._ended

    # What writes it

    def finish(self, attributes: Mapping[str, Any], end_time: int) -> None:
        """Ends the span with attributes that need no check.

        Args:
            attributes: bounded values of OpenTelemetry's types.
            end_time: in nanoseconds since 1970.
        """
        if self._ended:
            return
        self.attributes.update(attributes)
        if len(self.attributes) > MAX_ATTRIBUTES:
            kept = list(self.attributes.items())[:MAX_ATTRIBUTES]
            self.dropped_attributes += len(self.attributes) - MAX_ATTRIBUTES
            self.attributes = dict(kept)
        self._ended = True
        self.end_time = end_time
        self._recorder.sink.offer(self)

    @guarded(nothing)
    def end(self, end_time: int | None = None) -> None:
        self.finish({}, _clock.wall() if end_time is None else end_time)

    @guarded(nothing)
    def set_attribute(self, key: str, value: Any) -> None:
        if self._ended:
            return
        found = attribute(value, _MAX_CHARS)
        if found is None:
            return
        if len(self.attributes) < MAX_ATTRIBUTES or key in self.attributes:
            self.attributes[str(key)] = found
        else:
            self.dropped_attributes += 1

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        for key, value in attributes.items():
            self.set_attribute(key, value)

    @guarded(nothing)
    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None
    ) -> None:
        if self._ended:
            return
        events = self.events or []
        if len(events) >= MAX_EVENTS:
            # The first ones go: an error comes last.
            del events[0]
            self.dropped_events += 1
        at = _clock.wall() if timestamp is None else timestamp
        events.append(Event(name, _bounded(attributes), at))
        self.events = events

    @guarded(nothing)
    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        if not self._ended and context.is_valid and len(self.links) < MAX_EVENTS:
            self.links = [*self.links, Link(context, _bounded(attributes))]

    @guarded(nothing)
    def update_name(self, name: str) -> None:
        if not self._ended:
            self.name = name

    @guarded(nothing)
    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        if self._ended or self.status.status_code is StatusCode.OK:
            return
        found = status if isinstance(status, Status) else Status(status, description)
        if found.status_code is not StatusCode.UNSET:
            self.status = found

    @guarded(nothing)
    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        record_exception(self, exception, timestamp)


def _bounded(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    found = {str(key): attribute(value, _MAX_CHARS) for key, value in (attributes or {}).items()}
    return {key: value for key, value in found.items() if value is not None}


class Recorder:
    """Makes spans.

    Args:
        sink: where they go when they have ended.
        resource: what sends them.
        scope: who records them.
        ids: makes their ids.
    """

    def __init__(
        self, sink: Sink, resource: Resource, scope: InstrumentationScope, ids: IdGenerator
    ) -> None:
        self.sink = sink
        self.resource = resource
        self.scope = scope
        self._ids = ids

    def start_span(
        self,
        name: str,
        context: Context | None,
        kind: SpanKind,
        attributes: Mapping[str, Any] | None,
        start_time: int | None = None,
    ) -> RecordedSpan:
        """Starts a span below the current one of a context, with what `context` says there."""
        outer = trace.get_current_span(context).get_span_context()
        parent = outer if outer.is_valid else None
        about = SpanContext(
            parent.trace_id if parent is not None else self._ids.generate_trace_id(),
            self._ids.generate_span_id(),
            False,
            _SAMPLED,
            parent.trace_state if parent is not None else None,
        )
        given = dict(attributes) if attributes else {}
        given.update(_current.attributes(context))
        start = _clock.wall() if start_time is None else start_time
        return RecordedSpan(self, name, about, parent, kind, given, start)
