"""Scores beside those of the range before: changes, distributions, and the worst of them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.comparing import Statistic, differences
from spanglass_dashboards.api.scores import ScoreOut
from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.quality import QualityFilter, QualityGroup
from spanglass_store.queries.quality_changes import Changes, Sums, changes, distributions
from spanglass_store.queries.quality_examples import ExampleOrder, examples
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/quality", tags=["scores"])

Text = Annotated[str, Query(max_length=1000)]
Name = Annotated[str, Query(min_length=1, max_length=200, description="Of the score.")]
Source = Literal["", "human", "user", "code", "judge", "detector"]


def conditions(
    start: Start = None,
    end: End = None,
    project: Text = "",
    source: Source = "",
    service: Text = "",
    environment: Text = "",
    model: Text = "",
    prompt_version: Annotated[
        str, Query(max_length=1000, description="Of the span's prompt, as `name:version`.")
    ] = "",
) -> QualityFilter:
    """Which scores, but for their name."""
    since, until = time_range(start, end)
    return QualityFilter(
        since, until, project, "", source, service, environment, model, prompt_version
    )


Conditions = Annotated[QualityFilter, Depends(conditions)]


class ScoreSums(BaseModel):
    """What scores come to."""

    n: int
    n_values: int = Field(description="Those with a value; the others have a label alone.")
    mean: float | None
    flagged: int = Field(description="Scores of detectors with a label: something was found.")


class ScoreChange(BaseModel):
    """Scores of one name and group, beside those of the range before."""

    name: str
    group: dict[str, str] = Field(description="The columns asked for, with their values.")
    sources: list[str]
    before: ScoreSums
    after: ScoreSums
    statistic: Statistic = Field(description="share: where all values are 0 or 1.")
    difference: float | None = Field(
        description="Of the means; null below five values on a side, or where they can't be"
        " compared."
    )
    low: float | None = Field(description="95 % interval of the difference.")
    high: float | None
    p: float | None = Field(
        description="Corrected for how many are compared, by Benjamini and Hochberg."
    )
    is_clear: bool = Field(description="Whether the interval leaves zero out.")
    counts: list[int] = Field(description="Scores by step.")
    means: list[float | None]
    flagged: list[int]


class ScoreChanges(BaseModel):
    """Scores by name and group: those that were given most first."""

    start: datetime
    end: datetime
    step_s: int = Field(description="Seconds a step.")
    times: list[int] = Field(description="Where steps begin, in seconds since 1970.")
    items: list[ScoreChange]


@router.get("/changes")
async def show_changes(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    which: Conditions,
    name: Text = "",
    group_by: Annotated[list[QualityGroup] | None, Query(max_length=6)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ScoreChanges:
    """Scores by name and group over time, and how they differ from the range before."""
    columns = list(dict.fromkeys(group_by or ()))
    store = context.store(principal)

    def answer() -> ScoreChanges:
        return _changes(which, changes(store, _named(which, name), columns, limit))

    return await asyncio.to_thread(answer)


def _changes(which: QualityFilter, found: Changes) -> ScoreChanges:
    items: list[ScoreChange] = []
    compared = differences([(each.before, each.after) for each in found.rows])
    for row, (statistic, gap, p) in zip(found.rows, compared, strict=True):
        items.append(
            ScoreChange(
                name=row.name, group=dict(row.group), sources=list(row.sources),
                before=_sums(row.before), after=_sums(row.after), statistic=statistic,
                difference=None if gap is None else gap.difference,
                low=None if gap is None else gap.low, high=None if gap is None else gap.high,
                p=p, is_clear=gap is not None and gap.is_clear, counts=list(row.counts),
                means=list(row.means), flagged=list(row.flagged),
            )
        )  # fmt: skip
    return ScoreChanges(
        start=which.start, end=which.end, step_s=found.step_s, times=list(found.times), items=items
    )


def _sums(of: Sums) -> ScoreSums:
    return ScoreSums(n=of.n, n_values=of.n_values, mean=of.mean, flagged=of.flagged)


class Spread(BaseModel):
    """How scores are spread, as shares of the range and of the one before."""

    edges: list[float] = Field(description="Of the bins; empty for labels.")
    labels: list[str]
    reference: list[float] = Field(description="Of the range before.")
    current: list[float]
    n_reference: int
    n_current: int


class Spreads(BaseModel):
    """Values and labels of a score; either may be empty."""

    values: Spread
    labels: Spread


@router.get("/distribution")
async def show_distribution(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    which: Conditions,
    name: Name,
) -> Spreads:
    """How the values and labels of a score are spread, now and in the range before."""
    values, labels = await asyncio.to_thread(
        distributions, context.store(principal), _named(which, name)
    )
    return Spreads(values=Spread(**vars(values)), labels=Spread(**vars(labels)))


class JudgedSpan(BaseModel):
    """What was judged; empty where it is not stored any more."""

    name: str
    operation: str
    service: str
    environment: str
    model: str
    prompt_version: str


class Example(ScoreOut):
    """A score, with what it is of."""

    span: JudgedSpan


class ExamplePage(BaseModel):
    """A page of examples."""

    items: list[Example]
    next: str = Field(description="Cursor of the next page; empty at the end.")


@router.get("/examples")
async def show_examples(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    which: Conditions,
    name: Name,
    order: ExampleOrder = "lowest",
    label: Text = "",
    flagged: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> ExamplePage:
    """Scores of a name, the lowest, highest or latest first, with their evidence."""
    page = await asyncio.to_thread(
        examples, context.store(principal), _named(which, name), principal.payload, order, label,
        flagged, limit, cursor,
    )  # fmt: skip
    items: Sequence[dict[str, Any]] = page.items
    return ExamplePage(
        items=[Example(id=row.pop("score_id"), name=name, response_id="", **row) for row in items],
        next=page.next,
    )


def _named(which: QualityFilter, name: str) -> QualityFilter:
    return QualityFilter(**{**vars(which), "name": name})
