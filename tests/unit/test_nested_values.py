"""Attribute values that SQL does not unfold survive as JSON text, with their types."""

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector.ingest import nested, wire
from spanglass_collector.ingest.forms import SPANS
from spanglass_store.otlp.schema import JSON_FIELD
from spanglass_store.otlp.values import restore
from support import otlp
from support.strategies import requests, values


def shown(value: otlp.Value) -> Any:
    """A value as the API shows it."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$double": str(value)}
    if isinstance(value, dict):
        return {key: shown(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shown(inner) for inner in value]
    return value


def same(one: Any, other: Any) -> bool:
    """Equal in value and in type, within."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return type(one) is type(other) and bool(one == other)


@given(values())
def test_any_tree_of_values_survives(value: otlp.Value) -> None:
    kind = "kvlist" if isinstance(value, dict) else "array"
    tree = value if isinstance(value, dict | list) else [value]
    text = nested.to_json(otlp.any_value(tree))
    json.loads(text)
    assert "\n" not in text
    assert same(restore(text, kind), shown(tree)), text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([[1, 1.0, -0.0, True, None]], "[[1,1.0,-0.0,true,null]]"),
        ({"a": 1e22, "b": 1e-7}, '{"a":1e+22,"b":1e-07}'),
        ({"f": [math.inf, -math.inf]}, '{"f":[{"$double":"inf"},{"$double":"-inf"}]}'),
        ({"b": b"\x00\xff"}, '{"b":{"$bytes":"AP8="}}'),
        ({"$bytes": "mine", "$$x": 1}, '{"$$bytes":"mine","$$$x":1}'),
        ({"": "", "ü\n\x00": "\u2028🜂"}, '{"":"","ü\\n\\u0000":"\u2028🜂"}'),
        ([2**63 - 1, [-(2**63)]], "[9223372036854775807,[-9223372036854775808]]"),
        (otlp.Pairs([("a", 1), ("a", 2)]), '{"a":1,"a":2}'),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_the_text_is_json_that_keeps_types(value: otlp.Value, text: str) -> None:
    assert nested.to_json(otlp.any_value(value)) == text


def test_nan_has_a_mark() -> None:
    text = nested.to_json(otlp.any_value({"n": math.nan}))
    assert restore(text, "kvlist") == {"n": {"$double": "nan"}}


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1},
        {},
        [[1], 2],
        [{"a": 1}],
        {"k": "x" * 200},
        {"k": "x" * 20_000},
        [["x" * 3_000_000]],
    ],
)
def test_nested_values_are_noticed_in_the_bytes(value: otlp.Value) -> None:
    body = otlp.request(otlp.span(attrs={"before": 1, "nested": value})).SerializeToString()
    assert nested.has_nested(body)


@pytest.mark.parametrize("value", [1, "text", [1, "x"], [], b"\x32\x00", ["\x12\x04*\x02\n\x00"]])
def test_plain_values_are_not_taken_for_nested_ones(value: otlp.Value) -> None:
    body = otlp.request(otlp.span(attrs={"plain": value})).SerializeToString()
    assert not nested.has_nested(body)


def test_text_is_written_wherever_attributes_are() -> None:
    value = {"a": [1]}
    message = otlp.request(
        otlp.span(
            attrs={"span": value},
            events=[otlp.event("e", {"event": value})],
            links=[Span.Link(attributes=otlp.attributes({"link": [[1]]}))],
        ),
        resource={"resource": value},
    )
    message.resource_spans[0].scope_spans[0].scope.attributes.extend(
        otlp.attributes({"scope": value})
    )
    nested.write_json(SPANS.values_of(message.resource_spans))
    body = message.SerializeToString()
    assert body.count(wire.field(6, wire.field(JSON_FIELD, b'{"a":[1]}'))) == 4
    assert body.count(wire.field(5, wire.field(JSON_FIELD, b"[[1]]"))) == 1


@given(requests())
def test_what_is_nested_is_noticed_in_any_request(message: Any) -> None:
    """Lists whose first item is plain may be missed: those keep their bytes, which is allowed."""

    def is_nested(value: AnyValue) -> bool:
        kind = value.WhichOneof("value")
        if kind == "array_value" and value.array_value.values:
            first = value.array_value.values[0].WhichOneof("value")
            return first in ("array_value", "kvlist_value")
        return kind == "kvlist_value"

    found = any(is_nested(value) for value in SPANS.values_of(message.resource_spans))
    if found:
        assert nested.has_nested(message.SerializeToString())


def test_deep_values_that_kept_their_bytes_are_restored_too() -> None:
    """As SQL writes them where nobody wrote the JSON text."""
    inner = otlp.any_value({"k": [1, b"\x01", math.inf, {"z": None}]})
    as_bytes = base64.b64encode(inner.kvlist_value.SerializeToString()).decode()
    assert restore(f'[1,{{"$kvlist":"{as_bytes}"}}]', "array") == [
        1, {"k": [1, {"$bytes": "AQ=="}, {"$double": "inf"}, {"z": None}]},
    ]  # fmt: skip
    array = base64.b64encode(otlp.any_value([[True]]).array_value.SerializeToString()).decode()
    assert restore(f'[{{"$array":"{array}"}}]', "array") == [[[True]]]
    empty = base64.b64encode(KeyValueList().SerializeToString()).decode()
    assert restore(f'[{{"$kvlist":"{empty}"}}]', "array") == [{}]
    entries = [
        base64.b64encode(entry.SerializeToString()).decode() for entry in inner.kvlist_value.values
    ]
    assert restore(json.dumps({"$kvlist": entries}), "kvlist") == {
        "k": [1, {"$bytes": "AQ=="}, {"$double": "inf"}, {"z": None}]
    }


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("", "string", ""),
        ("7", "string", "7"),
        ("7", "int", 7),
        ("9223372036854775807", "int", 2**63 - 1),
        ("true", "bool", True),
        ("false", "bool", False),
        ("1", "double", 1.0),
        ("inf", "double", {"$double": "inf"}),
        ("nan", "double", {"$double": "nan"}),
        ("AP8=", "bytes", {"$bytes": "AP8="}),
        ("", "empty", None),
        ("[1, tru", "array", "[1, tru"),
        ('{"$kvlist":"/w=="}', "kvlist", '{"$kvlist":"/w=="}'),
        ('[{"$array":"/w=="}]', "array", '[{"$array":"/w=="}]'),
        ('[{"$array":null}]', "array", '[{"$array":null}]'),
        ('{"$kvlist":5}', "kvlist", '{"$kvlist":5}'),
        ("[" * 100_000, "array", "[" * 100_000),
    ],
)
def test_values_are_restored_by_kind(text: str, kind: str, value: Any) -> None:
    assert same(restore(text, kind), value)
