"""From OTLP trace requests to rows of `spans`.

Source: opentelemetry-proto 1.9, `trace/v1/trace.proto`.
"""

from typing import Final

from spanglass_store.otlp import columns, content
from spanglass_store.otlp.decoder import Decoder
from spanglass_store.otlp.expressions import at, attribute_map, texts, time, types
from spanglass_store.otlp.literal import quoted
from spanglass_store.otlp.request import COMMON, unfold
from spanglass_store.otlp.schema import ATTRIBUTES, VALUE, Shape

_EVENTS: Final = (
    f"Array(Tuple(time_unix_nano UInt64, name String, attributes {ATTRIBUTES},"
    " dropped_attributes_count UInt64))"
)
_LINKS: Final = (
    f"Array(Tuple(trace_id String, span_id String, trace_state String, attributes {ATTRIBUTES},"
    " dropped_attributes_count UInt64, flags UInt32))"
)
SHAPE: Final = Shape(
    resources="resource_spans",
    scopes="scope_spans",
    items="spans",
    messages="""message Status { string message = 2; int64 code = 3; }
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3;
  uint64 dropped_attributes_count = 4; }
message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3;
  repeated KeyValue attributes = 4; uint64 dropped_attributes_count = 5; fixed32 flags = 6; }
message Item { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3;
  bytes parent_span_id = 4; string name = 5; int64 kind = 6; fixed64 start_time_unix_nano = 7;
  fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  uint64 dropped_attributes_count = 10; repeated Event events = 11;
  uint64 dropped_events_count = 12; repeated Link links = 13; uint64 dropped_links_count = 14;
  Status status = 15; fixed32 flags = 16; }""",
    item=(
        "Tuple(trace_id String, span_id String, trace_state String, parent_span_id String,"
        " name String, kind Int64, start_time_unix_nano UInt64, end_time_unix_nano UInt64,"
        f" attributes {ATTRIBUTES}, dropped_attributes_count UInt64,"
        f" events {_EVENTS}, dropped_events_count UInt64,"
        f" links {_LINKS}, dropped_links_count UInt64,"
        " status Tuple(message String, code Int64), flags UInt32)"
    ),
)

#: Parts of a span that columns follow from, with their type and their place in the message.
_PARTS: Final = {
    "raw_trace_id": ("String", ("trace_id",)),
    "raw_span_id": ("String", ("span_id",)),
    "raw_parent_span_id": ("String", ("parent_span_id",)),
    "raw_kind": ("Int64", ("kind",)),
    "raw_status": ("Int64", ("status", "code")),
    "raw_start": ("UInt64", ("start_time_unix_nano",)),
    "raw_end": ("UInt64", ("end_time_unix_nano",)),
    "keys": ("Array(LowCardinality(String))", ("attributes", "key")),
    "values": (f"Array({VALUE})", ("attributes", "value")),
    "raw_events": (_EVENTS, ("events",)),
    "raw_links": (_LINKS, ("links",)),
}
#: Columns that are a field of the span as it came.
_FIELDS: Final = {
    "name": ("name",),
    "status_message": ("status", "message"),
    "trace_state": ("trace_state",),
    "flags": ("flags",),
    "dropped_attributes_count": ("dropped_attributes_count",),
    "dropped_events_count": ("dropped_events_count",),
    "dropped_links_count": ("dropped_links_count",),
}


def _rows(source: str) -> str:
    paths = {name: path for name, (_, path) in _PARTS.items()} | _FIELDS
    return unfold(source, SHAPE, {name: at("item", *path) for name, path in paths.items()})


def _first_key(names: tuple[str, ...]) -> str:
    """The name of the first of several attributes that a span has."""
    tests = ", ".join(f"has(keys, {quoted(name)}), {quoted(name)}" for name in names)
    return f"multiIf({tests}, '')"


def _steps() -> dict[str, str]:
    event_content = f"match(e.2, {quoted(content.pattern(content.CONTENT_EVENTS))})"
    return {
        "all_attributes": f"mapFromArrays(keys, {texts('values')})",
        "event_names": at("raw_events", "name"),
        # Events and links are decoded by one expression, events first.
        "extras": f"arrayConcat({at('raw_events', 'attributes')}, {at('raw_links', 'attributes')})",
        "extra_maps": f"arrayMap(a -> {attribute_map('a')}, extras)",
        "extra_types": f"arrayMap(a -> {types(at('a', 'key'), at('a', 'value', 'kind'))}, extras)",
        "all_events": (
            f"arrayZip(arrayMap(t -> {time('t')}, {at('raw_events', 'time_unix_nano')}),"
            " event_names, arraySlice(extra_maps, 1, length(event_names)),"
            " arraySlice(extra_types, 1, length(event_names)),"
            f" {at('raw_events', 'dropped_attributes_count')})"
        ),
        "plain_events": f"arrayFilter(e -> NOT {event_content}, all_events)",
        "content_events": f"arrayFilter(e -> {event_content}, all_events)",
    }


def _event_columns(prefix: str, events: str) -> dict[str, str]:
    names = ("time", "name", "attributes", "attribute_types", "dropped_attributes_count")
    return {f"{prefix}.{name}": f"{events}.{n}" for n, name in enumerate(names, 1)}


def _columns() -> dict[str, str]:
    is_content = f"match(k, {quoted(content.pattern(content.CONTENT_KEYS))})"
    links = {
        f"links.{name}": f"arrayMap(x -> lower(hex(x)), {at('raw_links', name)})"
        for name in ("trace_id", "span_id")
    } | {
        f"links.{name}": at("raw_links", name)
        for name in ("trace_state", "flags", "dropped_attributes_count")
    }
    return {
        "trace_id": "lower(hex(raw_trace_id))",
        "span_id": "lower(hex(raw_span_id))",
        "parent_span_id": "lower(hex(raw_parent_span_id))",
        # An enum value of a later protocol must not fail the batch.
        "span_kind": "if(raw_kind BETWEEN 0 AND 5, raw_kind, 0)",
        "status": "if(raw_status BETWEEN 0 AND 2, raw_status, 0)",
        "start_time": time("raw_start"),
        "end_time": time("greatest(raw_start, raw_end)"),
        "duration_ns": "if(raw_end > raw_start, raw_end - raw_start, 0)",
        "end_before_start": "raw_end < raw_start",
        "redacted": "has(keys, 'spanglass.redacted')",
        "ingested_at": "now64(6)",
        "input_key": _first_key(content.INPUT_KEYS),
        "output_key": _first_key(content.OUTPUT_KEYS),
        "input": "all_attributes[input_key]",
        "output": "all_attributes[output_key]",
        "attributes": f"mapFilter((k, v) -> NOT {is_content}, all_attributes)",
        "payload_attributes": (
            f"mapFilter((k, v) -> {is_content} AND k != input_key AND k != output_key,"
            " all_attributes)"
        ),
        "attribute_types": types("keys", at("values", "kind")),
        **_event_columns("events", "plain_events"),
        **_event_columns("payload_events", "content_events"),
        **links,
        "links.attributes": "arraySlice(extra_maps, length(event_names) + 1)",
        "links.attribute_types": "arraySlice(extra_types, length(event_names) + 1)",
        **columns.typed(),
    }


SPANS: Final = Decoder(
    target="spans",
    shape=SHAPE,
    parts={name: kind for name, (kind, _) in _PARTS.items()},
    passed=(*COMMON, *_FIELDS),
    rows=_rows,
    steps=_steps(),
    columns=_columns(),
    layers=columns.cost_layers(),
    derived=columns.cost(),
)
