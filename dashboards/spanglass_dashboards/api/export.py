"""Export: telemetry by the hour, in four formats, for those who may read payload."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from spanglass_dashboards.api.time_range import OpenEnd, OpenStart, storable, written_out
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.errors import NotAllowed
from spanglass_store.export.chunks import (
    Chunk,
    ExportFilter,
    Format,
    Table,
    chunk_bytes,
    chunks,
)
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/export", tags=["export and import"])


class ChunkOut(BaseModel):
    """One hour of one project."""

    project: str
    hour: datetime
    rows: int = Field(description="Rows in it when this was asked.")


class Chunks(BaseModel):
    """The hours that have something."""

    items: list[ChunkOut]


_Text = Annotated[str, Query(max_length=1000)]


def _which(
    principal: Annotated[Principal, Depends(reader)],
    start: OpenStart = None,
    end: OpenEnd = None,
    project: _Text = "",
    service: _Text = "",
    environment: _Text = "",
    user_id: _Text = "",
    session_id: _Text = "",
    trace_id: _Text = "",
) -> ExportFilter:
    if not principal.payload:
        raise NotAllowed("An export holds prompts and answers: use a key made with --payload.")
    return ExportFilter(
        principal.projects, project, service, environment, user_id, session_id, trace_id, start, end
    )


Which = Annotated[ExportFilter, Depends(_which)]
OfRequest = Annotated[Context, Depends(context_of)]


@router.get("/{what}/chunks")
async def index(context: OfRequest, what: Table, which: Which) -> Chunks:
    """The hours that have something, by project, the earliest first."""
    found = await asyncio.to_thread(chunks, context.owner(), what, which)
    return Chunks(items=[ChunkOut(**vars(each)) for each in found])


@router.get("/{what}", response_class=StreamingResponse)
async def show(
    context: OfRequest,
    what: Table,
    which: Which,
    hour: Annotated[
        datetime,
        BeforeValidator(written_out),
        AfterValidator(storable),
        Query(description="As `/chunks` has it."),
    ],
    of: Annotated[str, Query(max_length=200, description="Its project.")] = "default",
    format: Annotated[Format, Query(description="How it is written.")] = "jsonl",  # noqa: A002
) -> StreamingResponse:
    """One hour of one project, while it is read."""
    pieces = chunk_bytes(context.owner(), what, which, Chunk(of, hour, 0), format)
    # What is wrong is said before the answer begins.
    first = await asyncio.to_thread(next, pieces, b"")
    return StreamingResponse(_from(first, pieces), media_type="application/octet-stream")


def _from(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
