"""What would cost less, and how sure that is."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/advice", tags=["cost"])

#: Days that are looked at unless others are asked for.
DEFAULT_DAYS: Final = 7
_STEP_S: Final = 600
Level = Literal["high", "medium", "low"]
Text = Annotated[str, Query(max_length=1000)]


class SavingOut(BaseModel):
    """US dollars a month, with a 95 % interval."""

    usd_month: float
    low: float
    high: float


class EvidenceOut(BaseModel):
    """What a finding rests on."""

    numbers: dict[str, float | int | str | None]
    examples: list[str] = Field(description="Ids of traces to look at.")
    sql: str = Field(description="Shows it: POST /api/v1/sql.")


class FindingOut(BaseModel):
    """Something that would cost less."""

    kind: str
    title: str
    project: str
    scope: dict[str, str] = Field(description="Which part of the traffic.")
    saving: SavingOut
    risk: Level = Field(description="To the quality of answers.")
    risk_note: str
    evidence: EvidenceOut
    method: str
    confidence: Level = Field(description="That the saving is there.")
    next_step: str


class CantSayOut(BaseModel):
    """A question that what is stored can't answer."""

    kind: str
    because: str
    turn_on: str = Field(description="What would let it be answered.")


class AdviceOut(BaseModel):
    """All that can be said of a range of time."""

    findings: list[FindingOut] = Field(description="What counts for most first.")
    cant_say: list[CantSayOut]
    nothing: list[str] = Field(description="Methods that looked and found nothing worth doing.")
    spend_usd_month: float | None = Field(description="At the rate of the range.")
    days: int = Field(description="Whole days that were looked at.")
    notes: list[str]


class AdviceAnswer(BaseModel):
    """The advice, or that it is being made: ask again then."""

    state: Literal["done", "running"]
    advice: AdviceOut | None
    start: datetime
    end: datetime


@router.get("")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Text = "",
    wait: Annotated[float, Query(ge=0, le=60, description="Seconds to wait for it.")] = 20,
) -> AdviceAnswer:
    """Savings in the calls of a range, the last week unless given; at most 31 whole days.

    Over much traffic it takes minutes: the answer says `running` until it is there.
    """
    # A range that moves with every question would be made anew for each.
    now = datetime.fromtimestamp(datetime.now(UTC).timestamp() // _STEP_S * _STEP_S, UTC)
    since, until = time_range(start, end or now)
    if start is None:
        since = until - timedelta(days=DEFAULT_DAYS)
    key = (principal.projects, principal.payload, project, since, until)

    def make() -> dict[str, Any]:
        # What it computes with takes a while to load, and many never ask.
        from spanglass_store.advice.advisor import advise

        return advise(context.store(principal), since, until, project, context.embed).as_dict()

    future = context.advising.ask(key, make)
    with contextlib.suppress(TimeoutError):
        # The answer goes on being made when nobody waits any more.
        await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), wait or 0.001)
    if not future.done():
        return AdviceAnswer(state="running", advice=None, start=since, end=until)
    try:
        found = future.result()
    except Exception:
        # What went wrong is told once, and then tried again.
        context.advising.forget(key)
        raise
    return AdviceAnswer(
        state="done", advice=AdviceOut.model_validate(found), start=since, end=until
    )
