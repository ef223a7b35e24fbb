"""What an application was given and what it answered: of traces, for datasets and reviews."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from spanglass_detectors.content import parsed_json
from spanglass_store.client import Store
from spanglass_store.errors import QueryRefused
from spanglass_store.prices.costs import IS_INFERENCE
from spanglass_store.statements import check_statement

#: Traces that one statement reads.
_AT_ONCE: Final = 200
#: Most that one SELECT may choose.
MOST_CHOSEN: Final = 10_000
_COLUMNS: Final = (
    "trace_id", "span_id", "project", "name", "operation", "input", "output", "session_id",
    "user_id", "feature", "request_model", "prompt_name", "prompt_version", "start_time",
)  # fmt: skip


class Target(NamedTuple):
    """A span, or with an empty `span_id` what a whole trace is about."""

    trace_id: str
    span_id: str = ""


@dataclass(frozen=True)
class Exchange:
    """One question and its answer.

    Attributes:
        span_id: of the span that was asked for, or that was taken of the trace: its root, or else
            its first call of a model.
        input: messages or values where the span has JSON, else text.
        output: the same.
        reference: what the answer should have been, by the attribute `spanglass.reference`.
        correction: the same, by whoever judged it last.
    """

    trace_id: str
    span_id: str
    project: str
    name: str
    operation: str
    input: Any
    output: Any
    reference: str
    correction: str
    session_id: str
    user_id: str
    feature: str
    request_model: str
    prompt_name: str
    prompt_version: str
    start_time: datetime


def exchanges(store: Store, targets: Sequence[Target]) -> list[Exchange]:
    """What the targets were given and answered, in their order; those without input are left out.

    Args:
        store: as a reader with the payload grant.
        targets: spans or traces.
    """
    found: dict[Target, Exchange] = {}
    for first in range(0, len(targets), _AT_ONCE):
        some = targets[first : first + _AT_ONCE]
        corrected = _corrections(store, some)
        for row in _rows(store, some):
            wanted = Target(row["trace_id"], row["span_id"] if row.pop("is_asked") else "")
            for name in ("input", "output"):
                value = parsed_json(row[name])
                row[name] = row[name] if value is None else value
            correction = corrected.get((row["trace_id"], row["span_id"])) or corrected.get(
                (row["trace_id"], "")
            )
            found[wanted] = Exchange(**row, correction=correction or "")
    return [found[each] for each in dict.fromkeys(targets) if each in found]


def chosen(store: Store, sql: str) -> list[Target]:
    """The traces or spans that a SELECT names, in its order.

    Args:
        store: as the reader who asks.
        sql: it has to give a column `trace_id`, and may give `span_id`.

    Raises:
        QueryRefused: if it is none that a reader may run, or gives no `trace_id`.
    """
    text = sql.strip().rstrip(";")
    check_statement(store, text, {})
    rows = store.query(f"SELECT * FROM (\n{text}\n) LIMIT {MOST_CHOSEN}")
    # An answer without rows names no columns.
    if rows.rows and "trace_id" not in rows.columns:
        raise QueryRefused(
            "The SELECT has to give a column trace_id, and span_id where spans are meant: SELECT"
            " trace_id FROM traces WHERE …"
        )
    return [
        Target(str(row["trace_id"]).lower(), str(row.get("span_id") or "").lower())
        for row in rows.dicts()
        if row["trace_id"]
    ]


def _rows(store: Store, targets: Sequence[Target]) -> list[dict[str, Any]]:
    ids = sorted({each.trace_id for each in targets})
    spans = [(each.trace_id, each.span_id) for each in targets if each.span_id]
    whole = sorted({each.trace_id for each in targets if not each.span_id})
    first, last, parts = store.row(
        "SELECT toUnixTimestamp64Nano(min(start_time)), toUnixTimestamp64Nano(max(end_time)),"
        f" count() FROM {store.database}.traces WHERE trace_id IN {{ids:Array(String)}}",
        {"ids": ids},
    )
    if not parts:
        return []
    columns = ", ".join(f"s.{name} AS {name}" for name in _COLUMNS)
    reference = "s.payload_attributes['spanglass.reference'] AS reference"
    where = (
        f" FROM {store.database}.spans AS s FINAL"
        " WHERE s.start_time >= fromUnixTimestamp64Nano({first:Int64})"
        " AND s.start_time <= fromUnixTimestamp64Nano({last:Int64}) AND s.input != ''"
    )
    times = {"first": first, "last": last}
    found: list[dict[str, Any]] = []
    if whole:
        found += store.query(
            f"SELECT {columns}, {reference}, 0 AS is_asked{where}"
            " AND s.trace_id IN {ids:Array(String)}"
            f" AND (s.parent_span_id = '' OR {IS_INFERENCE})"
            " ORDER BY s.trace_id, s.parent_span_id != '', s.start_time, s.span_id"
            " LIMIT 1 BY s.trace_id",
            {**times, "ids": whole},
        ).dicts()
    if spans:
        found += store.query(
            f"SELECT {columns}, {reference}, 1 AS is_asked{where}"
            " AND s.trace_id IN {ids:Array(String)} AND s.span_id IN {spans:Array(String)}"
            " LIMIT {most:UInt32}",
            {
                **times, "ids": ids, "spans": sorted({span for _, span in spans}),
                "most": 10 * _AT_ONCE,
            },
        ).dicts()  # fmt: skip
    return found


def _corrections(store: Store, targets: Sequence[Target]) -> dict[tuple[str, str], str]:
    rows = store.query(
        f"SELECT trace_id, span_id, correction FROM {store.database}.scores FINAL"
        " WHERE trace_id IN {ids:Array(String)} AND correction != ''"
        " ORDER BY created_at DESC LIMIT 1 BY trace_id, span_id",
        {"ids": sorted({each.trace_id for each in targets})},
    ).rows
    found = {(trace, span): text for trace, span, text in rows}
    # What was said of any span of a trace corrects the trace, too, where nothing else does.
    for (trace, _), text in list(found.items()):
        found.setdefault((trace, ""), text)
    return found
