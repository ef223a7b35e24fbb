"""Spans and events as requests: each is written once, however the batch is then cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spanglass import _names as names
from spanglass import _wire as wire

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from spanglass._logs import Event
    from spanglass._queue import AnySpan

#: What the messages around a span add to its size, about, in bytes.
_AROUND: Final = 512


class Written(NamedTuple):
    """One span or event, ready to be sent.

    Attributes:
        resource: what sends it.
        scope: who recorded it.
        data: the span or event as OTLP.
    """

    resource: Resource
    scope: InstrumentationScope | None
    data: bytes


class RequestWriter:
    """Writes spans and events, and puts them together to requests.

    A request has spans or events: OTLP numbers the fields around both alike, so that what puts
    spans together puts log records together, too.

    Args:
        identity: attributes that every resource gets beside its own.
    """

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self._identity = dict(identity)
        # The last one: an application has one resource, or few.
        self._resource: Resource | None = None
        self._resource_bytes = b""

    def write(self, span: AnySpan, attributes: Mapping[str, Any], sequence: int) -> Written:
        """One span as OTLP.

        Args:
            span: which.
            attributes: its attributes, as they are to be sent.
            sequence: its number among the spans of the process; 0 for none.

        Raises:
            Exception: it has values that OTLP has no form for.
        """
        more = {names.SEQUENCE: sequence} if sequence else {}
        data = wire.span_bytes(span, attributes, more)
        return Written(span.resource, span.instrumentation_scope, data)

    def write_event(self, event: Event, attributes: Mapping[str, Any]) -> Written:
        """One event as OTLP's log record.

        Args:
            event: which.
            attributes: its attributes, as they are to be sent.
        """
        data = wire.log_bytes(event.name, event.time_ns, event.trace_id, event.span_id, attributes)
        return Written(event.resource, event.instrumentation_scope, data)

    def request(self, spans: Sequence[Written]) -> bytes:
        """An `ExportTraceServiceRequest` of spans, or an `ExportLogsServiceRequest` of events."""
        resources: dict[int, tuple[Resource, dict[int, list[Written]]]] = {}
        for span in spans:
            _, scopes = resources.setdefault(id(span.resource), (span.resource, {}))
            scopes.setdefault(id(span.scope), []).append(span)
        parts = []
        for resource, scopes in resources.values():
            written = [
                wire.scope_bytes(found[0].scope, [each.data for each in found])
                for found in scopes.values()
            ]
            parts.append(
                wire.resource_spans(self._resource_field(resource), written, resource.schema_url)
            )
        return b"".join(parts)

    def _resource_field(self, resource: Resource) -> bytes:
        """A resource with the identity of the process, as a field of `ResourceSpans`."""
        if self._resource is not resource:
            self._resource = resource
            self._resource_bytes = wire.resource_bytes(resource, self._identity)
        return self._resource_bytes


def parts_of(spans: Sequence[Written], max_bytes: int) -> list[list[Written]]:
    """Spans in parts that make requests of at most as many bytes; one alone may be larger."""
    parts: list[list[Written]] = []
    size = 0
    for span in spans:
        if not parts or size + len(span.data) > max_bytes:
            parts.append([])
            size = _AROUND
        parts[-1].append(span)
        size += len(span.data)
    return parts
