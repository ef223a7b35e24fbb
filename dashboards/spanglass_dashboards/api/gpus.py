"""GPUs: their state, who uses them, and over a range of time."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.time_range import End, Moment, Start, recent
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.gpu_series import series
from spanglass_store.queries.gpus import boards, processes
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["gpus"])


class Process(BaseModel):
    """A process on a board."""

    pid: str
    name: str
    command: str = Field(description="Its words before the first option.")
    container: str
    pod: str = Field(description="Kubernetes' UID of the pod.")
    memory_bytes: float
    seen_at: Moment


class Board(BaseModel):
    """A board, or an instance of one (MIG). What it does not tell is null."""

    project: str
    id: str
    host: str
    name: str
    index: int | None
    parent: str = Field(description="The board that an instance is a part of.")
    driver: str
    state: str = Field(description="ok, degraded, failed, or unknown.")
    reason: str
    seen_at: Moment
    utilization: float | None = Field(description="Busy share of the time, last.")
    utilization_mean: float | None
    utilization_max: float | None
    memory_used_bytes: float | None
    memory_max_bytes: float | None
    memory_limit_bytes: float | None
    power_w: float | None
    power_mean_w: float | None
    power_limit_w: float | None
    energy_j: float | None = Field(description="In the range of time.")
    temperature_c: float | None
    memory_temperature_c: float | None
    sm_clock_mhz: float | None
    sm_clock_mean_mhz: float | None
    tensor_active_mean: float | None = Field(description="From the DCGM exporter.")
    bandwidth_mean: float | None = Field(description="From the DCGM exporter.")
    throttled: dict[str, float] = Field(description="Share of the time, by what held clocks back.")
    errors: dict[str, int] = Field(description="ECC errors over the board's life.")
    xids: dict[str, int] = Field(description="XID errors since the agent began, by code.")
    processes: list[Process]


class Gpus(BaseModel):
    """Boards that were read in the range of time."""

    gpus: list[Board]


@router.get("/gpus")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Annotated[str, Query(max_length=1000)] = "",
) -> Gpus:
    """GPUs with their latest state; means and maxima over a range of time, the last hour."""
    since, until = recent(start, end)
    store = context.store(principal)

    def answer() -> Gpus:
        on = processes(store, since, until, project)
        found = [
            {**each, "processes": on.get((each["project"], each["id"]), [])}
            for each in boards(store, since, until, project)
        ]
        return Gpus.model_validate({"gpus": found})

    return await asyncio.to_thread(answer)


class Went(BaseModel):
    """How a board or an engine went, step by step."""

    project: str
    host: str
    id: str = Field(description="Of a board its id, of an engine its host and port.")
    values: dict[str, list[float | None]] = Field(
        description="A number a step, null where nothing was read. Of boards: utilization,"
        " memory_bytes, power_w, temperature_c, throttled. Of engines: running, waiting,"
        " kv_cache_usage, generated_tokens_per_second, prompt_tokens_per_second, prefix_hit_rate,"
        " and in seconds time_to_first_token and time_per_output_token with _p50 and _p95."
    )


class GpuSeries(BaseModel):
    """Boards and engines over a range of time."""

    step_s: int = Field(description="Seconds a step.")
    times: list[int] = Field(description="Where steps begin, in seconds since 1970.")
    boards: list[Went]
    engines: list[Went]


@router.get("/gpus/series")
async def show_series(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Annotated[str, Query(max_length=1000)] = "",
) -> GpuSeries:
    """GPUs and engines step by step over a range of time, the last hour."""
    since, until = recent(start, end)
    found = await asyncio.to_thread(series, context.store(principal), since, until, project)
    return GpuSeries.model_validate(found, from_attributes=True)
