"""The statement that turns a batch of OTLP trace requests into rows of `spans`.

It runs where the data goes: in the embedded server, in a cluster, or behind a Kafka table
engine. The work is arranged in layers for two reasons: `arrayJoin` copies every column of a row
for each element it makes, so each layer keeps only what the next one needs; and analysing the
statement costs as much as storing thousands of spans, so no expression over the large nested
types is written twice.
"""

from collections.abc import Iterable
from functools import cache
from typing import Final

from spanglass_store.otlp import content
from spanglass_store.otlp.literal import quoted
from spanglass_store.otlp.schema import protobuf_schema, structure

#: How lists show what JSON has no word for. A user's own key that begins with `$` is stored with
#: a second one in front, so these can't be imitated.
BYTES_KEY: Final = "$bytes"
DOUBLE_KEY: Final = "$double"
ARRAY_KEY: Final = "$array"
KVLIST_KEY: Final = "$kvlist"

_LAST_TIME: Final = (1 << 63) - 1


def _at(value: str, *names: str) -> str:
    """The (nested) tuple element of an expression; over arrays it maps without copying."""
    for name in names:
        value = f"tupleElement({value}, '{name}')"
    return value


def _array_json(array: str) -> str:
    """The JSON text of a list of scalars. What is no scalar keeps its encoding."""

    def encoded(mark: str, field: str) -> str:
        return f"concat('{{\"{mark}\":\"', base64Encode({field}), '\"}}')"

    # A double without a fraction keeps a mark of its type: 1.0 is not 1.
    double = (
        f"multiIf(NOT isFinite(d), concat('{{\"{DOUBLE_KEY}\":\"', toString(d), '\"}}'),"
        " match(toString(d), '[.e]'), toString(d), concat(toString(d), '.0'))"
    )
    item = (
        "(k, s, i, b, d, y, a, l) -> multiIf(k = 'string', toJSONString(s),"
        f" k = 'int', toString(i), k = 'bool', if(b, 'true', 'false'), k = 'double', {double},"
        f" k = 'bytes', {encoded(BYTES_KEY, 'y')}, k = 'array', {encoded(ARRAY_KEY, 'a')},"
        f" k = 'kvlist', {encoded(KVLIST_KEY, 'l')}, 'null')"
    )
    fields = (
        "kind", "string_value", "int_value", "bool_value", "double_value", "bytes_value",
        "array_value", "kvlist_value",
    )  # fmt: skip
    values = _at(array, "values")
    return (
        f"concat('[', arrayStringConcat(arrayMap({item},"
        f" {', '.join(_at(values, field) for field in fields)}), ','), ']')"
    )


def _texts(values: str) -> str:
    """Attribute values, each as text, in order."""
    fields = (
        "kind", "string_value", "int_value", "bool_value", "double_value", "bytes_value",
        "array_value", "kvlist_value",
    )  # fmt: skip
    raw = (
        f'concat(\'{{"{KVLIST_KEY}":["\','
        " arrayStringConcat(arrayMap(e -> base64Encode(e), l.values), '\",\"'), '\"]}')"
    )
    return (
        "arrayMap((k, s, i, b, d, y, a, l) -> multiIf(k = 'string', s, k = 'int', toString(i),"
        " k = 'bool', if(b, 'true', 'false'), k = 'double', toString(d),"
        f" k = 'array', if(a.json != '', a.json, {_array_json('a')}),"
        f" k = 'kvlist', multiIf(l.json != '', l.json, empty(l.values), '{{}}', {raw}),"
        " k = 'bytes', base64Encode(y), ''), "
        + ", ".join(_at(values, field) for field in fields)
        + ")"
    )


def _map(attributes: str) -> str:
    return f"mapFromArrays({_at(attributes, 'key')}, {_texts(_at(attributes, 'value'))})"


def _types(keys: str, kinds: str) -> str:
    """The map of the types that are not `string`."""
    return f"mapFilter((k, t) -> t != 'string', mapFromArrays({keys}, {kinds}))"


def _time(nanoseconds: str) -> str:
    # What a 64-bit time can't say, in 2262 and later, is the last that it can.
    return f"fromUnixTimestamp64Nano(toInt64(least({nanoseconds}, {_LAST_TIME})))"


def _event_columns(prefix: str, events: str) -> dict[str, str]:
    names = ("time", "name", "attributes", "attribute_types", "dropped_attributes_count")
    return {f"{prefix}.{name}": f"{events}.{n}" for n, name in enumerate(names, 1)}


