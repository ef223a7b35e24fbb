"""Datasets: examples with versions, from traces, files and people."""

import asyncio
import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query

from spanglass_dashboards.api.dataset_models import (
    ChangedOut,
    Checked,
    DatasetIn,
    DatasetOut,
    DatasetPage,
    DatasetVersionOut,
    ItemOut,
    ItemPage,
    ItemsIn,
    PairOut,
    RemoveIn,
    SplitIn,
    TracesIn,
    WholeDataset,
)
from spanglass_dashboards.context import (
    Context,
    context_of,
    editor,
    manager,
    of_project,
    payload_reader,
    reader,
)
from spanglass_dashboards.problems import NotFound
from spanglass_store.errors import NotAllowed, StoreError
from spanglass_store.queries.exchanges import Exchange, Target, chosen, exchanges
from spanglass_store.state.dataset_tables import Changed, Item
from spanglass_store.state.datasets import MOST_ITEMS, NAME, SPLIT, DatasetBook
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/datasets", tags=["datasets"])

Name = Annotated[str, Path(pattern=f"^{NAME}$", examples=["returns"])]
OfProject = Annotated[
    str, Query(max_length=64, description="Whose; the key's own project unless given.")
]
Version = Annotated[int, Query(ge=0, le=1_000_000, description="0 for the newest.")]
Reader = Annotated[Principal, Depends(reader)]
PayloadReader = Annotated[Principal, Depends(payload_reader)]
Editor = Annotated[Principal, Depends(editor)]
Manager = Annotated[Principal, Depends(manager)]
_MOST_PAIRS: Final = 1_000
#: Characters of an answer that an item's metadata keeps.
_LONGEST_ANSWER: Final = 50_000


def _book(context: Annotated[Context, Depends(context_of)]) -> DatasetBook:
    if context.datasets is None:
        raise NotFound("This process keeps no datasets.")
    return context.datasets


Book = Annotated[DatasetBook, Depends(_book)]


