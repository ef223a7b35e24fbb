"""Why calls cost more or less, what a month will cost, and what a thing costs."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from spanglass_dashboards.api.time_range import End, Start, storable, time_range, written_out
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.cost import CostFilter, GroupBy
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/cost", tags=["cost"])

Text = Annotated[str, Query(max_length=1000)]
Moment = Annotated[
    datetime | None, BeforeValidator(written_out), AfterValidator(storable),
    Query(description="Where the time before begins; as long before as the range is unless given."),
]  # fmt: skip
MomentEnd = Annotated[
    datetime | None, BeforeValidator(written_out), AfterValidator(storable),
    Query(description="Where the time before ends; where the range begins unless given."),
]  # fmt: skip


class CostParts(BaseModel):
    """Spend of two times, and what changed it; US dollars. The four parts are the change."""

    before: float
    after: float
    volume: float = Field(description="More or fewer calls.")
    mix: float = Field(description="Other groups and models than before.")
    length: float = Field(description="More or fewer tokens a call.")
    price: float = Field(description="Other prices of a token, caches and tiers included.")


class CostGroupParts(CostParts):
    """The same of a group and a model."""

    name: str
    model: str


class CostCents(BaseModel):
    """The parts in whole cents, which add up to the rounded change."""

    volume: int
    mix: int
    length: int
    price: int


class CostChanges(BaseModel):
    """Two times compared."""

    before_start: datetime
    before_end: datetime
    start: datetime
    end: datetime
    total: CostParts
    cents: CostCents
    groups: list[CostGroupParts] = Field(description="Those that changed most first.")
    unpriced_calls: float = Field(description="Of both times; they are in none of it.")


class CostForecast(BaseModel):
    """What this month (UTC) will have cost; numbers are null with fewer than seven whole days."""

    month_start: datetime
    month_end: datetime
    spent_usd: float | None
    expected_usd: float | None
    low_usd: float | None = Field(description="Lower end of the 95 % interval.")
    high_usd: float | None


class CostUnit(BaseModel):
    """Something that is paid for."""

    name: str
    count: float | None = Field(description="Null where nobody says which there are.")
    usd: float | None = Field(description="Of one.")


class CostUnits(BaseModel):
    """What one of each thing cost."""

    usd: float
    unpriced_calls: float
    units: list[CostUnit]


@router.get("/changes")
async def show_changes(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    before_start: Moment = None,
    before_end: MomentEnd = None,
    group_by: GroupBy = "model",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    project: Text = "",
    service: Text = "",
    environment: Text = "",
    model: Text = "",
    feature: Text = "",
) -> CostChanges:
    """What changed the spend: volume, mix, length and price, which add up to the cent."""
    since, until = time_range(start, end)
    until_before = before_end or since
    since_before = before_start or until_before - (until - since)

    def make() -> CostChanges:
        # numpy takes a while to load, and many never ask.
        from spanglass_store.queries.cost_changes import changes

        filters = {
            "project": project, "service": service, "environment": environment, "model": model,
            "feature": feature,
        }  # fmt: skip
        found = changes(
            context.store(principal),
            CostFilter(since_before, until_before, **filters),
            CostFilter(since, until, **filters),
            group_by,
        )
        groups = sorted(found.parts.groups.items(), key=lambda each: -abs(each[1].change))[:limit]
        return CostChanges(
            before_start=since_before, before_end=until_before, start=since, end=until,
            total=CostParts(**vars(found.parts.total)), cents=CostCents(**found.cents),
            groups=[
                CostGroupParts(
                    **vars(part), name=key.partition("\0")[0],
                    model=key.partition("\0")[2] or key.partition("\0")[0],
                )
                for key, part in groups
            ],
            unpriced_calls=found.unpriced,
        )  # fmt: skip

    return await asyncio.to_thread(make)


@router.get("/forecast")
async def show_forecast(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    project: Text = "",
    service: Text = "",
    environment: Text = "",
    feature: Text = "",
    model: Text = "",
) -> CostForecast:
    """What this month will have cost at its end, with an interval."""

    def make() -> CostForecast:
        from spanglass_store.queries.cost_changes import forecast, month_of

        now = datetime.now(UTC)
        which = CostFilter(now, now, project, service, environment, "", model, feature=feature)
        found = forecast(context.store(principal), which, now)
        first, last = month_of(now)
        if found is None:
            return CostForecast(
                month_start=first, month_end=last, spent_usd=None, expected_usd=None, low_usd=None,
                high_usd=None,
            )  # fmt: skip
        return CostForecast(
            month_start=first, month_end=last, spent_usd=found.spent, expected_usd=found.expected,
            low_usd=found.low, high_usd=found.high,
        )  # fmt: skip

    return await asyncio.to_thread(make)


@router.get("/units")
async def show_units(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Text = "",
    service: Text = "",
    feature: Text = "",
    model: Text = "",
) -> CostUnits:
    """What a request, a user, a session, a successful task and so on cost."""
    since, until = time_range(start, end)

    def make() -> CostUnits:
        from spanglass_store.queries.cost_changes import units

        which = CostFilter(since, until, project, service, "", "", model, feature=feature)
        found = units(context.store(principal), which)
        names = (
            "requests", "calls", "users", "sessions", "features", "successful_tasks",
            "thousand_tokens", "gpu_hours",
        )  # fmt: skip
        return CostUnits(
            usd=found["usd"],
            unpriced_calls=found["unpriced"],
            units=[
                CostUnit(
                    name=name, count=found[name],
                    usd=found["usd"] / found[name] if found[name] else None,
                )
                for name in names
            ],
        )  # fmt: skip

    return await asyncio.to_thread(make)
