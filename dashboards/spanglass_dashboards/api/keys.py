"""Keys: who may send, read or administer."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from spanglass_dashboards.api.exact import Exact
from spanglass_dashboards.context import Context, administrator, context_of
from spanglass_dashboards.problems import NotFound
from spanglass_store.state.keys import DEFAULT_PROJECT, KeyInfo, Keys, Scope

router = APIRouter(prefix="/api/v1/keys", tags=["service"], dependencies=[Depends(administrator)])


class KeyIn(Exact):
    """What a key is to be for."""

    scope: Scope
    project: str = Field(
        DEFAULT_PROJECT, pattern="^[a-z0-9][a-z0-9_-]{0,63}$", description="Whose data it is for."
    )
    name: str = Field("", max_length=128, description="What people know it by.")
    payload: bool = Field(True, description="Whether it may read prompts and answers.")
    expires_days: int | None = Field(
        None, ge=1, le=3650, description="Days after which it opens nothing."
    )


class RotationIn(Exact):
    """How a key is replaced."""

    grace_hours: int = Field(24, ge=0, le=8760, description="For how long the old one goes on.")


class KeyOut(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    project: str
    scope: Scope
    payload: bool
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")


class NewKey(KeyOut):
    """A key that was made just now."""

    secret: str = Field(description="Shown this once; nobody can look it up later.")


class KeyList(BaseModel):
    """Every key of the installation."""

    items: list[KeyOut]


def _kept(context: Annotated[Context, Depends(context_of)]) -> Keys:
    if context.keys is None:
        raise NotFound("This process keeps no keys.")
    return context.keys


Kept = Annotated[Keys, Depends(_kept)]


@router.get("")
async def list_(keys: Kept) -> KeyList:
    """Every key, oldest first, revoked ones too. Takes an admin key."""
    return KeyList(items=[_shown(each) for each in await asyncio.to_thread(keys.list)])


@router.post("", status_code=201)
async def create(keys: Kept, body: KeyIn) -> NewKey:
    """Makes a key. After the first one, nobody gets in without."""
    lifetime = timedelta(days=body.expires_days) if body.expires_days else None
    info, secret = await asyncio.to_thread(
        keys.create, body.scope, body.project, body.name, body.payload, lifetime
    )
    return NewKey(**dict(_shown(info)), secret=secret)


@router.post("/{key_id}/rotate", status_code=201)
async def rotate(keys: Kept, key_id: str, body: RotationIn) -> NewKey:
    """Makes a key with the rights of another, which goes on for a while and then expires."""
    info, secret = await asyncio.to_thread(keys.rotate, key_id, timedelta(hours=body.grace_hours))
    return NewKey(**dict(_shown(info)), secret=secret)


@router.delete("/{key_id}")
async def revoke(keys: Kept, key_id: str) -> KeyOut:
    """Makes a key useless for good, within two seconds."""
    return _shown(await asyncio.to_thread(keys.revoke, key_id))


def _shown(info: KeyInfo) -> KeyOut:
    return KeyOut(**vars(info))
