"""Who labels what: items are handed out, labels kept, differences decided."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from spanglass_store.errors import Conflict, StoreError
from spanglass_store.review.rubric import Answer
from spanglass_store.state.database import Database
from spanglass_store.state.review_tables import (
    FINAL,
    Queue,
    ReviewItem,
    ReviewItemRow,
    ReviewLabel,
    ReviewLabelRow,
    ReviewQueueRow,
    item_of,
    label_of,
    queue_of,
)
from spanglass_store.state.reviews import found, item_row, locked

#: How long an item is kept for who was given it.
CLAIM: Final = timedelta(minutes=15)
#: Labels at most that one statement reads to write their scores.
_AT_ONCE: Final = 200


class LabelBook:
    """Labels of the review queues of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def next(
        self, project: str, name: str, annotator: str, after: float | None = None
    ) -> ReviewItem | None:
        """The next item for somebody, which others are not given for a quarter of an hour.

        Args:
            annotator: who labels.
            after: the place in the queue behind which to look; the first unless given.

        Raises:
            Conflict: if the queue is closed.
        """
        now = datetime.now(UTC)
        others = aliased(ReviewLabelRow)
        own = aliased(ReviewLabelRow)
        taken = (
            select(func.count())
            .where(
                others.item == ReviewItemRow.id,
                others.annotator != annotator,
                or_(
                    others.state == "labelled", and_(others.state == "claimed", others.until > now)
                ),
            )
            .scalar_subquery()
        )
        mine = (
            select(own.item)
            .where(
                own.item == ReviewItemRow.id, own.annotator == annotator,
                own.state.in_(("labelled", "skipped")),
            )
            .exists()
        )  # fmt: skip
        with self._database.transaction() as session:
            queue = locked(session, project, name)
            _is_open(queue)
            asked = (
                select(ReviewItemRow)
                .where(
                    ReviewItemRow.project == project, ReviewItemRow.name == name,
                    ReviewItemRow.state == "open", ~mine, taken < queue.labels_per_item,
                )
                .order_by(
                    case((ReviewItemRow.place > (-1.0 if after is None else after), 0), else_=1),
                    ReviewItemRow.place, ReviewItemRow.id,
                )
                .limit(1)
            )  # fmt: skip
            row = session.scalars(asked).first()
            if row is None:
                return None
            claim = _label_row(session, row.id, annotator, now)
            claim.state, claim.until = "claimed", now + CLAIM
            return item_of(row)

    def item(self, project: str, name: str, item_id: int) -> tuple[ReviewItem, list[ReviewLabel]]:
        """An item with what everybody says of it.

        Raises:
            Unknown: if there is no such item.
        """
        with self._database.transaction() as session:
            found(session, project, name)
            row = item_row(session, project, name, item_id)
            return item_of(row), [label_of(each) for each in _labels(session, item_id)]

    def label(
        self,
        project: str,
        name: str,
        item_id: int,
        annotator: str,
        answers: Mapping[str, Any],
        comment: str = "",
        correction: str = "",
    ) -> ReviewItem:
        """Keeps what somebody says; said again it takes the place of what they said before.

        Raises:
            Conflict: if the queue is closed, or others have labelled it as often as it takes.
            StoreError: if answers do not fit the rubric.
        """
        with self._database.transaction() as session:
            row = locked(session, project, name)
            _is_open(row)
            queue = queue_of(row)
            said = queue.rubric.checked(answers)
            item = item_row(session, project, name, item_id)
            others = [
                each
                for each in _labels(session, item_id)
                if each.state == "labelled" and each.annotator != annotator
            ]
            given = [each for each in others if not each.annotator.startswith(FINAL)]
            if len(given) >= queue.labels_per_item:
                raise Conflict(
                    "Others have labelled this item meanwhile, as often as the queue asks. Take"
                    " the next one."
                )
            _say(session, item_id, annotator, said, comment, correction)
            _settle(session, queue, item)
            return item_of(item)

    def skip(self, project: str, name: str, item_id: int, annotator: str) -> ReviewItem:
        """Somebody does not want to label an item; it stays for others.

        Raises:
            Conflict: if they have labelled it.
        """
        now = datetime.now(UTC)
        with self._database.transaction() as session:
            _is_open(locked(session, project, name))
            item = item_row(session, project, name, item_id)
            label = _label_row(session, item_id, annotator, now)
            if label.state == "labelled":
                raise Conflict("You have labelled this item. Take the label back first.")
            label.state, label.updated_at = "skipped", now
            return item_of(item)

    def withdraw(self, project: str, name: str, item_id: int, annotator: str) -> ReviewItem:
        """Takes back what somebody said of an item, or that they skipped it.

        Raises:
            StoreError: if they said nothing of it.
        """
        now = datetime.now(UTC)
        with self._database.transaction() as session:
            queue = queue_of(locked(session, project, name))
            item = item_row(session, project, name, item_id)
            label = session.get(ReviewLabelRow, (item_id, annotator))
            if label is None or label.state not in ("labelled", "skipped"):
                raise StoreError(f"{annotator} has said nothing of this item.")
            label.written = label.state == "skipped"
            label.state, label.answers = "withdrawn", "{}"
            label.comment = label.correction = ""
            label.updated_at = now
            session.flush()
            _settle(session, queue, item)
            return item_of(item)

    def decide(
        self, project: str, name: str, item_id: int, by: str, answers: Mapping[str, Any],
        comment: str = "", correction: str = "",
    ) -> ReviewItem:  # fmt: skip
        """Says what an item is on which reviewers differ.

        Raises:
            Conflict: if nobody has labelled it.
            StoreError: if answers do not fit the rubric.
        """
        with self._database.transaction() as session:
            queue = queue_of(locked(session, project, name))
            item = item_row(session, project, name, item_id)
            if item.state == "open":
                raise Conflict("Not everybody has labelled this item yet.")
            for each in _labels(session, item_id):
                if each.annotator.startswith(FINAL) and each.annotator != FINAL + by:
                    raise Conflict(
                        f"{each.annotator.removeprefix(FINAL)} has decided this item already."
                    )
            said = queue.rubric.checked(answers)
            _say(session, item_id, FINAL + by, said, comment, correction)
            item.state = "done"
            return item_of(item)

    def unwritten(
        self, project: str = "", name: str = ""
    ) -> list[tuple[Queue, ReviewItem, ReviewLabel]]:
        """Labels whose scores are not in the store yet, some at a time; of all queues, or one."""
        asked = (
            select(ReviewLabelRow, ReviewItemRow, ReviewQueueRow)
            .join(ReviewItemRow, ReviewItemRow.id == ReviewLabelRow.item)
            .join(
                ReviewQueueRow,
                and_(
                    ReviewQueueRow.project == ReviewItemRow.project,
                    ReviewQueueRow.name == ReviewItemRow.name,
                ),
            )
            .where(
                ReviewLabelRow.written.is_(False),
                ReviewLabelRow.state.in_(("labelled", "withdrawn")),
            )
            .order_by(ReviewLabelRow.updated_at)
            .limit(_AT_ONCE)
        )
        if name:
            asked = asked.where(ReviewItemRow.project == project, ReviewItemRow.name == name)
        with self._database.transaction() as session:
            return [
                (queue_of(queue), item_of(item), label_of(label))
                for label, item, queue in session.execute(asked)
            ]

    def mark_written(self, labels: Sequence[ReviewLabel]) -> None:
        """Notes that the scores of labels are stored, unless they were changed meanwhile."""
        with self._database.transaction() as session:
            for each in labels:
                row = session.get(ReviewLabelRow, (each.item, each.annotator))
                if row is not None and row.updated_at == each.updated_at:
                    row.written = True


