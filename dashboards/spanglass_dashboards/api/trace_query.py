"""The query bar: what a text means, what could come next; and a list's traces over time."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.api.trace_filter import Which
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.queries.search.completion import Completion, complete
from spanglass_store.queries.search.parse import QueryError, Term, parse
from spanglass_store.queries.timeline import timeline
from spanglass_store.queries.traces import TraceFilter
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["traces"])


class TermOut(BaseModel):
    """One condition of a query."""

    field: str = Field(description="Its usual name, whatever it was written as; empty for words.")
    key: str = Field(description="Name of the score or attribute.")
    negated: bool
    operator: str
    values: list[str]
    number: float | None = Field(description="In seconds, US dollars or pieces.")
    exact: bool = Field(description="Whether it is one value, as it stands.")
    start: int = Field(description="Place in the text, from 0.")
    end: int


class QueryProblem(BaseModel):
    """Where a query is wrong, and what was expected."""

    at: int = Field(description="Place of the first wrong character, from 0.")
    length: int = Field(description="How many are wrong; 0 where something is missing.")
    reason: str


class OptionOut(BaseModel):
    """Something that could be written."""

    insert: str
    about: str
    count: int | None = Field(description="How often it occurs; null where that is not counted.")


class CompletionOut(BaseModel):
    """What fits the caret's place, and which part of the text it takes the place of."""

    start: int
    end: int
    options: list[OptionOut]


class Understood(BaseModel):
    """What a query means."""

    query: str
    terms: list[TermOut] = Field(description="Empty where there is a problem.")
    problem: QueryProblem | None
    completion: CompletionOut | None = Field(description="Where a caret was given.")


@router.get("/traces/query", response_model=Understood)
async def understand(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    query: Annotated[str, Query(max_length=2000)] = "",
    at: Annotated[
        int | None, Query(ge=0, le=2000, description="The caret's place; completions for it.")
    ] = None,
    start: Start = None,
    end: End = None,
    project: Annotated[str, Query(max_length=1000)] = "",
) -> Understood:
    """What a query means, or where it is wrong; and what could be written at a place."""
    problem = None
    terms: list[TermOut] = []
    try:
        terms = [_shown(term) for term in parse(query).terms]
    except QueryError as error:
        problem = QueryProblem(at=error.at, length=error.length, reason=error.reason)
    completion = None
    if at is not None:
        since, until = time_range(start, end)
        which = TraceFilter(since, until, project)
        store = context.store(principal)
        completion = _offered(await asyncio.to_thread(complete, store, which, query, at))
    return Understood(query=query, terms=terms, problem=problem, completion=completion)


def _shown(term: Term) -> TermOut:
    return TermOut(
        field=term.field.name if term.field else "",
        key=term.key,
        negated=term.is_negated,
        operator=term.operator,
        values=list(term.values),
        number=term.number,
        exact=len(term.values) == 1 and not term.patterns,
        start=term.start,
        end=term.end,
    )


def _offered(found: Completion) -> CompletionOut:
    options = [OptionOut(**vars(each)) for each in found.options]
    return CompletionOut(start=found.start, end=found.end, options=options)


class TimelineStep(BaseModel):
    """The traces that began within a step."""

    time: datetime
    traces: int
    errors: int = Field(description="Traces of which a span failed.")


class Timeline(BaseModel):
    """A list's traces over time."""

    step_s: int = Field(description="Length of a step in seconds.")
    total: int
    errors: int
    steps: list[TimelineStep] = Field(description="All of the range, empty ones too.")


@router.get("/traces/timeline", response_model=Timeline)
async def show_timeline(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    which: Which,
) -> Timeline:
    """How many traces of a list began when, and how many of them failed."""
    step, steps = await asyncio.to_thread(timeline, context.store(principal), which)
    return Timeline(
        step_s=step,
        total=sum(each.traces for each in steps),
        errors=sum(each.errors for each in steps),
        steps=[TimelineStep(**vars(each)) for each in steps],
    )
