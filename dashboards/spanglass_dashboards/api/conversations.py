"""Conversations and users: lists, and one session as a thread."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.scores import ScoreOut
from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.api.trace_filter import Which
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_dashboards.problems import NotFound
from spanglass_store.queries.activity import (
    ActivityFilter,
    ActivityOrder,
    By,
    Feedback,
    list_activity,
)
from spanglass_store.queries.conversation import thread
from spanglass_store.queries.traces import TraceFilter
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["conversations"])

Text = Annotated[str, Query(max_length=1000)]
Cursor = Annotated[str, Query(max_length=2000)]
#: How far back one session is looked for where no start is given.
_LOOK_BACK: Final = timedelta(days=30)


class Activity(BaseModel):
    """What a session or a user did in the range of time."""

    project: str
    first: datetime = Field(description="When its first trace began.")
    last: datetime = Field(description="When its last trace ended.")
    duration_ns: int = Field(description="Between the two.")
    turns: int = Field(description="Traces.")
    errors: int = Field(description="Traces in which a span failed.")
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost_usd: float
    models: list[str]
    services: list[str]
    features: list[str]
    sample_data: bool
    liked: int = Field(description="What users said: scores of theirs of 0.5 and more.")
    disliked: int
    flagged: int = Field(description="Scores of detectors in which something was found.")
    groundedness: float | None = Field(description="Mean of the detector's.")


class Conversation(Activity):
    """A session."""

    session_id: str
    name: str = Field(description="Of the root of its first trace.")
    users: list[str]


class ConversationPage(BaseModel):
    """A page of sessions."""

    items: list[Conversation]
    next: str = Field(description="Cursor of the next page; empty at the end.")


class User(Activity):
    """A user."""

    user_id: str
    sessions: int


class UserPage(BaseModel):
    """A page of users."""

    items: list[User]
    next: str = Field(description="Cursor of the next page; empty at the end.")


def conditions(
    which: Which,
    feedback: Annotated[Feedback, Query(description="With an answer that was (dis)liked.")] = "",
) -> ActivityFilter:
    """Which of them: those with a trace for which everything that is given holds."""
    return ActivityFilter(which, feedback)


Conditions = Annotated[ActivityFilter, Depends(conditions)]
Limit = Annotated[int, Query(ge=1, le=500)]


async def _page(
    context: Context, principal: Principal, which: ActivityFilter, by: By, order: ActivityOrder,
    descending: bool, limit: int, cursor: str,
) -> tuple[list[dict[str, Any]], str]:  # fmt: skip
    page = await asyncio.to_thread(
        list_activity, context.store(principal), which, by, order, descending, limit, cursor
    )
    return [{**row, f"{by}_id": row["id"]} for row in page.items], page.next


@router.get("/conversations")
async def index(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    which: Conditions,
    sort: ActivityOrder = "last",
    order: Literal["asc", "desc"] = "desc",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> ConversationPage:
    """Sessions, the latest first; sums are of their traces in the range, the last day."""
    rows, following = await _page(
        context, principal, which, "session", sort, order == "desc", limit, cursor
    )
    return ConversationPage(items=[Conversation(**row) for row in rows], next=following)


@router.get("/users")
async def users(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    which: Conditions,
    sort: ActivityOrder = "last",
    order: Literal["asc", "desc"] = "desc",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> UserPage:
    """Users, the latest first; sums are of their traces in the range, the last day."""
    rows, following = await _page(
        context, principal, which, "user", sort, order == "desc", limit, cursor
    )
    return UserPage(items=[User(**row) for row in rows], next=following)


class Said(BaseModel):
    """The span of a trace that says what was asked and answered."""

    span_id: str
    operation: str
    input_key: str
    output_key: str
    input: str | None = Field(None, description="As it was sent; null without the payload grant.")
    output: str | None = None
    is_cut: bool = Field(False, description="Whether only the beginning is given.")


class Turn(BaseModel):
    """One trace of a session."""

    trace_id: str
    start_time: str = Field(description="RFC 3339, nanoseconds, UTC.")
    duration_ns: int
    root_name: str
    root_service: str
    status: str
    complete: bool
    spans: int
    errors: int
    total_tokens: int
    cost_usd: float
    models: list[str]
    user_id: str
    feature: str
    sample_data: bool
    said: Said | None = Field(description="Null where no span has an input or output.")
    scores: list[ScoreOut] = Field(description="People's first, then what was found.")


class WholeConversation(BaseModel):
    """A session as a thread."""

    about: Conversation
    payload: bool = Field(description="Whether what was said is included.")
    turns: list[Turn] = Field(description="The earliest first.")
    scores: list[ScoreOut] = Field(description="Of the session itself; on the first page.")
    next: str = Field(description="Cursor of the next page of turns; empty at the end.")


@router.get("/conversations/{session_id:path}")
async def show(
    session_id: str,
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    project: Text = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = "",
) -> WholeConversation:
    """One session: questions and answers in order, each with its trace and what was said of it.

    Without a start it is looked for in the 30 days before the end. Where several projects have
    the same session id, it is the one that was last heard of.
    """
    until = time_range(None, end)[1]
    since = time_range(start or max(until - _LOOK_BACK, datetime(1970, 1, 1, tzinfo=UTC)), until)[0]
    store = context.store(principal)
    which = TraceFilter(since, until, project, session_id=session_id)

    def answer() -> WholeConversation:
        found = list_activity(store, ActivityFilter(which), "session", limit=1).items
        if not found:
            raise NotFound(
                f"There is no session {session_id!r} in this range of time that this key may see."
            )
        of = TraceFilter(since, until, found[0]["project"], session_id=session_id)
        page = thread(store, of, principal.payload, limit, cursor)
        return WholeConversation.model_validate({
            "about": {**found[0], "session_id": session_id}, "payload": principal.payload,
            "turns": page.turns, "scores": page.scores, "next": page.next,
        })  # fmt: skip

    return await asyncio.to_thread(answer)
