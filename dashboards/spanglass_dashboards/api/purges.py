"""Purges: what is erased on request, and the receipts. For administrators."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from spanglass_dashboards.api.exact import Exact
from spanglass_dashboards.api.time_range import storable, written_out
from spanglass_dashboards.context import Context, PurgeOffice, administrator, context_of
from spanglass_dashboards.problems import NotFound
from spanglass_store.erasure.selection import selection_of
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/purges", tags=["purges"], dependencies=[Depends(administrator)])

_Moment = Annotated[
    datetime | None, BeforeValidator(lambda v: v if v is None else written_out(v)),
    AfterValidator(storable),
]  # fmt: skip


class SelectionIn(Exact):
    """Which telemetry; everything that is given has to hold. Traces are erased whole."""

    project: str = Field("", max_length=200, description="Empty for all.")
    user_id: str = Field("", max_length=2000)
    session_id: str = Field("", max_length=2000)
    trace_id: str = Field("", pattern="^([0-9a-fA-F]{32})?$", description="32 hexadecimal digits.")
    service: str = Field("", max_length=2000)
    environment: str = Field("", max_length=2000)
    start: _Moment = Field(None, description="Earliest start, inclusive.")
    end: _Moment = Field(None, description="Latest start, exclusive.")


class PurgeIn(SelectionIn):
    """What is to be erased."""

    everything: bool = Field(
        False, strict=True, description="Has to be said where the project, or all, would be empty."
    )


class Preview(BaseModel):
    """What a purge would remove now."""

    rows: dict[str, int] = Field(description="Rows, or items, by place.")
    traces: int
    everything: bool = Field(description="Whether the project, or all, would be empty.")


class Purge(BaseModel):
    """A purge as it stands."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    state: str = Field(description="`queued`, `running` or `done`.")
    requested_at: datetime
    requested_by: str
    finished_at: datetime | None
    selection: dict[str, str] = Field(
        description="Hashes in the place of users, sessions and traces once it is done."
    )
    waiting_for: str = Field(description="What keeps it from going on; empty while nothing does.")
    receipt: dict[str, Any] = Field(description="What was removed, and proofs; empty until done.")


class Purges(BaseModel):
    """Purges, the latest first."""

    items: list[Purge]


def _office(context: Annotated[Context, Depends(context_of)]) -> PurgeOffice:
    if context.purges is None:
        raise NotFound("This process does not purge.")
    return context.purges


Office = Annotated[PurgeOffice, Depends(_office)]


def _document(body: SelectionIn) -> Mapping[str, Any]:
    return selection_of(body.model_dump(exclude={"everything"})).document()


@router.get("")
async def list_(office: Office) -> Purges:
    """The last hundred purges, the latest first."""
    found = await asyncio.to_thread(office.list)
    return Purges(items=[Purge.model_validate(each) for each in found])


@router.post("/preview")
async def preview(office: Office, body: SelectionIn) -> Preview:
    """What a purge would remove now; nothing is changed."""
    selection = selection_of(body.model_dump())
    return Preview(**await asyncio.to_thread(office.preview, selection))


@router.post("", status_code=202)
async def request(
    office: Office, principal: Annotated[Principal, Depends(administrator)], body: PurgeIn
) -> Purge:
    """Asks for a purge; it is done when its state says so, even if the service ends before."""
    asked = await asyncio.to_thread(
        office.request, _document(body), principal.name, body.everything
    )
    return Purge.model_validate(asked)


@router.get("/{purge_id}")
async def show(
    office: Office, purge_id: Annotated[str, Path(min_length=1, max_length=100)]
) -> Purge:
    """One purge, with its receipt once it is done."""
    return Purge.model_validate(await asyncio.to_thread(office.get, purge_id))
