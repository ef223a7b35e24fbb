"""A model's traffic on GPUs of one's own, beside what an API takes for it."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.advice import DEFAULT_DAYS
from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/advice", tags=["cost"])

Text = Annotated[str, Query(max_length=1000)]


class PolicyOut(BaseModel):
    """What a policy of scaling would have done."""

    name: str
    replica_hours: float
    wait_p50_s: float
    wait_p95_s: float
    waited: float = Field(description="Part of the requests that waited at all.")
    most: int = Field(description="Replicas at once.")
    starts: int


class OwnGpusOut(BaseModel):
    """Both ways, a month of the same traffic, in US dollars."""

    api_usd_month: float
    own_usd_month: float
    replicas: int
    gpu_hours_month: float
    busy_share: float
    usd_per_million_tokens: float = Field(description="Of output and weighted input.")
    break_even_factor: float | None = Field(
        description="How many times the traffic both would cost the same; null if never."
    )
    decides: list[str] = Field(
        description="Assumptions that change who is cheaper when they are off by a fifth."
    )
    influence: dict[str, float] = Field(description="Dollars a month that a fifth of each is.")
    assumptions: dict[str, float | bool]
    policies: list[PolicyOut]
    simulated_days: int
    calls: float
    unpriced_calls: float


@router.get("/selfhost")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    gpu_hour_usd: Annotated[float, Query(ge=1e-6, le=1e6)],
    tokens_per_second: Annotated[
        float,
        Query(ge=1e-3, le=1e9, description="Of output, of a GPU, as a load test measured it."),
    ],
    start: Start = None,
    end: End = None,
    project: Text = "",
    model: Text = "",
    input_weight: Annotated[float, Query(ge=0, le=10)] = 0.1,
    most_busy: Annotated[float, Query(ge=0.01, le=1)] = 0.6,
    gpus_per_replica: Annotated[int, Query(ge=1, le=1024)] = 1,
    fewest_replicas: Annotated[int, Query(ge=0, le=1024)] = 1,
    start_hours: Annotated[float, Query(ge=0, le=24)] = 0.1,
    interruptions_per_hour: Annotated[float, Query(ge=0, le=10)] = 0,
    hours_lost: Annotated[float, Query(ge=0, le=0.05)] = 0.05,
    staff_usd_month: Annotated[float, Query(ge=0, le=1e9)] = 0,
    is_scaled: bool = False,
    places: Annotated[
        int, Query(ge=0, le=10_000, description="Requests a replica serves at once; 0: no policy.")
    ] = 0,
) -> OwnGpusOut:
    """What the calls of a range would cost on GPUs, with every assumption."""
    since, until = time_range(start, end)
    if start is None:
        since = until - timedelta(days=DEFAULT_DAYS)
    given: dict[str, Any] = {
        "gpu_hour_usd": gpu_hour_usd, "tokens_per_second": tokens_per_second,
        "input_weight": input_weight, "most_busy": most_busy,
        "gpus_per_replica": gpus_per_replica, "fewest_replicas": fewest_replicas,
        "start_hours": start_hours, "interruptions_per_hour": interruptions_per_hour,
        "hours_lost": hours_lost, "staff_usd_month": staff_usd_month, "is_scaled": is_scaled,
    }  # fmt: skip

    def make() -> OwnGpusOut:
        # numpy takes a while to load, and many never ask.
        from spanglass_store.advice.own_gpus import assumptions, own_gpus
        from spanglass_store.advice.scope import scope_of

        found = own_gpus(
            context.store(principal), scope_of(since, until, project), model,
            assumptions(**given), places,
        )  # fmt: skip
        return OwnGpusOut(
            **vars(found.comparison),
            assumptions=vars(found.assumed),
            policies=[PolicyOut(name=name, **vars(each)) for name, each in found.policies.items()],
            simulated_days=found.simulated_days,
            calls=found.calls,
            unpriced_calls=found.unpriced,
        )

    return await asyncio.to_thread(make)
