"""A trace's log records, and what those that are GenAI events say of its spans."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from spanglass_store.client import Store
from spanglass_store.errors import BadCursor
from spanglass_store.otlp.values import restore, restore_map

#: How far from a trace's spans its records are looked for, in days.
_DAYS: Final = 1
INPUT: Final = "gen_ai.input.messages"
OUTPUT: Final = "gen_ai.output.messages"
_EXCEPTION: Final = "gen_ai.client.operation.exception"
#: The event that has all of a call, of which the last counts; the others add up.
DETAILS: Final = "gen_ai.client.inference.operation.details"
MESSAGE_EVENTS: Final = (
    "gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message",
    "gen_ai.tool.message", "gen_ai.choice",
)  # fmt: skip

_WITHIN: Final = (
    "l.trace_id = {id:String}"
    f" AND toDate(l.time) >= toDate(fromUnixTimestamp64Nano({{first:Int64}})) - {_DAYS}"
    f" AND toDate(l.time) <= toDate(fromUnixTimestamp64Nano({{last:Int64}})) + {_DAYS}"
)
_TIME: Final = "concat(replaceOne(toString(l.{0}), ' ', 'T'), 'Z')"


@dataclass
class SaidOfSpan:
    """What log events say of one span.

    Attributes:
        input: messages, each as its JSON value.
        output: the same.
        payload: other attributes that carry content.
        exceptions: events, as a span's own are shown.
    """

    input: list[Any] = field(default_factory=list)
    output: list[Any] = field(default_factory=list)
    payload: dict[str, Any] = field(default_factory=dict)
    exceptions: list[dict[str, Any]] = field(default_factory=list)

    def add_to(self, row: dict[str, Any], payload: bool) -> None:
        """Shows it with the span, where that has nothing of its own."""
        row["events"] = [*row["events"], *self.exceptions]
        if not payload:
            return
        for side, key, messages in (
            ("input", INPUT, self.input),
            ("output", OUTPUT, self.output),
        ):
            if messages and not row[side] and not row[f"{side}_key"]:
                row[side] = orjson.dumps(messages).decode()
                row[f"{side}_key"] = key
        row["payload_attributes"] = self.payload | dict(row["payload_attributes"])


def said_of_spans(
    store: Store, trace_id: str, bounds: tuple[int, int], payload: bool, span_id: str = ""
) -> Mapping[str, SaidOfSpan]:
    """What log events say of the spans of a trace, by span id.

    Args:
        store: as a reader.
        trace_id: 32 hexadecimal digits, lower case.
        bounds: when the trace began and ended, in nanoseconds since 1970.
        payload: whether to read what people and models wrote, too.
        span_id: of that one alone.
    """
    names = (_EXCEPTION, *((DETAILS, *MESSAGE_EVENTS) if payload else ()))
    content = "l.payload_attributes" if payload else "map()"
    lines = store.lines(
        f"SELECT l.span_id, l.event_name, {_TIME.format('time')}, l.attributes, {content},"
        f" l.attribute_types, l.dropped_attributes_count FROM {store.database}.logs AS l FINAL"
        f" WHERE {_WITHIN} AND l.event_name IN {names!r}"
        + (" AND l.span_id = {span:String}" if span_id else " AND l.span_id != ''")
        + " ORDER BY l.time, l.observed_time",
        "JSONCompactEachRow",
        {"id": trace_id, "first": bounds[0], "last": bounds[1], "span": span_id},
    )
    found: dict[str, SaidOfSpan] = defaultdict(SaidOfSpan)
    whole: dict[str, SaidOfSpan] = {}
    for line in lines:
        span, name, time, attributes, contents, kinds, dropped = orjson.loads(line)
        if name == _EXCEPTION:
            found[span].exceptions.append(
                {
                    "time": time, "name": name, "attributes": restore_map(attributes, kinds),
                    "dropped_attributes_count": dropped,
                }
            )  # fmt: skip
            continue
        said = whole.setdefault(span, SaidOfSpan()) if name == DETAILS else found[span]
        for key, messages in ((INPUT, said.input), (OUTPUT, said.output)):
            text = contents.pop(key, "")
            if not text:
                continue
            if name == DETAILS:
                messages.clear()
            messages += _messages(text)
        if name == DETAILS:
            said.payload.update(restore_map(contents, kinds))
    for span, said in whole.items():
        of_span = found[span]
        of_span.input = said.input or of_span.input
        of_span.output = said.output or of_span.output
        of_span.payload = said.payload
    return found


def _messages(text: str) -> list[Any]:
    try:
        messages = orjson.loads(text)
    except ValueError:
        return [text]
    return messages if isinstance(messages, list) else [messages]


_COLUMNS: Final = (
    "project", "trace_id", "span_id", "service", "environment", "release", "scope_name",
    "scope_version", "event_name", "severity_number", "severity_text", "session_id", "user_id",
    "flags", "dropped_attributes_count", "sample_data",
)  # fmt: skip
_VALUES: Final = (
    "body",
    "body_type",
    "attributes",
    "attribute_types",
    "resource",
    "resource_types",
)
_PAYLOAD: Final = ("payload_body", "payload_attributes")


def trace_logs(
    store: Store, trace_id: str, payload: bool = True, limit: int = 1000, cursor: str = ""
) -> tuple[list[dict[str, Any]], str]:
    """The log records of a trace, by time, and the cursor of the next page; empty at the end.

    Args:
        store: as a reader.
        trace_id: 32 hexadecimal digits, lower case.
        payload: whether to read what people and models wrote, too.
        limit: most records of a page.
        cursor: of the page.

    Raises:
        BadCursor: if the cursor is not one of this list's.
    """
    try:
        after, digest = map(int, cursor.split("-")) if cursor else (0, 0)
    except ValueError:
        raise BadCursor from None
    columns = (*_COLUMNS, *_VALUES, *(_PAYLOAD if payload else ()))
    selected = [f"l.{name} AS {name}" for name in columns]
    selected += [f"{_TIME.format(name)} AS {name}" for name in ("time", "observed_time")]
    lines = store.text(
        f"SELECT {', '.join(selected)}, toUnixTimestamp64Nano(l.time), l.digest"
        f" FROM {store.database}.logs AS l FINAL WHERE l.trace_id = {{id:String}}"
        + (
            " AND (toUnixTimestamp64Nano(l.time), l.digest) > ({after:Int64}, {digest:UInt64})"
            if cursor
            else ""
        )
        + " ORDER BY l.time, l.digest LIMIT {most:UInt32}",
        "JSONCompactEachRow",
        {"id": trace_id, "after": after, "digest": digest, "most": limit + 1},
    ).splitlines()
    names = (*columns, "time", "observed_time")
    rows = []
    following = ""
    for line in lines[:limit]:
        *values, nanoseconds, mark = orjson.loads(line)
        rows.append(_record(dict(zip(names, values, strict=True))))
        following = f"{nanoseconds}-{mark}"
    return rows, following if len(lines) > limit else ""


def _record(row: dict[str, Any]) -> dict[str, Any]:
    kinds = row.pop("attribute_types")
    row["attributes"] = restore_map(row["attributes"], kinds)
    row["resource"] = restore_map(row["resource"], row.pop("resource_types"))
    if "payload_attributes" in row:
        row["payload_attributes"] = restore_map(row["payload_attributes"], kinds)
    kind = row.pop("body_type")
    for name in ("body", "payload_body"):
        if name in row:
            row[name] = restore(row[name], kind) if row[name] else None
    return row
