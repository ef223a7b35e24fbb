"""Judgements: taking them in and listing them."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag, model_validator

from spanglass_dashboards.api.time_range import OpenEnd, OpenStart
from spanglass_dashboards.context import Context, context_of, reader, writer
from spanglass_store.errors import StoreError
from spanglass_store.queries.scores import Score, ScoreFilter, add_scores, list_scores
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["scores"])


def _given(field: str, **schema: JsonValue) -> JsonValue:
    return {"properties": {field: schema}, "required": [field]}


#: What `ScoreIn` demands of its fields together, in the words of JSON Schema.
_TOGETHER: Final[list[JsonValue]] = [
    {"anyOf": [_given("value", type="number"), _given("label", minLength=1)]},
    {"anyOf": [_given("trace_id", minLength=32), _given("session_id", minLength=1)]},
    {"anyOf": [{"properties": {"span_id": {"maxLength": 0}}}, _given("trace_id", minLength=32)]},
]


class ScoreIn(BaseModel):
    """One judgement of a span, a trace or a session."""

    model_config = ConfigDict(json_schema_extra={"allOf": _TOGETHER})

    name: str = Field(min_length=1, max_length=200, examples=["user_feedback"])
    value: float | None = Field(
        None, allow_inf_nan=False, description="Higher means more of what the name says."
    )
    label: str = Field("", max_length=200)
    source: Literal["human", "user", "code", "judge", "detector"] = "code"
    explanation: str = Field("", max_length=100_000)
    correction: str = Field(
        "", max_length=1_000_000, description="The answer as it should have been."
    )
    evaluator: str = Field("", max_length=200, description="Who or what judged, with its version.")
    trace_id: str = Field("", pattern="^([0-9a-fA-F]{32})?$")
    span_id: str = Field("", pattern="^([0-9a-fA-F]{16})?$")
    session_id: str = Field("", max_length=500)
    metadata: dict[str, str] = Field(default_factory=dict, max_length=100)
    id: str = Field("", max_length=100, description="The same id again replaces the score.")

    @model_validator(mode="after")
    def _says_something(self) -> "ScoreIn":
        if self.value is None and not self.label:
            raise ValueError("give a value, a label, or both")
        if not (self.trace_id or self.session_id):
            raise ValueError("give the trace_id or the session_id that is judged")
        if self.span_id and not self.trace_id:
            raise ValueError("a span_id needs its trace_id")
        return self


def _how_many(given: Any) -> str:
    return "several" if isinstance(given, list) else "one"


#: Told apart before they are read, so that what is wrong is said of the right one.
_Body = Annotated[
    Annotated[ScoreIn, Tag("one")]
    | Annotated[list[ScoreIn], Field(min_length=1, max_length=10_000), Tag("several")],
    Discriminator(_how_many),
]


class Accepted(BaseModel):
    """The ids under which scores were stored."""

    ids: list[str]


@router.post("/scores", response_model=Accepted, status_code=201)
async def create(
    body: _Body,
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(writer)],
) -> Accepted:
    """Stores one score or a list of them; they are on disk when the answer comes."""
    scores = [
        _score(each, principal.project) for each in (body if isinstance(body, list) else [body])
    ]
    await asyncio.to_thread(add_scores, context.owner(), scores)
    return Accepted(ids=[score.score_id for score in scores])


def _score(given: ScoreIn, project: str) -> Score:
    fields = given.model_dump(exclude={"id"})
    fields |= {"trace_id": given.trace_id.lower(), "span_id": given.span_id.lower()}
    if given.id:
        fields["score_id"] = given.id
    return Score(project=project, **fields)


class ScoreOut(BaseModel):
    """One judgement."""

    id: str
    project: str
    name: str
    value: float | None = Field(description="Higher means more of what the name says.")
    label: str
    source: Literal["human", "user", "code", "judge", "detector"]
    evaluator: str
    trace_id: str
    span_id: str
    response_id: str = Field(description="The provider's id of the answer that is judged.")
    session_id: str
    created_at: datetime
    metadata: dict[str, str]
    explanation: str | None = Field(None, description="Missing without the payload grant.")
    correction: str | None = None


class ScorePage(BaseModel):
    """A page of scores."""

    items: list[ScoreOut]
    next: str = Field(description="Cursor of the next page; empty at the end.")


_Text = Annotated[str, Query(max_length=1000)]


@router.get("/scores", response_model=ScorePage)
async def index(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    start: OpenStart = None,
    end: OpenEnd = None,
    project: _Text = "",
    name: _Text = "",
    source: Literal["", "human", "user", "code", "judge", "detector"] = "",
    trace_id: Annotated[str, Query(pattern="^([0-9a-fA-F]{32})?$")] = "",
    span_id: Annotated[str, Query(pattern="^([0-9a-fA-F]{16})?$")] = "",
    session_id: _Text = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> ScorePage:
    """Scores, the latest first; of all times unless a range is given."""
    if span_id and not trace_id:
        raise StoreError("A span_id needs its trace_id.")
    which = ScoreFilter(
        start, end, project, name, source, trace_id.lower(), span_id.lower(), session_id
    )
    page = await asyncio.to_thread(
        list_scores, context.store(principal), which, principal.payload, limit, cursor
    )
    items = [ScoreOut(id=row.pop("score_id"), **row) for row in page.items]
    return ScorePage(items=items, next=page.next)
