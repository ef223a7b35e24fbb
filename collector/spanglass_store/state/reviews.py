"""Review queues in the state database: what is asked, and what is to be looked at."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from spanglass_store.errors import Conflict, StoreError, Unknown
from spanglass_store.review.plan import CHOSEN, MOST_ITEMS, Plan
from spanglass_store.review.rubric import Rubric
from spanglass_store.state.database import Database
from spanglass_store.state.listing import by_name
from spanglass_store.state.review_tables import (
    FINAL,
    Queue,
    ReviewItem,
    ReviewItemRow,
    ReviewLabel,
    ReviewLabelRow,
    ReviewQueueRow,
    ReviewStratum,
    ReviewStratumRow,
    item_of,
    label_of,
    queue_of,
    stratum_of,
)

MOST_QUEUES: Final = 500
MOST_LABELS_PER_ITEM: Final = 5
#: What names of queues look like.
QUEUE_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Drawn:
    """A trace that is to be looked at.

    Attributes:
        shown_span_id: the span to look at.
        place: a random number from 0 to 1.
    """

    trace_id: str
    span_id: str
    shown_span_id: str
    place: float


@dataclass(frozen=True)
class Layer:
    """What a draw took from one part of the traces.

    Attributes:
        stratum: id of the part where a draw of the same window is to be enlarged; 0 for a new one.
    """

    method: str
    population: int
    items: Sequence[Drawn]
    stratum: int = 0


class ReviewBook:
    """The review queues of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def find(
        self, projects: Sequence[str] | None, search: str = "", after: str = "", limit: int = 100
    ) -> list[Queue]:
        """Queues by name.

        Args:
            projects: of these; None for all.
            search: part of the name.
            after: `project/name` behind which the list goes on.
            limit: most of them.
        """
        with self.database.transaction() as session:
            asked = by_name(ReviewQueueRow, projects, search, after, limit)
            return [queue_of(row) for row in session.scalars(asked)]

    def get(self, project: str, name: str) -> Queue:
        """A queue.

        Raises:
            Unknown: if there is none of that name.
        """
        with self.database.transaction() as session:
            return queue_of(found(session, project, name))

    def save(
        self,
        project: str,
        name: str,
        rubric: Rubric,
        plan: Plan,
        instructions: str = "",
        labels_per_item: int = 1,
        budget: int = 500,
        is_open: bool = True,
        author: str = "",
    ) -> Queue:
        """A new queue, or the one of that name with these settings.

        Raises:
            Conflict: if its rubric is another one and there are labels already.
            StoreError: if there are too many queues, or a number is out of its range.
        """
        if not 1 <= labels_per_item <= MOST_LABELS_PER_ITEM:
            raise StoreError(f"An item gets 1 to {MOST_LABELS_PER_ITEM} labels.")
        if not 1 <= budget <= MOST_ITEMS:
            raise StoreError(f"A queue has a budget of 1 to {MOST_ITEMS:,} items.")
        questions = json.dumps(rubric.document(), ensure_ascii=False)
        try:
            with self.database.transaction() as session:
                row = session.get(ReviewQueueRow, (project, name))
                if row is None:
                    held = session.scalar(select(func.count()).select_from(ReviewQueueRow)) or 0
                    if held >= MOST_QUEUES:
                        raise StoreError(
                            f"There are {MOST_QUEUES} queues, as many as there can be."
                            " Delete one first."
                        )
                    row = ReviewQueueRow(
                        project=project, name=name, seed=secrets.token_hex(8), trouble="",
                        changes=0, rubric=questions, created_by=author,
                        created_at=datetime.now(UTC),
                    )  # fmt: skip
                    session.add(row)
                elif row.rubric != questions and labelled(session, project, name):
                    raise Conflict(
                        f"{name!r} has labels, and they answer its present rubric. Make a new"
                        " queue for another one."
                    )
                row.rubric, row.instructions = questions, instructions
                row.plan = json.dumps(plan.document(), ensure_ascii=False)
                row.labels_per_item, row.budget = labels_per_item, budget
                row.is_open, row.trouble = is_open, ""
                return queue_of(row)
        except IntegrityError as error:
            raise Conflict(f"Somebody has just made a queue {name!r}. Look at it first.") from error

    def delete(self, project: str, name: str) -> None:
        """Forgets a queue with its items; scores that labels became stay.

        Raises:
            Unknown: if there is none of that name.
        """
        with self.database.transaction() as session:
            session.delete(found(session, project, name))
            own = select(ReviewItemRow.id).where(
                ReviewItemRow.project == project, ReviewItemRow.name == name
            )
            session.execute(delete(ReviewLabelRow).where(ReviewLabelRow.item.in_(own)))
            for table in (ReviewItemRow, ReviewStratumRow):
                session.execute(delete(table).where(table.project == project, table.name == name))

    def note_trouble(self, project: str, name: str, trouble: str) -> None:
        """Writes down why a queue could not draw by itself."""
        with self.database.transaction() as session:
            found(session, project, name).trouble = trouble[:2_000]

    def strata(self, project: str, name: str) -> list[ReviewStratum]:
        """The parts of the traces that were drawn from, the oldest first."""
        with self.database.transaction() as session:
            rows = session.scalars(
                select(ReviewStratumRow)
                .where(ReviewStratumRow.project == project, ReviewStratumRow.name == name)
                .order_by(ReviewStratumRow.id)
            )
            return [stratum_of(row) for row in rows]

    def items(
        self, project: str, name: str, state: str = "", after: int = 0, limit: int = MOST_ITEMS
    ) -> list[ReviewItem]:
        """Items by id.

        Args:
            state: only those in it; all unless given.
            after: the id behind which the list goes on.
        """
        asked = _of_queue(project, name).where(ReviewItemRow.id > after)
        if state:
            asked = asked.where(ReviewItemRow.state == state)
        with self.database.transaction() as session:
            rows = session.scalars(asked.order_by(ReviewItemRow.id).limit(limit))
            return [item_of(row) for row in rows]

    def labels(self, project: str, name: str) -> list[ReviewLabel]:
        """What everybody says of the queue's items; claims are left out."""
        own = select(ReviewItemRow.id).where(
            ReviewItemRow.project == project, ReviewItemRow.name == name
        )
        with self.database.transaction() as session:
            rows = session.scalars(
                select(ReviewLabelRow)
                .where(ReviewLabelRow.item.in_(own), ReviewLabelRow.state != "claimed")
                .order_by(ReviewLabelRow.item, ReviewLabelRow.created_at)
            )
            return [label_of(row) for row in rows]

    def progress(self, queue: Queue) -> dict[str, int]:
        """How far a queue is: items by state, labels given and wanted, skips."""
        of = (ReviewItemRow.project == queue.project, ReviewItemRow.name == queue.name)
        by_state = select(ReviewItemRow.state, func.count()).where(*of)
        given = (
            select(ReviewLabelRow.state, func.count())
            .join(ReviewItemRow, ReviewItemRow.id == ReviewLabelRow.item)
            .where(*of, ~ReviewLabelRow.annotator.startswith(FINAL))
        )
        with self.database.transaction() as session:
            states = _counts(session, by_state.group_by(ReviewItemRow.state))
            labels = _counts(session, given.group_by(ReviewLabelRow.state))
        items = sum(states.values())
        return {
            "items": items, "open": states.get("open", 0), "disputed": states.get("disputed", 0),
            "done": states.get("done", 0), "labels": labels.get("labelled", 0),
            "skipped": labels.get("skipped", 0), "wanted": items * queue.labels_per_item,
        }  # fmt: skip

    def add_draw(
        self, project: str, name: str, start: datetime, end: datetime, layers: Sequence[Layer]
    ) -> int:
        """Keeps what was drawn of a window; how many items are new.

        Raises:
            Conflict: if another draw has taken from the same time, and this one is not of exactly
                its window.
            StoreError: if there would be more items than the budget allows.
        """
        now = datetime.now(UTC)
        with self.database.transaction() as session:
            queue = locked(session, project, name)
            before = [
                row
                for row in session.scalars(
                    select(ReviewStratumRow).where(
                        ReviewStratumRow.project == project, ReviewStratumRow.name == name
                    )
                )
                if row.start < end and start < row.end
            ]
            known = {row.id: row for row in before}
            if {row.id for row in before} - {each.stratum for each in layers} and not any(
                each.stratum for each in layers
            ):
                raise Conflict("Somebody has drawn from this time just now. Look at the queue.")
            added = 0
            for layer in layers:
                stratum = known.get(layer.stratum)
                if stratum is None:
                    stratum = ReviewStratumRow(
                        project=project, name=name, method=layer.method, start=start, end=end,
                        population=layer.population, created_at=now,
                    )  # fmt: skip
                    session.add(stratum)
                    session.flush()
                stratum.population = layer.population
                added += _put(session, queue, layer.items, stratum.id, layer.method, now)
            _within_budget(session, queue)
            return added

    def add_items(self, project: str, name: str, items: Sequence[Drawn]) -> int:
        """Puts items in by hand; how many were not there yet.

        Raises:
            StoreError: if there would be more than the budget allows.
        """
        with self.database.transaction() as session:
            queue = locked(session, project, name)
            added = _put(session, queue, items, None, CHOSEN, datetime.now(UTC))
            _within_budget(session, queue)
            return added

    def remove_item(self, project: str, name: str, item_id: int) -> None:
        """Takes out an item that was put in by hand and has no label.

        Raises:
            Conflict: if it was drawn, or has labels.
            Unknown: if there is no such item.
        """
        with self.database.transaction() as session:
            locked(session, project, name)
            row = item_row(session, project, name, item_id)
            if row.stratum is not None:
                raise Conflict("It was drawn: the estimate rests on it. Skip it instead.")
            said = session.scalar(
                select(func.count())
                .select_from(ReviewLabelRow)
                .where(ReviewLabelRow.item == item_id, ReviewLabelRow.state == "labelled")
            )
            if said:
                raise Conflict("It has labels. Take them back first.")
            session.execute(delete(ReviewLabelRow).where(ReviewLabelRow.item == item_id))
            session.delete(row)


