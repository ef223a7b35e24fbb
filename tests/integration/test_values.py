"""Every kind of value that OTLP has comes out as it went in: by SQL and by the API."""

import math
import struct
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanglass_collector.ingest import wire
from spanglass_store.otlp.schema import JSON_FIELD
from support import otlp
from support.running import RunningService

#: Value sent, text in SQL, type in SQL (None: a string, which has no entry), value in the API.
VALUES: dict[str, tuple[otlp.Value, str, str | None, Any]] = {
    "text": ("hello", "hello", None, "hello"),
    "empty text": ("", "", None, ""),
    "text of digits": ("007", "007", None, "007"),
    "text true": ("true", "true", None, "true"),
    "zero": (0, "0", "int", 0),
    "one": (1, "1", "int", 1),
    "int64 max": (2**63 - 1, str(2**63 - 1), "int", 2**63 - 1),
    "int64 min": (-(2**63), str(-(2**63)), "int", -(2**63)),
    "false": (False, "false", "bool", False),
    "true": (True, "true", "bool", True),
    "one point zero": (1.0, "1", "double", 1.0),
    "zero point zero": (0.0, "0", "double", 0.0),
    "minus zero": (-0.0, "-0", "double", -0.0),
    "tenth": (0.1, "0.1", "double", 0.1),
    "smallest": (5e-324, "5e-324", "double", 5e-324),
    "largest": (1.7976931348623157e308, "1.7976931348623157e308", "double", 1.7976931348623157e308),
    "nan": (math.nan, "nan", "double", {"$double": "nan"}),
    "infinity": (math.inf, "inf", "double", {"$double": "inf"}),
    "minus infinity": (-math.inf, "-inf", "double", {"$double": "-inf"}),
    "bytes": (b"\x00\xff\x10", "AP8Q", "bytes", {"$bytes": "AP8Q"}),
    "no bytes": (b"", "", "bytes", {"$bytes": ""}),
    "nothing": (None, "", "empty", None),
    "list of text": (["a", "", 'q"u\\o'], r'["a","","q\"u\\o"]', "array", ["a", "", 'q"u\\o']),
    "empty list": ([], "[]", "array", []),
    "mixed list": (
        ["x", 1, 1.0, True, None, b"\x01", math.inf, 0.5, 1e22],
        '["x",1,1.0,true,null,{"$bytes":"AQ=="},{"$double":"inf"},0.5,1e22]',
        "array",
        ["x", 1, 1.0, True, None, {"$bytes": "AQ=="}, {"$double": "inf"}, 0.5, 1e22],
    ),
    "list of int64": (
        [2**63 - 1, -(2**63)], f"[{2**63 - 1},{-(2**63)}]", "array", [2**63 - 1, -(2**63)],
    ),
    "list of lists": ([[1, 2.0], ["a"]], '[[1,2.0],["a"]]', "array", [[1, 2.0], ["a"]]),
    "list that nests late": ([1, [2, {"k": 3}]], "", "array", [1, [2, {"k": 3}]]),
    "key values": (
        {"a": 1, "b": {"c": [True, None]}}, '{"a":1,"b":{"c":[true,null]}}', "kvlist",
        {"a": 1, "b": {"c": [True, None]}},
    ),
    "no key values": ({}, "{}", "kvlist", {}),
    "key values with marks": (
        {"$bytes": "mine", "n": math.nan, "b": b"\xff"},
        '{"$$bytes":"mine","n":{"$double":"nan"},"b":{"$bytes":"/w=="}}', "kvlist",
        {"$bytes": "mine", "n": {"$double": "nan"}, "b": {"$bytes": "/w=="}},
    ),
    "ünïcödé 🜂": ("\u2028 grüße 🜂 \U0010ffff", "\u2028 grüße 🜂 \U0010ffff", None,
                   "\u2028 grüße 🜂 \U0010ffff"),
    "nul": ("a\x00b\x00", "a\x00b\x00", None, "a\x00b\x00"),
    "key\x00with nul": ("x", "x", None, "x"),
    "controls": ("\t\n\r\x1b\\N", "\t\n\r\x1b\\N", None, "\t\n\r\x1b\\N"),
    "list of controls": (["\x00", "\n/"], r'["\u0000","\n/"]', "array", ["\x00", "\n/"]),
    "": ("no key", "no key", None, "no key"),
    "'; DROP TABLE spans; --": ("x'\\", "x'\\", None, "x'\\"),
}  # fmt: skip
#: Written by SQL in its own way; the API shows what was sent.
UNREADABLE_IN_SQL = {"list that nests late"}


