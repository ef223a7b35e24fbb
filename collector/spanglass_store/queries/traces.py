"""Lists of traces, and one trace whole."""

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson

from spanglass_store.client import Store
from spanglass_store.errors import BadCursor
from spanglass_store.otlp.values import restore_map
from spanglass_store.queries.logs import said_of_spans
from spanglass_store.queries.search.conditions import conditions as said_in
from spanglass_store.queries.search.parse import Query

Order = Literal["start_time", "duration", "tokens", "cost", "spans", "errors"]

_SORT: Final[dict[str, str]] = {
    "start_time": "toUnixTimestamp64Nano(t.start_time)",
    "duration": "duration_ns",
    "tokens": "total_tokens",
    "cost": "cost_usd",
    "spans": "spans",
    "errors": "errors",
}
_COLUMNS: Final = (
    "project", "trace_id", "duration_ns", "root_span_id", "root_name",
    "root_service", "root_operation", "environment", "release", "status", "complete", "spans",
    "errors", "input_tokens", "output_tokens", "total_tokens", "cost_usd", "services",
    "operations", "models", "tags", "session_id", "user_id", "feature", "sample_data",
)  # fmt: skip


@dataclass(frozen=True)
class TraceFilter:
    """Which traces a list shows; everything that is given has to hold.

    Attributes:
        start: earliest start, inclusive.
        end: latest start, exclusive.
        text: words that the name of the root or of a service contains, or a whole trace id.
        min_duration_ns: shortest duration, in nanoseconds.
        query: what was written into the bar above the list.
    """

    start: datetime
    end: datetime
    project: str = ""
    service: str = ""
    operation: str = ""
    model: str = ""
    environment: str = ""
    status: str = ""
    session_id: str = ""
    user_id: str = ""
    feature: str = ""
    tag: str = ""
    text: str = ""
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    min_tokens: int | None = None
    min_cost_usd: float | None = None
    sample_data: bool | None = None
    query: Query = field(default_factory=Query)

    def conditions(self, database: str) -> tuple[list[str], dict[str, Any]]:
        """SQL conditions on `traces`, in a database, and their parameters."""
        # `identity`: the bounds must not let the server leave out a day in which a trace that
        # crosses midnight has its other half.
        where = [
            "identity(t.start_time) >= fromUnixTimestamp64Nano({start:Int64})",
            "identity(t.start_time) < fromUnixTimestamp64Nano({end:Int64})",
            "toDate(t.start_time) >= toDate(fromUnixTimestamp64Nano({start:Int64})) - 1",
            "toDate(t.start_time) <= toDate(fromUnixTimestamp64Nano({end:Int64})) + 1",
        ]
        values: dict[str, Any] = {"start": _nanoseconds(self.start), "end": _nanoseconds(self.end)}

        def add(name: str, kind: str, value: Any, condition: str) -> None:
            if value not in ("", None):
                where.append(condition.format(p=f"{{{name}:{kind}}}"))
                values[name] = value

        add("project", "String", self.project, "project = {p}")
        add("service", "String", self.service, "has(services, {p})")
        add("operation", "String", self.operation, "has(operations, {p})")
        add("model", "String", self.model, "has(models, {p})")
        add("environment", "String", self.environment, "environment = {p}")
        add("status", "String", self.status, "status = {p}")
        add("session", "String", self.session_id, "session_id = {p}")
        add("user", "String", self.user_id, "user_id = {p}")
        add("feature", "String", self.feature, "feature = {p}")
        add("tag", "String", self.tag, "has(tags, {p})")
        add("min_duration", "UInt64", self.min_duration_ns, "duration_ns >= {p}")
        add("max_duration", "UInt64", self.max_duration_ns, "duration_ns <= {p}")
        add("min_tokens", "UInt64", self.min_tokens, "total_tokens >= {p}")
        add("min_cost", "Float64", self.min_cost_usd, "cost_usd >= {p}")
        add("sample", "UInt8", None if self.sample_data is None else int(self.sample_data),
            "sample_data = {p}")  # fmt: skip
        add(
            "text", "String", self.text,
            "(positionCaseInsensitiveUTF8(root_name, {p}) > 0 OR trace_id = lower({p})"
            " OR arrayExists(s -> positionCaseInsensitiveUTF8(s, {p}) > 0, services))",
        )  # fmt: skip
        asked, more = said_in(self.query, database)
        return where + asked, values | more


