"""People's SQL: read-only, within limits, and within the projects of the key."""

import asyncio
import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from spanglass_dashboards.context import Context, context_of, reader
from spanglass_store.client import Store
from spanglass_store.state.keys import Principal
from spanglass_store.statements import check_statement

router = APIRouter(prefix="/api/v1", tags=["sql"])

#: Rows that an answer has at most.
MOST_ROWS: Final = 100_000
_FORMAT: Final = "JSONCompactEachRowWithNamesAndTypes"
_OBJECTS: Final = "JSONEachRow"
#: As registered: https://www.iana.org/assignments/media-types/application/vnd.apache.parquet
_PARQUET: Final = "application/vnd.apache.parquet"


class Query(BaseModel):
    """One statement with its parameters."""

    query: str = Field(
        min_length=1,
        max_length=200_000,
        description="A ClickHouse SELECT on `spans`, `traces`, `scores`.",
        examples=["SELECT name, count() FROM spans WHERE service = {service:String} GROUP BY name"],
    )
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Values for parameters written as {name:Type}.",
        examples=[{"service": "checkout"}],
    )


class Answer(BaseModel):
    """Columns and rows."""

    columns: list[str] = Field(description="Names of the columns.")
    types: list[str] = Field(description="ClickHouse types of the columns.")
    rows: list[list[Any]]
    truncated: bool = Field(description=f"Whether rows beyond the first {MOST_ROWS:,} are missing.")


@router.post("/sql", response_model=Answer)
async def run(
    body: Query,
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
) -> Response:
    """Runs one `SELECT`."""
    store = context.store(principal)
    return Response(await asyncio.to_thread(answer, store, body), media_type="application/json")


@router.post("/sql/rows", response_model=list[dict[str, Any]])
async def run_for_rows(
    body: Query,
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
) -> Response:
    """The same with a row as an object, and nothing else: for Grafana and other tools.

    Where rows beyond the first 100,000 are missing, the header `X-Spanglass-Truncated` says `true`.
    """
    store = context.store(principal)
    lines = (await asyncio.to_thread(_text, store, body, _OBJECTS)).splitlines()
    rows = b"[" + b",".join(lines[:MOST_ROWS]) + b"]"
    # A list of rows has no place to say so.
    headers = {"X-Spanglass-Truncated": "true"} if len(lines) > MOST_ROWS else {}
    return Response(rows, media_type="application/json", headers=headers)


@router.post(
    "/sql/parquet",
    response_class=Response,
    responses={200: {"content": {_PARQUET: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def run_for_parquet(
    body: Query,
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
) -> Response:
    """The same as a Parquet file, its columns in their types; it ends soon behind 100,000 rows."""
    store = context.store(principal)
    file = await asyncio.to_thread(_text, store, body, "Parquet")
    headers = {"Content-Disposition": 'attachment; filename="spanglass.parquet"'}
    return Response(file, media_type=_PARQUET, headers=headers)


def answer(store: Store, query: Query) -> bytes:
    """The answer as JSON text; ClickHouse writes the values, so no row becomes a Python object."""
    lines = _text(store, query, _FORMAT).splitlines()
    columns, types = (lines[0], lines[1]) if len(lines) > 1 else (b"[]", b"[]")
    rows = lines[2:]
    truncated = json.dumps(len(rows) > MOST_ROWS).encode()
    return (
        b'{"columns":' + columns + b',"types":' + types
        + b',"truncated":' + truncated
        + b',"rows":[' + b",".join(rows[:MOST_ROWS]) + b"]}"
    )  # fmt: skip


def _text(store: Store, query: Query, form: str) -> bytes:
    sql = query.query.strip().rstrip(";")
    # Without a placeholder the driver would write values into the text by Python's own rules.
    params = {name: value for name, value in query.params.items() if f"{{{name}:" in sql}
    check_statement(store, sql, params)
    return store.text(sql, form, params)
