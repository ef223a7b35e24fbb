"""Labels as scores: what people said of a span, joined to it like any judgement."""

import hashlib
from collections.abc import Sequence
from datetime import UTC

from spanglass_store.client import Store
from spanglass_store.queries.scores import Score, add_scores
from spanglass_store.state.review_labels import LabelBook
from spanglass_store.state.review_tables import FINAL, Queue, ReviewItem, ReviewLabel


def scores_of(queue: Queue, item: ReviewItem, label: ReviewLabel) -> list[Score]:
    """The scores that a label is: one for each answer. Given again they are the same ones."""
    made: list[Score] = []
    for criterion in queue.rubric.criteria:
        if criterion.name not in label.answers:
            continue
        answer = label.answers[criterion.name]
        value, words = criterion.value(answer), criterion.label(answer)
        metadata = {"review_queue": queue.name, "sampling": item.method}
        if label.is_final:
            metadata["adjudicated"] = "true"
        made.append(
            Score(
                queue.project, criterion.name, value, words, "human",
                label.comment if not made else "", label.correction if not made else "",
                label.annotator.removeprefix(FINAL), item.trace_id, item.span_id,
                metadata=metadata, score_id=_id(queue, item, label, criterion.name),
                created_at=label.created_at.astimezone(UTC),
            )
        )  # fmt: skip
    return made


def write_labels(store: Store, book: LabelBook, project: str = "", name: str = "") -> int:
    """Stores the scores of labels that are not stored yet, and takes out those of withdrawn ones.

    Args:
        store: as the owner.
        book: what is labelled.
        project: of a queue; all queues unless given.
        name: of the queue.

    Returns:
        How many labels that were.

    Raises:
        StoreError: if the store can't take them now; calling it again goes on.
    """
    waiting = book.unwritten(project, name)
    for queue, item, label in waiting:
        # An answer that was left out the second time is none any more.
        gone = [
            _id(queue, item, label, each.name)
            for each in queue.rubric.criteria
            if each.name not in label.answers
        ]
        if gone:
            _delete(store, queue.project, item.trace_id, gone)
    scores = [
        each for queue, item, label in waiting for each in scores_of(queue, item, label)
    ]  # fmt: skip
    if scores:
        add_scores(store, scores)
    book.mark_written([label for _, _, label in waiting])
    return len(waiting)


def _delete(store: Store, project: str, trace_id: str, ids: Sequence[str]) -> None:
    where = (
        "project = {project:String} AND trace_id = {trace:String}"
        " AND score_id IN {ids:Array(String)}"
    )
    values = {"project": project, "trace": trace_id, "ids": list(ids)}
    scores = f"{store.database}.scores"
    if not store.query(f"SELECT 1 FROM {scores} WHERE {where} LIMIT 1", values).rows:
        return
    store.command(f"DELETE FROM {scores} WHERE {where}", values)


def _id(queue: Queue, item: ReviewItem, label: ReviewLabel, criterion: str) -> str:
    said = "\0".join((queue.project, queue.name, str(item.id), label.annotator, criterion))
    return hashlib.sha256(said.encode()).hexdigest()[:32]
