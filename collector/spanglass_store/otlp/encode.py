"""Rows of `spans` and `logs` as the OTLP requests that they came in.

Attributes get the types back that they were sent with, content returns to where it was, and what
only SQL knows by another name is left to be derived anew. The order of attributes among content and
the rest is not kept.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_store.otlp.expressions import ARRAY_KEY, BYTES_KEY, DOUBLE_KEY, KVLIST_KEY

Row = Mapping[str, Any]

_ABOUT: Final = (
    "resource", "resource_types", "resource_schema_url", "scope_name", "scope_version",
    "scope_attributes", "scope_attribute_types", "scope_schema_url",
)  # fmt: skip


def _nano(column: str) -> str:
    return f"toString(toUnixTimestamp64Nano({column})) AS {column}_ns"


def _events(prefix: str) -> str:
    return (
        f"arrayZip(arrayMap(t -> toString(toUnixTimestamp64Nano(t)), `{prefix}.time`),"
        f" `{prefix}.name`, `{prefix}.attributes`, `{prefix}.attribute_types`,"
        f" `{prefix}.dropped_attributes_count`) AS {prefix}"
    )


@dataclass(frozen=True)
class Encoder:
    """From rows of a table to requests of a signal.

    Attributes:
        table: its name.
        time: the column that says when.
        columns: what is read of a row.
        message: makes an item of it.
        request: the request's message.
        names: fields of request and resource that list resources, scopes and items.
    """

    table: str
    time: str
    columns: tuple[str, ...]
    message: Callable[[Row], Any]
    request: Any
    names: tuple[str, str, str]

    def encode(self, rows: Iterable[Row]) -> bytes:
        """A request with these rows; resources and scopes once, in the order of their first row."""
        resources, scopes, items = self.names
        request = self.request()
        of_resource: dict[str, Any] = {}
        of_scope: dict[tuple[str, str], Any] = {}
        for row in rows:
            about = _key(row, "resource", "resource_types", "resource_schema_url")
            resource = of_resource.get(about)
            if resource is None:
                resource = of_resource[about] = getattr(request, resources).add(
                    schema_url=row["resource_schema_url"]
                )
                pairs = _pairs(row["resource"], row["resource_types"])
                resource.resource.attributes.extend(pairs)
            inner = about, _key(row, *_ABOUT[3:])
            scope = of_scope.get(inner)
            if scope is None:
                scope = of_scope[inner] = getattr(resource, scopes).add(
                    schema_url=row["scope_schema_url"]
                )
                scope.scope.name = row["scope_name"]
                scope.scope.version = row["scope_version"]
                pairs = _pairs(row["scope_attributes"], row["scope_attribute_types"])
                scope.scope.attributes.extend(pairs)
            getattr(scope, items).append(self.message(row))
        return bytes(request.SerializeToString())


def _key(row: Row, *names: str) -> str:
    return json.dumps([row[name] for name in names])


def _span(row: Row) -> Span:
    kinds = row["attribute_types"]
    attributes = dict(row["attributes"]) | dict(row["payload_attributes"])
    for name in ("input", "output"):
        if row[f"{name}_key"]:
            attributes[row[f"{name}_key"]] = row[name]
    start, end = int(row["start_time_ns"]), int(row["end_time_ns"])
    span = Span(
        trace_id=bytes.fromhex(row["trace_id"]),
        span_id=bytes.fromhex(row["span_id"]),
        parent_span_id=bytes.fromhex(row["parent_span_id"]),
        trace_state=row["trace_state"],
        name=row["name"],
        kind=row["kind"],
        start_time_unix_nano=start,
        # What ended before it began is kept with a mark, not with its end.
        end_time_unix_nano=start - 1 if row["end_before_start"] else end,
        attributes=_pairs(attributes, kinds),
        dropped_attributes_count=row["dropped_attributes_count"],
        dropped_events_count=row["dropped_events_count"],
        dropped_links_count=row["dropped_links_count"],
        flags=row["flags"],
    )
    span.status.message = row["status_message"]
    span.status.code = row["status_code"]
    events = [*row["events"], *row["payload_events"]]
    for time, name, values, types, dropped in sorted(events, key=lambda event: int(event[0])):
        span.events.add(
            time_unix_nano=int(time), name=name, attributes=_pairs(values, types),
            dropped_attributes_count=dropped,
        )  # fmt: skip
    for trace_id, span_id, state, values, types, flags, dropped in row["links"]:
        span.links.add(
            trace_id=bytes.fromhex(trace_id), span_id=bytes.fromhex(span_id), trace_state=state,
            attributes=_pairs(values, types), flags=flags, dropped_attributes_count=dropped,
        )  # fmt: skip
    return span


def _record(row: Row) -> LogRecord:
    attributes = dict(row["attributes"]) | dict(row["payload_attributes"])
    record = LogRecord(
        time_unix_nano=int(row["time_ns"]),
        observed_time_unix_nano=int(row["observed_time_ns"]),
        severity_number=row["severity_number"],
        severity_text=row["severity_text"],
        attributes=_pairs(attributes, row["attribute_types"]),
        dropped_attributes_count=row["dropped_attributes_count"],
        flags=row["flags"],
        trace_id=bytes.fromhex(row["trace_id"]),
        span_id=bytes.fromhex(row["span_id"]),
    )
    if "event.name" not in attributes:
        record.event_name = row["event_name"]
    if row["body_type"] != "empty":
        record.body.CopyFrom(any_value(row["body"] or row["payload_body"], row["body_type"]))
    return record


def _pairs(values: Mapping[str, str], kinds: Mapping[str, str]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=any_value(text, kinds.get(key, "string")))
        for key, text in values.items()
    ]


def any_value(text: str, kind: str) -> AnyValue:
    """An attribute's value as it was sent.

    Args:
        text: as the column `attributes` has it.
        kind: as `attribute_types` has it; `string` where that has none.
    """
    if kind == "string":
        return AnyValue(string_value=text)
    if kind == "int":
        return AnyValue(int_value=int(text))
    if kind == "bool":
        return AnyValue(bool_value=text == "true")
    if kind == "double":
        return AnyValue(double_value=float(text))
    if kind == "bytes":
        return AnyValue(bytes_value=base64.b64decode(text))
    if kind == "empty":
        return AnyValue()
    try:
        return _of_json(json.loads(text, object_pairs_hook=_Pairs))
    except (ValueError, TypeError, RecursionError, DecodeError):
        # No text of ours; it is kept as it stands.
        return AnyValue(string_value=text)


class _Pairs(list[tuple[str, Any]]):
    """An object's keys and values; a key may come twice."""


