"""From OTLP trace requests to rows of `spans`."""

from typing import Final

from spanglass_store.otlp import columns, content
from spanglass_store.otlp.decoder import Decoder, select
from spanglass_store.otlp.expressions import at, attribute_map, pack, texts, time, types
from spanglass_store.otlp.literal import quoted
from spanglass_store.otlp.schema import EVENTS, LINKS, VALUE, protobuf_schema, structure

#: Parts of a span that columns follow from, with their place in the message.
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
    "raw_events": (EVENTS, ("events",)),
    "raw_links": (LINKS, ("links",)),
}
#: Columns that are a field of the span, of its scope or resource as it came.
_OF_SPAN: Final = {
    "name": ("name",),
    "status_message": ("status", "message"),
    "trace_state": ("trace_state",),
    "flags": ("flags",),
    "dropped_attributes_count": ("dropped_attributes_count",),
    "dropped_events_count": ("dropped_events_count",),
    "dropped_links_count": ("dropped_links_count",),
}
_OF_SCOPE: Final = {
    "scope_name": ("scope", "name"),
    "scope_version": ("scope", "version"),
    "scope_schema_url": ("schema_url",),
}
_OF_RESOURCE: Final = {
    "project": ("project",),
    "retention_days": ("retention_days",),
    "payload_retention_days": ("payload_retention_days",),
    "resource_schema_url": ("schema_url",),
}
#: Columns about resource and scope, the same for many spans: made once for all of them.
_ABOUT: Final = ("resource", "resource_types", "scope_attributes", "scope_attribute_types")


def _rows(source: str) -> str:
    """One row a span. What is the same for all spans of a scope is made before they are apart."""
    resources = f"SELECT arrayJoin(resource_spans) AS rs FROM {source}"
    by_resource = select(
        {
            "of_resource": pack("rs", *(path[0] for path in _OF_RESOURCE.values())),
            "resource_attributes": at("rs", "resource", "attributes"),
            "scopes": at("rs", "scope_spans"),
        },
        (),
        resources,
    )
    facts = ("of_resource", "of_scope")
    scopes = select(
        {"ss": "arrayJoin(scopes)"}, ("of_resource", "resource_attributes"), by_resource
    )
    of_scope = ", ".join(f"{at('ss', *path)} AS {name}" for name, path in _OF_SCOPE.items())
    by_scope = select(
        {
            "of_scope": f"tuple({of_scope})",
            "split": "length(resource_attributes)",
            # Resource and scope are decoded by one expression: the first are the resource's.
            "about": f"arrayConcat(resource_attributes, {at('ss', 'scope', 'attributes')})",
            "spans": at("ss", "spans"),
        },
        ("of_resource",),
        scopes,
    )
    decoded = select(
        {
            "about_keys": at("about", "key"),
            "about_texts": texts(at("about", "value")),
            "about_kinds": at("about", "value", "kind"),
        },
        (*facts, "split", "spans"),
        by_scope,
    )
    maps = {}
    for name, kinds_name, part in (
        ("resource", "resource_types", "1, split"),
        ("scope_attributes", "scope_attribute_types", "split + 1"),
    ):
        keys, values, kinds = (
            f"arraySlice(about_{field}, {part})" for field in ("keys", "texts", "kinds")
        )
        maps[name] = f"mapFromArrays({keys}, {values})"
        maps[kinds_name] = types(keys, kinds)
    with_maps = select(maps, (*facts, "spans"), decoded)
    spans = select({"span": "arrayJoin(spans)"}, (*facts, *_ABOUT), with_maps)
    return select(
        {
            **{name: at("span", *path) for name, (_, path) in _PARTS.items()},
            **{name: at("span", *path) for name, path in _OF_SPAN.items()},
            **{name: at("of_scope", name) for name in _OF_SCOPE},
            **{name: at("of_resource", path[0]) for name, path in _OF_RESOURCE.items()},
        },
        _ABOUT,
        spans,
    )


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
    schema=protobuf_schema(),
    structure=structure(),
    parts={name: kind for name, (kind, _) in _PARTS.items()},
    passed=(*_ABOUT, *_OF_SPAN, *_OF_SCOPE, *_OF_RESOURCE),
    rows=_rows,
    steps=_steps(),
    columns=_columns(),
)
