"""Labelling: items are handed out, labels taken, skipped, taken back and decided."""

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from spanglass_dashboards.api.review import Book, Editor, OfProject, QueueName, item_out
from spanglass_dashboards.api.review_models import (
    ByWhom,
    LabelTaken,
    NextIn,
    NextOut,
    ReviewLabelIn,
    ReviewProgress,
    WholeItem,
)
from spanglass_dashboards.context import Context, context_of, labeller, of_project, payload_reader
from spanglass_store.errors import NotAllowed, StoreError
from spanglass_store.review.scores import write_labels
from spanglass_store.state.keys import Principal
from spanglass_store.state.review_labels import LabelBook
from spanglass_store.state.review_tables import FINAL, ReviewItem, ReviewLabel
from spanglass_store.state.reviews import ReviewBook

log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/v1/review/queues/{name}", tags=["review"])

Reviewer = Annotated[Principal, Depends(labeller)]
Reader = Annotated[Principal, Depends(payload_reader)]
ItemId = Annotated[int, Path(ge=1, le=(1 << 31) - 1)]
In = Annotated[Context, Depends(context_of)]


@router.post("/next")
async def next_(
    book: Book, principal: Reviewer, name: QueueName, body: NextIn, project: OfProject = ""
) -> NextOut:
    """Hands out the next item; nobody else is given it for a quarter of an hour."""
    of, by = of_project(principal, project), annotator(principal, body.annotator)

    def answer() -> NextOut:
        queue = book.get(of, name)
        labels = LabelBook(book.database)
        found = labels.next(of, name, by, body.after)
        item = _whole(*labels.item(of, name, found.id), by) if found else None
        return NextOut(item=item, progress=ReviewProgress(**book.progress(queue)))

    return await asyncio.to_thread(answer)


@router.get("/items/{item_id}")
async def show(
    book: Book,
    principal: Reader,
    name: QueueName,
    item_id: ItemId,
    annotator_: Annotated[str, Query(alias="annotator", max_length=100)] = "",
    project: OfProject = "",
) -> WholeItem:
    """An item with labels; those of others once one has labelled it, or it is clear."""
    of, by = of_project(principal, project), annotator(principal, annotator_)
    labels = LabelBook(book.database)
    return _whole(*await asyncio.to_thread(labels.item, of, name, item_id), by)


@router.put("/items/{item_id}/label")
async def label(
    context: In, book: Book, principal: Reviewer, name: QueueName, item_id: ItemId,
    body: ReviewLabelIn, project: OfProject = "",
) -> LabelTaken:  # fmt: skip
    """Keeps what one says of an item, and writes it as scores; again, it replaces the first."""
    of, by = of_project(principal, project), annotator(principal, body.annotator)
    labels = LabelBook(book.database)
    item = await asyncio.to_thread(
        labels.label, of, name, item_id, by, body.answers, body.comment, body.correction
    )
    return await asyncio.to_thread(_taken, context, book, of, name, item)


@router.post("/items/{item_id}/skip")
async def skip(
    book: Book, principal: Reviewer, name: QueueName, item_id: ItemId, body: ByWhom,
    project: OfProject = "",
) -> LabelTaken:  # fmt: skip
    """Leaves an item to others."""
    of, by = of_project(principal, project), annotator(principal, body.annotator)
    labels = LabelBook(book.database)
    item = await asyncio.to_thread(labels.skip, of, name, item_id, by)
    return LabelTaken(item=item_out(item), written=True)


@router.post("/items/{item_id}/withdraw")
async def withdraw(
    context: In, book: Book, principal: Reviewer, name: QueueName, item_id: ItemId, body: ByWhom,
    project: OfProject = "",
) -> LabelTaken:  # fmt: skip
    """Takes back what one said of an item, and its scores; or that one skipped it."""
    of, by = of_project(principal, project), annotator(principal, body.annotator)
    labels = LabelBook(book.database)
    item = await asyncio.to_thread(labels.withdraw, of, name, item_id, by)
    return await asyncio.to_thread(_taken, context, book, of, name, item)


@router.put("/items/{item_id}/decision")
async def decide(
    context: In, book: Book, principal: Editor, name: QueueName, item_id: ItemId,
    body: ReviewLabelIn, project: OfProject = "",
) -> LabelTaken:  # fmt: skip
    """Says what an item is on which reviewers differ."""
    of, by = of_project(principal, project), annotator(principal, body.annotator)
    labels = LabelBook(book.database)
    item = await asyncio.to_thread(
        labels.decide, of, name, item_id, by, body.answers, body.comment, body.correction
    )
    return await asyncio.to_thread(_taken, context, book, of, name, item)


def annotator(principal: Principal, given: str) -> str:
    """Under which name somebody labels: their key's, or the one they give where there is none.

    Raises:
        NotAllowed: if somebody with a key gives another name.
        StoreError: if the name is none.
    """
    if principal.key_id:
        if given not in ("", principal.key_id):
            raise NotAllowed(
                f"You label as {principal.key_id}, which is your key. Leave the name out."
            )
        return principal.key_id
    named = " ".join(given.split()).encode("utf-8", "replace").decode()
    if named.startswith(FINAL):
        raise StoreError(f"A reviewer's name can't begin with {FINAL}")
    return named or "local"


def _taken(
    context: Context, book: ReviewBook, project: str, name: str, item: ReviewItem
) -> LabelTaken:
    # The label is kept by now. What the store can't take is written with the next one, or by the
    # service in a minute.
    written = True
    try:
        write_labels(context.owner(), LabelBook(book.database), project, name)
    except StoreError as error:
        log.warning("labels of %s are not scores yet: %s", name, error)
        written = False
    return LabelTaken(item=item_out(item), written=written)


def _whole(item: ReviewItem, labels: list[ReviewLabel], by: str) -> WholeItem:
    given = [each for each in labels if each.state in ("labelled", "skipped")]
    own = any(each.annotator == by and each.state == "labelled" for each in given)
    shown = [
        each for each in given if own or item.state != "open" or each.annotator in (by, FINAL + by)
    ]
    return WholeItem.model_validate({
        **vars(item),
        "labels": [
            {
                "annotator": each.annotator.removeprefix(FINAL), "state": each.state,
                "is_final": each.is_final, "answers": dict(each.answers),
                "comment": each.comment, "correction": each.correction,
                "updated_at": each.updated_at,
            }
            for each in shown
        ],
        "hidden": len(given) - len(shown),
    })  # fmt: skip
