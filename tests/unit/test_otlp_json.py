"""OTLP's JSON encoding becomes the binary one."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import Window, check_request
from spanglass_collector.ingest.forms import SPANS
from spanglass_collector.ingest.intake import TooLarge, Unreadable
from spanglass_collector.receivers.otlp_json import MOST_BYTES, from_json
from support import otlp
from support.strategies import requests

IDS = ("traceId", "spanId", "parentSpanId")


def as_otlp_json(message: ExportTraceServiceRequest) -> dict[str, Any]:
    """A request as OTLP writes it in JSON: ids in hexadecimal, enums as numbers."""
    import base64

    document: dict[str, Any] = MessageToDict(message, use_integers_for_enums=True)
    for of_resource in document.get("resourceSpans", []):
        for of_scope in of_resource.get("scopeSpans", []):
            for one in of_scope.get("spans", []):
                for holder in [one, *one.get("links", [])]:
                    for name in IDS:
                        if name in holder:
                            holder[name] = base64.b64decode(holder[name]).hex()
    return document


def read(document: Any) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(from_json(json.dumps(document).encode(), SPANS))


@given(requests())
def test_every_request_comes_through(message: ExportTraceServiceRequest) -> None:
    result = read(as_otlp_json(message))
    # NaN differs from itself, its encoding does not.
    assert result.SerializeToString(deterministic=True) == message.SerializeToString(
        deterministic=True
    )


def test_links_and_events_come_through() -> None:
    one = otlp.span(
        events=[otlp.event("e", {"a": 1})],
        links=[Span.Link(trace_id=b"\x01" * 16, span_id=b"\xab" * 8, flags=1)],
        parent=b"\xcd" * 8,
    )
    assert read(as_otlp_json(otlp.request(one))) == otlp.request(one)


def test_a_request_as_the_specification_writes_it() -> None:
    document = {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]
                },
                "scopeSpans": [
                    {
                        "scope": {"name": "lib", "version": "1.0"},
                        "spans": [
                            {
                                "traceId": "5B8EFFF798038103D269B633813FC60C",
                                "spanId": "EEE19B7EC3C1B174",
                                "parentSpanId": "EEE19B7EC3C1B173",
                                "name": "I'm a server span",
                                "startTimeUnixNano": "1544712660000000000",
                                "endTimeUnixNano": 1544712661000000000,
                                "kind": 2,
                                "somethingNew": {"a": [1]},
                                "attributes": [
                                    {"key": "my.span.attr", "value": {"intValue": "7"}},
                                    {"key": "empty", "value": {}},
                                ],
                            }
                        ],
                    }
                ],
            }
        ]
    }
    (one,) = otlp.all_spans(read(document))
    assert one.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert one.span_id.hex() == "eee19b7ec3c1b174"
    assert one.kind == Span.SPAN_KIND_SERVER
    assert one.end_time_unix_nano - one.start_time_unix_nano == otlp.SECOND
    assert one.attributes[0].value.int_value == 7
    assert one.attributes[1].value.WhichOneof("value") is None


@pytest.mark.parametrize(
    ("value", "size"),
    [("xyz", 1), ("00" * 15, 15), ("", 0), ("ab" * 17, 17), ("0x" + "ab" * 15, 1)],
)
def test_an_id_that_is_none_stays_one(value: str, size: int) -> None:
    """It reaches the check with a wrong length, which rejects that span alone."""
    document = as_otlp_json(otlp.request(otlp.span()))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = value
    (one,) = otlp.all_spans(read(document))
    assert len(one.trace_id) == size


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"intValue": "1"}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return {"key": "deep", "value": value}


@pytest.mark.parametrize("levels", [50, 100, 300])
def test_deep_nesting_costs_that_span_alone(levels: int) -> None:
    good, bad = otlp.span("good"), otlp.span("bad")
    document = as_otlp_json(otlp.request(good, bad, good))
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[1]["attributes"] = [deep(levels)]
    assert accepted(document) == (["good", "good"], {"malformed": 1})


def accepted(document: Any) -> tuple[list[str], dict[str, int]]:
    """Names of the spans that are accepted in the end, and what was rejected."""
    checked = check_request(from_json(json.dumps(document).encode(), SPANS), Window(0))
    body = b"".join(wire.field(1, content) for content in checked.resources)
    kept = otlp.all_spans(ExportTraceServiceRequest.FromString(body))
    return [one.name for one in kept], dict(checked.rejected)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"startTimeUnixNano": "soon"}, id="time"),
        pytest.param({"attributes": [{"key": 5, "value": {}}]}, id="key"),
        pytest.param({"attributes": [{"key": "k", "value": {"intValue": "2e99"}}]}, id="integer"),
        pytest.param({"attributes": {"key": "k"}}, id="list"),
        pytest.param({"name": ["x"]}, id="name"),
        pytest.param({"name": "\ud800"}, id="surrogate"),
        pytest.param({"traceId": 5}, id="id"),
        pytest.param({"links": 5}, id="links"),
        pytest.param({"links": [{"traceId": ["x"]}]}, id="link"),
    ],
)
def test_one_span_that_can_not_be_read_costs_that_span_alone(change: dict[str, Any]) -> None:
    document = as_otlp_json(otlp.request(otlp.span("good"), otlp.span("bad"), otlp.span("good")))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][1] |= change
    assert accepted(document) == (["good", "good"], {"malformed": 1})


def test_a_span_that_is_no_object_is_rejected() -> None:
    document = as_otlp_json(otlp.request(otlp.span("good")))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"].insert(0, 5)
    assert accepted(document) == (["good"], {"malformed": 1})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"7",
        b"null",
        b'{"resourceSpans": 5}',
        b'{"resourceSpans": [5]}',
        b'{"resourceSpans": [{"scopeSpans": "x"}]}',
        b'{"resourceSpans": [{"resource": {"attributes": 7}}]}',
        b'\xff{"resourceSpans": []}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_request_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        from_json(body, SPANS)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["resourceSpans", "scopeSpans", "spans", "traceId", "links", "value",
                         "attributes", "name", "key", "resource", "scope", "spanId"]),
        inner, max_size=4,
    ),
    max_leaves=20,
))  # fmt: skip
def test_any_json_is_read_or_unreadable(document: Any) -> None:
    try:
        read(document)
    except Unreadable:
        return


def test_a_text_larger_than_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(TooLarge, match="protobuf"):
        from_json(b" " * (MOST_BYTES + 1), SPANS)


@pytest.mark.parametrize("item", ["{}", "1", "[]", '{"a":{}}'])
def test_a_text_of_empty_objects_is_refused(item: str) -> None:
    spans = ",".join([item] * 50_000)
    text = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}'
    with pytest.raises(Unreadable, match="most of them empty"):
        from_json(text.encode(), SPANS)


def test_a_long_text_within_a_span_is_no_reason_to_refuse_it() -> None:
    grid = json.dumps([[0, 3, 1]] * 20_000)
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": grid}]}]}]}
    request = ExportTraceServiceRequest.FromString(from_json(json.dumps(document).encode(), SPANS))
    assert request.resource_spans[0].scope_spans[0].spans[0].name == grid
