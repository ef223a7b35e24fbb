"""Jobs that judge spans: how they stand, and old windows for them."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from spanglass_dashboards.api.exact import Exact
from spanglass_dashboards.api.time_range import storable, written_out
from spanglass_dashboards.context import Context, JobOffice, administrator, context_of
from spanglass_dashboards.problems import NotFound

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

Moment = Annotated[datetime, BeforeValidator(written_out), AfterValidator(storable)]


class Job(BaseModel):
    """How a job stands."""

    job: str
    detector: str
    is_enabled: bool
    sample: float = Field(description="Share of traces that is judged.")
    where: str = Field(description="Condition that spans have to meet.")
    judged_until: datetime | None = Field(description="Everything that came until then is judged.")
    is_running: bool
    seconds_this_hour: float
    cost_usd_today: float
    retry_at: datetime | None = Field(description="When spans that failed are tried again.")


class BackfillIn(Exact):
    """An old window, by when spans began."""

    start: Moment
    end: Moment | None = Field(None, description="Now unless given.")


class BackfillOut(BaseModel):
    """How far an old window is."""

    id: str
    job: str
    start: datetime
    end: datetime
    done_until: datetime
    state: str = Field(description="`queued`, `running`, `done` or `failed`.")
    spans: int
    error: str


def _office(context: Annotated[Context, Depends(context_of)]) -> JobOffice:
    if context.jobs is None:
        raise NotFound("This process knows no jobs.")
    return context.jobs


Office = Annotated[JobOffice, Depends(_office)]


@router.get("", dependencies=[Depends(administrator)])
async def list_(office: Office) -> list[Job]:
    """Every job. They see all projects, so it takes an admin key."""
    found = await asyncio.to_thread(office.status)
    return [Job.model_validate(each, from_attributes=True) for each in found]


@router.get("/backfills", dependencies=[Depends(administrator)])
async def backfills(
    office: Office, job: Annotated[str, Query(max_length=64)] = ""
) -> list[BackfillOut]:
    """Old windows that were asked for, the latest first."""
    return [_shown(each) for each in await asyncio.to_thread(office.backfills, job)]


@router.post("/{job}/backfills", dependencies=[Depends(administrator)])
async def backfill(office: Office, job: str, body: BackfillIn) -> BackfillOut:
    """Has a job judge what began in a window, whether it was judged before or not."""
    end = body.end or datetime.now(UTC)
    return _shown(await asyncio.to_thread(office.request, job, body.start, end))


def _shown(each: object) -> BackfillOut:
    values = vars(each)
    times = {
        name: datetime.fromtimestamp(values[name] / 1e6, UTC)
        for name in ("start", "end", "done_until")
    }
    return BackfillOut.model_validate({**values, **times})
