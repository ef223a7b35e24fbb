"""Which traces a request is about: the same parameters wherever traces are listed or counted."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from spanglass_dashboards.api.time_range import End, Start, time_range
from spanglass_dashboards.context import reader
from spanglass_store.errors import NotAllowed
from spanglass_store.queries.search.parse import parse
from spanglass_store.queries.traces import TraceFilter
from spanglass_store.state.keys import Principal

_Text = Annotated[str, Query(max_length=1000)]
#: A query in the language of docs/query.md.
QueryText = Annotated[
    str,
    Query(
        max_length=1000,
        description="Terms that all have to hold: `model:gpt-4o latency:>2s -env:dev`.",
        examples=['model:gpt-4o latency:>2s score.groundedness:<0.5 -env:dev "refund"'],
    ),
]


def _which(
    principal: Annotated[Principal, Depends(reader)],
    start: Start = None,
    end: End = None,
    query: QueryText = "",
    project: _Text = "",
    service: _Text = "",
    operation: _Text = "",
    model: _Text = "",
    environment: _Text = "",
    status: Annotated[Literal["", "ok", "error"], Query()] = "",
    session_id: _Text = "",
    user_id: _Text = "",
    feature: _Text = "",
    tag: _Text = "",
    text: Annotated[
        str, Query(max_length=1000, description="In the root's name or a service's, or a trace id.")
    ] = "",
    min_duration_ms: Annotated[float | None, Query(ge=0, le=1e12)] = None,
    max_duration_ms: Annotated[float | None, Query(ge=0, le=1e12)] = None,
    min_tokens: Annotated[int | None, Query(ge=0, le=1 << 53)] = None,
    min_cost_usd: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
    sample_data: bool | None = None,
) -> TraceFilter:
    since, until = time_range(start, end)
    asked = parse(query)
    if asked.reads_content and not principal.payload:
        raise NotAllowed(
            "content: searches what people and models wrote, which this key may not read."
            " `spanglass keys create --scope read` makes one that may."
        )
    return TraceFilter(
        since, until, project, service, operation, model, environment, status, session_id,
        user_id, feature, tag, text,
        None if min_duration_ms is None else int(min_duration_ms * 1e6),
        None if max_duration_ms is None else int(max_duration_ms * 1e6),
        min_tokens, min_cost_usd, sample_data, asked,
    )  # fmt: skip


Which = Annotated[TraceFilter, Depends(_which)]
