"""The list of traces as a chart: the same query, over time and by groups."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.trace_filter import Which
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.trace_chart import MOST_GROUPS, Group, Metric, trace_chart
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["traces"])


class ChartLine(BaseModel):
    """One group of traces over time."""

    name: str = Field(description="What its traces share; empty for those that have none.")
    traces: int = Field(description="How many there are in the whole range.")
    value: float = Field(description="The metric over the whole range.")
    values: list[float | None] = Field(
        description="By step; null where there is no trace to take it from."
    )


class ChartOut(BaseModel):
    """A list's traces over time."""

    step_s: int = Field(description="Length of a step in seconds.")
    times: list[datetime] = Field(description="Where the steps begin.")
    lines: list[ChartLine] = Field(description=f"The largest groups, {MOST_GROUPS} at most.")
    groups: int = Field(description="How many groups there are.")


@router.get("/traces/chart")
async def show_chart(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    which: Which,
    metric: Annotated[
        Metric,
        Query(
            description="Traces, the share that failed, seconds that half of them or 95 % stay"
            " below, US dollars, or tokens."
        ),
    ] = "traces",
    by: Annotated[
        Group,
        Query(description="What tells the lines apart; one line of all where it is empty."),
    ] = "",
) -> ChartOut:
    """A list's traces as lines over time, by what tells them apart.

    A trace with several models, operations or tags is in each one's line.
    """
    found = await asyncio.to_thread(trace_chart, context.store(principal), which, metric, by)
    return ChartOut(
        step_s=found.step_s,
        times=found.times,
        lines=[ChartLine(**vars(line)) for line in found.lines],
        groups=found.groups,
    )
