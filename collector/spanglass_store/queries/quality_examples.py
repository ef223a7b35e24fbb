"""The worst of a score, with what was said of each, and where it is."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from spanglass_store.client import Store
from spanglass_store.errors import BadCursor
from spanglass_store.queries.quality import FLAGGED, QualityFilter, judged
from spanglass_store.queries.scores import ScorePage

ExampleOrder = Literal["lowest", "highest", "latest"]

_COLUMNS: Final = (
    "project", "score_id", "value", "label", "source", "evaluator", "trace_id", "span_id",
    "session_id", "created_at", "metadata",
)  # fmt: skip
_PAYLOAD: Final = ("explanation", "correction")
_OF_SPAN: Final = ("name", "operation", "service", "environment", "model", "prompt_version")
#: Key and direction of each order. What has no value comes behind what has one.
_SORT: Final[Mapping[str, tuple[str, str]]] = {
    "lowest": ("ifNull(s.value, inf)", "ASC"),
    "highest": ("ifNull(s.value, -inf)", "DESC"),
    "latest": ("toFloat64(toUnixTimestamp64Micro(s.created_at))", "DESC"),
}
#: What is said of a span may be said days after it.
_LATER: Final = timedelta(days=7)


def examples(
    store: Store,
    which: QualityFilter,
    payload: bool,
    order: ExampleOrder = "lowest",
    label: str = "",
    flagged: bool = False,
    limit: int = 20,
    cursor: str = "",
) -> ScorePage:
    """Scores of a name, the worst first, with name, service and model of what was judged.

    Args:
        store: as a reader.
        which: conditions, a name among them.
        payload: whether what people and models wrote is included.
        order: by which value; the latest first among equals.
        label: only those with this label.
        flagged: only those in which a detector found something.
        limit: most rows.
        cursor: of the page; empty for the first.

    Raises:
        BadCursor: if the cursor is not one of this list's.
    """
    source, values = judged(store, which)
    key, direction = _SORT[order]
    where = ""
    if label:
        where += " AND s.label = {label:String}"
        values["label"] = label
    if flagged:
        where += f" AND {FLAGGED}"
    if cursor:
        compare = "<" if direction == "DESC" else ">"
        at, score_id = _read_cursor(cursor, order)
        where += f" AND ({key}, s.score_id) {compare} ({{at:Float64}}, {{at_id:String}})"
        values |= {"at": at, "at_id": score_id}
    columns = [*_COLUMNS, *(_PAYLOAD if payload else ())]
    rows = store.query(
        f"SELECT {', '.join(f's.{name} AS {name}' for name in columns)}, {key} AS sort_key"
        f" FROM {source}{where}"
        f" ORDER BY sort_key {direction}, s.score_id {direction} LIMIT {{limit:UInt32}}",
        {**values, "limit": limit + 1},
    ).dicts()
    found = rows[:limit]
    following = _cursor(order, found[-1]) if len(rows) > limit else ""
    _add_spans(store, found)
    for row in found:
        del row["sort_key"]
    return ScorePage(found, following)


def _add_spans(store: Store, rows: Sequence[dict[str, Any]]) -> None:
    """Puts to each score what it is of; of a whole trace that is its root."""
    for row in rows:
        row["created_at"] = row["created_at"].replace(tzinfo=UTC)
        row["span"] = dict.fromkeys(_OF_SPAN, "")
    traces = sorted({row["trace_id"] for row in rows if row["trace_id"]})
    if not traces:
        return
    times: list[datetime] = [row["created_at"] for row in rows]
    spans = store.query(
        "SELECT project, trace_id, span_id, parent_span_id = '' AS is_root, name, operation,"
        " service, environment, if(request_model != '', request_model, response_model) AS model,"
        " if(prompt_name = '', '', concat(prompt_name, ':', prompt_version)) AS prompt_version"
        f" FROM {store.database}.spans WHERE start_time >= {{first:DateTime64(6, 'UTC')}}"
        " AND start_time <= {last:DateTime64(6, 'UTC')} AND trace_id IN {traces:Array(String)}"
        " AND (span_id IN {spans:Array(String)} OR parent_span_id = '')",
        {
            "first": min(times) - _LATER, "last": max(times) + timedelta(days=1),
            "traces": traces, "spans": sorted({row["span_id"] for row in rows}),
        },
    ).dicts()  # fmt: skip
    known: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for span in spans:
        known[span["project"], span["trace_id"], span["span_id"]] = span
        if span["is_root"]:
            known[span["project"], span["trace_id"], ""] = span
    for row in rows:
        found = known.get((row["project"], row["trace_id"], row["span_id"]))
        if found is not None:
            row["span"] = {name: str(found[name]) for name in _OF_SPAN}


def _cursor(order: str, row: Mapping[str, Any]) -> str:
    # Infinity is no JSON that others can read.
    text = json.dumps([order, str(row["sort_key"]), row["score_id"]])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, order: str) -> tuple[float, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        made_for, value, score_id = json.loads(text)
        at = float(value)
        if made_for == order and not math.isnan(at) and isinstance(score_id, str):
            return at, score_id
    except (ValueError, TypeError, OverflowError):
        pass
    raise BadCursor
