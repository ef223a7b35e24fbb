"""The audit log: who read payload, changed something or erased data. For administrators."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from spanglass_dashboards.context import Context, administrator, context_of
from spanglass_dashboards.problems import NotFound

router = APIRouter(prefix="/api/v1/audit", tags=["service"], dependencies=[Depends(administrator)])


class AuditEntry(BaseModel):
    """What somebody did."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    actor: str = Field(description="The key's id, or `this machine`.")
    action: str = Field(description="`payload.read`, `purge.done`, `PUT /api/v1/prices`, …")
    project: str = Field(description="Whose data it was about; empty for all.")
    target: str = Field(description="What it was done to.")
    detail: dict[str, Any]


class AuditPage(BaseModel):
    """A page of entries, the latest first."""

    items: list[AuditEntry]
    next: int = Field(description="`before` of the next page; 0 at the end.")


@router.get("")
async def list_(
    context: Annotated[Context, Depends(context_of)],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int, Query(ge=0, lt=1 << 62, description="`next` of the page before.")] = 0,
    action: Annotated[str, Query(max_length=64, description="Or how it begins.")] = "",
    actor: Annotated[str, Query(max_length=200)] = "",
) -> AuditPage:
    """Reads of payload, changes and erasures, the latest first."""
    if context.audit is None:
        raise NotFound("This process keeps no audit log.")
    found = await asyncio.to_thread(context.audit.list, limit + 1, before, action, actor)
    items = [AuditEntry.model_validate(each) for each in found[:limit]]
    return AuditPage(items=items, next=items[-1].id if len(found) > limit else 0)
