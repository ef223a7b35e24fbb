"""Halving a refused batch, down to the span that is refused."""

import pytest
from hypothesis import given
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import RESOURCES
from spanglass_collector.ingest.signals import TRACES
from spanglass_collector.ingest.tree import halve as halve_along
from spanglass_store.otlp.schema import PROJECT_FIELD, RETENTION_FIELD
from support import otlp
from support.strategies import requests

STAMP = wire.field(PROJECT_FIELD, b"shop") + wire.integer_field(RETENTION_FIELD, 30)


def halve(body: bytes) -> list[bytes]:
    return halve_along(body, TRACES.path)


def stamped(message: ExportTraceServiceRequest) -> bytes:
    """A request as it lies in the spool: without empty resources, with the project's stamp."""
    return b"".join(
        wire.field(RESOURCES, of_resource.SerializeToString() + STAMP)
        for of_resource in message.resource_spans
        if any(scope.spans for scope in of_resource.scope_spans)
    )


def leaves(body: bytes) -> list[bytes]:
    """What is left when everything is refused: one span each."""
    halves = halve(body)
    if not halves:
        return [body]
    assert all(len(half) < len(body) for half in halves) or TRACES.count(body) > 1
    return [leaf for half in halves for leaf in leaves(half)]


@given(requests())
def test_every_span_is_in_one_half(message: ExportTraceServiceRequest) -> None:
    body = stamped(message)
    if not body:
        return
    wanted = otlp.all_spans(ExportTraceServiceRequest.FromString(body))
    found = leaves(body)
    assert [TRACES.count(leaf) for leaf in found] == [1] * len(wanted)
    for leaf, one in zip(found, wanted, strict=True):
        request = ExportTraceServiceRequest.FromString(leaf)
        assert [each.SerializeToString() for each in otlp.all_spans(request)] == [
            one.SerializeToString()
        ]


@given(requests())
def test_what_is_said_about_a_span_stays_with_it(message: ExportTraceServiceRequest) -> None:
    body = stamped(message)
    if not body:
        return
    context = {
        one.span_id: (
            of_resource.resource.SerializeToString(deterministic=True),
            of_resource.schema_url,
            of_scope.scope.SerializeToString(deterministic=True),
            of_scope.schema_url,
        )
        for of_resource in message.resource_spans
        for of_scope in of_resource.scope_spans
        for one in of_scope.spans
    }
    for leaf in leaves(body):
        (content,) = wire.messages(leaf, RESOURCES)
        assert list(wire.messages(content, PROJECT_FIELD)) == [b"shop"]
        assert RETENTION_FIELD in {number for number, *_ in wire.fields(content)}
        of_resource = ResourceSpans.FromString(content)
        (of_scope,) = (each for each in of_resource.scope_spans if each.spans)
        (one,) = of_scope.spans
        assert context[one.span_id] == (
            of_resource.resource.SerializeToString(deterministic=True),
            of_resource.schema_url,
            of_scope.scope.SerializeToString(deterministic=True),
            of_scope.schema_url,
        )


@pytest.mark.parametrize("count", [2, 3, 7, 100])
def test_halves_are_halves(count: int) -> None:
    body = otlp.request(*(otlp.span() for _ in range(count))).SerializeToString()
    assert sorted(TRACES.count(half) for half in halve(body)) == [count // 2, (count + 1) // 2]


def test_resources_are_parted_before_spans() -> None:
    message = ExportTraceServiceRequest(
        resource_spans=[otlp.resource_spans([otlp.span(), otlp.span()], f"s{n}") for n in range(4)]
    )
    body = message.SerializeToString()
    halves = halve(body)
    assert b"".join(halves) == body
    assert [TRACES.count(half) for half in halves] == [4, 4]


def test_one_span_can_not_be_halved() -> None:
    assert halve(otlp.request(otlp.span()).SerializeToString()) == []


def test_unknown_fields_stay_where_they_are() -> None:
    _check_unknown_fields(("resource", "scope", "span"))


def _check_unknown_fields(levels: tuple[str, ...]) -> None:
    """Fields of a later protocol, at every level."""
    unknown = {level: wire.field(5_000, level.encode()) for level in levels}
    spans = b"".join(
        wire.field(2, otlp.span().SerializeToString() + unknown.get("span", b"")) for _ in range(2)
    )
    scope = wire.field(2, spans + unknown.get("scope", b""))
    body = wire.field(RESOURCES, scope + unknown.get("resource", b"") + STAMP)
    halves = halve(body)
    assert len(halves) == 2
    for half in halves:
        for level, field in unknown.items():
            assert half.count(field) == 1, level
        assert half.count(STAMP) == 1
