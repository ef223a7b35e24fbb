"""What calls of models have cost."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.cost import CostFilter, GroupBy, Interval, cost
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["cost"])


class Sums(BaseModel):
    """Sums over calls. Sampled ones count for those that they stand for."""

    cost_usd: float
    input_cost_usd: float
    output_cost_usd: float
    calls: float
    unknown_calls: float = Field(
        description="Calls that no price is known for; not those that failed before any token."
    )
    input_tokens: float
    output_tokens: float
    energy_j: float = Field(
        description="Joules of calls on boards that are watched; those of ten minutes follow later."
    )


class Step(Sums):
    """Sums over an interval."""

    time: str = Field(description="Where it begins: RFC 3339, UTC.")


class Group(Sums):
    """Sums over a group."""

    name: str
    series: list[Step] = Field(default_factory=list)


class Cost(BaseModel):
    """What calls have cost, in US dollars."""

    total: Sums
    groups: list[Group] = Field(description="The dearest first.")
    others: Sums = Field(description="Groups beyond the limit; nothing where grouped by tag.")


Text = Annotated[str, Query(max_length=1000)]


@router.get("/cost")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    group_by: GroupBy = "model",
    interval: Interval = "none",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    project: Text = "",
    service: Text = "",
    environment: Text = "",
    provider: Text = "",
    model: Text = "",
    user: Text = "",
    session: Text = "",
    feature: Text = "",
    tag: Text = "",
    prompt: Text = "",
) -> Cost:
    """Cost of model calls by group and time; a parent that repeats its calls' is left out."""
    since, until = time_range(start, end)
    which = CostFilter(
        since, until, project, service, environment, provider, model, user, session, feature, tag,
        prompt,
    )  # fmt: skip
    found = await asyncio.to_thread(
        cost, context.store(principal), which, group_by, interval, limit
    )
    return Cost.model_validate(found)
