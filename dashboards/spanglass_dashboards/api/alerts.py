"""Alerts: what fires, who takes it, silences, rules and their preview, channels, playbooks."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.exact import Exact
from spanglass_dashboards.api.time_range import OpenEnd, OpenStart, time_range
from spanglass_dashboards.context import (
    AlertDesk,
    Context,
    administrator,
    context_of,
    reader,
    worker,
)
from spanglass_dashboards.problems import NotFound
from spanglass_store.errors import NotAllowed, QueryRefused
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])

State = Literal["pending", "firing", "acknowledged", "resolved"]
_Name = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9._-]{0,99}$")]
_Id = Annotated[str, Path(pattern="^[0-9a-f]{1,32}(-[0-9]{1,9})?$")]
_Document = dict[str, Any]
_Wanted = Annotated[str, Field(max_length=65_536)]
_Match = dict[Annotated[str, Field(max_length=300)], _Wanted | list[_Wanted]]


class AlertOut(BaseModel):
    """One group of one rule that is pending, fires, or was resolved of late."""

    id: str = Field(description="Of this time that it fires.")
    fingerprint: str = Field(description="Of rule and group, the same each time.")
    rule: str
    severity: str
    state: State
    labels: dict[str, str]
    summary: str
    value: float | None
    threshold: float | None
    count: float = Field(description="Rows behind the value.")
    since: datetime = Field(description="When it was first breached this time.")
    fired_at: datetime | None
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    note: str
    held: str = Field(description="Why nobody hears of it now; empty if somebody does.")
    flapping: bool
    no_data: bool = Field(description="Whether it fires for want of data.")
    incident: int = Field(description="Number of the incident that gathered it; 0 for none.")
    project: str
    playbook: str
    evidence: _Document = Field(description="Series, change point, what explains it, traces.")
    detail: dict[str, float]


class AlertList(BaseModel):
    """Alerts, what fires first."""

    items: list[AlertOut]
    truncated: bool


class Taken(BaseModel):
    """Who takes an alert."""

    by: str = Field("", max_length=200, description="Who.")
    note: str = Field("", max_length=2000)


class SilenceIn(Exact):
    """Which alerts nobody wants to hear of, and until when."""

    match: _Match = Field(
        min_length=1, max_length=20,
        description="Labels; `!` before a value is not, `*` in it anything, `=` exactly so.",
        examples=[{"service": "checkout"}],
    )  # fmt: skip
    start: OpenStart = None
    end: OpenEnd = None
    author: str = Field("", max_length=200)
    comment: str = Field("", max_length=2000)


class SilenceOut(BaseModel):
    """A silence."""

    id: str
    match: dict[str, str | list[str]]
    start: datetime
    end: datetime
    author: str
    comment: str
    project: str


class RuleOut(BaseModel):
    """A rule, where it is from, and why it fails."""

    rule: _Document
    origin: Literal["file", "api"]
    error: str
    notice: str = Field(description="What is missing of it, like its playbook.")


class DraftIn(Exact):
    """A rule while it is written: one of the two."""

    yaml: Annotated[str, Field(max_length=200_000)] | None = None
    rule: _Document | None = None


class ProblemOut(BaseModel):
    """Something that is wrong with a rule."""

    field: str = Field(description="Its name; empty where it is none's.")
    line: int = Field(description="In the YAML, from 1.")
    column: int
    message: str


class DraftOut(BaseModel):
    """A rule that need not be right."""

    rule: _Document | None = Field(description="As it is saved; null where the YAML is none.")
    yaml: str
    problems: list[ProblemOut]


class PreviewIn(BaseModel):
    """A rule to be run over the past."""

    rule: _Document = Field(description="As in a file; GET /api/v1/alerts/schema describes it.")
    start: OpenStart = None
    end: OpenEnd = None
    step_s: float = Field(0, ge=0, le=1e7, allow_inf_nan=False, description="0: chosen.")


class Episode(BaseModel):
    """One time that an alert would have fired."""

    labels: dict[str, str]
    pending_at: datetime
    fired_at: datetime
    resolved_at: datetime | None
    worst: float | None
    threshold: float | None


class Series(BaseModel):
    """The value of one group over time."""

    labels: dict[str, str]
    values: list[float | None]


class PreviewOut(BaseModel):
    """What a rule would have done."""

    start: datetime
    end: datetime
    step_s: float
    episodes: list[Episode]
    series: list[Series]
    truncated: bool


class ChannelOut(BaseModel):
    """A receiver of messages."""

    name: str
    type: str
    waiting: int
    fails: bool
    reason: str


class Tested(BaseModel):
    """What became of a test message."""

    sent: bool
    reason: str


class Delivery(BaseModel):
    """A message and what became of it."""

    id: int
    channel: str
    group: str
    event: str
    title: str
    status: Literal["waiting", "sending", "sent", "given_up", "left_out"]
    attempts: int
    created_at: datetime
    settled_at: datetime | None
    reason: str


class BlockOut(BaseModel):
    """A part of a playbook: Markdown, or a check with its answer."""

    text: str = Field(description="Markdown; empty of a check.")
    sql: str = Field(description="The check's query; empty of Markdown.")
    columns: list[str]
    rows: list[list[str]] = Field(description="The first 20 rows of its answer.")
    more: int = Field(description="Rows that are not shown.")
    error: str = Field(description="Why the check could not be made.")


class Page(BaseModel):
    """A playbook as Markdown, with the answers of its checks."""

    name: str
    text: str
    blocks: list[BlockOut] = Field(description="The same in parts, for pages.")


def _desk(context: Annotated[Context, Depends(context_of)]) -> AlertDesk:
    if context.alerts is None:
        raise NotFound("This process has no alerts.")
    return context.alerts


Desk = Annotated[AlertDesk, Depends(_desk)]
Reader = Annotated[Principal, Depends(reader)]
Worker = Annotated[Principal, Depends(worker)]


def _moment(at: Any) -> datetime | None:
    return datetime.fromtimestamp(float(at), UTC) if at else None


def _alert(found: _Document) -> AlertOut:
    times = ("since", "fired_at", "resolved_at", "acknowledged_at")
    return AlertOut.model_validate(found | {name: _moment(found[name]) for name in times})


def _silence(found: _Document) -> SilenceOut:
    return SilenceOut.model_validate(found)


@router.get("")
async def list_(
    desk: Desk,
    principal: Reader,
    state: Annotated[State | None, Query(description="All but resolved unless given.")] = None,
    rule: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> AlertList:
    """Alerts, what fires first."""
    found = await asyncio.to_thread(desk.alerts, principal.projects, state or "", rule)
    return AlertList(items=[_alert(each) for each in found[:limit]], truncated=len(found) > limit)


@router.get("/silences")
async def silences(desk: Desk, principal: Reader) -> list[SilenceOut]:
    """Silences that hold or are to come."""
    found = await asyncio.to_thread(desk.silences)
    shown = principal.projects
    return [_silence(s) for s in found if shown is None or s["project"] in ("", *shown)]


@router.post("/silences", status_code=201, dependencies=[Depends(administrator)])
async def silence(desk: Desk, body: SilenceIn) -> SilenceOut:
    """Silences alerts for a while; without an end, for an hour."""
    start = body.start or datetime.now(UTC)
    end = body.end or start + timedelta(hours=1)
    made = await asyncio.to_thread(
        desk.silence, body.match, start.timestamp(), end.timestamp(), body.author, body.comment
    )
    return _silence(made)


@router.delete("/silences/{silence_id}", status_code=204, dependencies=[Depends(administrator)])
async def unsilence(desk: Desk, silence_id: Annotated[str, Path(max_length=100)]) -> None:
    """Ends a silence."""
    await asyncio.to_thread(desk.unsilence, silence_id)


@router.get("/rules", dependencies=[Depends(reader)])
async def rules(desk: Desk) -> list[RuleOut]:
    """All rules."""
    return [RuleOut.model_validate(each) for each in await asyncio.to_thread(desk.rules)]


@router.get("/rules/{name}", dependencies=[Depends(reader)])
async def rule_(desk: Desk, name: _Name) -> RuleOut:
    """One rule."""
    return RuleOut.model_validate(await asyncio.to_thread(desk.rule, name))


@router.put("/rules/{name}", dependencies=[Depends(administrator)])
async def put_rule(desk: Desk, name: _Name, body: _Document) -> RuleOut:
    """Makes or changes a rule; it goes before one of a file with the same name."""
    return RuleOut.model_validate(await asyncio.to_thread(desk.put_rule, name, body))


@router.delete("/rules/{name}", status_code=204, dependencies=[Depends(administrator)])
async def delete_rule(desk: Desk, name: _Name) -> None:
    """Deletes a rule that was made here."""
    await asyncio.to_thread(desk.delete_rule, name)


@router.post("/rules/{name}/preview")
async def preview(
    desk: Desk,
    context: Annotated[Context, Depends(context_of)],
    principal: Reader,
    name: _Name,
    body: PreviewIn,
) -> PreviewOut:
    """When a rule would have fired; it need not be saved."""
    since, until = time_range(body.start, body.end)
    document = body.rule | {"name": name}
    # A rule sees what its project has; one without sees everybody's.
    if principal.projects is not None and document.get("project") not in principal.projects:
        raise QueryRefused("Name a project of your key: `project`.")
    # In somebody else's ClickHouse a rule's query can read what this key may not.
    if document.get("kind") == "sql" and not (principal.payload or context.endpoint.isolated):
        raise NotAllowed(
            "This key may not read prompts and answers, and the ClickHouse given with --clickhouse"
            " can't keep them from a rule's SQL. Use a key made with --payload."
        )
    found = await asyncio.to_thread(
        desk.preview, document, since.timestamp(), until.timestamp(), body.step_s
    )
    for each in found["episodes"]:
        each["resolved_at"] = _moment(each["resolved_at"])
    return PreviewOut.model_validate(found)


@router.post("/rules/{name}/draft", dependencies=[Depends(reader)])
async def draft(desk: Desk, name: _Name, body: DraftIn) -> DraftOut:
    """A rule that is being written, as values and as YAML, with all that is wrong with it."""
    if (body.yaml is None) == (body.rule is None):
        raise QueryRefused("Give one of the two: `yaml` or `rule`.")
    return DraftOut.model_validate(await asyncio.to_thread(desk.draft, body.yaml, body.rule))


@router.get("/schema", dependencies=[Depends(reader)])
async def schema_(desk: Desk) -> _Document:
    """The JSON schema of files of rules."""
    return desk.schema()


@router.get("/channels", dependencies=[Depends(reader)])
async def channels(desk: Desk) -> list[ChannelOut]:
    """Receivers of messages, and how they do."""
    return [ChannelOut.model_validate(each) for each in await asyncio.to_thread(desk.channels)]


@router.post("/channels/{name}/test", dependencies=[Depends(administrator)])
async def test_channel(desk: Desk, name: _Name) -> Tested:
    """Sends a test message."""
    return Tested.model_validate(await asyncio.to_thread(desk.test_channel, name))


@router.get("/deliveries", dependencies=[Depends(administrator)])
async def deliveries(
    desk: Desk,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int, Query(ge=0, lt=1 << 53, description="Only with smaller ids.")] = 0,
) -> list[Delivery]:
    """Messages and what became of them, the latest first."""
    found = await asyncio.to_thread(desk.deliveries, limit, before)
    return [Delivery.model_validate(each) for each in found]


@router.get("/playbooks", dependencies=[Depends(reader)])
async def playbooks(desk: Desk) -> list[str]:
    """Names of the playbooks."""
    return await asyncio.to_thread(desk.playbooks)


@router.get("/playbooks/{name}")
async def playbook(
    desk: Desk,
    context: Annotated[Context, Depends(context_of)],
    principal: Reader,
    name: _Name,
    alert: Annotated[
        str, Query(max_length=100, description="Id of the alert that fills it in.")
    ] = "",
) -> Page:
    """A playbook with the answers of its checks."""
    found = await asyncio.to_thread(
        desk.playbook, name, context.store(principal), principal.projects, alert
    )
    return Page.model_validate(found)


@router.get("/{alert_id}")
async def show(desk: Desk, principal: Reader, alert_id: _Id) -> AlertOut:
    """One alert with its evidence."""
    return _alert(await asyncio.to_thread(desk.alert, principal.projects, alert_id))


@router.post("/{alert_id}/acknowledge")
async def acknowledge(desk: Desk, principal: Worker, alert_id: _Id, body: Taken) -> AlertOut:
    """Takes an alert: it is not repeated and does not escalate."""
    by = body.by or principal.key_id or "somebody"
    found = await asyncio.to_thread(desk.acknowledge, principal.projects, alert_id, by, body.note)
    return _alert(found)
