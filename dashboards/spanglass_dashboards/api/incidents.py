"""Incidents: alerts that belong together, who sees to them, the timeline, the post-mortem."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from spanglass_dashboards.context import Context, context_of, reader, worker
from spanglass_dashboards.incident_desk import IncidentDesk
from spanglass_dashboards.problems import NotFound
from spanglass_store.errors import QueryRefused
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])

State = Literal["open", "acknowledged", "resolved"]
Severity = Literal["critical", "error", "warning", "info"]
_Number = Annotated[int, Path(ge=1, lt=1 << 31)]
_AlertId = Annotated[str, Field(pattern="^[0-9a-f]{1,32}-[0-9]{1,9}$")]
_By = Annotated[str, Field(max_length=200, description="Who; the key unless given.")]
_Document = dict[str, Any]


class IncidentOut(BaseModel):
    """Something that is wrong, and what is done about it."""

    id: int
    project: str = Field(description="Whose; empty for the installation's own.")
    title: str
    severity: str = Field(description="The highest that its alerts had.")
    state: State
    owner: str
    labels: dict[str, str] = Field(description="What its alerts have in common.")
    opened_at: datetime
    opened_by: str = Field(description="Empty where an alert began it.")
    acknowledged_at: datetime | None
    acknowledged_by: str
    resolved_at: datetime | None
    resolved_by: str
    alerts: int = Field(description="How many it has gathered.")


class IncidentList(BaseModel):
    """Incidents, the latest first."""

    items: list[IncidentOut]
    next: int | None = Field(description="`before` of the next page; null where there is none.")


class GatheredAlert(BaseModel):
    """An alert of an incident: as it is now, or as it was at its end."""

    id: str
    rule: str
    severity: str
    state: str
    labels: dict[str, str]
    summary: str
    value: float | None
    threshold: float | None
    count: float
    since: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    acknowledged_by: str
    note: str
    no_data: bool
    playbook: str
    evidence: _Document


class EntryOut(BaseModel):
    """A line of the timeline."""

    at: datetime
    kind: str = Field(description="opened, fired, taken, well, told, note, owner, resolved, …")
    author: str = Field(description="Who; the channel where somebody was told.")
    text: str


class IncidentDetail(IncidentOut):
    """An incident with its alerts and timeline."""

    gathered: list[GatheredAlert] = Field(description="Its alerts; the first 200.")
    entries: list[EntryOut]


class IncidentIn(BaseModel):
    """An incident to begin."""

    title: str = Field(min_length=1, max_length=500)
    severity: Severity = "error"
    project: str = Field("", max_length=64, description="Of its alerts; the key's unless given.")
    alerts: list[_AlertId] = Field(default_factory=list, max_length=100)
    by: _By = ""


class Said(BaseModel):
    """Who does it, and a note."""

    by: _By = ""
    note: str = Field("", max_length=10_000)


class NoteIn(BaseModel):
    """Something to write down."""

    text: str = Field(min_length=1, max_length=10_000)
    by: _By = ""


class AlertsIn(BaseModel):
    """Alerts to put into an incident."""

    alerts: list[_AlertId] = Field(min_length=1, max_length=100)
    by: _By = ""


class IncidentChange(BaseModel):
    """What is to be changed; what is not given stays."""

    title: str | None = Field(None, min_length=1, max_length=500)
    severity: Severity | None = None
    owner: str | None = Field(None, max_length=200)
    by: _By = ""


def _desk(context: Annotated[Context, Depends(context_of)]) -> IncidentDesk:
    if context.incidents is None:
        raise NotFound("This process has no alerts.")
    return context.incidents


Desk = Annotated[IncidentDesk, Depends(_desk)]
Reader = Annotated[Principal, Depends(reader)]
Worker = Annotated[Principal, Depends(worker)]


def _moment(at: float) -> datetime | None:
    return datetime.fromtimestamp(at, UTC) if at else None


def _shown(found: _Document) -> _Document:
    return found | {n: _moment(found[n]) for n in ("acknowledged_at", "resolved_at")}


def _detail(found: _Document) -> IncidentDetail:
    gathered = [
        each | {n: _moment(each[n]) for n in ("fired_at", "resolved_at")}
        for each in found["gathered"]
    ]
    return IncidentDetail.model_validate(_shown(found) | {"gathered": gathered})


def _who(by: str, principal: Principal) -> str:
    return by or principal.key_id or "somebody"


@router.get("")
async def list_(
    desk: Desk,
    principal: Reader,
    state: Annotated[
        Literal["active", "open", "acknowledged", "resolved"] | None,
        Query(description="`active`: all that are not resolved. All unless given."),
    ] = None,
    before: Annotated[int, Query(ge=0, lt=1 << 31, description="Only smaller numbers.")] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> IncidentList:
    """Incidents, the latest first."""
    found = await asyncio.to_thread(
        desk.incidents, principal.projects, state or "", before, limit + 1
    )
    items = [IncidentOut.model_validate(_shown(each)) for each in found[:limit]]
    return IncidentList(items=items, next=items[-1].id if len(found) > limit else None)


@router.post("", status_code=201)
async def open_(desk: Desk, principal: Worker, body: IncidentIn) -> IncidentDetail:
    """Begins an incident by hand."""
    shown = principal.projects
    project = body.project or ("" if shown is None else principal.project)
    if shown is not None and project not in shown:
        raise QueryRefused(f"The key is not for the project {project!r}.")
    who = _who(body.by, principal)
    return _detail(
        await asyncio.to_thread(
            desk.open, shown, project, body.title, body.severity, who, body.alerts
        )
    )


@router.get("/{number}")
async def show(desk: Desk, principal: Reader, number: _Number) -> IncidentDetail:
    """One incident with its alerts and timeline."""
    return _detail(await asyncio.to_thread(desk.incident, principal.projects, number))


@router.patch("/{number}")
async def change(
    desk: Desk, principal: Worker, number: _Number, body: IncidentChange
) -> IncidentDetail:
    """Changes title, severity or owner."""
    fields = body.model_dump(exclude_none=True, exclude={"by"})
    who = _who(body.by, principal)
    return _detail(await asyncio.to_thread(desk.change, principal.projects, number, who, fields))


@router.post("/{number}/alerts")
async def add(desk: Desk, principal: Worker, number: _Number, body: AlertsIn) -> IncidentDetail:
    """Puts alerts into an incident."""
    who = _who(body.by, principal)
    return _detail(await asyncio.to_thread(desk.add, principal.projects, number, body.alerts, who))


@router.post("/{number}/acknowledge")
async def acknowledge(desk: Desk, principal: Worker, number: _Number, body: Said) -> IncidentDetail:
    """Takes an incident and all of its alerts: nothing is repeated or escalates."""
    who = _who(body.by, principal)
    return _detail(
        await asyncio.to_thread(desk.acknowledge, principal.projects, number, who, body.note)
    )


@router.post("/{number}/resolve")
async def resolve(desk: Desk, principal: Worker, number: _Number, body: Said) -> IncidentDetail:
    """Ends an incident, whatever its alerts do."""
    who = _who(body.by, principal)
    return _detail(
        await asyncio.to_thread(desk.resolve, principal.projects, number, who, body.note)
    )


@router.post("/{number}/notes")
async def note(desk: Desk, principal: Worker, number: _Number, body: NoteIn) -> IncidentDetail:
    """Writes something down, also after the end."""
    who = _who(body.by, principal)
    return _detail(await asyncio.to_thread(desk.note, principal.projects, number, who, body.text))


@router.get(
    "/{number}/postmortem",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/markdown": {}}}},
)
async def postmortem(desk: Desk, principal: Reader, number: _Number) -> PlainTextResponse:
    """A draft of a post-mortem, in Markdown."""
    text = await asyncio.to_thread(desk.postmortem, principal.projects, number)
    return PlainTextResponse(
        text,
        media_type="text/markdown",
        headers={"Content-Disposition": f'attachment; filename="incident-{number}.md"'},
    )
