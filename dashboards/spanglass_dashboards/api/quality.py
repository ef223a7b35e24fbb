"""What scores say of an application, over time."""

import asyncio
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.quality import (
    QualityFilter,
    QualityGroup,
    QualityInterval,
    quality,
)
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/quality", tags=["scores"])

Text = Annotated[str, Query(max_length=1000)]


class QualitySums(BaseModel):
    """Scores of one name, together; without numbers where only labels were given."""

    count: int
    flagged: int = Field(description="Scores of detectors with a label: something was found.")
    mean: float | None
    least: float | None
    most: float | None
    p10: float | None
    p50: float | None
    p90: float | None


class QualityStep(QualitySums):
    """Scores of an interval."""

    time: datetime = Field(description="Where it begins.")


class QualityExample(BaseModel):
    """Where something was found; the evidence is the score's explanation."""

    project: str
    trace_id: str
    span_id: str
    time: datetime
    value: float | None
    label: str


class QualityGroupOut(QualitySums):
    """Scores of one name, and of one group if any was asked for."""

    name: str
    group: dict[str, str] = Field(description="The columns asked for, with their values.")
    examples: list[QualityExample]
    series: list[QualityStep]


class QualityOut(BaseModel):
    """What scores say."""

    groups: list[QualityGroupOut] = Field(description="Those that were given most first.")


@router.get("")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    group_by: Annotated[list[QualityGroup] | None, Query(max_length=6)] = None,
    interval: QualityInterval = "none",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    project: Text = "",
    name: Text = "",
    source: Literal["", "human", "user", "code", "judge", "detector"] = "",
    service: Text = "",
    environment: Text = "",
    model: Text = "",
    prompt_version: Text = "",
) -> QualityOut:
    """Scores by name, service, model and time: how many, their values, what was found, examples."""
    since, until = time_range(start, end)
    which = QualityFilter(
        since, until, project, name, source, service, environment, model, prompt_version
    )
    columns = list(dict.fromkeys(group_by or ()))
    found = await asyncio.to_thread(
        quality, context.store(principal), which, columns, interval, limit
    )
    return QualityOut(groups=[QualityGroupOut.model_validate(each) for each in found])
