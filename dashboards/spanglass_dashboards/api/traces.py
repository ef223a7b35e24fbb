"""Traces: lists and single ones."""

import asyncio
import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from spanglass_dashboards.api.trace_filter import Which
from spanglass_dashboards.context import Context, context_of, reader
from spanglass_dashboards.problems import NotFound
from spanglass_store.queries.logs import trace_logs
from spanglass_store.queries.traces import Order, list_traces, trace_spans
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["traces"])

#: Least bytes of a trace that are sent at a time.
_PIECE: Final = 1 << 20
_TRACE_ID: Final = re.compile(r"^[0-9a-fA-F]{32}$")


class Trace(BaseModel):
    """One row of a list of traces."""

    project: str
    trace_id: str
    start_time: str = Field(description="RFC 3339, nanoseconds, UTC.")
    end_time: str
    duration_ns: int
    root_span_id: str
    root_name: str = Field(
        description="Name of the root span, or the earliest while it is missing."
    )
    root_service: str
    root_operation: str
    environment: str
    release: str
    status: Literal["ok", "error"] = Field(description="`error` if any span failed.")
    complete: bool = Field(description="Whether the root span is there.")
    spans: int
    errors: int
    input_tokens: int = Field(description="Of leaf inference spans, cached ones included.")
    output_tokens: int
    total_tokens: int
    cost_usd: float
    services: list[str]
    operations: list[str]
    models: list[str]
    tags: list[str]
    session_id: str
    user_id: str
    feature: str
    sample_data: bool


class TracePage(BaseModel):
    """A page of traces."""

    items: list[Trace]
    next: str = Field(description="Cursor of the next page; empty at the end.")


class SpanEvent(BaseModel):
    """Something that happened within a span."""

    time: str
    name: str
    attributes: dict[str, Any]
    dropped_attributes_count: int


class SpanLink(BaseModel):
    """A span that this one has to do with."""

    trace_id: str
    span_id: str
    trace_state: str
    attributes: dict[str, Any]
    flags: int
    dropped_attributes_count: int


class Span(BaseModel):
    """One span, with every attribute in the type it was sent in."""

    project: str
    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    span_kind: str
    operation: str
    service: str
    environment: str
    release: str
    scope_name: str
    scope_version: str
    start_time: str = Field(description="RFC 3339, nanoseconds, UTC.")
    end_time: str
    start_unix_nano: str = Field(
        description="Nanoseconds since 1970, as text: a double can't hold it."
    )
    duration_ns: int
    end_before_start: bool
    time_to_first_token_s: float | None
    time_per_output_token_s: float | None
    ingested_at: str
    status: Literal["unset", "ok", "error"]
    status_message: str
    error_type: str
    finish_reasons: list[str]
    provider: str
    request_model: str
    response_model: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    tokens_estimated: bool
    cost_usd: float | None
    input_cost_usd: float | None
    output_cost_usd: float | None
    cost_source: str
    energy_j: float | None
    session_id: str
    user_id: str
    feature: str
    tags: list[str]
    prompt_name: str
    prompt_version: str
    agent_name: str
    tool_name: str
    input_key: str = Field(
        description="The attribute that `input` came as, of the span or of a log event for it."
    )
    output_key: str
    input: str | None = Field(None, description="As sent; missing without the payload grant.")
    output: str | None = None
    attributes: dict[str, Any]
    payload_attributes: dict[str, Any] | None = None
    resource: dict[str, Any]
    resource_schema_url: str
    scope_attributes: dict[str, Any]
    scope_schema_url: str
    events: list[SpanEvent]
    payload_events: list[SpanEvent] | None = None
    links: list[SpanLink]
    trace_state: str
    flags: int
    dropped_attributes_count: int
    dropped_events_count: int
    dropped_links_count: int
    sample_weight: float
    sample_data: bool
    redacted: bool


class TraceDetail(BaseModel):
    """One trace whole."""

    trace_id: str
    payload: bool = Field(description="Whether inputs and outputs are included.")
    spans: list[Span]


