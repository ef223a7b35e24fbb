"""Backups: taken, listed with the time at which they expire, deleted. For administrators."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Protocol, Self

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from spanglass_dashboards.context import BackupOffice, Context, administrator, context_of
from spanglass_dashboards.problems import NotFound
from spanglass_store.backups.catalog import Backup

router = APIRouter(
    prefix="/api/v1/backups", tags=["backups"], dependencies=[Depends(administrator)]
)


class BackupIn(BaseModel):
    """How a backup is kept."""

    keep_days: int | None = Field(
        None, ge=0, le=36500, strict=True,
        description="Days until it expires; 0 for never, none as is set.",
    )  # fmt: skip


class _Place(Protocol):
    def path(self, backup: Backup) -> object: ...


class BackupOut(BaseModel):
    """A backup."""

    name: str
    path: str = Field(description="Its folder, on the service's machine.")
    state: str = Field(description="`running`, `done` or `failed`.")
    began_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When it is deleted; null where it stays.")
    bytes: int = Field(description="On disk.")
    rows: dict[str, int] = Field(description="By table of ClickHouse.")
    has_state: bool = Field(description="Whether the state database is in it.")
    error: str = Field(description="Why it failed.")
    purges_since: list[str] = Field(
        description="Purges that ended after it began: it may hold what they erased."
    )

    @classmethod
    def of(cls, backup: Backup, place: _Place) -> Self:
        """As it is shown."""
        return cls(
            name=backup.name, path=str(place.path(backup)), state=backup.state,
            began_at=backup.began_at, finished_at=backup.finished_at,
            expires_at=backup.expires_at, bytes=backup.bytes, rows=dict(backup.rows),
            has_state=backup.has_state, error=backup.error,
            purges_since=list(backup.purges_since),
        )  # fmt: skip


class Backups(BaseModel):
    """Backups, the latest first."""

    items: list[BackupOut]


def _office(context: Annotated[Context, Depends(context_of)]) -> BackupOffice:
    if context.backups is None:
        raise NotFound(
            "ClickHouse is not the embedded one: back it up with its own BACKUP, and the state"
            " database beside it. See docs/operations.md."
        )
    return context.backups


Office = Annotated[BackupOffice, Depends(_office)]
Name = Annotated[str, Path(min_length=1, max_length=100)]


@router.get("")
async def list_(office: Office) -> Backups:
    """The backups, the latest first, each with the time at which it expires."""
    found: Sequence[Backup] = await asyncio.to_thread(office.list)
    return Backups(items=[BackupOut.of(each, office) for each in found])


@router.post("", status_code=202)
async def take(office: Office, body: BackupIn) -> BackupOut:
    """Begins a backup; it is whole when its state is `done`."""
    return BackupOut.of(await asyncio.to_thread(office.request, body.keep_days), office)


@router.get("/{name}")
async def show(office: Office, name: Name) -> BackupOut:
    """One backup."""
    return BackupOut.of(await asyncio.to_thread(office.get, name), office)


@router.delete("/{name}", status_code=204)
async def delete(office: Office, name: Name) -> None:
    """Deletes a backup."""
    await asyncio.to_thread(office.delete, name)
