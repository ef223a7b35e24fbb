"""How an application is doing, at a glance."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.overview import OverviewFilter, overview
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["overview"])


class Figures(BaseModel):
    """What was going on; sampled spans count for those that they stand for."""

    requests: float = Field(description="Root spans.")
    failed: float = Field(description="Traces in which any span failed.")
    calls: float = Field(description="Calls of models, each once.")
    failed_calls: float
    input_tokens: float
    output_tokens: float
    cost_usd: float
    duration_p50_s: float | None = Field(description="Of root spans; null without any.")
    duration_p95_s: float | None
    first_token_p50_s: float | None = Field(description="Of calls that say when it came.")
    first_token_p95_s: float | None


class Step(Figures):
    """Figures of a step of time."""

    time: datetime = Field(description="Where it begins, UTC.")


class ModelFigures(Figures):
    """Figures of a model; durations are those of its calls."""

    model: str
    provider: str


class ScoreMean(BaseModel):
    """Scores of one name."""

    name: str
    count: int
    mean: float
    before: float | None = Field(description="The mean in the range before; null without any.")


class Overview(BaseModel):
    """A range of time, and the one of the same length before it."""

    step_s: int = Field(description="Seconds a step.")
    total: Figures
    before: Figures
    series: list[Step]
    models: list[ModelFigures] = Field(description="Those that were called most first.")
    scores: list[ScoreMean] = Field(
        description="Detectors' behind the others; of each those that were given most first."
    )


Text = Annotated[str, Query(max_length=1000)]


@router.get("/overview")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Text = "",
    service: Text = "",
    environment: Text = "",
) -> Overview:
    """Traffic, errors, latency, tokens, cost and scores of a range of time."""
    since, until = time_range(start, end)
    which = OverviewFilter(since, until, project, service, environment)
    return Overview.model_validate(
        await asyncio.to_thread(overview, context.store(principal), which)
    )
