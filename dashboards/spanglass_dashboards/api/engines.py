"""Inference engines: their state, what holds them back, and what they need; two compared."""

import asyncio
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.comparing import Comparison, compared
from spanglass_dashboards.api.time_range import End, Moment, Start, recent
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_detectors.saturation import Load, right_size, saturation
from spanglass_store.errors import StoreError
from spanglass_store.queries.deployments import Engine, engines
from spanglass_store.queries.engine_load import EngineLoad, loads
from spanglass_store.queries.engine_starts import EngineStart, engine_starts
from spanglass_store.queries.gpus import boards
from spanglass_store.queries.samples import Side, samples
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["gpus"])

Text = Annotated[str, Query(max_length=1000)]


class Saturation(BaseModel):
    """What holds an engine back."""

    binds: str = Field(
        description="kv_cache, batch_limit, compute, memory_bandwidth, power, queue, none, unknown."
    )
    evidence: list[str]
    advice: list[str]


class Fit(BaseModel):
    """Measured need against what the engine has."""

    verdict: str = Field(description="too large, right, too small, or unknown.")
    reasons: list[str]


class Scaling(BaseModel):
    """Signals for a scaler: of this replica, means over the range of time."""

    waiting: float | None = Field(description="Requests that wait.")
    running: float | None
    queue_time_p95_s: float | None
    arrivals_per_second: float | None = Field(
        description="Requests that came; where the engine does not count those, that ended."
    )
    load_seconds: float | None = Field(description="Loading the model, where the engine tells.")
    replicas: int = Field(description="Engines of its model that answer, this one among them.")
    waiting_per_replica: float | None = Field(description="Requests that wait, of all of them.")
    seconds_to_ready: float | None = Field(
        description="Until a further replica answers: the median of the model's starts in 7 days."
    )


class Began(BaseModel):
    """A process of an engine that began."""

    project: str
    host: str
    instance: str
    engine: str
    model: str
    started_at: Moment = Field(
        description="Of the process, as it says; else when the one before was last seen."
    )
    ready_at: Moment = Field(description="When its metrics could first be read.")
    seconds_to_ready: float | None = Field(description="Null where nobody watched it begin.")


class Watched(BaseModel):
    """An engine."""

    project: str
    instance: str = Field(description="Host and port.")
    name: str = Field(description="vllm, sglang, …; empty where it never answered.")
    host: str
    url: str
    models: list[str]
    boards: list[str] = Field(description="Ids of its boards; empty where they are not known.")
    gpu_hour_usd: float
    facts: dict[str, str] = Field(description="How it is set up.")
    is_up: bool
    reason: str
    seen_at: Moment
    last: dict[str, float]
    mean: dict[str, float]
    peak: dict[str, float]
    rates: dict[str, float] = Field(description="Of counters, a second.")
    finished: dict[str, float] = Field(description="Requests, by why they ended.")
    times: dict[str, dict[str, float]] = Field(description="Seconds: p50, p95, p99, mean, count.")
    prefix_cache_hit_rate: float | None
    spec_acceptance_rate: float | None
    spec_acceptance_length: float | None = Field(description="Tokens of a step, with the bonus.")
    saturation: Saturation
    right_size: Fit
    scaling: Scaling


class Engines(BaseModel):
    """Engines that were asked in the range of time."""

    engines: list[Watched]
    starts: list[Began] = Field(
        description="Cold starts of the range and of the 7 days before its end, the latest first."
    )


@router.get("/engines")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Text = "",
) -> Engines:
    """Engines with their latest state, saturation and fit over a range of time, the last hour."""
    since, until = recent(start, end)
    store = context.store(principal)

    def answer() -> Engines:
        did = loads(store, since, until, project)
        on = {each["id"]: each for each in boards(store, since, until, project)}
        began = engine_starts(store, since, until, project)
        those = engines(store, since, until, project)
        pairs = [(e, did.get((e.project, e.host, e.instance), EngineLoad())) for e in those]
        return Engines(
            engines=[_watched(*each, on, _scaling(*each, pairs, began)) for each in pairs],
            starts=[Began.model_validate(each, from_attributes=True) for each in began],
        )

    return await asyncio.to_thread(answer)


