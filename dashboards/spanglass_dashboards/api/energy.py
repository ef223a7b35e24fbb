"""Energy and money of requests to self-hosted engines."""

import asyncio
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_dashboards.problems import NotFound
from spanglass_store.queries.deployments import deployments, engines
from spanglass_store.queries.energy import INPUT_WEIGHT, GroupBy, budget, shares
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["gpus"])

Text = Annotated[str, Query(max_length=1000)]


class Budget(BaseModel):
    """What a deployment's boards have used: requests, others, untraced and idle together."""

    energy_j: float = Field(description="By the boards' counters, in joules.")
    requests_j: float = Field(description="Shared among requests.")
    others_j: float = Field(description="Of requests to other models on the same boards.")
    untraced_j: float = Field(
        description="Of requests that are known from the engines' counts of tokens alone."
    )
    idle_j: float = Field(description="The rest.")
    usd: float | None = Field(description="Price of the boards' time; null where none was given.")
    requests_usd: float | None
    others_usd: float | None
    untraced_usd: float | None
    idle_usd: float | None
    requests: int
    output_tokens: int
    boards: int = Field(description="Boards whose counters were read.")
    measured_s: float = Field(description="Seconds that the counters cover, of all boards.")


class Share(BaseModel):
    """What one request, user or feature has used."""

    name: str
    energy_j: float
    usd: float | None
    requests: int
    output_tokens: int


class Deployed(BaseModel):
    """The engines of one model, what they have used, and who for."""

    project: str
    model: str
    engines: list[str]
    boards: list[str] = Field(description="Empty where the boards of its engines are not known.")
    gpu_hour_usd: float
    total: Budget | None = Field(description="Null where the boards are not known.")
    groups: list[Share] = Field(description="Those that used the most first.")


class Energy(BaseModel):
    """Energy and money, by deployment."""

    deployments: list[Deployed]


@router.get("/energy")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Text = "",
    model: Text = "",
    group_by: GroupBy = "feature",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    gpu_hour_usd: Annotated[
        float | None, Query(ge=0, le=1e6, description="Price of a board, instead of the agent's.")
    ] = None,
    input_weight: Annotated[
        float, Query(ge=0, le=10, description="Work of an input token, beside an output token.")
    ] = INPUT_WEIGHT,
) -> Energy:
    """Energy and money of a model's requests: measured, shared out by tokens, idle apart."""
    since, until = time_range(start, end)
    store = context.store(principal)

    def answer() -> Energy:
        found = [
            each
            for each in deployments(engines(store, since, until, project))
            if model in ("", each.model)
        ]
        if model and not found:
            raise NotFound(
                f"No engine that is watched served {model!r} in this range of time."
                " GET /api/v1/engines lists what was."
            )
        out = []
        for each in found[:20]:
            if gpu_hour_usd is not None:
                each = type(each)(**{**asdict(each), "gpu_hour_usd": gpu_hour_usd})
            total, groups = None, []
            if each.boards:
                used = budget(store, each, since, until, input_weight)
                total = Budget.model_validate(asdict(used))
                rows = shares(store, each, since, until, group_by, limit, input_weight)
                groups = [Share.model_validate(row) for row in rows]
            out.append(
                Deployed(
                    project=each.project, model=each.model, engines=list(each.engines),
                    boards=list(each.boards), gpu_hour_usd=each.gpu_hour_usd, total=total,
                    groups=groups,
                )
            )  # fmt: skip
        return Energy(deployments=out)

    return await asyncio.to_thread(answer)
