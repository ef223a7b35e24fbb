"""Saved views: pages as somebody wants to come back to them."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.context import Context, context_of, reader, worker
from spanglass_dashboards.problems import NotFound
from spanglass_store.state.keys import Principal
from spanglass_store.state.views import Views

router = APIRouter(prefix="/api/v1/views", tags=["service"])

_PATH = "^/[a-z][a-z-]{0,40}$"


class ViewChange(BaseModel):
    """What can be changed of a view."""

    name: str = Field(min_length=1, max_length=100)
    search: str = Field(
        max_length=4000, description="The address after the question mark.",
        examples=["q=status%3Aerror&range=7d"],
    )  # fmt: skip


class ViewIn(ViewChange):
    """A page with everything that its address says."""

    page: str = Field(
        pattern=_PATH, examples=["/traces"],
        description="`/traces`; `/sql` for a saved query; `/dashboards` for a dashboard, whose"
        " search names saved queries: `tiles=ID,ID`.",
    )  # fmt: skip


class ViewOut(ViewIn):
    """A view that is kept."""

    id: str
    project: str
    created_at: datetime


class ViewList(BaseModel):
    """A project's views, by name."""

    items: list[ViewOut]


def _kept(context: Annotated[Context, Depends(context_of)]) -> Views:
    if context.views is None:
        raise NotFound("This process keeps no views.")
    return context.views


Kept = Annotated[Views, Depends(_kept)]
Reader = Annotated[Principal, Depends(reader)]
Worker = Annotated[Principal, Depends(worker)]


@router.get("")
async def list_(
    views: Kept, principal: Reader, page: Annotated[str, Query(max_length=64)] = ""
) -> ViewList:
    """The views of the key's own project, of one page or of all."""
    found = await asyncio.to_thread(views.list, principal.project, page)
    return ViewList(items=[ViewOut(**vars(each)) for each in found])


@router.post("", status_code=201)
async def create(views: Kept, principal: Worker, body: ViewIn) -> ViewOut:
    """Keeps a view, for everybody of the project."""
    made = await asyncio.to_thread(
        views.create, principal.project, body.page, body.name.strip() or body.name, body.search
    )
    return ViewOut(**vars(made))


@router.put("/{view_id}")
async def update(views: Kept, principal: Worker, view_id: str, body: ViewChange) -> ViewOut:
    """Changes a view; its id, and with it every link to it, stays."""
    name = body.name.strip() or body.name
    changed = await asyncio.to_thread(
        views.update, principal.project, view_id, name, body.search
    )  # fmt: skip
    return ViewOut(**vars(changed))


@router.delete("/{view_id}", status_code=204)
async def delete(views: Kept, principal: Worker, view_id: str) -> None:
    """Forgets a view."""
    await asyncio.to_thread(views.delete, principal.project, view_id)
