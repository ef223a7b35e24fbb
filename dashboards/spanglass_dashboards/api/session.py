"""Who is asking, and what a page has to know before it can ask for anything else."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from spanglass_dashboards.context import Context, context_of
from spanglass_store.access import Denied
from spanglass_store.state.keys import Principal, Scope

router = APIRouter(prefix="/api/v1", tags=["service"])

#: Headers that a key can come in.
_KEY_HEADERS: Final = frozenset({"authorization", "x-api-key", "api-key"})


class SessionInfo(BaseModel):
    """Who is asking."""

    version: str = Field(description="Of the service.")
    key_needed: bool = Field(description="Whether the service wants a key from everybody.")
    signed_in: bool = Field(description="Whether this request may read.")
    scope: Literal["", "ingest", "read", "admin"] = ""
    payload: bool = Field(default=False, description="Whether prompts and answers may be read.")
    projects: list[str] = Field(
        default_factory=list, description="Projects that may be read and have traces."
    )
    project: str = Field(
        default="", description="The key's own, which is meant where a request names none."
    )
    otlp_http: str = Field(
        default="", description="Host and port on which OTLP over HTTP is taken."
    )
    otlp_grpc: str = Field(
        default="", description="Host and port on which OTLP over gRPC is taken."
    )


@router.get("/session", response_model=SessionInfo)
async def show(request: Request, context: Annotated[Context, Depends(context_of)]) -> SessionInfo:
    """Whether a key is needed and, with one, what it opens.

    Without a key this always answers; with a wrong one it refuses, so that a person can be told.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    version = str(request.app.version)
    needed = await asyncio.to_thread(_key_needed, context, headers)
    if needed and _KEY_HEADERS.isdisjoint(headers):
        return SessionInfo(version=version, key_needed=True, signed_in=False)
    principal = await asyncio.to_thread(context.gate.admit, headers, Scope.READ)
    return SessionInfo(
        version=version,
        key_needed=needed,
        signed_in=True,
        scope=principal.scope.value,
        payload=principal.payload,
        projects=await asyncio.to_thread(_projects, context, principal),
        project=principal.project,
        otlp_http=context.addresses.get("otlp_http", ""),
        otlp_grpc=context.addresses.get("otlp_grpc", ""),
    )


def _key_needed(context: Context, headers: Mapping[str, str]) -> bool:
    bare = {name: value for name, value in headers.items() if name not in _KEY_HEADERS}
    try:
        context.gate.admit(bare, Scope.READ)
    except Denied as error:
        if error.status == 401:
            return True
        raise
    return False


def _projects(context: Context, principal: Principal) -> list[str]:
    if principal.projects is not None:
        return list(principal.projects)
    store = context.store(principal)
    rows = store.query(
        f"SELECT DISTINCT project FROM {store.database}.traces ORDER BY project LIMIT 1000"
    ).rows
    return [str(row[0]) for row in rows]