def _scaling(
    engine: Engine,
    did: EngineLoad,
    every: Sequence[tuple[Engine, EngineLoad]],
    began: Sequence[EngineStart],
) -> Scaling:
    """Signals of one engine, and of those that serve a model of its."""
    beside = [
        load
        for other, load in every
        if other.is_up and other.project == engine.project
        and set(other.models) & set(engine.models)
    ]  # fmt: skip
    waiting = [w for load in beside if (w := load.mean.get("requests_waiting")) is not None]
    took = [
        each.seconds_to_ready
        for each in began
        if each.seconds_to_ready is not None and each.project == engine.project
        and each.model in engine.models
    ]  # fmt: skip
    rates = _rates(did)
    return Scaling(
        waiting=did.mean.get("requests_waiting"), running=did.mean.get("requests_running"),
        queue_time_p95_s=did.times.get("queue_time", {}).get("p95"),
        arrivals_per_second=rates.get("requests_received", rates.get("requests_finished")),
        load_seconds=did.last.get("load_seconds"), replicas=len(beside),
        waiting_per_replica=sum(waiting) / len(waiting) if waiting else None,
        seconds_to_ready=median(took) if took else None,
    )  # fmt: skip


def _rates(did: EngineLoad) -> dict[str, float]:
    return (
        {name: grown / did.seconds for name, grown in did.increase.items()} if did.seconds else {}
    )


def _watched(engine: Engine, did: EngineLoad, on: Mapping[str, Any], scaling: Scaling) -> Watched:
    load = _load(engine, did, [on[each] for each in engine.boards if each in on])
    found, fit = saturation(load), right_size(load)
    return Watched(
        project=engine.project, instance=engine.instance, name=engine.name, host=engine.host,
        url=engine.url, models=list(engine.models), boards=list(engine.boards),
        gpu_hour_usd=engine.gpu_hour_usd, facts=dict(engine.facts), is_up=engine.is_up,
        reason=engine.reason, seen_at=engine.seen_at, last=did.last, mean=did.mean, peak=did.peak,
        rates=_rates(did), finished=did.finished, times=did.times,
        prefix_cache_hit_rate=_ratio(
            did.increase, "prefix_cache_hits", "prefix_cache_queries",
            did.last.get("prefix_cache_hit_rate"),
        ),
        spec_acceptance_rate=_ratio(
            did.increase, "spec_accepted", "spec_drafted", did.last.get("spec_acceptance_rate")
        ),
        spec_acceptance_length=_acceptance_length(did),
        saturation=Saturation(binds=found.binds, evidence=found.evidence, advice=found.advice),
        right_size=Fit(verdict=fit.verdict, reasons=fit.reasons),
        scaling=scaling,
    )  # fmt: skip


def _ratio(
    counted: Mapping[str, float], part: str, whole: str, otherwise: float | None
) -> float | None:
    if counted.get(whole):
        return counted.get(part, 0) / counted[whole]
    return otherwise


def _acceptance_length(did: EngineLoad) -> float | None:
    """Each step yields a token besides those of the draft that were accepted."""
    per_step = _ratio(did.increase, "spec_accepted", "spec_steps", None)
    return did.last.get("spec_acceptance_length") if per_step is None else 1 + per_step


def _load(engine: Engine, did: EngineLoad, its: list[Mapping[str, Any]]) -> Load:
    def mean(key: str) -> float | None:
        known = [each[key] for each in its if each[key] is not None]
        return sum(known) / len(known) if known else None

    power = [
        each["power_mean_w"] / each["power_limit_w"]
        for each in its
        if each["power_mean_w"] is not None and each["power_limit_w"]
    ]
    limit = did.last.get("batch_limit") or _number(engine.facts.get("engine.max_sequences"))
    return Load(
        running=did.mean.get("requests_running"),
        waiting=did.mean.get("requests_waiting"),
        kv_usage=did.mean.get("kv_cache_usage"),
        kv_peak=did.peak.get("kv_cache_usage"),
        preemptions=did.increase.get("preemptions"),
        batch_limit=limit,
        utilization=mean("utilization_mean"),
        tensor_active=mean("tensor_active_mean"),
        bandwidth=mean("bandwidth_mean"),
        power_share=sum(power) / len(power) if power else None,
        throttled=max((max(each["throttled"].values(), default=0) for each in its), default=None),
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


@router.get("/engines/compare")
async def compare(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    before_start: Start = None,
    before_end: End = None,
    after_start: Start = None,
    after_end: End = None,
    before_model: Text = "",
    after_model: Text = "",
    before_release: Text = "",
    after_release: Text = "",
    project: Text = "",
    service: Text = "",
) -> Comparison:
    """Latency, throughput, energy, cost and quality of two sets of calls, with their differences.

    The sides differ in time, model or release of what calls; each range is the last hour unless
    given.
    """
    sides = []
    for start, end, model, release in (
        (before_start, before_end, before_model, before_release),
        (after_start, after_end, after_model, after_release),
    ):
        since, until = recent(start, end)
        sides.append(Side(since, until, project, model, service, release))
    if sides[0] == sides[1]:
        raise StoreError("Both sides are the same: give another time, model or release to one.")
    store = context.store(principal)

    def answer() -> Comparison:
        return compared(samples(store, sides[0]), samples(store, sides[1]))

    return await asyncio.to_thread(answer)
