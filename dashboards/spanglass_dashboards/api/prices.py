"""The book of prices: reading it, giving prices of one's own, and charging anew."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from spanglass_dashboards.api.exact import Exact
from spanglass_dashboards.context import Context, administrator, context_of, reader
from spanglass_dashboards.problems import NotFound
from spanglass_store.client import Store
from spanglass_store.prices.desk import PriceDesk, unknown
from spanglass_store.prices.entry import (
    ALWAYS,
    DAY_MINUTES,
    Kind,
    Price,
    Source,
    Unit,
    fits,
    usual_unit,
)
from spanglass_store.prices.table import list_prices
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/prices", tags=["cost"])

#: The last day that a price can start on.
_LAST_DAY: Final = date(2100, 12, 31)


def _no_number(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError("a day is written like 2026-01-31")
    return value


#: A day, as text: pydantic takes numbers, too, as seconds since 1970.
Day = Annotated[date, BeforeValidator(_no_number)]


class PriceIn(Exact):
    """A price of one's own."""

    project: str = Field("", max_length=200, description="Whose; empty for every project.")
    provider: str = Field("", max_length=200, description="As spans name it; empty for any.")
    model: str = Field(
        min_length=1,
        max_length=500,
        description="As spans name it; `name*` is every model whose name begins with `name`.",
    )
    token_kind: Kind
    unit: Unit | None = Field(None, description="The kind's usual one unless given.")
    usd: float = Field(
        strict=True,
        ge=0,
        allow_inf_nan=False,
        description="US dollars a unit. For `gpu_hour` an hour of one call: the price of a GPU's"
        " hour, times the GPUs, divided by the calls that are answered at once.",
    )
    above_tokens: int = Field(
        0,
        strict=True,
        ge=0,
        lt=1 << 53,
        description="Only for calls of more input tokens than this.",
    )
    service_tier: str = Field("", max_length=100, description="`batch`, `priority`, ….")
    start_date: Day = Field(ALWAYS, description="First day, UTC.")

    @field_validator("start_date")
    @classmethod
    def _can_be_kept(cls, value: date) -> date:
        if not ALWAYS <= value <= _LAST_DAY:
            raise ValueError("should lie between 1970 and 2100")
        return value

    @model_validator(mode="after")
    def _fits(self) -> "PriceIn":
        if self.unit is None:
            self.unit = usual_unit(self.token_kind)
        if not fits(self.token_kind, self.unit):
            raise ValueError(f"{self.token_kind} can't be priced by {self.unit}")
        return self


class PriceOut(PriceIn):
    """A price that counts."""

    # A service that is newer than who reads this may say more.
    model_config = ConfigDict(extra="ignore")

    # NULL where a price has ended.
    usd: float | None  # type: ignore[assignment]
    minute_from: int = Field(description="First minute of the day, UTC.")
    minute_until: int = DAY_MINUTES
    source: Source


class PriceList(BaseModel):
    """Prices, by model."""

    items: list[PriceOut]
    truncated: bool = Field(description="Whether there are more.")


class UnknownModel(BaseModel):
    """A model that calls have no cost of."""

    project: str
    provider: str
    model: str
    service_tier: str
    calls: int
    input_tokens: int | None
    output_tokens: int | None
    first_day: str
    last_day: str
    command: str = Field(description="What prices it, once you put the amounts in.")


class Given(BaseModel):
    """How many prices a request was about."""

    prices: int


class RecomputeIn(Exact):
    """Which spans are to be charged anew."""

    start: Day | None = Field(None, description="First day, UTC.")
    end: Day | None = Field(None, description="Last day, inclusive.")
    models: list[str] = Field(
        default_factory=list, max_length=1000, description="As spans name them; all unless given."
    )


class RecomputeState(BaseModel):
    """How far charging anew is."""

    state: Literal["running", "done"]
    day: date | None
    spans_done: int
    spans_total: int
    error: str


def _desk(context: Annotated[Context, Depends(context_of)]) -> PriceDesk:
    if context.prices is None:
        raise NotFound("This process keeps no book of prices: see --roles.")
    return context.prices


Desk = Annotated[PriceDesk, Depends(_desk)]


@router.get("")
async def list_(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    model: Annotated[str, Query(max_length=500, description="Part of its name.")] = "",
    provider: Annotated[str, Query(max_length=200)] = "",
    source: Source | None = None,
    limit: Annotated[int, Query(ge=1, le=20_000)] = 1000,
) -> PriceList:
    """Prices that count, for every project or one's own."""
    found = await asyncio.to_thread(
        list_prices, context.store(principal), model, provider, source, limit + 1
    )
    items = [PriceOut.model_validate(each, from_attributes=True) for each in found[:limit]]
    return PriceList(items=items, truncated=len(found) > limit)


@router.put("", dependencies=[Depends(administrator)])
async def put(
    desk: Desk, body: Annotated[list[PriceIn], Field(min_length=1, max_length=1000)]
) -> Given:
    """Gives prices; they count for calls that come from now on."""
    prices = [Price(**dict(each)) for each in body]
    await asyncio.to_thread(desk.set, prices)
    return Given(prices=len(prices))


@router.delete("", dependencies=[Depends(administrator)])
async def delete(
    desk: Desk,
    model: Annotated[str, Query(min_length=1, max_length=500)],
    provider: Annotated[str, Query(max_length=200)] = "",
    project: Annotated[str, Query(max_length=200)] = "",
) -> Given:
    """Takes back prices that were given here for a model."""
    found = await asyncio.to_thread(desk.unset, project, provider, model)
    if not found:
        raise NotFound("No price was given for that model. `spanglass prices list` shows them.")
    return Given(prices=found)


@router.get("/unknown")
async def unknown_(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    days: Annotated[int, Query(ge=1, le=3650, description="How far back.")] = 30,
) -> list[UnknownModel]:
    """Models that calls have no cost of, the commonest first."""
    return await asyncio.to_thread(unknown_models, context.store(principal), days)


def unknown_models(store: Store, days: int) -> list[UnknownModel]:
    """Models that calls of the last days have no cost of, with what prices them.

    Args:
        store: as a reader.
        days: how far back.
    """
    rows = unknown(store, datetime.now(UTC) - timedelta(days=days))
    return [UnknownModel(**row, command=_command(row["provider"], row["model"])) for row in rows]


def _command(provider: str, model: str) -> str:
    def word(text: str) -> str:
        return "'" + text.replace("'", "'\\''") + "'"

    named = f" --provider {word(provider)}" if provider else ""
    return f"spanglass prices set {word(model)}{named} --input USD --output USD --recompute"


@router.post("/recompute", status_code=202, dependencies=[Depends(administrator)])
async def recompute(desk: Desk, body: RecomputeIn) -> RecomputeState:
    """Begins to charge stored spans anew whose price has changed."""
    await asyncio.to_thread(desk.start_recompute, body.start, body.end, body.models)
    return _state(desk)


@router.get("/recompute", dependencies=[Depends(administrator)])
async def recompute_state(desk: Desk) -> RecomputeState:
    """How far charging anew is."""
    return _state(desk)


def _state(desk: PriceDesk) -> RecomputeState:
    now = desk.state
    return RecomputeState(
        state="running" if now.is_running else "done",
        day=now.day,
        spans_done=now.done,
        spans_total=now.total,
        error=now.error,
    )