def _is_open(queue: ReviewQueueRow) -> None:
    if not queue.is_open:
        raise Conflict(f"The queue {queue.name!r} is closed.")


def _labels(session: Session, item_id: int) -> list[ReviewLabelRow]:
    asked = select(ReviewLabelRow).where(
        ReviewLabelRow.item == item_id, ReviewLabelRow.state != "claimed"
    )
    return list(session.scalars(asked.order_by(ReviewLabelRow.created_at)))


def _label_row(session: Session, item_id: int, annotator: str, now: datetime) -> ReviewLabelRow:
    row = session.get(ReviewLabelRow, (item_id, annotator))
    if row is None:
        row = ReviewLabelRow(
            item=item_id, annotator=annotator, state="claimed", answers="{}", comment="",
            correction="", written=True, until=None, created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(row)
    return row


def _say(
    session: Session, item_id: int, annotator: str, said: Mapping[str, Answer], comment: str,
    correction: str,
) -> None:  # fmt: skip
    now = datetime.now(UTC)
    row = _label_row(session, item_id, annotator, now)
    row.answers = json.dumps(dict(said), ensure_ascii=False)
    # Half a character can be escaped in JSON and stored nowhere.
    row.comment = comment.encode("utf-8", "replace").decode()
    row.correction = correction.encode("utf-8", "replace").decode()
    row.state, row.written, row.updated_at = "labelled", False, now
    session.flush()


def _settle(session: Session, queue: Queue, item: ReviewItemRow) -> None:
    """Says whether an item is clear now."""
    labels = [label_of(each) for each in _labels(session, item.id) if each.state == "labelled"]
    given = [each for each in labels if not each.is_final]
    if len(given) < queue.labels_per_item:
        item.state = "open"
    elif any(each.is_final for each in labels) or queue.rubric.agreed(
        [each.answers for each in given]
    ):
        item.state = "done"
    else:
        item.state = "disputed"


def said_together(queue: Queue, labels: Sequence[ReviewLabel]) -> dict[str, Answer] | None:
    """What an item's labels come to; None where it is not clear, or has none.

    A decision stands above the others. While labels are still to come, those that are there count.
    """
    said = [each for each in labels if each.state == "labelled"]
    final = [each for each in said if each.is_final]
    if final:
        return dict(final[0].answers)
    return queue.rubric.agreed([each.answers for each in said]) if said else None
