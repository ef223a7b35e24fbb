"""What can be chosen from when filtering traces."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.facets import trace_facets
from spanglass_store.queries.traces import TraceFilter
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["traces"])


class FacetValue(BaseModel):
    """A value and how common it is."""

    value: str
    traces: int = Field(description="Traces of the range that have it.")


class TraceFacets(BaseModel):
    """Values that occur, commonest first."""

    service: list[FacetValue]
    operation: list[FacetValue]
    model: list[FacetValue]
    environment: list[FacetValue]
    feature: list[FacetValue]
    tag: list[FacetValue]


@router.get("/traces/facets", response_model=TraceFacets)
async def facets(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Annotated[str, Query(max_length=1000)] = "",
) -> TraceFacets:
    """The values of service, operation, model and others in a range, the commonest of each."""
    since, until = time_range(start, end)
    found = await asyncio.to_thread(
        trace_facets, context.store(principal), TraceFilter(since, until, project)
    )
    return TraceFacets.model_validate(
        {
            name: [FacetValue(value=each.value, traces=each.traces) for each in values]
            for name, values in found.items()
        }
    )
