"""Dead letters: what ClickHouse refused for ever, and its second chance. For administrators."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from spanglass_dashboards.api.exact import Exact
from spanglass_dashboards.context import Context, DeadLetterOffice, administrator, context_of
from spanglass_dashboards.problems import NotFound

router = APIRouter(
    prefix="/api/v1/dead-letters", tags=["dead letters"], dependencies=[Depends(administrator)]
)


class DeadLetter(BaseModel):
    """One refused request."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["20260102T030405-traces-000000000042-1"])
    at: str = Field(description="When it was refused: RFC 3339, UTC.")
    signal: str = Field(description="`traces`, `logs` or `metrics`.")
    items: int = Field(description="Spans, log records or data points in it.")
    reason: str = Field(description="What ClickHouse said.")


class DeadLetterPage(BaseModel):
    """A page of dead letters, oldest first."""

    items: list[DeadLetter]
    next: str = Field(description="Cursor of the next page; empty at the end.")


class WholeDeadLetter(DeadLetter):
    """A refused request with its content."""

    request: dict[str, Any] = Field(
        description="What was refused in OTLP's JSON, as `/v1/traces` and the like take it."
    )


class Replay(Exact):
    """Which dead letters are to be stored again."""

    names: list[str] = Field(
        default_factory=list, max_length=10_000, description="All where none is named."
    )


class Replayed(BaseModel):
    """What is in the spool again."""

    items: dict[str, int] = Field(description="Number of items by the dead letter's name.")


class Discard(Exact):
    """Which dead letters nobody wants."""

    names: list[str] = Field(min_length=1, max_length=10_000)


class Discarded(BaseModel):
    """What is gone."""

    items: dict[str, int] = Field(description="Number of items by the dead letter's name.")


def _office(context: Annotated[Context, Depends(context_of)]) -> DeadLetterOffice:
    if context.dead_letters is None:
        raise NotFound("This process takes no telemetry, so it has no dead letters: see --roles.")
    return context.dead_letters


Office = Annotated[DeadLetterOffice, Depends(_office)]


@router.get("")
async def list_(
    office: Office,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=100, description="`next` of the page before.")] = "",
) -> DeadLetterPage:
    """The dead letters, oldest first."""
    found = [each for each in await asyncio.to_thread(office.list) if each.name > cursor]
    items = [DeadLetter.model_validate(each) for each in found[:limit]]
    return DeadLetterPage(items=items, next=items[-1].name if len(found) > limit else "")


@router.post("/replay")
async def replay(office: Office, body: Replay) -> Replayed:
    """Puts what was refused back into the spool, from where it is stored."""
    return Replayed(items=dict(await asyncio.to_thread(office.replay, body.names)))


@router.post("/discard")
async def discard(office: Office, body: Discard) -> Discarded:
    """Deletes what was refused for good."""
    return Discarded(items=dict(await asyncio.to_thread(office.discard, body.names)))


# Behind `/replay`, which has a name's form.
@router.get("/{name}")
async def show(
    office: Office, name: Annotated[str, Path(min_length=1, max_length=100)]
) -> WholeDeadLetter:
    """One dead letter, with its content."""
    letter, content = await asyncio.to_thread(office.show, name)
    described = DeadLetter.model_validate(letter)
    return WholeDeadLetter(**described.model_dump(), request=content)
