"""The protobuf schema and the column structure under which ClickHouse reads OTLP traces.

`AnyValue` is recursive, ClickHouse's types are not. What spans carry in practice, scalars and
lists of scalars, is decoded here. Key-value lists and lists of lists arrive as JSON text: the
collector writes it into the value (field `json`), since decoding them in SQL costs every span:
64 ms per 10,000 spans for this schema, 83 ms for two levels more, and a statement whose analysis
alone takes 300 ms. Where no collector stood in between, their entries are read as `bytes` and
keep their exact encoding instead of vanishing.

Source: opentelemetry-proto 1.9, `trace/v1/trace.proto` and `common/v1/common.proto`.
"""

from typing import Final

#: Field numbers with which the collector stamps its own facts into `ResourceSpans`. They lie in
#: the range that protobuf leaves to applications. A client's own value is removed first: of a text
#: that comes twice ClickHouse keeps neither.
PROJECT_FIELD: Final = 10001
RETENTION_FIELD: Final = 10002
PAYLOAD_RETENTION_FIELD: Final = 10003
STAMPS: Final = frozenset({PROJECT_FIELD, RETENTION_FIELD, PAYLOAD_RETENTION_FIELD})

#: Field of `ArrayValue` and `KeyValueList` in which the collector writes what SQL does not
#: unfold, as JSON text.
JSON_FIELD: Final = 10011

#: How an attribute's value was typed, as SQL shows it. The numbers are the tags of
#: `AnyValue.value`: ClickHouse fills an enum that is named as the oneof with the tag of the
#: member that is set, which tells an empty text from an absent one.
KIND_ENUM: Final = (
    "Enum8('empty' = 0, 'string' = 1, 'bool' = 2, 'int' = 3, 'double' = 4,"
    " 'array' = 5, 'kvlist' = 6, 'bytes' = 7)"
)
_SCALARS = (
    "string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;"
)


def protobuf_schema() -> str:
    """The `.proto` text for the setting `format_schema` (message `Request`).

    Enums and counts have 64 bits here: protobuf cuts a number that is too long for its field, where
    ClickHouse refuses the batch.
    """
    return f"""syntax = "proto3";
message Item {{ oneof kind {{ {_SCALARS} bytes array_value = 5; bytes kvlist_value = 6;
  bytes bytes_value = 7; }} }}
message Array {{ repeated Item values = 1; string json = {JSON_FIELD}; }}
message KvList {{ repeated bytes values = 1; string json = {JSON_FIELD}; }}
message AnyValue {{ oneof kind {{ {_SCALARS} Array array_value = 5; KvList kvlist_value = 6;
  bytes bytes_value = 7; }} }}
message KeyValue {{ string key = 1; AnyValue value = 2; }}
message Scope {{ string name = 1; string version = 2; repeated KeyValue attributes = 3; }}
message Resource {{ repeated KeyValue attributes = 1; }}
message Status {{ string message = 2; int64 code = 3; }}
message Event {{ fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3;
  uint64 dropped_attributes_count = 4; }}
message Link {{ bytes trace_id = 1; bytes span_id = 2; string trace_state = 3;
  repeated KeyValue attributes = 4; uint64 dropped_attributes_count = 5; fixed32 flags = 6; }}
message Span {{ bytes trace_id = 1; bytes span_id = 2; string trace_state = 3;
  bytes parent_span_id = 4; string name = 5; int64 kind = 6; fixed64 start_time_unix_nano = 7;
  fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  uint64 dropped_attributes_count = 10; repeated Event events = 11;
  uint64 dropped_events_count = 12; repeated Link links = 13; uint64 dropped_links_count = 14;
  Status status = 15; fixed32 flags = 16; }}
message ScopeSpans {{ Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }}
message ResourceSpans {{ Resource resource = 1; repeated ScopeSpans scope_spans = 2;
  string schema_url = 3; string project = {PROJECT_FIELD};
  uint32 retention_days = {RETENTION_FIELD};
  uint32 payload_retention_days = {PAYLOAD_RETENTION_FIELD}; }}
message Request {{ repeated ResourceSpans resource_spans = 1; }}"""


_SCALAR_TYPES: Final = "string_value String, bool_value Bool, int_value Int64, double_value Float64"
_ITEM: Final = (
    f"Tuple(kind {KIND_ENUM}, {_SCALAR_TYPES}, array_value String, kvlist_value String,"
    " bytes_value String)"
)
#: ClickHouse's type of a value, of a list of attributes, of lists of a span's events and links.
VALUE: Final = (
    f"Tuple(kind {KIND_ENUM}, {_SCALAR_TYPES},"
    f" array_value Tuple(values Array({_ITEM}), json String),"
    " kvlist_value Tuple(values Array(String), json String), bytes_value String)"
)
ATTRIBUTES: Final = f"Array(Tuple(key LowCardinality(String), value {VALUE}))"
EVENTS: Final = (
    f"Array(Tuple(time_unix_nano UInt64, name String, attributes {ATTRIBUTES},"
    " dropped_attributes_count UInt64))"
)
LINKS: Final = (
    f"Array(Tuple(trace_id String, span_id String, trace_state String, attributes {ATTRIBUTES},"
    " dropped_attributes_count UInt64, flags UInt32))"
)


def structure() -> str:
    """The argument of ClickHouse's `input()`: one row a request, one column, nested."""
    span = (
        "Tuple(trace_id String, span_id String, trace_state String, parent_span_id String,"
        " name String, kind Int64, start_time_unix_nano UInt64, end_time_unix_nano UInt64,"
        f" attributes {ATTRIBUTES}, dropped_attributes_count UInt64,"
        f" events {EVENTS}, dropped_events_count UInt64,"
        f" links {LINKS}, dropped_links_count UInt64,"
        " status Tuple(message String, code Int64), flags UInt32)"
    )
    scope = f"Tuple(name String, version String, attributes {ATTRIBUTES})"
    scope_spans = f"Tuple(scope {scope}, spans Array({span}), schema_url String)"
    return (
        f"resource_spans Array(Tuple(resource Tuple(attributes {ATTRIBUTES}),"
        f" scope_spans Array({scope_spans}), schema_url String, project String,"
        " retention_days UInt32, payload_retention_days UInt32))"
    )
