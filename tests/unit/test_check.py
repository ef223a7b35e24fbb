"""What is accepted of a request, and what of it is not."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import (
    MOST_SPANS,
    REASONS,
    RESOURCES,
    Checked,
    Unreadable,
    Window,
    check_request,
)
from spanglass_collector.ingest.signals import TRACES
from support import otlp
from support.strategies import requests

NOW = 1_800_000_000 * otlp.SECOND
WINDOW = Window(days_back=30)


def check(message: ExportTraceServiceRequest | bytes, window: Window = WINDOW) -> Checked:
    body = message if isinstance(message, bytes) else message.SerializeToString()
    return check_request(body, window, NOW)


def good(name: str = "good", **fields: object) -> Span:
    fields.setdefault("start", NOW - otlp.SECOND)
    return otlp.span(name, **fields)  # type: ignore[arg-type]


def kept(result: Checked) -> list[Span]:
    """The accepted spans, with the counts checked on the way."""
    spans = []
    for content, count in zip(result.resources, result.counts, strict=True):
        framed = wire.field(RESOURCES, content)
        assert TRACES.count(framed) == count
        spans += otlp.all_spans(ExportTraceServiceRequest.FromString(framed))
    assert len(spans) == result.accepted
    return spans


def nested(depth: int) -> AnyValue:
    value = AnyValue(int_value=1)
    for _ in range(depth):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    return value


def nested_bytes(depth: int, first: bytes = b"") -> bytes:
    """`nested`, written by hand where the runtime would refuse the depth."""
    value = AnyValue(int_value=1).SerializeToString()
    for _ in range(depth):
        value = wire.field(5, first + wire.field(1, value))
    return value


def with_attribute(one: Span, value: bytes, key: bytes = b"deep") -> bytes:
    """A serialised span with one more attribute, whose value is given as bytes."""
    return one.SerializeToString() + wire.field(9, wire.field(1, key) + wire.field(2, value))


def framed(*spans: bytes) -> bytes:
    """A request of serialised spans."""
    scope = b"".join(wire.field(2, one) for one in spans)
    return wire.field(RESOURCES, wire.field(2, scope))


def test_good_spans_are_handed_on_byte_for_byte() -> None:
    body = otlp.request(good(), good(), resource={"a": [1, "x"]}).SerializeToString()
    result = check(body)
    assert (result.accepted, result.rejected, result.message()) == (2, Counter(), "")
    assert b"".join(wire.field(RESOURCES, c) for c in result.resources) == body


def test_an_empty_body_is_a_request_without_spans() -> None:
    assert check(b"") == Checked()
    assert check(ExportTraceServiceRequest(resource_spans=[ResourceSpans()])) == Checked()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"trace": bytes(16)}, "trace_id", id="zero trace id"),
        pytest.param({"trace": b""}, "trace_id", id="no trace id"),
        pytest.param({"trace": b"\1" * 8}, "trace_id", id="short trace id"),
        pytest.param({"trace": b"\1" * 17}, "trace_id", id="long trace id"),
        pytest.param({"id": bytes(8)}, "span_id", id="zero span id"),
        pytest.param({"id": b""}, "span_id", id="no span id"),
        pytest.param({"id": b"\1" * 7}, "span_id", id="short span id"),
        pytest.param({"id": b"\1" * 16}, "span_id", id="long span id"),
        pytest.param({"parent": b"\1"}, "parent_span_id", id="short parent id"),
        pytest.param({"parent": b"\1" * 16}, "parent_span_id", id="long parent id"),
        pytest.param({"start": 0}, "no_start", id="no start"),
        pytest.param({"start": NOW - 30 * otlp.DAY - 1}, "too_old", id="too old"),
        pytest.param({"start": 1}, "too_old", id="1970"),
        pytest.param({"start": NOW + otlp.DAY + 1}, "in_future", id="in the future"),
        pytest.param({"start": 2**64 - 1, "duration": 0}, "in_future", id="the end of time"),
    ],
)
def test_a_bad_span_is_rejected_alone(change: dict[str, object], reason: str) -> None:
    result = check(otlp.request(good("first"), good("bad", **change), good("last")))
    assert [one.name for one in kept(result)] == ["first", "last"]
    assert result.rejected == Counter({reason: 1})
    assert REASONS[reason] in result.message()
    assert result.message().startswith("1 span")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"start": NOW - 30 * otlp.DAY}, id="oldest"),
        pytest.param({"start": NOW + otlp.DAY}, id="newest"),
        pytest.param({"parent": b"\1" * 8}, id="parent"),
        pytest.param({"duration": -5 * otlp.SECOND}, id="end before start"),
        pytest.param({"duration": 400 * otlp.DAY}, id="end in the future"),
    ],
)
def test_what_lies_on_the_bounds_is_kept(change: dict[str, object]) -> None:
    result = check(otlp.request(good(**change)))
    assert (result.accepted, result.rejected) == (1, Counter())


def test_without_retention_nothing_is_too_old() -> None:
    result = check(otlp.request(good(start=1), good(start=0)), Window(days_back=0))
    assert (result.accepted, result.rejected) == (1, Counter({"no_start": 1}))


def test_the_present_is_taken_from_the_clock() -> None:
    now = time.time_ns()
    body = otlp.request(good(start=now), good(start=now + 2 * otlp.DAY)).SerializeToString()
    result = check_request(body, WINDOW)
    assert (result.accepted, result.rejected) == (1, Counter({"in_future": 1}))


def test_every_reason_has_a_sentence() -> None:
    everything = Checked(rejected=Counter(dict.fromkeys(REASONS, 2)))
    for sentence in REASONS.values():
        assert f"2 spans: {sentence}" in everything.message()


def test_invalid_utf8_in_one_span_of_five_hundred_rejects_that_one() -> None:
    spans = [good(f"n{n}", attrs={"k": f"v{n}"}) for n in range(500)]
    body = bytearray(otlp.request(*spans).SerializeToString())
    at = body.index(b"v250")
    body[at] = 0xFF
    result = check(bytes(body))
    assert result.rejected == Counter({"malformed": 1})
    assert [one.name for one in kept(result)] == [f"n{n}" for n in range(500) if n != 250]
    assert all(one.attributes[0].key == "k" for one in kept(result))


@pytest.mark.parametrize("where", [b"service-one", b"scope-one", b"schema-one"])
def test_invalid_utf8_in_a_resource_or_scope_takes_its_spans_along(where: bytes) -> None:
    first = otlp.resource_spans([good("a"), good("b")], service="service-one")
    first.scope_spans[0].scope.name = "scope-one"
    first.scope_spans[0].schema_url = "schema-one"
    message = ExportTraceServiceRequest(resource_spans=[first, otlp.resource_spans([good("c")])])
    body = bytearray(message.SerializeToString())
    body[body.index(where)] = 0xC0
    result = check(bytes(body))
    assert result.rejected == Counter({"malformed": 2})
    assert [one.name for one in kept(result)] == ["c"]


@pytest.mark.parametrize("depth", [1, 5, 20, 40])
def test_moderate_nesting_is_kept(depth: int) -> None:
    result = check(otlp.request(good(attrs={"deep": nested(depth)})))
    assert (result.accepted, result.rejected) == (1, Counter())


@pytest.mark.parametrize("depth", [46, 47, 48, 49, 50, 100, 1_000, 5_000])
@pytest.mark.parametrize("first", [b"", wire.field(1, AnyValue(int_value=7).SerializeToString())])
def test_deep_nesting_costs_at_most_that_span(depth: int, first: bytes) -> None:
    deep = with_attribute(good("deep"), nested_bytes(depth, first))
    body = framed(good("a").SerializeToString(), deep, good("b").SerializeToString())
    result = check(body)
    names = [one.name for one in kept(result)]
    if depth >= 50:
        assert names == ["a", "b"]
    assert {"a", "b"} <= set(names)
    assert len(names) + result.rejected.total() == 3
    assert set(result.rejected) <= {"malformed"}


def test_deep_nesting_in_events_and_links_costs_that_span() -> None:
    value = wire.field(1, b"k") + wire.field(2, nested_bytes(100))
    event = good("event").SerializeToString() + wire.field(11, wire.field(3, value))
    link = good("link").SerializeToString() + wire.field(13, wire.field(4, value))
    result = check(framed(event, good("fine").SerializeToString(), link))
    assert [one.name for one in kept(result)] == ["fine"]
    assert result.rejected == Counter({"malformed": 2})


def test_unknown_fields_are_accepted() -> None:
    unknown = (
        wire.field(4000, b"later \xff version")
        + wire.integer_field(4001, 7)
        + b"\xc3\xfa\x01"  # a group, field 4008
        + wire.field(3, b"inside")
        + b"\xc4\xfa\x01"
    )
    one = good().SerializeToString() + unknown
    scope = wire.field(2, one) + unknown
    body = wire.field(RESOURCES, wire.field(2, scope) + unknown) + unknown
    result = check(body)
    assert (result.accepted, result.rejected) == (1, Counter())
    assert kept(result)[0].name == "good"


def test_a_known_field_of_another_wire_type_counts_as_unknown() -> None:
    one = good().SerializeToString() + wire.integer_field(5, 3)
    result = check(framed(one) + wire.integer_field(RESOURCES, 9))
    assert (result.accepted, result.rejected) == (1, Counter())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x0a\xff", id="field cut off"),
        pytest.param(b"hello, world", id="text"),
        pytest.param(b'{"resourceSpans": []}', id="json"),
        pytest.param(b"\xff" * 64, id="ones"),
        pytest.param(wire.field(RESOURCES, wire.field(2, b"\x12\xff\xff\x01")), id="inside"),
    ],
)
def test_what_is_not_framed_like_a_request_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        check(body)


def test_a_request_cut_at_any_byte_is_unreadable_or_its_whole_resources() -> None:
    message = ExportTraceServiceRequest(
        resource_spans=[otlp.resource_spans([good(f"n{n}", attrs={"a": "b"})]) for n in range(2)]
    )
    body = message.SerializeToString()
    ends = {0, *(end for *_, end in wire.fields(body))}
    for size in range(len(body)):
        if size in ends:
            assert check(body[:size]).rejected == Counter()
        else:
            with pytest.raises(Unreadable):
                check(body[:size])


def test_a_resource_of_many_spans_is_split() -> None:
    count = 2 * MOST_SPANS + 17
    template = good()
    scope = ScopeSpans(schema_url="s")
    scope.scope.name = "many"
    for number in range(1, count + 1):
        template.span_id = number.to_bytes(8, "big")
        scope.spans.append(template)
    whole = otlp.resource_spans([], service="large", resource={"zone": "eu"})
    whole.schema_url = "r"
    del whole.scope_spans[:]
    whole.scope_spans.extend([scope, ScopeSpans(spans=[good("other")])])
    result = check(ExportTraceServiceRequest(resource_spans=[whole]))
    assert len(result.counts) > 2
    assert max(result.counts) <= MOST_SPANS
    ids = [one.span_id for one in kept(result)]
    assert len(set(ids)) == result.accepted == count + 1
    assert ids[:-1] == sorted(ids[:-1])
    for content in result.resources:
        part = ResourceSpans.FromString(content)
        assert part.resource == whole.resource
        assert part.schema_url == "r"
        assert (part.scope_spans[0].scope.name, part.scope_spans[0].schema_url) in {
            ("many", "s"), ("", ""),
        }  # fmt: skip


def test_nested_values_get_their_json_text_beside_them() -> None:
    result = check(otlp.request(good(attrs={"list": {"a": [1, {"b": 2.0}]}, "plain": [1, 2]})))
    (content,) = result.resources
    assert b'{"a":[1,{"b":2.0}]}' in content
    (one,) = kept(result)
    # What SQL unfolds itself stays as it came.
    assert one.attributes[1].value.array_value.values[1].int_value == 2


@given(requests(), st.data())
def test_every_span_is_accepted_or_rejected_once(
    message: ExportTraceServiceRequest, data: st.DataObject
) -> None:
    spans = otlp.all_spans(message)
    bad = set()
    for number, one in enumerate(spans):
        if data.draw(st.booleans()):
            one.trace_id = b"short"
            bad.add(number)
        else:
            one.start_time_unix_nano = NOW
    result = check(message)
    wanted = [one.span_id for number, one in enumerate(spans) if number not in bad]
    assert [one.span_id for one in kept(result)] == wanted
    assert result.rejected.total() == len(bad)


@given(requests(), st.data())
def test_any_one_byte_changed_never_crashes(
    message: ExportTraceServiceRequest, data: st.DataObject
) -> None:
    for one in otlp.all_spans(message):
        one.start_time_unix_nano = NOW
    body = bytearray(message.SerializeToString())
    if body:
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] = data.draw(st.integers(0, 255))
    try:
        result = check(bytes(body))
    except Unreadable:
        return
    kept(result)


@given(st.binary(max_size=200))
def test_random_bytes_never_crash(body: bytes) -> None:
    try:
        result = check(body)
    except Unreadable:
        return
    kept(result)


def test_lists_of_keys_and_values_too_deep_for_the_runtime_cost_that_span() -> None:
    value = AnyValue(int_value=1).SerializeToString()
    for _ in range(60):
        value = wire.field(6, wire.field(1, wire.field(1, b"k") + wire.field(2, value)))
    result = check(framed(with_attribute(good("deep"), value), good("b").SerializeToString()))
    assert [one.name for one in kept(result)] == ["b"]
    assert result.rejected == Counter({"malformed": 1})


def test_a_list_of_keys_and_values_is_kept_whole() -> None:
    pairs = KeyValueList(values=otlp.attributes(otlp.Pairs([("a", 1), ("a", 2)])))
    result = check(otlp.request(good(attrs={"twice": AnyValue(kvlist_value=pairs)})))
    assert b'{"a":1,"a":2}' in result.resources[0]


def test_fields_of_a_later_protocol_stay() -> None:
    later = wire.integer_field(77, 5) + wire.field(78, b"new")
    body = wire.field(1, wire.field(2, wire.field(2, good().SerializeToString() + later)))
    assert check(body).resources == list(wire.messages(body, 1))


def test_of_a_field_that_comes_twice_the_last_is_kept_once() -> None:
    """ClickHouse would store it empty."""
    one = good("first")
    twice = one.SerializeToString() + wire.field(1, otlp.trace_id()) + wire.field(5, b"second")
    result = check(framed(twice, good().SerializeToString()))
    assert [span.name for span in kept(result)] == ["second", "good"]
    assert b"first" not in result.resources[0]
    assert one.trace_id not in result.resources[0]
