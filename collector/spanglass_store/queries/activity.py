"""Sessions and users: what each did, what that cost, and what was thought of it.

A trace belongs to one session and one user. Sums are of the traces that begin in the range.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final, Literal

from spanglass_store.client import Store
from spanglass_store.errors import BadCursor
from spanglass_store.queries.quality import FLAGGED
from spanglass_store.queries.traces import Page, TraceFilter

By = Literal["session", "user"]
ActivityOrder = Literal["last", "turns", "duration", "tokens", "cost", "errors", "sessions"]
Feedback = Literal["", "up", "down"]

_ID: Final[Mapping[By, str]] = {"session": "session_id", "user": "user_id"}
#: Values of a session that are listed at most.
_MOST_VALUES: Final = 20
_SORT: Final[Mapping[ActivityOrder, str]] = {
    "last": "toUnixTimestamp64Nano(last)",
    "turns": "turns",
    "duration": "duration_ns",
    "tokens": "total_tokens",
    "cost": "cost_usd",
    "errors": "errors",
    "sessions": "sessions",
}
#: What users say of an answer: a thumb is 1 or 0, stars go from 0 to 1.
_OPINION: Final = "s.source = 'user' AND s.value IS NOT NULL"
LIKED: Final = f"{_OPINION} AND s.value >= 0.5"
DISLIKED: Final = f"{_OPINION} AND s.value < 0.5"


@dataclass(frozen=True)
class ActivityFilter:
    """Which sessions or users.

    Attributes:
        traces: those with a trace that this shows; its range is that of the sums.
        feedback: those with a trace, or themselves, that somebody liked or did not like.
    """

    traces: TraceFilter
    feedback: Feedback = ""


def list_activity(
    store: Store,
    which: ActivityFilter,
    by: By,
    order: ActivityOrder = "last",
    descending: bool = True,
    limit: int = 50,
    cursor: str = "",
) -> Page:
    """A page of sessions or users. Reads no payload column.

    Args:
        store: as a reader.
        which: conditions.
        by: what a row is.
        order: by what they are sorted.
        descending: largest or latest first.
        limit: most rows.
        cursor: of the page; empty for the first.

    Returns:
        Rows with `id`, sums of their traces, and what was thought of them.

    Raises:
        BadCursor: if the cursor is not one of this list's.
    """
    key = _SORT[order]
    direction, compare = ("DESC", "<") if descending else ("ASC", ">")
    source, values = _source(store, which, by)
    having = ""
    if cursor:
        at, project, id_ = _read_cursor(cursor, f"{by} {order}")
        kind = "Float64" if order == "cost" else "Int64"
        having = (
            f" HAVING ({'toFloat64' if order == 'cost' else 'toInt64'}({key}), project, id)"
            f" {compare} ({{at:{kind}}}, {{at_project:String}}, {{at_id:String}})"
        )
        values |= {"at": at, "at_project": project, "at_id": id_}
    found = store.query(
        f"SELECT {_SUMS}, {key} AS sort_key FROM ({source}) AS g GROUP BY project, id{having}"
        f" ORDER BY sort_key {direction}, project {direction}, id {direction}"
        " LIMIT {limit:UInt32}",
        {**values, "limit": limit + 1, "most": _MOST_VALUES},
    ).dicts()
    rows = found[:limit]
    following = ""
    if len(found) > limit:
        last = rows[-1]
        following = _cursor(f"{by} {order}", last["sort_key"], last["project"], last["id"])
    for row in rows:
        del row["sort_key"]
        for name in ("first", "last"):
            row[name] = row[name].replace(tzinfo=UTC)
    _add_opinions(store, which, by, rows)
    return Page(rows, following)


_SUMS: Final = (
    "g.project AS project, g.id AS id, min(g.start_time) AS first, max(g.end_time) AS last,"
    " toInt64(toUnixTimestamp64Nano(last) - toUnixTimestamp64Nano(first)) AS duration_ns,"
    " count() AS turns, uniqExactIf(g.session_id, g.session_id != '') AS sessions,"
    " countIf(g.errors > 0) AS errors, sum(g.input_tokens) AS input_tokens,"
    " sum(g.output_tokens) AS output_tokens, sum(g.total_tokens) AS total_tokens,"
    " sum(g.cost_usd) AS cost_usd, argMin(g.root_name, g.start_time) AS name,"
    " arraySlice(arraySort(groupUniqArrayArray(g.models)), 1, {most:UInt8}) AS models,"
    " arraySlice(arraySort(groupUniqArrayArray(g.services)), 1, {most:UInt8}) AS services,"
    " arraySlice(arraySort(groupUniqArrayIf(g.user_id, g.user_id != '')), 1, {most:UInt8})"
    " AS users,"
    " arraySlice(arraySort(groupUniqArrayIf(g.feature, g.feature != '')), 1, {most:UInt8})"
    " AS features, max(g.sample_data) AS sample_data"
)
_COLUMNS: Final = (
    "project", "session_id", "user_id", "feature", "models", "services", "root_name",
    "input_tokens", "output_tokens", "total_tokens", "cost_usd", "errors", "sample_data",
)  # fmt: skip


def _source(store: Store, which: ActivityFilter, by: By) -> tuple[str, dict[str, Any]]:
    """The traces of the range that belong to the sessions or users that are asked for."""
    given = which.traces
    # A session is found by any of its traces, and is summed up by all of them in the range.
    whole = TraceFilter(given.start, given.end, given.project)
    of_all, values = whole.conditions(store.database)
    of_some, its_values = given.conditions(store.database)
    id_ = _ID[by]
    where = [*of_all, f"{id_} != ''"]
    if by == "session" and given.session_id:
        where.append("session_id = {session:String}")
        of_some = [each for each in of_some if each != "session_id = {session:String}"]
    if len(of_some) > len(of_all):
        where.append(
            f"(project, {id_}) IN (SELECT project, {id_} FROM {store.database}.traces AS t FINAL"
            f" WHERE {' AND '.join(of_some)})"
        )
    if which.feedback:
        said = LIKED if which.feedback == "up" else DISLIKED
        # What is said of a trace is said after it began; of the whole session it may name that.
        scores = (
            f"FROM {store.database}.scores AS s FINAL WHERE {said}"
            " AND s.created_at >= fromUnixTimestamp64Nano({start:Int64})"
        )
        traces = (
            f"SELECT project, {id_} FROM {store.database}.traces AS t FINAL"
            f" WHERE {' AND '.join(of_all)}"
            f" AND ((project, trace_id) IN (SELECT s.project, s.trace_id {scores})"
            " OR (session_id != '' AND (project, session_id) IN"
            f" (SELECT s.project, s.session_id {scores})))"
        )
        where.append(f"(project, {id_}) IN ({traces})")
    columns = ", ".join(f"t.{name} AS {name}" for name in _COLUMNS)
    sql = (
        f"SELECT {columns}, t.start_time AS start_time, t.end_time AS end_time, t.{id_} AS id"
        f" FROM {store.database}.traces AS t FINAL WHERE {' AND '.join(where)}"
    )
    return sql, {**values, **its_values}


def _add_opinions(
    store: Store, which: ActivityFilter, by: By, rows: Sequence[dict[str, Any]]
) -> None:
    """Puts to each row how often its answers were liked, disliked, and flagged by a detector."""
    for row in rows:
        row |= {"liked": 0, "disliked": 0, "flagged": 0, "groundedness": None}
    if not rows:
        return
    given = which.traces
    of_all, values = TraceFilter(given.start, given.end, given.project).conditions(store.database)
    id_ = _ID[by]
    sums = (
        f"countIf({LIKED}) AS liked, countIf({DISLIKED}) AS disliked,"
        f" countIf({FLAGGED}) AS flagged,"
        " avgIf(assumeNotNull(s.value), s.name = 'groundedness' AND s.value IS NOT NULL"
        " AND s.source = 'detector') AS groundedness"
    )
    scores = f"{store.database}.scores AS s FINAL"
    traces = (
        f"SELECT t.project AS project, t.trace_id AS trace_id, t.{id_} AS id"
        f" FROM {store.database}.traces AS t FINAL WHERE {' AND '.join(of_all)}"
        f" AND (project, {id_}) IN {{rows:Array(Tuple(String, String))}}"
    )
    values["rows"] = [(row["project"], row["id"]) for row in rows]
    of_traces = (
        f"SELECT g.project AS project, g.id AS id, {sums} FROM {scores}"
        f" INNER JOIN ({traces}) AS g ON s.project = g.project AND s.trace_id = g.trace_id"
        f" WHERE (s.project, s.trace_id) IN (SELECT project, trace_id FROM ({traces}))"
        " GROUP BY project, id"
    )
    parts = [of_traces]
    if by == "session":
        parts.append(
            f"SELECT s.project AS project, s.session_id AS id, {sums} FROM {scores}"
            " WHERE s.trace_id = '' AND (s.project, s.session_id) IN"
            " {rows:Array(Tuple(String, String))} GROUP BY project, id"
        )
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in store.query(" UNION ALL ".join(parts), values).dicts():
        found.setdefault((row["project"], row["id"]), []).append(row)
    for row in rows:
        for its in found.get((row["project"], row["id"]), []):
            for name in ("liked", "disliked", "flagged"):
                row[name] += int(its[name])
            if not math.isnan(its["groundedness"]):
                row["groundedness"] = float(its["groundedness"])


def _cursor(order: str, value: float, project: str, id_: str) -> str:
    text = json.dumps([order, value, project, id_])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, order: str) -> tuple[float, str, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        made_for, value, project, id_ = json.loads(text)
        fits = (
            isinstance(value, int | float) and math.isfinite(value)
            if order.endswith(" cost")
            else type(value) is int and abs(value) < 1 << 63
        )
        if made_for == order and fits and isinstance(project, str) and isinstance(id_, str):
            return value, project, id_
    except (ValueError, TypeError, OverflowError):
        pass
    raise BadCursor