class LogRecord(BaseModel):
    """One log record, with every attribute in the type it was sent in."""

    project: str
    trace_id: str
    span_id: str
    time: str = Field(description="RFC 3339, nanoseconds, UTC.")
    observed_time: str
    service: str
    environment: str
    release: str
    scope_name: str
    scope_version: str
    event_name: str = Field(description="Empty for records that are no events.")
    severity_number: int
    severity_text: str
    session_id: str
    user_id: str
    body: Any = Field(description="A text, or a structure; null where there is none.")
    payload_body: Any = Field(None, description="What people and models wrote, with the grant.")
    attributes: dict[str, Any]
    payload_attributes: dict[str, Any] | None = None
    resource: dict[str, Any]
    flags: int
    dropped_attributes_count: int
    sample_data: bool


class LogPage(BaseModel):
    """A page of log records."""

    items: list[LogRecord]
    next: str = Field(description="Cursor of the next page; empty at the end.")


@router.get("/traces", response_model=TracePage)
async def index(
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    which: Which,
    sort: Annotated[Order, Query()] = "start_time",
    order: Annotated[Literal["asc", "desc"], Query()] = "desc",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> TracePage:
    """Traces that started in a range of time, a page at a time."""
    page = await asyncio.to_thread(
        list_traces, context.store(principal), which, sort, order == "desc", limit, cursor
    )
    return TracePage(items=[Trace(**row) for row in page.items], next=page.next)


@router.get("/traces/{trace_id}", response_model=TraceDetail)
async def show(
    trace_id: Annotated[str, Path(description="32 hexadecimal digits.")],
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    payload: Annotated[bool, Query(description="Whether to include inputs and outputs.")] = True,
) -> Response:
    """One trace whole, spans in the order of their start."""
    return await _detail(context, principal, trace_id, payload, "")


@router.get("/traces/{trace_id}/spans/{span_id}", response_model=TraceDetail)
async def show_span(
    trace_id: str,
    span_id: str,
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
) -> Response:
    """One span of a trace, with its payload."""
    return await _detail(context, principal, trace_id, True, span_id.lower())


@router.get("/traces/{trace_id}/logs", response_model=LogPage)
async def show_logs(
    trace_id: str,
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """The log records of a trace by time, GenAI events among them."""
    _require_id(trace_id)
    records, following = await asyncio.to_thread(
        trace_logs, context.store(principal), trace_id.lower(), principal.payload, limit, cursor
    )
    return Response(
        orjson.dumps({"items": records, "next": following}), media_type="application/json"
    )


def _require_id(trace_id: str) -> None:
    if not _TRACE_ID.match(trace_id):
        raise NotFound(f"{trace_id!r} is no trace id: that is 32 hexadecimal digits.")


async def _detail(
    context: Context, principal: Principal, trace_id: str, payload: bool, span_id: str
) -> Response:
    _require_id(trace_id)
    with_payload = payload and principal.payload
    store = context.store(principal)

    spans = trace_spans(store, trace_id.lower(), with_payload, span_id)
    first = await asyncio.to_thread(next, spans, None)
    if first is None:
        raise NotFound(
            "There is no such trace. It may not have arrived yet, be older than what is kept,"
            " or belong to another project."
        )
    head = orjson.dumps({"trace_id": trace_id.lower(), "payload": with_payload})
    # Written by hand rather than through the models, and sent while it is read: ten thousand
    # spans in well under a second, and never more of a trace in memory than a piece.
    return StreamingResponse(
        _pieces(head[:-1] + b',"spans":[' + orjson.dumps(first), spans),
        media_type="application/json",
    )


def _pieces(head: bytes, spans: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """A trace's JSON text, in pieces of some size."""
    piece = [head]
    size = 0
    for span in spans:
        text = orjson.dumps(span)
        piece.append(text)
        size += len(text)
        if size >= _PIECE:
            yield b",".join(piece)
            # What follows begins with a comma.
            piece, size = [b""], 0
    yield b",".join(piece) + b"]}"