def _span_columns() -> dict[str, str]:
    """Every column of `spans` that the statement fills, with its expression.

    Those that follow from attributes (see `columns`) are left to the table's defaults.
    """
    result = {
        "project": _at("of_resource", "project"),
        "trace_id": f"lower(hex({_at('span', 'trace_id')}))",
        "span_id": f"lower(hex({_at('span', 'span_id')}))",
        "parent_span_id": f"lower(hex({_at('span', 'parent_span_id')}))",
        "name": _at("span", "name"),
        # An enum value of a later protocol must not fail the batch.
        "span_kind": "if(kind_ BETWEEN 0 AND 5, kind_, 0)",
        "scope_name": _at("of_scope", "name"),
        "scope_version": _at("of_scope", "version"),
        "start_time": _time("start_"),
        "end_time": _time("greatest(start_, end_)"),
        "duration_ns": "if(end_ > start_, end_ - start_, 0)",
        "end_before_start": "end_ < start_",
        "ingested_at": "now64(6)",
        "status": "if(status_code_ BETWEEN 0 AND 2, status_code_, 0)",
        "status_message": _at("span", "status", "message"),
        "retention_days": _at("of_resource", "retention_days"),
        "payload_retention_days": _at("of_resource", "payload_retention_days"),
        "input": "all_[input_key_]",
        "input_key": "input_key_",
        "output": "all_[output_key_]",
        "output_key": "output_key_",
        "payload_attributes": "payload_",
        "attributes": "attributes_",
        "attribute_types": _types("keys", _at("values_", "kind")),
        "resource_schema_url": _at("of_resource", "schema_url"),
        "scope_schema_url": _at("of_scope", "schema_url"),
        **_event_columns("events", "plain_events"),
        **_event_columns("payload_events", "content_events"),
        "links.attributes": "arraySlice(extra_maps, length(event_names) + 1)",
        "links.attribute_types": "arraySlice(extra_types, length(event_names) + 1)",
    }
    result |= {name: name + "_" for name in _ABOUT}
    for name in ("trace_id", "span_id"):
        result[f"links.{name}"] = f"arrayMap(x -> lower(hex(x)), {_at('span', 'links', name)})"
    for name in ("trace_state", "flags", "dropped_attributes_count"):
        result[f"links.{name}"] = _at("span", "links", name)
    for name in (
        "trace_state", "flags", "dropped_attributes_count", "dropped_events_count",
        "dropped_links_count",
    ):  # fmt: skip
        result[name] = _at("span", name)
    return result


#: Columns about a span's resource and scope, the same for many spans.
_ABOUT: Final = ("resource", "resource_types", "scope_attributes", "scope_attribute_types")


def _select(fields: dict[str, str], kept: Iterable[str], source: str) -> str:
    """One layer: new columns and those handed through."""
    new = [f"{sql} AS {name}" for name, sql in fields.items()]
    return f"SELECT {', '.join([*kept, *new])}\nFROM ({source})"


def _pack(message: str, *names: str) -> str:
    """A tuple of some of a message's fields: one column to hand through instead of several."""
    fields = ", ".join(f"{_at(message, name)} AS {name}" for name in names)
    return f"tuple({fields})"