def found(session: Session, project: str, name: str) -> ReviewQueueRow:
    """The row of a queue.

    Raises:
        Unknown: if there is none of that name.
    """
    row = session.get(ReviewQueueRow, (project, name), populate_existing=True)
    if row is None:
        raise Unknown(
            f"There is no review queue {name!r} in the project {project!r}. `spanglass review list`"
            " shows what there is."
        )
    return row


def locked(session: Session, project: str, name: str) -> ReviewQueueRow:
    """The row of a queue, which nobody else changes until the transaction ends."""
    session.execute(
        update(ReviewQueueRow)
        .where(ReviewQueueRow.project == project, ReviewQueueRow.name == name)
        .values(changes=ReviewQueueRow.changes + 1)
    )
    return found(session, project, name)


def item_row(session: Session, project: str, name: str, item_id: int) -> ReviewItemRow:
    """The row of an item.

    Raises:
        Unknown: if the queue has no such item.
    """
    row = session.get(ReviewItemRow, item_id, populate_existing=True)
    if row is None or (row.project, row.name) != (project, name):
        raise Unknown(f"The queue {name!r} has no item {item_id}.")
    return row


def labelled(session: Session, project: str, name: str) -> bool:
    """Whether any item has a label."""
    asked = (
        select(ReviewLabelRow.item)
        .join(ReviewItemRow, ReviewItemRow.id == ReviewLabelRow.item)
        .where(
            ReviewItemRow.project == project, ReviewItemRow.name == name,
            ReviewLabelRow.state == "labelled",
        )
        .limit(1)
    )  # fmt: skip
    return session.scalar(asked) is not None