@dataclass(frozen=True)
class Page:
    """One page of a list.

    Attributes:
        items: the rows.
        next: the cursor of the next page; empty at the end.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    next: str = ""


def list_traces(
    store: Store,
    which: TraceFilter,
    order: Order = "start_time",
    descending: bool = True,
    limit: int = 50,
    cursor: str = "",
) -> Page:
    """A page of traces. Reads no payload column.

    Raises:
        BadCursor: if the cursor is not one of this list's.
    """
    where, values = which.conditions(store.database)
    direction, compare = ("DESC", "<") if descending else ("ASC", ">")
    key = _SORT[order]
    if cursor:
        value, trace_id = _read_cursor(cursor, order)
        kind = "Float64" if order == "cost" else "Int128"
        where.append(f"({key}, trace_id) {compare} ({{at:{kind}}}, {{at_id:String}})")
        values |= {"at": value, "at_id": trace_id}
    found = store.query(
        f"SELECT {', '.join(_COLUMNS)}, {key} AS sort_key,"
        f" {rfc3339('t.start_time')} AS start_time, {rfc3339('t.end_time')} AS end_time"
        f" FROM {store.database}.traces AS t FINAL"
        f" WHERE {' AND '.join(where)}"
        f" ORDER BY sort_key {direction}, trace_id {direction} LIMIT {{limit:UInt32}}",
        {**values, "limit": limit + 1},
    ).dicts()
    rows = found[:limit]
    more = len(found) > limit
    following = _cursor(order, rows[-1]["sort_key"], rows[-1]["trace_id"]) if more else ""
    for row in rows:
        del row["sort_key"]
    return Page(rows, following)


def _cursor(order: str, value: float, trace_id: str) -> str:
    text = json.dumps([order, value, trace_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, order: str) -> tuple[float, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        made_for, value, trace_id = json.loads(text)
        fits = (
            isinstance(value, int | float) and math.isfinite(value)
            if order == "cost"
            else type(value) is int and abs(value) < 1 << 64
        )
        if made_for == order and fits and isinstance(trace_id, str):
            return value, trace_id
    except (ValueError, TypeError, OverflowError):
        pass
    raise BadCursor


def rfc3339(moment: str) -> str:
    """SQL that writes a time in UTC with all of its digits."""
    return f"concat(replaceOne(toString({moment}), ' ', 'T'), 'Z')"


_TIMES: Final = ("start_time", "end_time", "ingested_at")
#: Columns of a span that are shown as they are.
_SPAN_COLUMNS: Final = (
    "project", "trace_id", "span_id", "parent_span_id", "name", "span_kind", "operation",
    "service", "environment", "release", "scope_name", "scope_version",
    "duration_ns", "end_before_start", "time_to_first_token_s", "time_per_output_token_s",
    "status", "status_message", "error_type", "finish_reasons", "provider",
    "request_model", "response_model", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_tokens", "reasoning_tokens", "tokens_estimated", "cost_usd", "input_cost_usd",
    "output_cost_usd", "cost_source", "energy_j", "session_id", "user_id", "feature", "tags",
    "prompt_name", "prompt_version", "agent_name", "tool_name", "input_key", "output_key",
    "trace_state", "flags", "dropped_attributes_count", "dropped_events_count",
    "dropped_links_count", "sample_weight", "sample_data", "redacted",
)  # fmt: skip
_REST: Final = (
    "attributes", "attribute_types", "resource", "resource_types", "resource_schema_url",
    "scope_attributes", "scope_attribute_types", "scope_schema_url",
)  # fmt: skip
_EVENT: Final = ("time", "name", "attributes", "attribute_types", "dropped_attributes_count")
_LINK: Final = (
    "trace_id", "span_id", "trace_state", "attributes", "attribute_types", "flags",
    "dropped_attributes_count",
)  # fmt: skip
#: Lists of objects that the store keeps as one list a field.
_LISTS: Final = {"events": _EVENT, "links": _LINK}
_PAYLOAD: Final = ("input", "output", "payload_attributes")
_PAYLOAD_LISTS: Final = {"payload_events": _EVENT}


def trace_spans(
    store: Store, trace_id: str, payload: bool = True, span_id: str = ""
) -> Iterator[dict[str, Any]]:
    """The spans of a trace, by start, one after another: ten thousand are a million objects.

    Messages that came as log events are shown as the input and output of spans without their own.

    Args:
        store: as a reader.
        trace_id: 32 hexadecimal digits.
        payload: whether to read what people and models wrote, too.
        span_id: only that one.
    """
    bounds = store.row(
        "SELECT toUnixTimestamp64Nano(min(start_time)), toUnixTimestamp64Nano(max(end_time)),"
        f" count() FROM {store.database}.traces WHERE trace_id = {{id:String}}",
        {"id": trace_id},
    )
    if not bounds[2]:
        return
    columns = (*_SPAN_COLUMNS, *_REST, *(_PAYLOAD if payload else ()))
    lists = _LISTS | (_PAYLOAD_LISTS if payload else {})
    selected = [f"s.{name}" for name in columns]
    selected += [_zipped(name, fields) for name, fields in lists.items()]
    selected += [f"{rfc3339(f's.{name}')} AS {name}" for name in _TIMES]
    selected.append("toString(toUnixTimestamp64Nano(s.start_time)) AS start_unix_nano")
    # As JSON text: a parser in C makes of it what the driver makes in seconds; and line by line,
    # so that the first are read while ClickHouse writes the next.
    lines = store.lines(
        f"SELECT {', '.join(selected)}"
        f" FROM {store.database}.spans AS s FINAL"
        " WHERE s.start_time >= fromUnixTimestamp64Nano({first:Int64})"
        " AND s.start_time <= fromUnixTimestamp64Nano({last:Int64}) AND s.trace_id = {id:String}"
        + (" AND s.span_id = {span:String}" if span_id else "")
        + " ORDER BY s.start_time, s.span_id",
        "JSONCompactEachRowWithNames",
        {"id": trace_id, "first": bounds[0], "last": bounds[1], "span": span_id},
    )
    keys = orjson.loads(next(lines, b"[]"))
    said = said_of_spans(store, trace_id, (bounds[0], bounds[1]), payload, span_id)
    for line in lines:
        span = _span(dict(zip(keys, orjson.loads(line), strict=True)), lists, payload)
        if said and span["span_id"] in said:
            said[span["span_id"]].add_to(span, payload)
        yield span


def _zipped(name: str, fields: Sequence[str]) -> str:
    """SQL that brings one list a field to one list of tuples."""
    lists = (
        f"arrayMap(t -> {rfc3339('t')}, s.`{name}.time`)"
        if each == "time"
        else f"s.`{name}.{each}`"
        for each in fields
    )
    return f"arrayZip({', '.join(lists)}) AS {name}"


def _span(row: dict[str, Any], lists: Mapping[str, Sequence[str]], payload: bool) -> dict[str, Any]:
    """A span from the columns of its row; those that are shown as they are stay."""
    take = row.pop
    kinds = take("attribute_types")
    row["attributes"] = restore_map(row["attributes"], kinds)
    row["resource"] = restore_map(row["resource"], take("resource_types"))
    row["scope_attributes"] = restore_map(row["scope_attributes"], take("scope_attribute_types"))
    if payload:
        row["payload_attributes"] = restore_map(row["payload_attributes"], kinds)
    for name, fields in lists.items():
        if row[name]:
            row[name] = [_object(fields, values) for values in row[name]]
    return row


def _object(fields: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    result = dict(zip(fields, values, strict=True))
    result["attributes"] = restore_map(result["attributes"], result.pop("attribute_types"))
    return result


def _nanoseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000_000) * 1000
