"""The shape of a trace: what its tree and waterfall show, and no more.

A span whole is some 2 kB, most of it attributes and a resource that all spans share. A person who
opens a trace of ten thousand spans reads a few of them, so the rest comes without.
"""

from dataclasses import dataclass
from typing import Final

from spanglass_store.client import Store

#: Spans that a tree has at most.
MOST_SPANS: Final = 50_000

#: Columns as they are, in the order of the rows.
COLUMNS: Final = (
    "span_id", "parent_span_id", "name", "span_kind", "operation", "service", "environment",
    "start_unix_nano", "duration_ns", "end_before_start", "status", "status_message", "error_type",
    "finish_reasons", "provider", "request_model", "response_model", "input_tokens",
    "output_tokens", "cache_read_tokens", "reasoning_tokens", "tokens_estimated", "cost_usd",
    "cost_source", "time_to_first_token_s", "time_per_output_token_s", "session_id", "user_id",
    "agent_name", "tool_name", "prompt_name", "prompt_version", "input_key", "output_key",
    "sample_data", "redacted",
)  # fmt: skip
_EXPRESSIONS: Final = {
    # As text: a double can't hold it.
    "start_unix_nano": "toString(toUnixTimestamp64Nano(s.start_time))",
    "status_message": "substringUTF8(s.status_message, 1, 1000)",
}


@dataclass(frozen=True)
class TraceTree:
    """Spans of a trace by start.

    Attributes:
        rows: JSON texts, one a span: a list with a value for each of `COLUMNS`.
        truncated: whether spans beyond the first `MOST_SPANS` are missing.
    """

    rows: list[bytes]
    truncated: bool


def trace_tree(store: Store, trace_id: str) -> TraceTree:
    """The spans of a trace without attributes, events and payload; empty if there is none.

    Args:
        store: as a reader.
        trace_id: 32 hexadecimal digits, lower case.
    """
    first, last, parts = store.row(
        "SELECT toUnixTimestamp64Nano(min(start_time)), toUnixTimestamp64Nano(max(end_time)),"
        f" count() FROM {store.database}.traces WHERE trace_id = {{id:String}}",
        {"id": trace_id},
    )
    if not parts:
        return TraceTree([], truncated=False)
    selected = ", ".join(_EXPRESSIONS.get(name, f"s.{name}") for name in COLUMNS)
    # ClickHouse writes the rows, so no span becomes a Python object.
    text = store.text(
        f"SELECT {selected} FROM {store.database}.spans AS s FINAL"
        " WHERE s.start_time >= fromUnixTimestamp64Nano({first:Int64})"
        " AND s.start_time <= fromUnixTimestamp64Nano({last:Int64}) AND s.trace_id = {id:String}"
        " ORDER BY s.start_time, s.span_id LIMIT {most:UInt32}",
        "JSONCompactEachRow",
        {"id": trace_id, "first": first, "last": last, "most": MOST_SPANS + 1},
    )
    rows = text.splitlines()
    return TraceTree(rows[:MOST_SPANS], truncated=len(rows) > MOST_SPANS)
