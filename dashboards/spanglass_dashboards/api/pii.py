"""Where personal data is, and which traces hold a given person's."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, Field

from spanglass.redaction import ENTITIES
from spanglass_dashboards.api.time_range import End, Start, time_range, written_out
from spanglass_dashboards.context import Context, context_of, of_project, reader, revealer
from spanglass_dashboards.problems import NotFound
from spanglass_detectors.pii.subjects import subject
from spanglass_store.errors import NotAllowed, StoreError
from spanglass_store.queries.pii import (
    PiiFilter,
    PiiGroup,
    PiiInterval,
    pii,
    traces_of_subject,
)
from spanglass_store.queries.pii_missed import pii_missed
from spanglass_store.state.audit import write_reveal
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1/pii", tags=["privacy"])

Text = Annotated[str, Query(max_length=1000)]


class PiiSums(BaseModel):
    """How much was found."""

    spans: int
    traces: int
    findings: int


class PiiStep(PiiSums):
    """How much was found in an interval."""

    time: datetime = Field(description="Where it begins.")


class PiiGroupOut(PiiSums):
    """What was found of one kind or in one place."""

    group: dict[str, str] = Field(description="The columns asked for, with their values.")
    first: datetime
    last: datetime
    series: list[PiiStep]


class PiiOut(BaseModel):
    """What personal data is where; never the values."""

    groups: list[PiiGroupOut] = Field(description="The most first.")


class SubjectIn(BaseModel):
    """A value that somebody asks about."""

    value: str = Field(min_length=3, max_length=1000, description="An address, a number, a key.")
    entity: str = Field(
        "", max_length=64, description="What it is (EMAIL_ADDRESS, …); anything unless given."
    )
    start: Annotated[datetime | None, BeforeValidator(written_out)] = Field(
        None, description="Earliest start; 1970 unless given."
    )
    limit: int = Field(1000, ge=1, le=10_000)


class SubjectTrace(BaseModel):
    """A trace that holds the value."""

    project: str
    trace_id: str
    service: str
    start: datetime
    span_ids: list[str]
    entities: list[str]
    fields: list[str]


class SubjectOut(BaseModel):
    """Where a value is."""

    traces: list[SubjectTrace] = Field(description="The latest first.")
    truncated: bool = Field(description="Whether there are more.")


class MissedKind(BaseModel):
    """What slipped through of one kind."""

    entity: str
    recogniser: str = Field(description="Presidio's, which finds it.")
    seen: int = Field(description="Findings in the sample.")
    traces: int = Field(description="Traces of the sample that have one.")
    estimated: float = Field(description="Findings in all traffic.")
    least: float = Field(description="Lower end of its 95 % interval.")
    most: float = Field(description="Upper end.")
    found: float = Field(description="What the first look found of this entity, estimated alike.")


class MissedOut(BaseModel):
    """What slipped through, estimated from a sample of traces."""

    spans: int = Field(description="Spans that were looked through again.")
    traces: int = Field(description="Their traces.")
    traces_with: int = Field(description="Those of them in which something had been missed.")
    share: float | None = Field(description="Of traces; null before the first night.")
    low: float = Field(description="Lower end of the share's 95 % interval (Wilson).")
    high: float = Field(description="Upper end.")
    estimated: float = Field(description="Missed findings in all traffic.")
    least: float | None = Field(description="Lower end of its 95 % interval.")
    most: float | None = Field(description="Upper end.")
    pipeline: str = Field(description="The spaCy pipeline for names; empty without one.")
    kinds: list[MissedKind] = Field(description="The most first.")


@router.get("/missed")
async def missed(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Text = "",
    service: Text = "",
) -> MissedOut:
    """What slipped through, by the job `pii_rescan`: how much, and who would have found it."""
    since, until = time_range(start, end)
    store = context.store(principal)
    found = await asyncio.to_thread(pii_missed, store, since, until, project, service)
    return MissedOut.model_validate(found)


@router.get("")
async def show(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    group_by: Annotated[list[PiiGroup] | None, Query(max_length=6)] = None,
    interval: PiiInterval = "none",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    project: Text = "",
    service: Text = "",
    environment: Text = "",
    entity: Text = "",
    field: Text = "",
    role: Text = "",
) -> PiiOut:
    """Personal data by kind, service, field, role and time."""
    since, until = time_range(start, end)
    which = PiiFilter(since, until, project, service, environment, entity, field, role)
    standard: list[PiiGroup] = ["entity", "service", "field"]
    columns = list(dict.fromkeys(group_by or standard))
    groups = await asyncio.to_thread(pii, context.store(principal), which, columns, interval, limit)
    return PiiOut(groups=[PiiGroupOut.model_validate(each) for each in groups])


class RevealIn(BaseModel):
    """A pseudonym that is to be turned back."""

    pseudonym: str = Field(min_length=4, max_length=100_000, description="`<EMAIL_ADDRESS~…>`.")
    reason: str = Field(
        min_length=3, max_length=500, description="Why; it stands in the audit log."
    )
    project: str = Field("", max_length=64, description="Whose; the key's own unless given.")


class RevealOut(BaseModel):
    """What a pseudonym stands for."""

    entity: str
    value: str


@router.post("/reveal")
async def reveal(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(revealer)],
    body: RevealIn,
) -> RevealOut:
    """Turns a pseudonym back. Who did, why and whose value it was is in the audit log first."""
    project = of_project(principal, body.project)
    if context.pseudonyms is None or context.audit is None:
        raise NotFound(
            "This service has no key of pseudonyms: redact.key_file in its settings names it."
        )
    try:
        found = context.pseudonyms.reveal(project, body.pseudonym)
    except ValueError as error:
        raise StoreError(str(error)) from error
    await asyncio.to_thread(
        write_reveal,
        context.audit,
        principal.name,
        project,
        body.reason,
        found,
        context.subject_key,
    )
    return RevealOut(entity=found.entity, value=found.value)


@router.post("/subjects")
async def subjects(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    body: SubjectIn,
) -> SubjectOut:
    """Traces that hold a value, for requests of access and erasure. The value is not kept.

    It takes a key that may read payload: who may not could find out what others wrote.
    """
    if not principal.payload:
        raise NotAllowed(
            "This key may not read prompts and answers. Use a key made with --payload."
        )
    if not context.subject_key:
        raise NotFound("This process has no key for subjects.")
    since, until = time_range(body.start or datetime.fromisoformat("1970-01-02T00:00:00Z"), None)
    kinds = [body.entity] if body.entity else [*ENTITIES, "PERSON", "LOCATION"]
    hashes = [subject(context.subject_key, kind, body.value) for kind in kinds]
    found = await asyncio.to_thread(
        traces_of_subject,
        context.store(principal),
        hashes,
        PiiFilter(since, until),
        body.limit + 1,
    )
    traces = [SubjectTrace.model_validate(each) for each in found[: body.limit]]
    return SubjectOut(traces=traces, truncated=len(found) > body.limit)
