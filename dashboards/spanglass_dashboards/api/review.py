"""Review queues: what people are to look at, and what their labels say of all traces."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query

from spanglass_dashboards.api.datasets import item_of_exchange, who
from spanglass_dashboards.api.review_models import (
    AddedOut,
    AnnotatorOut,
    DrawIn,
    DrawOut,
    IntoDataset,
    QueueIn,
    QueueOut,
    QueuePage,
    ResultsOut,
    ReviewCriterionOut,
    ReviewItemOut,
    ReviewItemPage,
    ReviewProgress,
    StratumOut,
    TraceIds,
    WholeQueue,
)
from spanglass_dashboards.context import (
    Context,
    context_of,
    editor,
    manager,
    of_project,
    reader,
)
from spanglass_dashboards.problems import NotFound
from spanglass_store.errors import NotAllowed, StoreError
from spanglass_store.queries.exchanges import Target, exchanges
from spanglass_store.review.draw import by_hand, draw
from spanglass_store.review.results import results
from spanglass_store.state.dataset_tables import Item
from spanglass_store.state.keys import Principal
from spanglass_store.state.review_labels import said_together
from spanglass_store.state.review_tables import Queue, ReviewItem, ReviewLabel
from spanglass_store.state.reviews import QUEUE_NAME, ReviewBook

router = APIRouter(prefix="/api/v1/review", tags=["review"])

QueueName = Annotated[str, Path(pattern=f"^{QUEUE_NAME}$", examples=["grounded"])]
OfProject = Annotated[
    str, Query(max_length=64, description="Whose; the key's own project unless given.")
]
Editor = Annotated[Principal, Depends(editor)]
Manager = Annotated[Principal, Depends(manager)]
Reader = Annotated[Principal, Depends(reader)]
#: Traces of this age have all their spans, as a rule.
_SETTLED: Final = timedelta(minutes=1)
_FIRST: Final = timedelta(days=7)


def review_book(context: Annotated[Context, Depends(context_of)]) -> ReviewBook:
    if context.reviews is None:
        raise NotFound("This process keeps no review queues.")
    return context.reviews


Book = Annotated[ReviewBook, Depends(review_book)]


@router.get("/queues")
async def index(
    book: Book,
    principal: Reader,
    project: Annotated[str, Query(max_length=64)] = "",
    search: Annotated[str, Query(max_length=200, description="Part of the name.")] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str, Query(max_length=300)] = "",
) -> QueuePage:
    """Review queues by name, with how far they are."""
    projects = [of_project(principal, project)] if project else principal.projects

    def answer() -> QueuePage:
        found = book.find(projects, search, cursor, limit)
        last = f"{found[-1].project}/{found[-1].name}" if len(found) == limit else ""
        shown = [queue_out(book, each) for each in found]
        return QueuePage(items=shown, next=last)

    return await asyncio.to_thread(answer)


@router.get("/queues/{name}")
async def show(
    book: Book, principal: Reader, name: QueueName, project: OfProject = ""
) -> WholeQueue:
    """A queue with what it was drawn from and who labelled."""
    of = of_project(principal, project)
    return await asyncio.to_thread(lambda: _whole(book, book.get(of, name)))


@router.put("/queues/{name}")
async def save(
    book: Book, principal: Editor, name: QueueName, body: QueueIn, project: OfProject = ""
) -> WholeQueue:
    """Makes a queue, or changes the one that is there; its rubric stays once it has labels."""
    of = of_project(principal, project)

    def answer() -> WholeQueue:
        made = book.save(
            of, name, body.rubric(), body.plan.plan(), body.instructions, body.labels_per_item,
            body.budget, body.is_open, who(principal),
        )  # fmt: skip
        return _whole(book, made)

    return await asyncio.to_thread(answer)


@router.delete("/queues/{name}", status_code=204)
async def delete(book: Book, principal: Manager, name: QueueName, project: OfProject = "") -> None:
    """Forgets a queue with its items; scores that labels became stay."""
    await asyncio.to_thread(book.delete, of_project(principal, project), name)


@router.post("/queues/{name}/draw", status_code=201)
async def draw_(
    context: Annotated[Context, Depends(context_of)],
    book: Book,
    principal: Editor,
    name: QueueName,
    body: DrawIn,
    project: OfProject = "",
) -> DrawOut:
    """Draws items from a time that was not drawn from before, or more from exactly such a one."""
    of = of_project(principal, project)

    def answer() -> DrawOut:
        queue = book.get(of, name)
        start, end = window_of(book, queue, body.start, body.end)
        done = draw(context.store(principal), book, queue, start, end, context.embed, body.count)
        return DrawOut(start=start, end=end, **vars(done))

    return await asyncio.to_thread(answer)


@router.post("/queues/{name}/items", status_code=201)
async def add(
    context: Annotated[Context, Depends(context_of)],
    book: Book,
    principal: Editor,
    name: QueueName,
    body: TraceIds,
    project: OfProject = "",
) -> AddedOut:
    """Puts traces in by hand. They are labelled, and no estimate rests on them."""
    of = of_project(principal, project)

    def answer() -> AddedOut:
        queue = book.get(of, name)
        items = by_hand(context.store(principal), queue, body.traces)
        added = book.add_items(of, name, items)
        asked = len({each.lower() for each in body.traces})
        return AddedOut(added=added, there_already=len(items) - added, not_found=asked - len(items))

    return await asyncio.to_thread(answer)


@router.get("/queues/{name}/items")
async def items(
    book: Book,
    principal: Reader,
    name: QueueName,
    state: Literal["", "open", "disputed", "done"] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(pattern=r"^\d{0,9}$")] = "",
    project: OfProject = "",
) -> ReviewItemPage:
    """Items in the order in which they came."""
    of = of_project(principal, project)

    def answer() -> ReviewItemPage:
        book.get(of, name)
        found = book.items(of, name, state, int(cursor or 0), limit)
        following = str(found[-1].id) if len(found) == limit else ""
        return ReviewItemPage(items=[item_out(each) for each in found], next=following)

    return await asyncio.to_thread(answer)


@router.delete("/queues/{name}/items/{item_id}", status_code=204)
async def remove(
    book: Book,
    principal: Editor,
    name: QueueName,
    item_id: Annotated[int, Path(ge=1, le=(1 << 31) - 1)],
    project: OfProject = "",
) -> None:
    """Takes out an item that was put in by hand and has no label."""
    await asyncio.to_thread(book.remove_item, of_project(principal, project), name, item_id)


@router.get("/queues/{name}/results")
async def show_results(
    book: Book,
    principal: Reader,
    name: QueueName,
    half_width: Annotated[
        float, Query(gt=0, le=0.5, description="Wanted precision, to each side: 0.05 is ± 5 %.")
    ] = 0.05,
    project: OfProject = "",
) -> ResultsOut:
    """What labels say of all traces that were drawn from, of each other, and what is missing."""
    of = of_project(principal, project)
    return await asyncio.to_thread(lambda: results_of(book, book.get(of, name), half_width))


@router.post("/queues/{name}/dataset", status_code=201)
async def into_dataset(
    context: Annotated[Context, Depends(context_of)],
    book: Book,
    principal: Editor,
    name: QueueName,
    body: IntoDataset,
    project: OfProject = "",
) -> AddedOut:
    """Makes examples of a dataset of items whose labels are clear, with what was said of them."""
    of = of_project(principal, project)
    if not principal.payload:
        raise NotAllowed("Items are made of prompts and answers: it takes a key with --payload.")
    datasets = context.datasets
    if datasets is None:
        raise NotFound("This process keeps no datasets.")

    def answer() -> AddedOut:
        queue = book.get(of, name)
        known = [each.name for each in queue.rubric.criteria]
        if body.criterion and body.criterion not in known:
            raise StoreError(f"There is no question {body.criterion!r}; there are {known}.")
        said = clear_labels(queue, book.items(of, name, "done"), book.labels(of, name))
        kept = {
            item: label
            for item, label in said.items()
            if not body.criterion
            or (
                body.criterion in label
                and (body.answer is None or label[body.criterion] == body.answer)
            )
        }
        targets = {Target(each.trace_id, each.shown_span_id): label for each, label in kept.items()}
        corrections = _corrections(book.labels(of, name), list(kept))
        found = [each for each in exchanges(context.store(principal), list(targets))
                 if each.project == of]  # fmt: skip
        made: list[Item] = []
        for each in found:
            item = item_of_exchange(each, body.expected, body.split)
            target = Target(each.trace_id, each.span_id)
            about = {**item.metadata, "review_queue": name, "labels": dict(targets[target])}
            expected = item.expected
            if body.expected != "none" and (right := corrections.get(target)):
                expected = right
            made.append(Item(**{**vars(item), "metadata": about, "expected": expected}))
        added = 0
        if made:
            done = datasets.change(
                of, body.dataset, made, (), who(principal), f"from the review queue {name}"
            )
            added = done.added + done.changed
        return AddedOut(
            added=added, there_already=len(made) - added, not_found=len(targets) - len(made)
        )

    return await asyncio.to_thread(answer)


def window_of(
    book: ReviewBook, queue: Queue, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime]:
    """The time that is drawn from.

    Raises:
        StoreError: if it ends before it begins.
    """
    now = datetime.now(UTC)
    until = _aware(end) if end else now - _SETTLED
    if start:
        since = _aware(start)
    else:
        ends = [each.end for each in book.strata(queue.project, queue.name)]
        since = max(ends) if ends else until - _FIRST
    if since >= until:
        raise StoreError(
            f"There is nothing to draw from {since.isoformat()} to {until.isoformat()}: give a"
            " start before the end."
        )
    if not (datetime(1971, 1, 1, tzinfo=UTC) < since and until < datetime(2200, 1, 1, tzinfo=UTC)):
        raise StoreError("Give times between 1971 and 2200.")
    return since, until


def _aware(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise StoreError("Give times between 1971 and 2200.") from error


def results_of(book: ReviewBook, queue: Queue, half_width: float) -> ResultsOut:
    """What labels of a queue say."""
    found = results(
        queue, book.strata(queue.project, queue.name), book.items(queue.project, queue.name),
        book.labels(queue.project, queue.name), half_width,
    )  # fmt: skip
    shown = [
        ReviewCriterionOut.model_validate({
            "name": each.criterion.name, "kind": each.criterion.kind, "counts": each.counts,
            "same": each.same, "doubled": each.doubled, "alpha": each.alpha and vars(each.alpha),
            "outcomes": [
                {**vars(outcome), "estimate": outcome.estimate and vars(outcome.estimate)}
                for outcome in each.outcomes
            ],
        })
        for each in found
    ]  # fmt: skip
    return ResultsOut(half_width=half_width, criteria=shown)


def clear_labels(
    queue: Queue, of: list[ReviewItem], labels: list[ReviewLabel]
) -> dict[ReviewItem, dict[str, Any]]:
    """What is clear of items."""
    said: dict[int, list[ReviewLabel]] = {}
    for each in labels:
        said.setdefault(each.item, []).append(each)
    found = {item: said_together(queue, said.get(item.id, [])) for item in of}
    return {item: label for item, label in found.items() if label}


def _corrections(labels: list[ReviewLabel], of: list[ReviewItem]) -> dict[Target, str]:
    """What answers should have been: as it was decided, or said last."""
    targets = {each.id: Target(each.trace_id, each.shown_span_id) for each in of}
    found: dict[Target, str] = {}
    for each in sorted(labels, key=lambda label: (label.is_final, label.updated_at)):
        if each.correction and each.state == "labelled" and each.item in targets:
            found[targets[each.item]] = each.correction
    return found


def queue_out(book: ReviewBook, queue: Queue, **more: Any) -> QueueOut:
    """A queue as it is shown; with `more`, whole."""
    kind = WholeQueue if more else QueueOut
    return kind.model_validate({
        "project": queue.project, "name": queue.name, "instructions": queue.instructions,
        "criteria": queue.rubric.document(), "plan": queue.plan.document(),
        "labels_per_item": queue.labels_per_item, "budget": queue.budget,
        "is_open": queue.is_open, "trouble": queue.trouble, "created_by": queue.created_by,
        "created_at": queue.created_at, "progress": ReviewProgress(**book.progress(queue)),
        **more,
    })  # fmt: skip


def item_out(item: ReviewItem) -> ReviewItemOut:
    return ReviewItemOut.model_validate(vars(item))


def _whole(book: ReviewBook, queue: Queue) -> WholeQueue:
    of = book.items(queue.project, queue.name)
    labels = book.labels(queue.project, queue.name)
    clear = {each.id for each in clear_labels(queue, of, labels)}
    drawn = Counter(each.stratum for each in of)
    labelled = Counter(each.stratum for each in of if each.id in clear)
    strata = [
        StratumOut(
            **vars(each), drawn=drawn[each.id], labelled=labelled[each.id],
            probability=min(1.0, drawn[each.id] / each.population) if each.population else 0.0,
        )
        for each in book.strata(queue.project, queue.name)
    ]  # fmt: skip
    given = Counter(each.annotator for each in labels if each.state == "labelled")
    skipped = Counter(each.annotator for each in labels if each.state == "skipped")
    annotators = [
        AnnotatorOut(name=each, labels=given[each], skipped=skipped[each])
        for each in sorted({*given, *skipped}, key=lambda one: (-given[one], one))
        if not each.startswith("final:")
    ]
    whole = queue_out(book, queue, strata=strata, annotators=annotators)
    assert isinstance(whole, WholeQueue)
    return whole
