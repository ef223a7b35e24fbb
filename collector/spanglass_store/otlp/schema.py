"""The protobuf schema and the column structure under which ClickHouse reads OTLP requests.

Enums and counts have 64 bits in the schemas: protobuf cuts a number that is too long for its field,
where ClickHouse refuses the batch.

`AnyValue` is recursive, ClickHouse's types are not. What comes in practice, scalars and lists of
scalars, is decoded here. Key-value lists and lists of lists arrive as JSON text: the collector
writes it into the value (field `json`), since decoding them in SQL costs every span: 64 ms per
10,000 spans for this schema, 83 ms for two levels more. Where no collector stood in between, their
entries are read as `bytes` and keep their exact encoding instead of vanishing.

Source: opentelemetry-proto 1.9, `common/v1/common.proto` and `resource/v1/resource.proto`.
"""

from dataclasses import dataclass
from typing import Final

#: Field numbers with which the collector stamps its own facts into each resource. They lie in
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

#: ClickHouse's types of a value, and of a list of attributes.
_SCALAR_TYPES: Final = "string_value String, bool_value Bool, int_value Int64, double_value Float64"
_ITEM: Final = (
    f"Tuple(kind {KIND_ENUM}, {_SCALAR_TYPES}, array_value String, kvlist_value String,"
    " bytes_value String)"
)
VALUE: Final = (
    f"Tuple(kind {KIND_ENUM}, {_SCALAR_TYPES},"
    f" array_value Tuple(values Array({_ITEM}), json String),"
    " kvlist_value Tuple(values Array(String), json String), bytes_value String)"
)
ATTRIBUTES: Final = f"Array(Tuple(key LowCardinality(String), value {VALUE}))"


@dataclass(frozen=True)
class Shape:
    """How requests of one signal look: resources list scopes, scopes list items.

    Attributes:
        resources: the request's field that lists resources.
        scopes: a resource's field that lists scopes.
        items: a scope's field that lists items.
        messages: the `.proto` text of the items' message `Item`, and of those that it uses.
        item: ClickHouse's type of an item.
    """

    resources: str
    scopes: str
    items: str
    messages: str
    item: str

    def schema(self) -> str:
        """The `.proto` text for the setting `format_schema` (message `Request`)."""
        return f"""syntax = "proto3";
message Element {{ oneof kind {{ {_SCALARS} bytes array_value = 5; bytes kvlist_value = 6;
  bytes bytes_value = 7; }} }}
message Array {{ repeated Element values = 1; string json = {JSON_FIELD}; }}
message KvList {{ repeated bytes values = 1; string json = {JSON_FIELD}; }}
message AnyValue {{ oneof kind {{ {_SCALARS} Array array_value = 5; KvList kvlist_value = 6;
  bytes bytes_value = 7; }} }}
message KeyValue {{ string key = 1; AnyValue value = 2; }}
message Scope {{ string name = 1; string version = 2; repeated KeyValue attributes = 3; }}
message Resource {{ repeated KeyValue attributes = 1; }}
{self.messages}
message InScope {{ Scope scope = 1; repeated Item {self.items} = 2; string schema_url = 3; }}
message InResource {{ Resource resource = 1; repeated InScope {self.scopes} = 2;
  string schema_url = 3; string project = {PROJECT_FIELD};
  uint32 retention_days = {RETENTION_FIELD};
  uint32 payload_retention_days = {PAYLOAD_RETENTION_FIELD}; }}
message Request {{ repeated InResource {self.resources} = 1; }}"""

    def structure(self) -> str:
        """The argument of ClickHouse's `input()`: one row a request, one column, nested."""
        scope = f"Tuple(name String, version String, attributes {ATTRIBUTES})"
        in_scope = f"Tuple(scope {scope}, {self.items} Array({self.item}), schema_url String)"
        return (
            f"{self.resources} Array(Tuple(resource Tuple(attributes {ATTRIBUTES}),"
            f" {self.scopes} Array({in_scope}), schema_url String, project String,"
            " retention_days UInt32, payload_retention_days UInt32))"
        )
