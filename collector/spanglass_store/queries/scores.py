"""Judgements: writing and reading them."""

import base64
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.errors import BadCursor
from spanglass_store.schema import PAYLOAD_COLUMNS

SCORE_COLUMNS: Final = (
    "project", "score_id", "name", "value", "label", "source", "explanation", "correction",
    "evaluator", "trace_id", "span_id", "response_id", "session_id", "created_at", "metadata",
)  # fmt: skip


@dataclass(frozen=True)
class Score:
    """One judgement of a span, a trace or a session.

    Attributes:
        value: higher means more of what the name says; None if only a label is given.
        source: `human`, `user`, `code`, `judge` or `detector`.
        correction: the answer as it should have been.
        response_id: the provider's id of the answer that is judged.
        score_id: the same id again replaces a score.
    """

    project: str
    name: str
    value: float | None = None
    label: str = ""
    source: str = "code"
    explanation: str = ""
    correction: str = ""
    evaluator: str = ""
    trace_id: str = ""
    span_id: str = ""
    response_id: str = ""
    session_id: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    score_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def add_scores(store: Store, scores: Sequence[Score]) -> None:
    """Stores judgements; they are on disk when this returns.

    Args:
        store: as the owner.
    """
    rows = [[getattr(score, name) for name in SCORE_COLUMNS] for score in scores]
    store.insert("scores", SCORE_COLUMNS, rows)


@dataclass(frozen=True)
class ScoreFilter:
    """Which scores a list shows; everything that is given has to hold.

    Attributes:
        start: earliest time of the judgement, inclusive; None for all.
        end: latest time of the judgement, exclusive; None for all.
    """

    start: datetime | None = None
    end: datetime | None = None
    project: str = ""
    name: str = ""
    source: str = ""
    trace_id: str = ""
    span_id: str = ""
    session_id: str = ""


@dataclass(frozen=True)
class ScorePage:
    """One page of a list.

    Attributes:
        items: the rows.
        next: the cursor of the next page; empty at the end.
    """

    items: list[dict[str, Any]]
    next: str = ""


def list_scores(
    store: Store, which: ScoreFilter, payload: bool, limit: int = 100, cursor: str = ""
) -> ScorePage:
    """Scores, the latest first.

    Those of a trace or span are also those that name the answer it got rather than its id.

    Args:
        store: as a reader.
        which: conditions.
        payload: whether what people wrote is included (`explanation`, `correction`).
        limit: most rows.
        cursor: of the page; empty for the first.

    Raises:
        BadCursor: if the cursor is not one of this list's.
    """
    where = ["1"]
    values: dict[str, Any] = {"limit": limit + 1}

    def add(name: str, value: Any, condition: str) -> None:
        if value not in ("", None):
            where.append(condition)
            values[name] = value

    def of_answer(condition: str) -> str:
        return (
            "(s.trace_id = '' AND s.response_id != '' AND s.response_id IN"
            f" (SELECT attributes['gen_ai.response.id'] FROM {store.database}.spans"
            f" WHERE {condition}))"
        )

    add("start", _naive(which.start), "s.created_at >= {start:DateTime64(6)}")
    add("end", _naive(which.end), "s.created_at < {end:DateTime64(6)}")
    for name in ("project", "name", "source", "session_id"):
        add(name, getattr(which, name), f"s.{name} = {{{name}:String}}")
    trace = "trace_id = {trace:String}"
    add("trace", which.trace_id, f"(s.{trace} OR {of_answer(trace)})")
    span = "span_id = {span:String}"
    add("span", which.span_id, f"(s.{span} OR {of_answer(f'{trace} AND {span}')})")
    if cursor:
        where.append("(s.created_at, s.score_id) < ({at:DateTime64(6)}, {at_id:String})")
        values["at"], values["at_id"] = _read_cursor(cursor)
    columns = [name for name in SCORE_COLUMNS if payload or name not in PAYLOAD_COLUMNS["scores"]]
    found = store.query(
        f"SELECT {', '.join(f's.{name} AS {name}' for name in columns)}"
        f" FROM {store.database}.scores AS s FINAL WHERE {' AND '.join(where)}"
        " ORDER BY s.created_at DESC, s.score_id DESC LIMIT {limit:UInt32}",
        values,
    ).dicts()
    rows = found[:limit]
    for row in rows:
        row["created_at"] = row["created_at"].replace(tzinfo=UTC)
    return ScorePage(rows, _cursor(rows[-1]) if len(found) > limit else "")


def _cursor(row: dict[str, Any]) -> str:
    text = json.dumps([row["created_at"].isoformat(), row["score_id"]])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, score_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        moment = datetime.fromisoformat(at).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, TypeError, OverflowError):
        raise BadCursor from None
    if not isinstance(score_id, str) or not 1970 <= moment.year <= 2200:
        raise BadCursor
    return moment, score_id


def _naive(moment: datetime | None) -> datetime | None:
    return moment and moment.astimezone(UTC).replace(tzinfo=None)
