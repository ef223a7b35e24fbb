"""The registry of prompts: versions, labels, what changed, and what a change did."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query

from spanglass.prompts import Definition, PromptError, read
from spanglass_dashboards.api.comparing import Comparison, Correction, compared, ratio
from spanglass_dashboards.api.prompt_models import (
    CommentIn,
    CommentOut,
    DefinitionIn,
    Diff,
    LineOut,
    MoveIn,
    MoveOut,
    PromptOut,
    PromptPage,
    Rendered,
    RenderIn,
    Saved,
    VersionIn,
    VersionOut,
    WholePrompt,
    WholeVersion,
)
from spanglass_dashboards.api.time_range import OpenEnd, OpenStart
from spanglass_dashboards.context import (
    Context,
    context_of,
    editor,
    keyholder,
    manager,
    of_project,
    reader,
)
from spanglass_dashboards.problems import NotFound
from spanglass_store.errors import StoreError
from spanglass_store.prompts.diff import diff
from spanglass_store.queries.samples import Side, samples, units
from spanglass_store.state.keys import Principal
from spanglass_store.state.prompt_tables import Comment, Move, Origin, Prompt, Version
from spanglass_store.state.prompts import LABEL, NAME, PromptBook, definition_of

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"])

Name = Annotated[str, Path(pattern=f"^{NAME}$", examples=["greeting"])]
Label = Annotated[str, Path(pattern=f"^{LABEL}$", examples=["production"])]
Number = Annotated[int, Path(ge=1, le=1_000_000)]
AskedLabel = Annotated[str, Query(pattern=f"^{LABEL}$")]
OfProject = Annotated[
    str, Query(max_length=64, description="Whose; the key's own project unless given.")
]


def _book(context: Annotated[Context, Depends(context_of)]) -> PromptBook:
    if context.prompts is None:
        raise NotFound("This process keeps no prompts.")
    return context.prompts


Book = Annotated[PromptBook, Depends(_book)]
#: Where time begins in the store.
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
Reader = Annotated[Principal, Depends(reader)]
Editor = Annotated[Principal, Depends(editor)]
Manager = Annotated[Principal, Depends(manager)]


@router.get("")
async def index(
    book: Book,
    principal: Reader,
    project: Annotated[str, Query(max_length=64)] = "",
    search: Annotated[str, Query(max_length=200, description="Part of the name.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=300)] = "",
) -> PromptPage:
    """Prompts by name."""
    projects = [project] if project else principal.projects
    if project:
        of_project(principal, project)
    found = await asyncio.to_thread(book.find, projects, search, cursor, limit)
    last = f"{found[-1].project}/{found[-1].name}" if len(found) == limit else ""
    return PromptPage(items=[_prompt(each) for each in found], next=last)


@router.get("/{name}")
async def show(book: Book, principal: Reader, name: Name, project: OfProject = "") -> WholePrompt:
    """A prompt with its versions, how its labels moved, and what was said."""
    of = of_project(principal, project)

    def answer() -> WholePrompt:
        return WholePrompt(
            **_prompt(book.get(of, name)).model_dump(),
            versions=[VersionOut(**_version(each)) for each in book.versions(of, name)],
            moves=[_move(each) for each in book.moves(of, name)],
            comments=[_comment(each) for each in book.comments(of, name)],
        )

    return await asyncio.to_thread(answer)


@router.delete("/{name}", status_code=204)
async def delete(book: Book, principal: Manager, name: Name, project: OfProject = "") -> None:
    """Forgets a prompt with all its versions."""
    await asyncio.to_thread(book.delete, of_project(principal, project), name)


@router.post("/{name}/versions", status_code=201)
async def save(
    book: Book, principal: Editor, name: Name, body: VersionIn, project: OfProject = ""
) -> Saved:
    """Keeps a new version, unless the newest says the same; the first makes the prompt."""
    of = of_project(principal, project)
    origin = Origin(body.author or _who(principal), body.message, body.source)

    def answer() -> Saved:
        definition = _read(body.definition)
        version, is_new = book.save(of, name, definition, origin, body.base)
        return Saved(**_whole(version).model_dump(), is_new=is_new)

    return await asyncio.to_thread(answer)


@router.get("/{name}/versions/{version}")
async def version_(
    book: Book, principal: Reader, name: Name, version: Number, project: OfProject = ""
) -> WholeVersion:
    """One version with what it says."""
    return _whole(
        await asyncio.to_thread(book.version, of_project(principal, project), name, version)
    )


@router.post("/{name}/versions/{version}/comments", status_code=201)
async def comment(
    book: Book,
    principal: Editor,
    name: Name,
    version: Number,
    body: CommentIn,
    project: OfProject = "",
) -> CommentOut:
    """Says something of a version."""
    author = body.author or _who(principal)
    of = of_project(principal, project)
    return _comment(await asyncio.to_thread(book.comment, of, name, version, author, body.text))


@router.get("/{name}/diff")
async def changed(
    book: Book,
    principal: Reader,
    name: Name,
    before: Annotated[int, Query(ge=1, le=1_000_000)],
    after: Annotated[int, Query(ge=1, le=1_000_000)],
    project: OfProject = "",
) -> Diff:
    """What changed between two versions."""
    of = of_project(principal, project)

    def answer() -> Diff:
        sides = [book.version(of, name, number).document for number in (before, after)]
        lines = [LineOut(**vars(each)) for each in diff(*sides)]
        return Diff(before=before, after=after, lines=lines)

    return await asyncio.to_thread(answer)


@router.get("/{name}/resolve")
async def resolve(
    book: Book,
    principal: Annotated[Principal, Depends(keyholder)],
    name: Name,
    label: AskedLabel = "production",
    version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
    project: OfProject = "",
) -> WholeVersion:
    """The version that an application uses; any key of the project may ask, one that sends too."""
    of = of_project(principal, project)
    if version is not None:
        return _whole(await asyncio.to_thread(book.version, of, name, version))
    return _whole(await asyncio.to_thread(book.resolve, of, name, label))


@router.post("/{name}/render")
async def render(
    book: Book, principal: Reader, name: Name, body: RenderIn, project: OfProject = ""
) -> Rendered:
    """A version with values for its variables; all of them have to fit."""
    of = of_project(principal, project)

    def answer() -> Rendered:
        if body.version is None:
            found = book.resolve(of, name, body.label)
        else:
            found = book.version(of, name, body.version)
        try:
            made = definition_of(found).render(body.variables)
        except PromptError as error:
            raise StoreError(str(error)) from error
        if isinstance(made, str):
            return Rendered(version=found.version, text=made, messages=None)
        return Rendered(version=found.version, text=None, messages=made)

    return await asyncio.to_thread(answer)


@router.put("/{name}/labels/{label}")
async def move(
    book: Book, principal: Manager, name: Name, label: Label, body: MoveIn, project: OfProject = ""
) -> MoveOut:
    """Puts a label on a version; applications use it within a minute."""
    by, of = body.by or _who(principal), of_project(principal, project)
    return _move(
        await asyncio.to_thread(
            book.move, of, name, label, body.version, by, body.message, body.expected
        )
    )


@router.delete("/{name}/labels/{label}", status_code=204)
async def unlabel(
    book: Book, principal: Manager, name: Name, label: Label, project: OfProject = ""
) -> None:
    """Takes a label off."""
    await asyncio.to_thread(
        book.move, of_project(principal, project), name, label, 0, _who(principal)
    )


@router.get("/{name}/compare")
async def compare(
    context: Annotated[Context, Depends(context_of)],
    principal: Reader,
    name: Name,
    before: Annotated[str, Query(min_length=1, max_length=200, description="Version.")],
    after: Annotated[str, Query(min_length=1, max_length=200, description="Version.")],
    start: OpenStart = None,
    end: OpenEnd = None,
    project: OfProject = "",
    model: Annotated[str, Query(max_length=1000)] = "",
    service: Annotated[str, Query(max_length=1000)] = "",
    feature: Annotated[str, Query(max_length=1000)] = "",
    environment: Annotated[str, Query(max_length=1000)] = "",
    correction: Correction = "holm",
    expected_share: Annotated[
        float | None,
        Query(
            ge=0.001,
            le=0.999,
            description="Of `after` in a split, checked against the users.",
        ),
    ] = None,
) -> Comparison:
    """Latency, tokens, cost, errors and scores of calls with two versions of a prompt.

    Versions are as calls name them, so that a prompt that is not in the registry can be compared,
    too. The range is the last thirty days unless given.
    """
    if before == after:
        raise StoreError("Both versions are the same: name two.")
    of = of_project(principal, project)
    until = end or datetime.now(UTC) + timedelta(minutes=1)
    since = start or max(until - timedelta(days=30), _FIRST)
    sides = [
        Side(since, until, of, model, service, "", name, version, feature, environment)
        for version in (before, after)
    ]
    store = context.store(principal)

    def answer() -> Comparison:
        found = compared(samples(store, sides[0]), samples(store, sides[1]), correction)
        if expected_share is not None:
            counts = [units(store, side) for side in sides]
            found.sample_ratio = ratio(counts[0], counts[1], expected_share)
        return found

    return await asyncio.to_thread(answer)


def _who(principal: Principal) -> str:
    return principal.author


def _read(given: DefinitionIn) -> Definition:
    try:
        return read(given.model_dump(exclude_none=True, exclude_defaults=True))
    except PromptError as error:
        raise StoreError(str(error)) from error


def _prompt(found: Prompt) -> PromptOut:
    return PromptOut(**vars(found))


def _version(found: Version) -> dict[str, Any]:
    names = ("version", "digest", "author", "message", "source", "created_at")
    return {**{name: getattr(found, name) for name in names}, "labels": list(found.labels)}


def _whole(found: Version) -> WholeVersion:
    return WholeVersion(
        **_version(found), project=found.project, name=found.name, definition=dict(found.document)
    )


def _move(found: Move) -> MoveOut:
    return MoveOut(**vars(found))


def _comment(found: Comment) -> CommentOut:
    return CommentOut(**vars(found))
