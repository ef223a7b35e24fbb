"""How complete the data of a service is."""

import asyncio
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.time_range import End, Moment, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.completeness import completeness
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["completeness"])


class ServiceHour(BaseModel):
    """One service in one hour, as far as its SDK reports."""

    service: str
    hour: Moment = Field(description="Start of the hour, UTC.")
    instances: int = Field(description="Processes that reported.")
    expected: int = Field(description="Spans that they made and did not sample out.")
    received: int = Field(description="Those of them that are here.")
    missing: int
    complete: float = Field(description="Share of the expected spans that is here, 0 to 1.")
    waiting: int = Field(description="Spans that had not been sent when the hour ended.")
    spilled: int = Field(description="Spans written to disk, to be sent later.")
    sampled_out: int = Field(description="Spans left out on purpose; not expected.")
    dropped: dict[str, int] = Field(description="Spans lost in the process, by reason.")
    reports_missing: int = Field(description="Windows of time whose report is not here.")


class ServiceHours(BaseModel):
    """Services by hour, the latest first."""

    items: list[ServiceHour]


_Text = Annotated[str, Query(max_length=1000)]


@router.get("/completeness", response_model=ServiceHours)
async def index(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: _Text = "",
    service: _Text = "",
) -> ServiceHours:
    """What Spanglass's SDK made of spans against what is here, by service and hour."""
    since, until = time_range(start, end)
    found = await asyncio.to_thread(
        completeness, context.store(principal), since, until, project, service
    )
    return ServiceHours(
        items=[
            ServiceHour(**asdict(each), missing=each.missing, complete=each.complete)
            for each in found
        ]
    )
