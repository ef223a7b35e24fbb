"""How long what is kept, by project; and deleting what is over. For administrators."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from spanglass_dashboards.context import (
    Context,
    RetentionOffice,
    administrator,
    context_of,
)
from spanglass_dashboards.problems import NotFound
from spanglass_store.retention.policy import LONGEST_DAYS, Retention

router = APIRouter(
    prefix="/api/v1/retention", tags=["retention"], dependencies=[Depends(administrator)]
)


class RetentionIn(BaseModel):
    """How long a project's telemetry is kept, in days; what is null stays as it was said."""

    spans_days: int | None = Field(
        None, ge=0, le=LONGEST_DAYS, strict=True, description="Spans and logs; 0 for ever."
    )
    payload_days: int | None = Field(
        None, ge=0, le=LONGEST_DAYS, strict=True,
        description="What people and models wrote; 0 as long as the span.",
    )  # fmt: skip
    metrics_days: int | None = Field(
        None, ge=0, le=LONGEST_DAYS, strict=True, description="Data points; 0 as long as spans."
    )


class RetentionOut(BaseModel):
    """How long a project's telemetry is kept, in days."""

    project: str = Field(description="Empty for every project of which nothing is said.")
    spans_days: int = Field(description="Spans and logs; 0 for ever.")
    payload_days: int = Field(description="What people and models wrote; 0 as long as the span.")
    metrics_days: int = Field(description="Data points; 0 as long as spans.")

    @classmethod
    def of(cls, project: str, kept: Retention) -> "RetentionOut":
        """As it is shown."""
        return cls(project=project, **vars(kept))


class Retentions(BaseModel):
    """What counts for all, then for single projects by name."""

    items: list[RetentionOut]


class SweptOut(BaseModel):
    """What went from a table."""

    table: str
    rows: int = Field(description="That were deleted.")
    partitions: int = Field(description="That were dropped whole.")
    emptied: int = Field(description="Rows whose payload was emptied.")


class Sweep(BaseModel):
    """What went."""

    items: list[SweptOut]


def _office(context: Annotated[Context, Depends(context_of)]) -> RetentionOffice:
    if context.retention is None:
        raise NotFound("This process knows of no retention.")
    return context.retention


Office = Annotated[RetentionOffice, Depends(_office)]
Project = Annotated[str, Path(min_length=1, max_length=64)]


def shown(office: RetentionOffice) -> list[RetentionOut]:
    """What counts for all, then for single projects."""
    return [
        RetentionOut.of("", office.book.default),
        *(RetentionOut.of(name, each) for name, each in office.book.all().items()),
    ]


@router.get("")
async def list_(office: Office) -> Retentions:
    """How long what is kept: for all, and for the projects of which something else is said."""
    await asyncio.to_thread(office.book.refresh)
    return Retentions(items=shown(office))


@router.put("/{project}")
async def put(office: Office, project: Project, body: RetentionIn) -> RetentionOut:
    """Says how long a project's telemetry is kept. Shorter counts for what is there, too."""
    kept = await asyncio.to_thread(office.book.put, project, **body.model_dump())
    return RetentionOut.of(project, kept)


@router.delete("/{project}")
async def delete(office: Office, project: Project) -> RetentionOut:
    """Forgets what was said of a project; what counts for it then."""
    return RetentionOut.of(project, await asyncio.to_thread(office.book.delete, project))


@router.post("/sweep")
async def sweep(office: Office) -> Sweep:
    """Deletes what is over now, instead of within the day; what went."""
    gone = await asyncio.to_thread(office.sweep)
    return Sweep(items=[SweptOut(**vars(each)) for each in gone])
