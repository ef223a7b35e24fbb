"""What drifted: findings of the job, and comparisons that are asked for."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, Field

from spanglass_dashboards.api.time_range import End, Start, time_range, written_out
from spanglass_dashboards.context import Context, context_of, of_project, reader
from spanglass_dashboards.problems import NotFound
from spanglass_store.drift.metrics import BY_NAME, COUNTED
from spanglass_store.errors import NotAllowed, StoreError
from spanglass_store.queries.drift import DriftFilter, finding, findings, series, watched
from spanglass_store.queries.drift_topics import topics_now
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/drift", tags=["drift"])

Text = Annotated[str, Query(max_length=1000)]
Moment = Annotated[datetime, BeforeValidator(written_out)]
_DEFAULT_DAYS: Final = 14
#: Items of a golden set that are compared.
_MOST_ITEMS: Final = 2_000


class DriftSegment(BaseModel):
    """A part of the traffic that explains a drift."""

    dimension: str
    value: str
    share_before: float
    share_now: float
    explains: float = Field(description="The share of the change that is gone without it.")
    p: float
    how: str = Field(description="`changed` itself, or its share `grew` or `shrank`.")
    words: str


class DriftNear(BaseModel):
    """Something that was done near a change."""

    what: Literal["release", "prompt label"]
    at: datetime
    words: str


class DriftDistribution(BaseModel):
    """Both windows' shares over the same bins or categories."""

    labels: list[str]
    edges: list[float] = Field(description="Bounds of the bins; empty for categories.")
    reference: list[float]
    current: list[float]


class DriftRow(BaseModel):
    """A comparison of a window of one metric with its reference."""

    metric: str
    service: str
    model: str = Field(description="Empty where it is all of the service's.")
    kind: Literal["numeric", "categorical", "boolean"]
    window_start: datetime
    window_end: datetime
    reference_start: datetime
    reference_end: datetime
    test: str
    statistic: float | None
    p: float | None
    p_corrected: float | None
    effect: float | None
    effect_name: str
    low: float | None
    high: float | None
    threshold: float = Field(description="The effect from which a change matters.")
    usual_effect: float | None = Field(description="By how much days differ among themselves.")
    design_effect: float = Field(description="How many values stand for an independent one.")
    n_reference: int
    n_current: int
    reference_value: float | None
    current_value: float | None
    verdict: str
    reason: str
    explanation: str
    changed_at: datetime | None
    changed_from: datetime | None
    changed_until: datetime | None
    segments: list[DriftSegment]
    new: list[str]
    near: list[DriftNear]


class DriftWholeRow(DriftRow):
    """The same with what to look at."""

    distribution: DriftDistribution | None


class DriftFinding(BaseModel):
    """What changed at a service at about the same time."""

    id: str
    project: str
    kind: Literal["traffic", "provider"] = Field(
        description="`provider`: a model answers otherwise under its name, at all services."
    )
    service: str = Field(description="Empty where it is of a provider.")
    model: str = Field(description="The provider's, where it is of one.")
    first: datetime = Field(description="Where the first window begins that showed it.")
    last: datetime = Field(description="Where the last one ends.")
    is_open: bool = Field(description="Whether the last day still shows it.")
    summary: str
    changed_at: datetime | None = Field(description="When it likeliest began.")
    changed_from: datetime | None
    changed_until: datetime | None
    segments: list[DriftSegment]
    new: list[str] = Field(description="What is there only since then: `release 2.4.0`.")
    near: list[DriftNear] = Field(description="Releases and moves of prompts' labels about then.")
    metrics: list[DriftRow] = Field(description="The clearest window of each metric.")


class DriftList(BaseModel):
    """Findings."""

    findings: list[DriftFinding] = Field(description="The latest first.")
    watched: dict[str, int] = Field(description="Comparisons by verdict.")
    metrics: list[str] = Field(
        description="What can be compared, beside `attributes.NAME` and `score.NAME`."
    )


class DriftStep(BaseModel):
    """An hour of a metric."""

    time: datetime
    count: int
    low: float | None = Field(description="The first quartile.")
    middle: float | None
    high: float | None = Field(description="The third quartile.")
    shares: dict[str, float] = Field(description="Of categories.")


class DriftFindingWhole(DriftFinding):
    """A finding with all that is known of it."""

    rows: list[DriftWholeRow]
    series: list[DriftStep] = Field(description="The clearest metric, hour by hour.")


class DriftResultOut(BaseModel):
    """A comparison that was asked for."""

    metric: str
    kind: str
    test: str
    statistic: float | None
    p: float | None
    p_corrected: float | None
    effect: float | None
    effect_name: str
    low: float | None
    high: float | None
    threshold: float
    design_effect: float
    n_reference: int
    n_current: int
    reference_value: float | None
    current_value: float | None
    verdict: str
    reason: str
    explanation: str
    group: dict[str, str]
    distribution: DriftDistribution
    text: str = Field(description="The same for people.")


class DriftComparison(BaseModel):
    """Two windows, compared."""

    results: list[DriftResultOut] = Field(description="Groups with the most traffic first.")


