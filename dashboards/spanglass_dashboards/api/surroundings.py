"""What a request's engine and boards did while it was there."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from spanglass_dashboards.context import Context, context_of, reader
from spanglass_dashboards.problems import NotFound
from spanglass_store.queries.surroundings import surroundings
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["gpus"])


class EngineAround(BaseModel):
    """An engine that serves the model, in the time of the request."""

    instance: str
    host: str
    name: str
    mean: dict[str, float] = Field(description="Of its levels: requests_waiting, kv_cache_usage, …")
    peak: dict[str, float]
    times: dict[str, dict[str, float]] = Field(description="Of requests that ended then, seconds.")


class BoardAround(BaseModel):
    """A board of these engines, in the time of the request."""

    id: str
    host: str
    name: str
    index: int | None
    state: str
    utilization_mean: float | None
    power_mean_w: float | None
    sm_clock_mean_mhz: float | None
    memory_used_bytes: float | None
    throttled: dict[str, float] = Field(description="Share of the time, by what held clocks back.")


class Around(BaseModel):
    """What was around a request. Lists are empty where no engine of its model is watched."""

    model: str
    start: datetime = Field(
        description="Readings since: ten seconds before, a minute where engines are asked seldom."
    )
    end: datetime
    engines: list[EngineAround]
    gpus: list[BoardAround]
    energy_j: float | None = Field(description="Its share, in joules; see GET /api/v1/energy.")
    usd: float | None


@router.get("/traces/{trace_id}/spans/{span_id}/engine")
async def show(
    trace_id: str,
    span_id: str,
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
) -> Around:
    """The engine's and its boards' state in the lifetime of a request, and the request's share."""
    found = await asyncio.to_thread(
        surroundings, context.store(principal), trace_id.lower(), span_id.lower()
    )
    if found is None:
        raise NotFound(
            f"There is no span {span_id!r} in the trace {trace_id!r} that this key may see."
        )
    serving: list[dict[str, Any]] = [
        {
            "instance": engine.instance, "host": engine.host, "name": engine.name,
            "mean": did.mean, "peak": did.peak, "times": did.times,
        }
        for engine, did in found.engines
    ]  # fmt: skip
    return Around.model_validate({
        "model": found.model, "start": found.start, "end": found.end, "engines": serving,
        "gpus": found.boards, "energy_j": found.energy_j, "usd": found.usd,
    })  # fmt: skip
