"""Tables of review queues in the state database, and their rows as values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Boolean, Float, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from spanglass_store.review.plan import Plan, read_plan
from spanglass_store.review.rubric import Answer, Rubric, read_rubric
from spanglass_store.state.database import Base, UtcTime

#: open: it needs labels. disputed: it has them, and they differ. done: it is clear what it is.
ItemState = Literal["open", "disputed", "done"]
#: claimed: somebody is looking at it. withdrawn: taken back.
LabelState = Literal["claimed", "labelled", "skipped", "withdrawn"]
#: Who adjudicates gives a label under this name, in front of their own.
FINAL: Final = "final:"


class ReviewQueueRow(Base):
    """A queue."""

    __tablename__ = "review_queues"

    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    instructions: Mapped[str] = mapped_column(Text)
    rubric: Mapped[str] = mapped_column(Text)
    plan: Mapped[str] = mapped_column(Text)
    labels_per_item: Mapped[int] = mapped_column(Integer)
    budget: Mapped[int] = mapped_column(Integer)
    is_open: Mapped[bool] = mapped_column(Boolean)
    # Of the random numbers by which items are drawn.
    seed: Mapped[str] = mapped_column(String(16))
    # Why it could not draw by itself, the last time.
    trouble: Mapped[str] = mapped_column(Text)
    # Counts changes: what is written first, so that nobody else changes the queue meanwhile.
    changes: Mapped[int] = mapped_column(Integer)
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ReviewStratumRow(Base):
    """A part of the traces that one draw chose from: how many there were."""

    __tablename__ = "review_strata"
    __table_args__ = (Index("review_strata_of_queue", "project", "name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    method: Mapped[str] = mapped_column(String(20))
    start: Mapped[datetime] = mapped_column(UtcTime)
    end: Mapped[datetime] = mapped_column(UtcTime)
    population: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ReviewItemRow(Base):
    """Something to look at."""

    __tablename__ = "review_items"
    __table_args__ = (
        Index("review_items_of_queue", "project", "name", "state", "place"),
        Index("review_items_once", "project", "name", "trace_id", "span_id", unique=True),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    trace_id: Mapped[str] = mapped_column(String(32), index=True)
    span_id: Mapped[str] = mapped_column(String(16))
    # The one to look at; the same unless a whole trace is judged.
    shown_span_id: Mapped[str] = mapped_column(String(16))
    stratum: Mapped[int | None] = mapped_column(Integer)
    method: Mapped[str] = mapped_column(String(20))
    # A random number from 0 to 1: items of all strata come in its order.
    place: Mapped[float] = mapped_column(Float)
    state: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ReviewLabelRow(Base):
    """What one reviewer says of one item."""

    __tablename__ = "review_labels"

    item: Mapped[int] = mapped_column(Integer, primary_key=True)
    annotator: Mapped[str] = mapped_column(String(200), primary_key=True)
    state: Mapped[str] = mapped_column(String(10))
    answers: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)
    correction: Mapped[str] = mapped_column(Text)
    # Whether the scores say the same.
    written: Mapped[bool] = mapped_column(Boolean)
    # A claim ends then.
    until: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


@dataclass(frozen=True)
class Queue:
    """A queue.

    Attributes:
        labels_per_item: how many people label each item.
        budget: items at most.
        seed: of the random numbers by which items are drawn.
        trouble: why it could not draw by itself; empty if it could.
    """

    project: str
    name: str
    instructions: str
    rubric: Rubric
    plan: Plan
    labels_per_item: int
    budget: int
    is_open: bool
    seed: str
    trouble: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True)
class ReviewStratum:
    """A part of the traces of a draw.

    Attributes:
        method: by which reason its items were chosen.
        start: earliest start of the draw's traces, inclusive.
        end: latest, exclusive.
        population: how many traces there were.
    """

    id: int
    method: str
    start: datetime
    end: datetime
    population: int


@dataclass(frozen=True)
class ReviewItem:
    """Something to look at.

    Attributes:
        span_id: what labels are of; empty for the whole trace.
        shown_span_id: the span to look at; may be empty.
        stratum: id of the part it was drawn from; None where it was put in by hand.
        method: by which reason it is there.
        place: its place in the queue.
    """

    id: int
    trace_id: str
    span_id: str
    shown_span_id: str
    stratum: int | None
    method: str
    place: float
    state: ItemState
    created_at: datetime


@dataclass(frozen=True)
class ReviewLabel:
    """What one reviewer says of one item.

    Attributes:
        annotator: who; with `final:` in front where it decides between others.
        answers: by question.
        correction: the answer as it should have been.
    """

    item: int
    annotator: str
    state: LabelState
    answers: Mapping[str, Answer]
    comment: str
    correction: str
    written: bool
    created_at: datetime
    updated_at: datetime

    @property
    def is_final(self) -> bool:
        return self.annotator.startswith(FINAL)


def queue_of(row: ReviewQueueRow) -> Queue:
    return Queue(
        row.project, row.name, row.instructions, read_rubric(json.loads(row.rubric)),
        read_plan(json.loads(row.plan)), row.labels_per_item, row.budget, row.is_open, row.seed,
        row.trouble, row.created_by, row.created_at,
    )  # fmt: skip


def stratum_of(row: ReviewStratumRow) -> ReviewStratum:
    return ReviewStratum(row.id, row.method, row.start, row.end, row.population)


def item_of(row: ReviewItemRow) -> ReviewItem:
    return ReviewItem(
        row.id, row.trace_id, row.span_id, row.shown_span_id, row.stratum, row.method, row.place,
        row.state, row.created_at,  # type: ignore[arg-type]
    )  # fmt: skip


def label_of(row: ReviewLabelRow) -> ReviewLabel:
    return ReviewLabel(
        row.item, row.annotator, row.state, json.loads(row.answers), row.comment,  # type: ignore[arg-type]
        row.correction, row.written, row.created_at, row.updated_at,
    )  # fmt: skip