def same(one: Any, other: Any) -> bool:
    """Equal in value and type, within; minus zero is not zero."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack("d", one) == struct.pack("d", other)
    return type(one) is type(other) and bool(one == other)


def attributes() -> dict[str, otlp.Value]:
    return {key: value for key, (value, *_) in VALUES.items()}


def check_sql(
    texts: dict[str, str], kinds: dict[str, str], more: frozenset[str] = frozenset()
) -> None:
    assert set(texts) == set(VALUES) | more
    for key, (_, text, kind, _) in VALUES.items():
        if key not in UNREADABLE_IN_SQL:
            assert texts[key] == text, key
        assert kinds.get(key) == kind, key


def check_api(values: dict[str, Any]) -> None:
    for key, (*_, value) in VALUES.items():
        assert same(values[key], value), (key, values[key])


@pytest.fixture(scope="module")
def everything(shared_service: RunningService) -> Span:
    """One span that has every value at every place."""
    values = attributes()
    one = otlp.span(
        "everything",
        attrs=values,
        events=[otlp.event("first", values, dropped_attributes_count=3), otlp.event("second")],
        links=[
            Span.Link(
                trace_id=b"\xab" * 16, span_id=b"\xcd" * 8, trace_state="a=1", flags=0x101,
                attributes=otlp.attributes(values), dropped_attributes_count=4,
            ),
            Span.Link(trace_id=b"\x01" * 16, span_id=b"\x02" * 8),
        ],
    )  # fmt: skip
    one.kind = Span.SPAN_KIND_PRODUCER
    one.parent_span_id = b"\x0f" * 8
    one.trace_state = "vendor=x,other=y"
    one.flags = 0x301
    one.dropped_attributes_count = 7
    one.dropped_events_count = 2**32 - 1
    one.dropped_links_count = 9
    one.status.code = Status.STATUS_CODE_ERROR
    one.status.message = "it broke: ü\n\x00"
    scope = InstrumentationScope(
        name="the.scope", version="1.2.3", attributes=otlp.attributes(values)
    )
    message = otlp.request(one, service="values", resource=values, scope=scope)
    message.resource_spans[0].schema_url = "https://example.org/resource"
    message.resource_spans[0].scope_spans[0].schema_url = "https://example.org/scope"
    shared_service.send(message)
    return one


@pytest.mark.parametrize(
    ("column", "types", "more"),
    [
        ("attributes", "attribute_types", frozenset()),
        ("resource", "resource_types", frozenset({"service.name"})),
        ("scope_attributes", "scope_attribute_types", frozenset()),
        ("events.attributes[1]", "events.attribute_types[1]", frozenset()),
        ("links.attributes[1]", "links.attribute_types[1]", frozenset()),
    ],
)
def test_every_value_is_kept_and_typed_in_sql(
    everything: Span, service: RunningService, column: str, types: str, more: frozenset[str]
) -> None:
    row = service.stored_span(everything.span_id, f"{column} AS texts, {types} AS kinds")
    check_sql(row["texts"], row["kinds"], more)


def test_every_value_comes_out_of_the_api_as_it_went_in(
    everything: Span, service: RunningService
) -> None:
    (one,) = service.trace(everything.trace_id)
    check_api(one["attributes"])
    check_api(one["resource"])
    check_api(one["scope_attributes"])
    check_api(one["events"][0]["attributes"])
    check_api(one["links"][0]["attributes"])
    assert set(one["attributes"]) == set(VALUES)
    assert one["events"][1]["attributes"] == one["links"][1]["attributes"] == {}


def test_everything_else_about_a_span_is_kept(everything: Span, service: RunningService) -> None:
    (one,) = service.trace(everything.trace_id)
    wanted = {
        "trace_id": everything.trace_id.hex(), "span_id": everything.span_id.hex(),
        "parent_span_id": "0f" * 8, "name": "everything", "span_kind": "producer",
        "service": "values", "scope_name": "the.scope", "scope_version": "1.2.3",
        "resource_schema_url": "https://example.org/resource",
        "scope_schema_url": "https://example.org/scope",
        "start_unix_nano": str(everything.start_time_unix_nano), "duration_ns": 5_000_000,
        "end_before_start": False, "status": "error", "status_message": "it broke: ü\n\x00",
        "trace_state": "vendor=x,other=y", "flags": 0x301, "dropped_attributes_count": 7,
        "dropped_events_count": 2**32 - 1, "dropped_links_count": 9, "project": "default",
        "operation": "", "input_tokens": None, "sample_weight": 1.0, "sample_data": False,
    }  # fmt: skip
    assert {key: one[key] for key in wanted} == wanted
    assert [(e["name"], e["dropped_attributes_count"]) for e in one["events"]] == [
        ("first", 3), ("second", 0),
    ]  # fmt: skip
    link = {key: value for key, value in one["links"][0].items() if key != "attributes"}
    assert link == {
        "trace_id": "ab" * 16, "span_id": "cd" * 8, "trace_state": "a=1", "flags": 0x101,
        "dropped_attributes_count": 4,
    }  # fmt: skip


def test_times_keep_their_nanoseconds(service: RunningService) -> None:
    began = otlp.span().start_time_unix_nano // 1000 * 1000 + 123
    one = otlp.span(start=began, duration=777, events=[otlp.event("e", time_unix_nano=began + 5)])
    service.send(otlp.request(one))
    row = service.stored_span(
        one.span_id,
        "toUnixTimestamp64Nano(start_time) AS s, toUnixTimestamp64Nano(end_time) AS e,"
        " toUnixTimestamp64Nano(events.time[1]) AS v",
    )
    assert row == {"s": began, "e": began + 777, "v": began + 5}
    (shown,) = service.trace(one.trace_id)
    assert shown["start_unix_nano"] == str(began)
    assert shown["start_time"].endswith("123Z")
    assert shown["end_time"].endswith("900Z")
    assert shown["events"][0]["time"].endswith("128Z")


def test_a_key_that_comes_twice_is_kept_twice(service: RunningService) -> None:
    one = otlp.span(attrs=otlp.Pairs([("twice", "first"), ("twice", 2), ("once", 1)]))
    service.send(otlp.request(one))
    row = service.stored_span(
        one.span_id, "mapKeys(attributes) AS keys, mapValues(attributes) AS texts"
    )
    assert sorted(zip(row["keys"], row["texts"], strict=True)) == [
        ("once", "1"), ("twice", "2"), ("twice", "first"),
    ]  # fmt: skip
    (shown,) = service.trace(one.trace_id)
    assert shown["attributes"]["once"] == 1
    assert shown["attributes"]["twice"] in ("first", 2)


def test_very_long_texts_are_kept_whole(service: RunningService) -> None:
    text = "".join(chr(0x4E00 + n % 20_000) for n in range(400_000))
    one = otlp.span("n" * 50_000, attrs={"k" * 30_000: text, "list": [text]})
    service.send(otlp.request(one))
    row = service.stored_span(
        one.span_id,
        "length(name) AS n, lengthUTF8(attributes[{k}]) AS v".format(k="repeat('k', 30000)"),
    )
    assert row == {"n": 50_000, "v": 400_000}
    (shown,) = service.trace(one.trace_id)
    assert shown["attributes"] == {"k" * 30_000: text, "list": [text]}


def test_every_kind_of_span(service: RunningService) -> None:
    trace = otlp.trace_id()
    service.send(otlp.request(*(otlp.span(str(n), trace=trace, kind=n) for n in range(6))))
    service.settle()
    rows = service.sql(
        "SELECT name, span_kind FROM spans WHERE trace_id = {t:String} ORDER BY name",
        t=trace.hex(),
    )
    assert [row["span_kind"] for row in rows] == [
        "unspecified", "internal", "server", "client", "producer", "consumer",
    ]  # fmt: skip


def test_enum_values_of_a_later_protocol_do_not_fail(service: RunningService) -> None:
    raw = otlp.span("later").SerializeToString()
    raw += wire.integer_field(6, 17) + wire.field(15, wire.integer_field(3, 9))
    body = wire.field(1, wire.field(2, wire.field(2, raw)))
    assert service.post(body).status_code == 200
    one = Span.FromString(raw)
    row = service.stored_span(one.span_id, "span_kind, status")
    assert row == {"span_kind": "unspecified", "status": "unset"}


def test_every_status(service: RunningService) -> None:
    trace, began = otlp.trace_id(), otlp.span().start_time_unix_nano
    spans = [otlp.span(trace=trace, start=began + code) for code in range(3)]
    for code, one in enumerate(spans):
        one.status.code = code  # type: ignore[assignment]
    service.send(otlp.request(*spans))
    shown = service.trace(trace)
    assert [one["status"] for one in shown] == ["unset", "ok", "error"]


def test_moderately_deep_values_survive(service: RunningService) -> None:
    value: AnyValue = otlp.any_value("deepest")
    wanted: Any = "deepest"
    for n in range(30):
        value = otlp.any_value([value]) if n % 2 else otlp.any_value({"k": value})
        wanted = [wanted] if n % 2 else {"k": wanted}
    # Text that looks like a value stays text, however deep it would be.
    looks = {"brackets": "[" * 1_000, "json": '{"a": [1, {"b": null}]}'}
    one = otlp.span(attrs={"deep": value, **looks})
    service.send(otlp.request(one))
    (shown,) = service.trace(one.trace_id)
    assert shown["attributes"] == {"deep": wanted, **looks}


def test_unknown_fields_do_no_harm(service: RunningService) -> None:
    unknown = (
        wire.field(4000, b"later \xff") + wire.integer_field(4001, 7) + b"\xc3\xfa\x01\xc4\xfa\x01"
    )
    one = otlp.span("known", attrs={"a": 1})
    body = (
        wire.field(
            1,
            wire.field(2, wire.field(2, one.SerializeToString() + unknown) + unknown) + unknown,
        )
        + unknown
    )
    assert service.post(body).content == b""
    assert service.stored_span(one.span_id, "name, attributes") == {
        "name": "known", "attributes": {"a": "1"},
    }  # fmt: skip


def test_a_field_of_another_wire_type_counts_as_unknown(service: RunningService) -> None:
    """As every protobuf reader takes it. The span is stored without it."""
    wrong = {
        "trace state as number": {"span": wire.integer_field(3, 5)},
        "end as text": {"span": wire.field(8, b"soon")},
        "attribute as number": {"span": wire.integer_field(9, 5)},
        "status as number": {"span": wire.integer_field(15, 2)},
        "scope as number": {"scope": wire.integer_field(1, 5)},
        "schema as number": {"resource": wire.integer_field(3, 5)},
        "our project field as number": {"resource": wire.integer_field(10001, 5)},
    }
    trace = otlp.trace_id()
    body = b""
    for name, more in wrong.items():
        span = otlp.span(name, trace=trace).SerializeToString() + more.get("span", b"")
        scope = wire.field(2, span) + more.get("scope", b"")
        body += wire.field(1, wire.field(2, scope) + more.get("resource", b""))
    body += wire.integer_field(1, 5)
    assert service.post(body).content == b""
    assert {one["name"] for one in service.trace(trace)} == set(wrong)
    assert service.settle().dead_lettered == 0


def test_numbers_too_long_for_their_field_do_not_fail_a_batch(service: RunningService) -> None:
    """Protobuf cuts them; an enum that nobody knows is none."""
    long = wire.integer_field(10, (1 << 64) - 1) + wire.integer_field(12, 1 << 40)
    status = wire.field(15, wire.integer_field(3, (1 << 64) - 1))
    trace = otlp.trace_id()
    raw = otlp.span("long", trace=trace).SerializeToString()
    body = raw + wire.integer_field(6, (1 << 64) - 1) + long + status
    assert service.post(wire.field(1, wire.field(2, wire.field(2, body)))).content == b""
    (stored,) = service.trace(trace)
    assert (stored["span_kind"], stored["status"]) == ("unspecified", "unset")
    assert service.settle().dead_lettered == 0


@pytest.mark.parametrize(
    "claim", [wire.integer_field(JSON_FIELD, 5), wire.field(JSON_FIELD, b"\xff\xfe")],
    ids=["number", "no text"],
)  # fmt: skip
def test_a_client_can_not_write_our_field(service: RunningService, claim: bytes) -> None:
    trace = otlp.trace_id()
    pair = wire.field(1, b"k") + wire.field(2, wire.field(5, claim))
    raw = otlp.span("mine", trace=trace).SerializeToString() + wire.field(9, pair)
    assert service.post(wire.field(1, wire.field(2, wire.field(2, raw)))).content == b""
    (stored,) = service.trace(trace)
    assert stored["attributes"]["k"] == []
    assert service.settle().dead_lettered == 0