def _counts(session: Session, asked: Any) -> dict[str, int]:
    return {str(state): int(count) for state, count in session.execute(asked)}


def _of_queue(project: str, name: str) -> Select[ReviewItemRow]:
    return select(ReviewItemRow).where(ReviewItemRow.project == project, ReviewItemRow.name == name)


def _put(
    session: Session, queue: ReviewQueueRow, items: Sequence[Drawn], stratum: int | None,
    method: str, now: datetime,
) -> int:  # fmt: skip
    """Adds items; one that was put in by hand becomes part of a sample that it is drawn into."""
    there: dict[tuple[str, str], ReviewItemRow] = {}
    ids = sorted({each.trace_id for each in items})
    for first in range(0, len(ids), _AT_ONCE):
        rows = session.scalars(
            _of_queue(queue.project, queue.name).where(
                ReviewItemRow.trace_id.in_(ids[first : first + _AT_ONCE])
            )
        )
        there |= {(row.trace_id, row.span_id): row for row in rows}
    added = 0
    for each in items:
        row = there.get((each.trace_id, each.span_id))
        if row is None:
            row = ReviewItemRow(
                project=queue.project, name=queue.name, trace_id=each.trace_id,
                span_id=each.span_id, shown_span_id=each.shown_span_id, stratum=stratum,
                method=method, place=each.place, state="open", created_at=now,
            )  # fmt: skip
            session.add(row)
            there[each.trace_id, each.span_id] = row
            added += 1
        elif row.stratum is None and stratum is not None:
            row.stratum, row.method = stratum, method
    return added


def _within_budget(session: Session, queue: ReviewQueueRow) -> None:
    session.flush()
    held = session.scalar(
        select(func.count())
        .select_from(ReviewItemRow)
        .where(ReviewItemRow.project == queue.project, ReviewItemRow.name == queue.name)
    )
    if (held or 0) > queue.budget:
        raise StoreError(
            f"{queue.name!r} would have {held} items; its budget is {queue.budget}. Raise the"
            " budget, or draw fewer. Nothing was added."
        )