@router.get("")
async def index(
    book: Book,
    principal: Reader,
    project: Annotated[str, Query(max_length=64)] = "",
    search: Annotated[str, Query(max_length=200, description="Part of the name.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=300)] = "",
) -> DatasetPage:
    """Datasets by name."""
    projects = [of_project(principal, project)] if project else principal.projects
    found = await asyncio.to_thread(book.find, projects, search, cursor, limit)
    last = f"{found[-1].project}/{found[-1].name}" if len(found) == limit else ""
    return DatasetPage(items=[DatasetOut(**vars(each)) for each in found], next=last)


@router.get("/{name}")
async def show(book: Book, principal: Reader, name: Name, project: OfProject = "") -> WholeDataset:
    """A dataset with its splits and versions."""
    of = of_project(principal, project)

    def answer() -> WholeDataset:
        return WholeDataset(
            **vars(book.get(of, name)),
            splits=book.splits(of, name),
            versions=[DatasetVersionOut(**vars(each)) for each in book.versions(of, name)],
        )

    return await asyncio.to_thread(answer)


@router.put("/{name}")
async def make(
    book: Book, principal: Editor, name: Name, body: DatasetIn, project: OfProject = ""
) -> DatasetOut:
    """Makes a dataset without items, or describes the one that is there."""
    made = await asyncio.to_thread(
        book.create, of_project(principal, project), name, body.description
    )
    return DatasetOut(**vars(made))


@router.delete("/{name}", status_code=204)
async def delete(book: Book, principal: Manager, name: Name, project: OfProject = "") -> None:
    """Forgets a dataset with all its versions."""
    await asyncio.to_thread(book.delete, of_project(principal, project), name)


@router.get("/{name}/items")
async def items(
    book: Book,
    principal: PayloadReader,
    name: Name,
    version: Version = 0,
    split: Annotated[str, Query(pattern=f"^({SPLIT})?$")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(pattern=r"^\d{0,18}$")] = "",
    project: OfProject = "",
) -> ItemPage:
    """Items of a version, in the order in which they came; it takes the payload grant."""
    of = of_project(principal, project)

    def answer() -> ItemPage:
        number = version or book.get(of, name).latest
        found = book.items(of, name, number, split or None, int(cursor or 0), limit)
        following = str(found[-1].row) if len(found) == limit else ""
        return ItemPage(version=number, items=[item_out(each) for each in found], next=following)

    return await asyncio.to_thread(answer)


@router.post("/{name}/items", status_code=201)
async def add(
    book: Book, principal: Editor, name: Name, body: ItemsIn, project: OfProject = ""
) -> ChangedOut:
    """Puts items in; the first make the dataset. An item that is there already stays as it is."""
    of = of_project(principal, project)
    done = await asyncio.to_thread(
        book.change, of, name, [each.item() for each in body.items], (),
        body.author or who(principal), body.message, body.base, body.change,
    )  # fmt: skip
    return _out(done)


@router.post("/{name}/items/remove")
async def remove(
    book: Book, principal: Editor, name: Name, body: RemoveIn, project: OfProject = ""
) -> ChangedOut:
    """Takes items out; older versions keep them."""
    of = of_project(principal, project)
    await asyncio.to_thread(book.get, of, name)
    author = body.author or who(principal)
    return _out(
        await asyncio.to_thread(
            book.change, of, name, (), body.ids, author, body.message, body.base
        )
    )


@router.post("/{name}/items/from-traces", status_code=201)
async def add_traces(
    context: Annotated[Context, Depends(context_of)],
    book: Book,
    principal: Editor,
    name: Name,
    body: TracesIn,
    project: OfProject = "",
) -> ChangedOut:
    """Makes items of traces or spans: what they were given, and what the answer should be."""
    of = of_project(principal, project)
    if not principal.payload:
        raise NotAllowed("Items are made of prompts and answers: it takes a key with --payload.")
    if bool(body.traces) == bool(body.sql):
        raise StoreError("Give either traces, or a SELECT as sql.")
    store = context.store(principal)

    def answer() -> ChangedOut:
        targets = (
            chosen(store, body.sql)
            if body.sql
            else [Target(each.trace_id, each.span_id) for each in body.traces]
        )
        # Whoever sees several projects must not carry texts from one into another unseen.
        found = [each for each in exchanges(store, targets) if each.project == of]
        made = [item_of_exchange(each, body.expected, body.split) for each in found]
        missing = len(dict.fromkeys(targets)) - len(made)
        if not made:
            book.create(of, name)
            return _out(Changed(book.get(of, name).latest), missing)
        author, message = body.author or who(principal), body.message or "from traces"
        return _out(book.change(of, name, made, (), author, message), missing)

    return await asyncio.to_thread(answer)


@router.get("/{name}/check")
async def check(
    book: Book,
    principal: PayloadReader,
    name: Name,
    version: Version = 0,
    threshold: Annotated[
        float, Query(gt=0, le=1, description="Least share of common runs of three words.")
    ] = 0.8,
    project: OfProject = "",
) -> Checked:
    """Items that are nearly the same, and which of them are in different splits."""
    of = of_project(principal, project)

    def answer() -> Checked:
        number = version or book.get(of, name).latest
        return checked(list(_all(book, of, name, number)), number, threshold)

    return await asyncio.to_thread(answer)


@router.post("/{name}/split")
async def split_(
    book: Book, principal: Editor, name: Name, body: SplitIn, project: OfProject = ""
) -> ChangedOut:
    """Divides the items by a hash; those that are nearly the same stay together."""
    of = of_project(principal, project)
    if wrong := [each for each in body.shares if not re.fullmatch(SPLIT, each)]:
        raise StoreError(f"{wrong[0]!r} is no name of a split: use letters, digits, - _ and dots.")

    def answer() -> ChangedOut:
        latest = book.get(of, name).latest
        found = list(_all(book, of, name, latest))
        made = divided(found, body.shares)
        parts = ", ".join(f"{name} {share:g}" for name, share in body.shares.items())
        author = body.author or who(principal)
        return _out(book.change(of, name, made, (), author, f"split: {parts}", latest))

    return await asyncio.to_thread(answer)


def item_of_exchange(exchange: Exchange, expected: str, split: str = "") -> Item:
    """An item of what a span was given and answered. Its id is the span's."""
    from spanglass_detectors.training import REJECTED

    right: Any = None
    if expected != "none":
        right = exchange.correction or exchange.reference or None
    if expected == "output" and right is None:
        right = exchange.output or None
    names = (
        "name", "session_id", "user_id", "feature", "request_model", "prompt_name",
        "prompt_version",
    )  # fmt: skip
    about: dict[str, Any] = {name: value for name in names if (value := getattr(exchange, name))}
    if right is not None and exchange.output and right != exchange.output:
        # The worse answer of a pair, for training; one that is very long is left out.
        said = exchange.output
        if len(_json(said)) <= _LONGEST_ANSWER:
            about[REJECTED] = said
    return Item(
        exchange.input, right, about, split, exchange.trace_id, exchange.span_id,
        f"{exchange.trace_id}-{exchange.span_id}",
    )  # fmt: skip


def words_of(item: Item) -> str:
    """What an item's input says, for comparing it."""
    from spanglass_detectors.content import plain_text

    given = item.input
    if isinstance(given, str):
        return plain_text(given)
    if isinstance(given, dict) and not ({"messages", "role", "parts"} & set(given)):
        return "\n".join(each if isinstance(each, str) else _json(each) for each in given.values())
    return plain_text(_json(given))


def checked(
    found: list[Item], version: int, threshold: float = 0.8, vectors: Any = None
) -> Checked:
    """What is wrong with items."""
    from spanglass_detectors.duplicates import near_duplicates

    pairs = near_duplicates([words_of(each) for each in found], threshold, vectors)
    out = [
        PairOut(
            first=a.item_id, second=b.item_id, similarity=each.similarity, by=each.by,
            first_split=a.split, second_split=b.split, is_leak=a.split != b.split,
        )
        for each in pairs
        for a, b in ((found[each.first], found[each.second]),)
    ]  # fmt: skip
    out.sort(key=lambda each: (not each.is_leak, -each.similarity))
    return Checked(
        version=version, items=len(found),
        without_expected=sum(each.expected is None for each in found), pairs=out[:_MOST_PAIRS],
        pairs_found=len(out), leaks=sum(each.is_leak for each in out),
    )  # fmt: skip


def divided(found: list[Item], shares: dict[str, float]) -> list[Item]:
    """The items whose split is another one by these shares."""
    from dataclasses import replace

    from spanglass_detectors.duplicates import assigned, groups, near_duplicates

    group = groups(len(found), near_duplicates([words_of(each) for each in found]))
    names = assigned([each.item_id for each in found], group, shares)
    return [
        replace(each, split=name)
        for each, name in zip(found, names, strict=True)
        if each.split != name
    ]


def item_out(item: Item) -> ItemOut:
    return ItemOut(
        id=item.item_id, input=item.input, expected=item.expected, metadata=dict(item.metadata),
        split=item.split, trace_id=item.trace_id, span_id=item.span_id,
    )  # fmt: skip


def who(principal: Principal) -> str:
    """Who did it, where nobody says."""
    return principal.author


def _all(book: DatasetBook, project: str, name: str, version: int) -> Iterator[Item]:
    yield from book.items(project, name, version, limit=MOST_ITEMS)


def _out(done: Changed, not_found: int = 0) -> ChangedOut:
    return ChangedOut(**vars(done), not_found=not_found)


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
