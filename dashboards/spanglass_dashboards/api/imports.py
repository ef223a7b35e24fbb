"""Imports: OTLP of any time, into any project. For administrators."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.context import Context, administrator, context_of
from spanglass_dashboards.problems import NotFound

router = APIRouter(
    prefix="/api/v1/import", tags=["export and import"], dependencies=[Depends(administrator)]
)


class Imported(BaseModel):
    """What became of a request."""

    accepted: int = Field(description="Items that are on disk now.")
    rejected: int = Field(description="Items that will never be kept.")
    message: str = Field(description="Why; empty if none was rejected.")


@router.post("/{signal}")
async def take(
    context: Annotated[Context, Depends(context_of)],
    signal: Literal["traces", "logs", "metrics"],
    body: Annotated[bytes, Body(media_type="application/octet-stream", min_length=1)],
    project: Annotated[
        str,
        Query(pattern="^[a-z0-9][a-z0-9_-]{0,63}$", description="Whose the telemetry becomes."),
    ] = "default",
) -> Imported:
    """Takes one OTLP request in protobuf, however old it is, through the same checks as any other.

    It is kept from today on as long as what comes today.
    """
    if context.imports is None:
        raise NotFound("This process takes no telemetry: see --roles.")
    outcome: Any = await context.imports.take(signal, body, project)
    return Imported(**outcome)
