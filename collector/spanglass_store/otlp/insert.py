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

from spanglass_store.otlp import columns, content
from spanglass_store.otlp.schema import protobuf_schema, structure

#: How lists show what JSON has no word for. A user's own key that begins with `$` is stored with
#: a second one in front, so these can't be imitated.
BYTES_KEY: Final = "$bytes"
DOUBLE_KEY: Final = "$double"
ARRAY_KEY: Final = "$array"
KVLIST_KEY: Final = "$kvlist"


def quoted(text: str) -> str:
    """`text` as a ClickHouse string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


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


def _first(names: tuple[str, ...], source: str) -> str:
    """The first of several attributes that is there and not empty, else an empty text."""
    *rest, last = names
    result = f"{source}[{quoted(last)}]"
    for name in reversed(rest):
        value = f"{source}[{quoted(name)}]"
        result = f"if({value} != '', {value}, {result})"
    return result


def _text_list(name: str) -> str:
    """An attribute that is a list of texts; a single text counts as a list of one."""
    text = f"attributes_[{quoted(name)}]"
    return (
        f"multiIf({text} = '', [], startsWith({text}, '['),"
        f" JSONExtract({text}, 'Array(String)'), [{text}])"
    )


def _time(nanoseconds: str) -> str:
    return f"fromUnixTimestamp64Nano(toInt64({nanoseconds}))"


def _event_columns(prefix: str, events: str) -> dict[str, str]:
    names = ("time", "name", "attributes", "attribute_types", "dropped_attributes_count")
    return {f"{prefix}.{name}": f"{events}.{n}" for n, name in enumerate(names, 1)}


def _span_columns() -> dict[str, str]:
    """Every column of `spans` that the statement fills, with its expression."""
    result = {
        "project": "project_",
        "trace_id": "lower(hex(trace_id_))",
        "span_id": "lower(hex(span_id_))",
        "parent_span_id": "lower(hex(parent_span_id_))",
        "name": "name_",
        # An enum value of a later protocol must not fail the batch.
        "span_kind": "if(kind_ > 5, 0, kind_)",
        "scope_name": "scope_name_",
        "scope_version": "scope_version_",
        "start_time": _time("start_"),
        "end_time": _time("greatest(start_, end_)"),
        "duration_ns": "if(end_ > start_, end_ - start_, 0)",
        "end_before_start": "end_ < start_",
        "ingested_at": "now64(6)",
        "status": "if(status_code_ > 2, 0, status_code_)",
        "status_message": "status_message_",
        "tokens_estimated": "attributes_['spanglass.tokens_estimated'] = 'true'",
        "sample_weight": "ifNull(toFloat64OrNull(attributes_['spanglass.sample_weight']), 1)",
        "sample_data": (
            "attributes_['spanglass.sample_data'] = 'true'"
            " OR resource_['spanglass.sample_data'] = 'true'"
        ),
        "retention_days": "retention_days_",
        "payload_retention_days": "payload_retention_days_",
    }
    for name, keys in columns.TEXT.items():
        result[name] = _first(keys, "attributes_")
    for name, keys in columns.INTEGER.items():
        result[name] = f"toUInt64OrNull({_first(keys, 'attributes_')})"
    for name, keys in columns.FLOAT.items():
        result[name] = f"toFloat64OrNull({_first(keys, 'attributes_')})"
    for name, key in columns.TEXT_LIST.items():
        result[name] = _text_list(key)
    for name, keys in columns.RESOURCE_TEXT.items():
        result[name] = _first(keys, "resource_")
    return result | {
        # First token to last, over the tokens after the first.
        "time_per_output_token_s": (
            "if(output_tokens > 1 AND duration_ns / 1e9 > time_to_first_token_s,"
            " (duration_ns / 1e9 - time_to_first_token_s) / (output_tokens - 1), NULL)"
        ),
        "input": "all_[input_key_]",
        "input_key": "input_key_",
        "output": "all_[output_key_]",
        "output_key": "output_key_",
        "payload_attributes": "payload_",
        "attributes": "attributes_",
        "attribute_types": "types_",
        "resource": "resource_",
        "resource_types": "resource_types_",
        "scope_attributes": "scope_attributes_",
        "scope_attribute_types": "scope_attribute_types_",
        "resource_schema_url": "resource_schema_url_",
        "scope_schema_url": "scope_schema_url_",
        **_event_columns("events", "plain_events"),
        **_event_columns("payload_events", "content_events"),
        "links.trace_id": "arrayMap(x -> lower(hex(x)), link_trace_ids)",
        "links.span_id": "arrayMap(x -> lower(hex(x)), link_span_ids)",
        "links.trace_state": "link_states",
        "links.attributes": "arraySlice(extra_maps, split_ + 1)",
        "links.attribute_types": "arraySlice(extra_types, split_ + 1)",
        "links.flags": "link_flags",
        "links.dropped_attributes_count": "link_drops",
        "trace_state": "trace_state_",
        "flags": "flags_",
        "dropped_attributes_count": "dropped_attributes_",
        "dropped_events_count": "dropped_events_",
        "dropped_links_count": "dropped_links_",
    }


def _select(fields: dict[str, str], kept: Iterable[str], source: str) -> str:
    """One layer: new columns and those handed through."""
    new = [f"{sql} AS {name}" for name, sql in fields.items()]
    return f"SELECT {', '.join([*kept, *new])}\nFROM ({source})"


def _layers(source: str) -> str:
    resource = {
        "project_": _at("rs", "project"),
        "retention_days_": _at("rs", "retention_days"),
        "payload_retention_days_": _at("rs", "payload_retention_days"),
        "resource_schema_url_": _at("rs", "schema_url"),
    }
    scope = {
        "scope_name_": _at("ss", "scope", "name"),
        "scope_version_": _at("ss", "scope", "version"),
        "scope_schema_url_": _at("ss", "schema_url"),
    }
    span = {
        "trace_id_": _at("span", "trace_id"),
        "span_id_": _at("span", "span_id"),
        "parent_span_id_": _at("span", "parent_span_id"),
        "name_": _at("span", "name"),
        "kind_": _at("span", "kind"),
        "start_": _at("span", "start_time_unix_nano"),
        "end_": _at("span", "end_time_unix_nano"),
        "status_code_": _at("span", "status", "code"),
        "status_message_": _at("span", "status", "message"),
        "trace_state_": _at("span", "trace_state"),
        "flags_": _at("span", "flags"),
        "dropped_attributes_": _at("span", "dropped_attributes_count"),
        "dropped_events_": _at("span", "dropped_events_count"),
        "dropped_links_": _at("span", "dropped_links_count"),
    }
    arrived = f"SELECT arrayJoin(resource_spans) AS rs FROM {source}"
    of_resource = resource | {"about_resource": _at("rs", "resource", "attributes")}
    by_resource = _select(of_resource | {"scopes": _at("rs", "scope_spans")}, (), arrived)
    each_scope = _select({"ss": "arrayJoin(scopes)"}, of_resource, by_resource)
    # Resource and scope are decoded by one expression: the first elements are the resource's.
    about = {
        "about": f"arrayConcat(about_resource, {_at('ss', 'scope', 'attributes')})",
        "spans_": _at("ss", "spans"),
    }
    by_scope = _select(scope | about, [*resource, "length(about_resource) AS split_"], each_scope)
    decoded_about = {
        "about_keys": _at("about", "key"),
        "about_texts": _texts(_at("about", "value")),
        "about_kinds": _at("about", "value", "kind"),
    }
    facts = [*resource, *scope]
    by_about = _select(decoded_about, [*facts, "split_", "spans_"], by_scope)
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
    with_maps = _select(maps, [*facts, "spans_"], by_about)
    outer = [*facts, *maps]
    each_span = _select({"span": "arrayJoin(spans_)"}, outer, with_maps)
    lists = {
        "keys": _at("span", "attributes", "key"),
        "values_": _at("span", "attributes", "value"),
        "events_": _at("span", "events"),
        "links_": _at("span", "links"),
    }
    by_span = _select(span | lists, outer, each_span)
    decoded = {
        "all_": f"mapFromArrays(keys, {_texts('values_')})",
        "types_": _types("keys", _at("values_", "kind")),
        "input_key_": _first_key(content.INPUT_KEYS),
        "output_key_": _first_key(content.OUTPUT_KEYS),
        "event_times": f"arrayMap(t -> {_time('t')}, {_at('events_', 'time_unix_nano')})",
        "event_names": _at("events_", "name"),
        "event_drops": _at("events_", "dropped_attributes_count"),
        "split_": "length(event_names)",
        "link_trace_ids": _at("links_", "trace_id"),
        "link_span_ids": _at("links_", "span_id"),
        "link_states": _at("links_", "trace_state"),
        "link_flags": _at("links_", "flags"),
        "link_drops": _at("links_", "dropped_attributes_count"),
        # Events and links, too, are decoded by one expression, events first.
        "extras": f"arrayConcat({_at('events_', 'attributes')}, {_at('links_', 'attributes')})",
    }
    by_attribute = _select(decoded, [*outer, *span, "keys"], by_span)
    content_key = f"match(k, {quoted(content.pattern(content.CONTENT_KEYS))})"
    content_event = f"match(e.2, {quoted(content.pattern(content.CONTENT_EVENTS))})"
    with_extras = _select(
        {
            "extra_maps": f"arrayMap(a -> {_map('a')}, extras)",
            "extra_types": (
                f"arrayMap(a -> {_types(_at('a', 'key'), _at('a', 'value', 'kind'))}, extras)"
            ),
            "events_zipped": (
                "arrayZip(event_times, event_names, arraySlice(extra_maps, 1, split_),"
                " arraySlice(extra_types, 1, split_), event_drops)"
            ),
            "attributes_": f"mapFilter((k, v) -> NOT {content_key}, all_)",
            "payload_": (
                f"mapFilter((k, v) -> k != input_key_ AND k != output_key_ AND {content_key}, all_)"
            ),
        },
        [*outer, *span, *decoded],
        by_attribute,
    )
    parted = {
        "plain_events": f"arrayFilter(e -> NOT {content_event}, events_zipped)",
        "content_events": f"arrayFilter(e -> {content_event}, events_zipped)",
    }
    kept = [*outer, *span, *decoded, "extra_maps", "extra_types", "attributes_", "payload_"]
    return _select(parted, kept, with_extras)


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
        " input_format_protobuf_oneof_presence = 1,"
        " output_format_json_escape_forward_slashes = 0,"
        " output_format_json_quote_64bit_integers = 0,"
        f" format_schema = {quoted(protobuf_schema())}"
    )
