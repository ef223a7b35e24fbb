"""What spans say about where they run, which OpenTelemetry has in their resource.

Langfuse writes environment and release on each span, and they can differ within a process.
"""

from collections.abc import Mapping
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanglass_collector.dialects import names

#: Most resources that one is divided into: what further spans say stays with them alone.
_MOST: Final = 16
#: An older name, by the one that takes its place.
_OLDER: Final = {"deployment.environment.name": "deployment.environment"}
_Said = tuple[tuple[str, str], ...]


class Told:
    """What the spans of one resource say about it."""

    def __init__(self) -> None:
        self.groups: dict[frozenset[tuple[str, str]], list[Span]] = {}

    def add(self, said: Mapping[str, str], span: Span) -> None:
        """Remembers what a span says, by `names.OF_RESOURCE`."""
        self.groups.setdefault(frozenset(said.items()), []).append(span)


def tell(request: ExportTraceServiceRequest, resource_spans: ResourceSpans, told: Told) -> None:
    """Adds what spans say to their resource; where they say different things, to one for each.

    Args:
        request: gets the further resources.
        resource_spans: what it has already stays as it is.
        told: by its spans.
    """
    there = {each.key for each in resource_spans.resource.attributes}
    groups: dict[_Said, list[Span]] = {}
    for said, spans in told.groups.items():
        new = sorted((names.OF_RESOURCE[name], value) for name, value in said)
        missing = tuple(
            (key, value) for key, value in new if there.isdisjoint((key, _OLDER.get(key, key)))
        )
        if missing:
            groups.setdefault(missing, []).extend(spans)
    if len(groups) == 1:
        # Spans that say nothing are of the same process.
        (only,) = groups
        _add(resource_spans, only)
    elif groups:
        _divide(request, resource_spans, dict(list(groups.items())[:_MOST]))


def _add(resource_spans: ResourceSpans, said: _Said) -> None:
    for key, value in said:
        resource_spans.resource.attributes.add(key=key).value.string_value = value


def _divide(
    request: ExportTraceServiceRequest,
    resource_spans: ResourceSpans,
    groups: Mapping[_Said, list[Span]],
) -> None:
    """Gives each group of spans a resource of its own, like theirs and with what they say."""
    of_span = {id(span): said for said, spans in groups.items() for span in spans}
    made: dict[_Said, ResourceSpans] = {}
    for said in groups:
        made[said] = request.resource_spans.add(schema_url=resource_spans.schema_url)
        made[said].resource.CopyFrom(resource_spans.resource)
        _add(made[said], said)
    for scope in resource_spans.scope_spans:
        staying = ScopeSpans(schema_url=scope.schema_url, scope=scope.scope)
        moved: dict[_Said, ScopeSpans] = {}
        for span in scope.spans:
            said_of_it = of_span.get(id(span))
            if said_of_it is None:
                staying.spans.append(span)
                continue
            if said_of_it not in moved:
                moved[said_of_it] = made[said_of_it].scope_spans.add(schema_url=scope.schema_url)
                moved[said_of_it].scope.CopyFrom(scope.scope)
            moved[said_of_it].spans.append(span)
        if moved:
            scope.CopyFrom(staying)