def _of_json(value: Any) -> AnyValue:
    if isinstance(value, _Pairs):
        return _of_object(value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_of_json(each) for each in value]))
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue() if value is None else AnyValue(string_value=value)


def _of_object(pairs: Sequence[tuple[str, Any]]) -> AnyValue:
    if len(pairs) == 1:
        key, inner = pairs[0]
        if key == BYTES_KEY:
            return AnyValue(bytes_value=base64.b64decode(inner))
        if key == DOUBLE_KEY:
            return AnyValue(double_value=float(inner))
        if key == ARRAY_KEY:
            return AnyValue(array_value=ArrayValue.FromString(base64.b64decode(inner)))
        if key == KVLIST_KEY:
            listed = (
                KeyValueList(values=[KeyValue.FromString(base64.b64decode(each)) for each in inner])
                if isinstance(inner, list)
                else KeyValueList.FromString(base64.b64decode(inner))
            )
            return AnyValue(kvlist_value=listed)
    return AnyValue(
        kvlist_value=KeyValueList(
            values=[
                KeyValue(
                    key=key.removeprefix("$") if key.startswith("$$") else key,
                    value=_of_json(inner),
                )
                for key, inner in pairs
            ]
        )
    )


_LINKS: Final = (
    "arrayZip(`links.trace_id`, `links.span_id`, `links.trace_state`, `links.attributes`,"
    " `links.attribute_types`, `links.flags`, `links.dropped_attributes_count`) AS links"
)

SPANS: Final = Encoder(
    table="spans",
    time="start_time",
    columns=(
        *_ABOUT, "trace_id", "span_id", "parent_span_id", "trace_state", "name",
        "toInt8(span_kind) AS kind", "toInt8(status) AS status_code", "status_message",
        _nano("start_time"), _nano("end_time"), "end_before_start", "attributes",
        "attribute_types", "payload_attributes", "input", "input_key", "output", "output_key",
        _events("events"), _events("payload_events"),
        _LINKS,
        "dropped_attributes_count", "dropped_events_count", "dropped_links_count", "flags",
    ),
    message=_span,
    request=ExportTraceServiceRequest,
    names=("resource_spans", "scope_spans", "spans"),
)  # fmt: skip

LOGS: Final = Encoder(
    table="logs",
    time="time",
    columns=(
        *_ABOUT, _nano("time"), _nano("observed_time"), "severity_number", "severity_text",
        "body", "payload_body", "body_type", "attributes", "attribute_types",
        "payload_attributes", "dropped_attributes_count", "flags", "trace_id", "span_id",
        "event_name",
    ),
    message=_record,
    request=ExportLogsServiceRequest,
    names=("resource_logs", "scope_logs", "log_records"),
)  # fmt: skip

#: What can be written as OTLP, by the signal's name.
ENCODERS: Final[Mapping[str, Encoder]] = {"traces": SPANS, "logs": LOGS}
