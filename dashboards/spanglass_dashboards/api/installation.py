"""What this installation is made of, and how much it holds."""

import asyncio
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from spanglass_dashboards.context import Context, administrator, context_of
from spanglass_store.queries.storage import table_sizes

router = APIRouter(prefix="/api/v1", tags=["service"], dependencies=[Depends(administrator)])


class TableOut(BaseModel):
    """What a table takes."""

    table: str
    rows: int
    stored_bytes: int = Field(description="On disk, compressed.")
    raw_bytes: int = Field(description="Before compression.")
    first_day: date | None = Field(description="Of its oldest rows, where they have a day.")


class Installation(BaseModel):
    """Versions, retention, sizes."""

    version: str
    clickhouse_version: str
    retention_days: int = Field(description="How long spans are kept; 0 is for ever.")
    payload_retention_days: int = Field(
        description="How long what people and models wrote is kept; 0 is as long as its span."
    )
    tables: list[TableOut] = Field(description="Of the server that was asked, the largest first.")


@router.get("/installation")
async def show(request: Request, context: Annotated[Context, Depends(context_of)]) -> Installation:
    """Versions, retention, and what each table takes. Takes an admin key."""
    sizes = await asyncio.to_thread(table_sizes, context.owner())
    return Installation(
        version=str(request.app.version),
        clickhouse_version=context.clickhouse_version,
        retention_days=context.retention_days,
        payload_retention_days=context.payload_retention_days,
        tables=[TableOut(**vars(each)) for each in sizes],
    )