class TopicOut(BaseModel):
    """What a part of a service's texts is about."""

    project: str
    service: str
    metric: Literal["topic", "answer_topic"] = Field(description="Of questions, or of answers.")
    name: str = Field(description="Its first words; it stays.")
    terms: list[str] = Field(description="Words that are commoner in it than elsewhere.")
    is_new: bool = Field(description="Whether it was found in the last week, after the others.")
    learned_at: datetime | None = Field(description="Null for what is of no topic.")
    count: int = Field(description="Texts of the last day, of those that were read.")
    share_before: float | None = Field(description="Of the week before the last day.")
    share_now: float = Field(description="Of the last day.")
    steps: list[float | None] = Field(description="The share in each six hours of a week.")


class TopicList(BaseModel):
    """What texts are about."""

    topics: list[TopicOut] = Field(description="By service, the largest first.")


@router.get("")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Text = "",
    service: Text = "",
    metric: Text = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> DriftList:
    """Findings of the last two weeks, unless another range is given."""
    since, until = time_range(start, end)
    if start is None:
        since = max(until - timedelta(days=_DEFAULT_DAYS), datetime(1970, 1, 1, tzinfo=UTC))
    which = DriftFilter(since, until, project, service, metric)
    store = context.store(principal)
    found, counts = await asyncio.gather(
        asyncio.to_thread(findings, store, which, limit), asyncio.to_thread(watched, store, which)
    )
    return DriftList(
        findings=[DriftFinding.model_validate(each) for each in found],
        watched=counts,
        metrics=[*BY_NAME, *COUNTED],
    )


@router.get("/topics")
async def topics(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    project: Text = "",
    service: Text = "",
) -> TopicList:
    """What texts are about, in the last day that has any, beside the week before."""
    found = await asyncio.to_thread(topics_now, context.store(principal), project, service)
    return TopicList(topics=[TopicOut.model_validate(each) for each in found])


@router.get("/compare")
async def compare(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    metric: Annotated[str, Query(max_length=300, description="See docs/drift.md.")],
    reference: Annotated[
        str,
        Query(
            max_length=300,
            description="A window (`8d..1d`), a version (`release:2.3.0`, `prompt:greeting 3 in"
            " 8d..1d`) or a golden set (`dataset:NAME@3`, which takes the payload grant).",
        ),
    ] = "8d..1d",
    current: Annotated[
        str, Query(max_length=300, description="A window (`24h`) or a version.")
    ] = "24h",
    reference_start: Moment | None = None,
    reference_end: Moment | None = None,
    current_start: Moment | None = None,
    current_end: Moment | None = None,
    by: Annotated[list[str] | None, Query(max_length=4)] = None,
    project: Text = "",
    service: Text = "",
    environment: Text = "",
    model: Text = "",
    test: Text = "",
    alpha: Annotated[float, Query(gt=0, lt=1)] = 0.05,
) -> DriftComparison:
    """Compares two windows, versions, or a golden set and traffic, from the spans themselves.

    Of a metric, an attribute or a score; moments take the place of windows in words.
    """
    given = (reference_start, reference_end, current_start, current_end)
    if any(given) and not all(given):
        raise StoreError("Give all four moments, or none of them.")
    windows = []
    for first, last in ((reference_start, reference_end), (current_start, current_end)):
        since, until = time_range(first, last)
        if since >= until:
            raise StoreError("A window ends before it begins.")
        windows.append((since, until))

    def ask() -> list[Any]:
        # What it computes with takes a while to load, and many never ask.
        from spanglass_detectors.drift.sides import Side, parse_sides
        from spanglass_store.drift.ad_hoc import Asked, compare_windows

        try:
            then, now = (
                (Side(*windows[0]), Side(*windows[1]))
                if all(given)
                else parse_sides(reference, current, datetime.now(UTC))
            )
        except ValueError as error:
            raise StoreError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
        asked = Asked(
            metric, then.window, now.window, tuple(by or ()), project, service, environment, model,
            test, alpha, then.version, now.version,
            _golden(context, principal, project, then.dataset, then.dataset_version)
            if then.dataset
            else None,
        )  # fmt: skip
        return compare_windows(context.store(principal), asked)

    results = await asyncio.to_thread(ask)
    return DriftComparison(
        results=[
            DriftResultOut.model_validate({**each.as_dict(), "text": each.render()})
            for each in results
        ]
    )


def _golden(
    context: Context, principal: Principal, project: str, name: str, version: int
) -> list[tuple[str, str]]:
    """Inputs and expected outputs of a golden set, as texts or as JSON."""
    if not principal.payload:
        raise NotAllowed(
            "This key or account may not read prompts and answers. Use a key that was made with"
            " --payload."
        )
    if context.datasets is None:
        raise NotFound("This process keeps no datasets.")
    items = context.datasets.items(of_project(principal, project), name, version, limit=_MOST_ITEMS)
    return [(_text(each.input), _text(each.expected)) for each in items]


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


@router.get("/{finding_id}")
async def show_one(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    finding_id: str,
    project: Text = "",
) -> DriftFindingWhole:
    """One finding, with both distributions of every window and the clearest metric over time."""
    store = context.store(principal)
    found = await asyncio.to_thread(finding, store, project, finding_id)
    main = found["metrics"][0]
    steps = await asyncio.to_thread(
        series, store, found["project"], found["service"], main["metric"], main["model"],
        found["first"] - timedelta(days=4), found["last"] + timedelta(days=1),
    )  # fmt: skip
    return DriftFindingWhole.model_validate({**found, "series": steps})
