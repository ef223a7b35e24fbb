"""Judgements: writing them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from spanglass_store.client import Store

_COLUMNS: Final = (
    "project", "score_id", "name", "value", "label", "source", "explanation", "evaluator",
    "trace_id", "span_id", "session_id", "created_at", "metadata",
)  # fmt: skip


@dataclass(frozen=True)
class Score:
    """One judgement of a span, a trace or a session.

    Attributes:
        value: higher means more of what the name says; None if only a label is given.
        source: `human`, `user`, `code`, `judge` or `detector`.
        score_id: the same id again replaces a score.
    """

    project: str
    name: str
    value: float | None = None
    label: str = ""
    source: str = "code"
    explanation: str = ""
    evaluator: str = ""
    trace_id: str = ""
    span_id: str = ""
    session_id: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    score_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def add_scores(store: Store, scores: Sequence[Score]) -> None:
    """Stores judgements; they are on disk when this returns.

    Args:
        store: as the owner.
    """
    rows = [[getattr(score, name) for name in _COLUMNS] for score in scores]
    store.insert("scores", _COLUMNS, rows)
