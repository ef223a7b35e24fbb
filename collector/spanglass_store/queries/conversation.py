"""One session as a thread: its traces in order, with question, answer and judgements."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.errors import BadCursor
from spanglass_store.prices.costs import IS_INFERENCE
from spanglass_store.queries.scores import SCORE_COLUMNS
from spanglass_store.queries.traces import TraceFilter, rfc3339
from spanglass_store.schema import PAYLOAD_COLUMNS

#: Characters of an input or output; of a longer one this much is given.
MOST_CHARACTERS: Final = 200_000
#: Judgements of a page at most.
_MOST_SCORES: Final = 2_000
_COLUMNS: Final = (
    "trace_id", "duration_ns", "root_span_id", "root_name", "root_service", "status", "complete",
    "spans", "errors", "total_tokens", "cost_usd", "models", "user_id", "feature", "sample_data",
)  # fmt: skip


@dataclass(frozen=True)
class Thread:
    """A page of a session's traces.

    Attributes:
        turns: the traces, the earliest first, each with the span that says what was asked and
            answered (`said`; None if none does) and with its `scores`.
        scores: of the session itself.
        next: the cursor of the next page; empty at the end.
    """

    turns: list[dict[str, Any]]
    scores: list[dict[str, Any]] = field(default_factory=list)
    next: str = ""


def thread(
    store: Store, which: TraceFilter, payload: bool, limit: int = 50, cursor: str = ""
) -> Thread:
    """A page of a session's turns.

    Args:
        store: as a reader.
        which: the range, with a project and a session.
        payload: whether what people and models wrote is included.
        limit: most turns.
        cursor: of the page; empty for the first.

    Raises:
        BadCursor: if the cursor is not one of this list's.
    """
    where, values = which.conditions(store.database)
    if cursor:
        where.append(
            "(toUnixTimestamp64Nano(t.start_time), trace_id) > ({at:Int64}, {at_id:String})"
        )
        values["at"], values["at_id"] = _read_cursor(cursor)
    found = store.query(
        f"SELECT {', '.join(_COLUMNS)}, toUnixTimestamp64Nano(t.start_time) AS began,"
        f" toUnixTimestamp64Nano(t.end_time) AS ended, {rfc3339('t.start_time')} AS start_time"
        f" FROM {store.database}.traces AS t FINAL WHERE {' AND '.join(where)}"
        " ORDER BY began, trace_id LIMIT {limit:UInt32}",
        {**values, "limit": limit + 1},
    ).dicts()
    turns = found[:limit]
    following = _cursor(turns[-1]) if len(found) > limit else ""
    said = _said(store, which, turns, payload)
    scores = _scores(store, which, turns, payload, whole=not cursor)
    for turn in turns:
        turn["said"] = said.get(turn["trace_id"])
        turn["scores"] = [each for each in scores if each["trace_id"] == turn["trace_id"]]
    return Thread(turns, [each for each in scores if not each["trace_id"]], following)


def _said(
    store: Store, which: TraceFilter, turns: Sequence[Mapping[str, Any]], payload: bool
) -> dict[str, dict[str, Any]]:
    """Of each trace the span that says what was asked and answered, nearest to the user.

    That is the root, else the highest agent or workflow, else the last call of a model: of those
    that have an output, if any has.
    """
    if not turns:
        return {}
    columns = "span_id, operation, input_key, output_key"
    if payload:
        columns += (
            ", substringUTF8(input, 1, {most:UInt32}) AS input_,"
            " substringUTF8(output, 1, {most:UInt32}) AS output_,"
            " lengthUTF8(input) > {most:UInt32} OR lengthUTF8(output) > {most:UInt32} AS is_cut"
        )
    rows = store.query(
        f"SELECT trace_id, {columns} FROM {store.database}.spans FINAL"
        " WHERE project = {project:String}"
        " AND start_time >= fromUnixTimestamp64Nano({first:Int64})"
        " AND start_time <= fromUnixTimestamp64Nano({last:Int64})"
        " AND trace_id IN {traces:Array(String)} AND (input_key != '' OR output_key != '')"
        " AND operation NOT IN ('embeddings', 'retrieval', 'rerank', 'execute_tool')"
        " ORDER BY output_key != '' DESC, parent_span_id = '' DESC,"
        f" {IS_INFERENCE}, if({IS_INFERENCE}, -toUnixTimestamp64Nano(start_time),"
        " toUnixTimestamp64Nano(start_time)), span_id LIMIT 1 BY trace_id",
        {
            "project": which.project, "traces": [turn["trace_id"] for turn in turns],
            "first": min(turn["began"] for turn in turns),
            "last": max(turn["ended"] for turn in turns), "most": MOST_CHARACTERS,
        },
    ).dicts()  # fmt: skip
    found = {}
    for row in rows:
        row["input"], row["output"] = row.pop("input_", None), row.pop("output_", None)
        row["is_cut"] = bool(row.get("is_cut", False))
        found[str(row.pop("trace_id"))] = row
    return found


def _scores(
    store: Store,
    which: TraceFilter,
    turns: Sequence[Mapping[str, Any]],
    payload: bool,
    whole: bool,
) -> list[dict[str, Any]]:
    columns = [name for name in SCORE_COLUMNS if payload or name not in PAYLOAD_COLUMNS["scores"]]
    # People first, then what a machine found: a long answer has a dozen scores of detectors.
    rows = store.query(
        f"SELECT {', '.join(f's.{name} AS {name}' for name in columns)}"
        f" FROM {store.database}.scores AS s FINAL WHERE s.project = {{project:String}}"
        " AND (s.trace_id IN {traces:Array(String)}"
        + (" OR (s.trace_id = '' AND s.session_id = {session:String})" if whole else "")
        + ") ORDER BY s.source = 'detector', s.label = '', s.created_at, s.score_id"
        " LIMIT {most:UInt32}",
        {
            "project": which.project, "session": which.session_id, "most": _MOST_SCORES,
            "traces": [turn["trace_id"] for turn in turns],
        },
    ).dicts()  # fmt: skip
    for row in rows:
        row["created_at"] = row["created_at"].replace(tzinfo=UTC)
        row["id"] = row.pop("score_id")
    return rows


def _cursor(row: Mapping[str, Any]) -> str:
    text = json.dumps([row["began"], row["trace_id"]])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[int, str]:
    try:
        at, trace_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if type(at) is int and abs(at) < 1 << 63 and isinstance(trace_id, str):
            return at, trace_id
    except (ValueError, TypeError):
        pass
    raise BadCursor