def _layers(source: str) -> str:
    arrived = f"SELECT arrayJoin(resource_spans) AS rs FROM {source}"
    by_resource = _select(
        {
            "of_resource": _pack(
                "rs", "project", "retention_days", "payload_retention_days", "schema_url"
            ),
            "resource_attributes": _at("rs", "resource", "attributes"),
            "scopes": _at("rs", "scope_spans"),
        },
        (),
        arrived,
    )
    facts = ("of_resource", "of_scope")
    each_scope = _select(
        {"ss": "arrayJoin(scopes)"}, ("of_resource", "resource_attributes"), by_resource
    )
    by_scope = _select(
        {
            "of_scope": (
                f"tuple({_at('ss', 'scope', 'name')} AS name,"
                f" {_at('ss', 'scope', 'version')} AS version,"
                f" {_at('ss', 'schema_url')} AS schema_url)"
            ),
            "split_": "length(resource_attributes)",
            # Resource and scope are decoded by one expression: the first are the resource's.
            "about": f"arrayConcat(resource_attributes, {_at('ss', 'scope', 'attributes')})",
            "spans_": _at("ss", "spans"),
        },
        ("of_resource",),
        each_scope,
    )
    by_about = _select(
        {
            "about_keys": _at("about", "key"),
            "about_texts": _texts(_at("about", "value")),
            "about_kinds": _at("about", "value", "kind"),
        },
        (*facts, "split_", "spans_"),
        by_scope,
    )
    maps = {}
    for name, types, part in (
        ("resource_", "resource_types_", "1, split_"),
        ("scope_attributes_", "scope_attribute_types_", "split_ + 1"),
    ):
        keys, texts, kinds = (
            f"arraySlice(about_{field}, {part})" for field in ("keys", "texts", "kinds")
        )
        maps[name] = f"mapFromArrays({keys}, {texts})"
        maps[types] = _types(keys, kinds)
    with_maps = _select(maps, (*facts, "spans_"), by_about)
    outer = (*facts, *maps)
    each_span = _select({"span": "arrayJoin(spans_)"}, outer, with_maps)
    lists = {
        "start_": _at("span", "start_time_unix_nano"),
        "end_": _at("span", "end_time_unix_nano"),
        "kind_": _at("span", "kind"),
        "status_code_": _at("span", "status", "code"),
        "keys": _at("span", "attributes", "key"),
        "values_": _at("span", "attributes", "value"),
        "events_": _at("span", "events"),
    }
    by_span = _select(lists, (*outer, "span"), each_span)
    decoded = {
        "all_": f"mapFromArrays(keys, {_texts('values_')})",
        "input_key_": _first_key(content.INPUT_KEYS),
        "output_key_": _first_key(content.OUTPUT_KEYS),
        "event_names": _at("events_", "name"),
        # Events and links, too, are decoded by one expression, events first.
        "extras": (
            f"arrayConcat({_at('events_', 'attributes')}, {_at('span', 'links', 'attributes')})"
        ),
    }
    passed = (*outer, "span", *lists)
    by_attribute = _select(decoded, passed, by_span)
    content_key = f"match(k, {quoted(content.pattern(content.CONTENT_KEYS))})"
    content_event = f"match(e.2, {quoted(content.pattern(content.CONTENT_EVENTS))})"
    maps_of_extras = {
        "extra_maps": f"arrayMap(a -> {_map('a')}, extras)",
        "extra_types": (
            f"arrayMap(a -> {_types(_at('a', 'key'), _at('a', 'value', 'kind'))}, extras)"
        ),
        "attributes_": f"mapFilter((k, v) -> NOT {content_key}, all_)",
        "payload_": (
            f"mapFilter((k, v) -> {content_key} AND k != input_key_ AND k != output_key_, all_)"
        ),
    }
    with_extras = _select(maps_of_extras, (*passed, *decoded), by_attribute)
    zipped = {
        "event_times": f"arrayMap(t -> {_time('t')}, {_at('events_', 'time_unix_nano')})",
        "events_zipped": (
            "arrayZip(event_times, event_names, arraySlice(extra_maps, 1, length(event_names)),"
            " arraySlice(extra_types, 1, length(event_names)),"
            f" {_at('events_', 'dropped_attributes_count')})"
        ),
        "plain_events": f"arrayFilter(e -> NOT {content_event}, events_zipped)",
        "content_events": f"arrayFilter(e -> {content_event}, events_zipped)",
    }
    return _select(zipped, (*passed, *decoded, *maps_of_extras), with_extras)


def _first_key(names: tuple[str, ...]) -> str:
    """The name of the first of several attributes that a span has."""
    tests = ", ".join(f"has(keys, {quoted(name)}), {quoted(name)}" for name in names)
    return f"multiIf({tests}, '')"


@cache
def insert_spans(table: str = "spans") -> str:
    """The `INSERT` whose body is one or more `ExportTraceServiceRequest` messages, concatenated.

    Protobuf merges repeated fields, so several requests in a row are one valid request. The
    statement carries the settings that it is read under.
    """
    fields = _span_columns()
    return (
        f"INSERT INTO {table} ({', '.join(f'`{name}`' for name in fields)})\n"
        f"SETTINGS {_settings()}\n"
        f"SELECT {', '.join(f'{sql} AS `{name}`' for name, sql in fields.items())}\n"
        f"FROM ({_layers(f'input({quoted(structure())})')})\n"
        "FORMAT ProtobufSingle"
    )


def _settings() -> str:
    return (
        "format_schema_source = 'string', format_schema_message_name = 'Request',"
        " input_format_protobuf_oneof_presence = 1, enable_named_columns_in_function_tuple = 1,"
        # There is nothing to choose between, and looking for it takes a sixth of the analysis.
        " query_plan_enable_optimizations = 0, output_format_json_escape_forward_slashes = 0,"
        " output_format_json_quote_64bit_integers = 0,"
        f" format_schema = {quoted(protobuf_schema())}"
    )
