"""Errors as problem documents.

Source: RFC 9457, "Problem Details for HTTP APIs".
"""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from spanglass_store.access import Denied
from spanglass_store.errors import (
    Busy,
    Conflict,
    NotAllowed,
    QueryRefused,
    StoreError,
    StoreUnavailable,
    Unknown,
)
from spanglass_store.queries.search.parse import QueryError


class Problem(BaseModel):
    """What went wrong and what to do."""

    type: str = "about:blank"
    title: str = Field(description="The kind of problem, in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What went wrong here, and what to do about it.")


#: For the OpenAPI document: every operation can answer with one.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": title, "content": {"application/problem+json": {}}}
    for status, title in (
        (400, "Bad request"),
        (401, "A key is needed"),
        (403, "Not allowed"),
        (404, "Not found"),
        (409, "Already under way, or changed meanwhile"),
        (413, "Too large"),
        (422, "Not valid"),
        (503, "Not available right now"),
    )
}


def problem(status: int, title: str, detail: str, **headers: str) -> JSONResponse:
    """A problem document as a response."""
    body = Problem(title=title, status=status, detail=detail)
    return JSONResponse(
        body.model_dump(), status, headers=headers, media_type="application/problem+json"
    )


def denial(error: Denied) -> JSONResponse:
    """The answer to who may not come in."""
    if error.status == 401:
        return problem(401, "A key is needed", str(error), **{"WWW-Authenticate": "Bearer"})
    return problem(403, "Not allowed", str(error))


def unavailable(error: StoreUnavailable) -> JSONResponse:
    """The answer while something that is needed can't be reached."""
    return problem(503, "Not available right now", str(error), **{"Retry-After": "2"})


class NotFound(Exception):
    """There is no such thing; the message says what to check."""


def install(app: FastAPI) -> None:
    """Makes every error of the application a problem document."""

    @app.exception_handler(Denied)
    async def denied(_: Request, error: Denied) -> JSONResponse:
        return denial(error)

    @app.exception_handler(NotFound)
    async def not_found(_: Request, error: NotFound) -> JSONResponse:
        return problem(404, "Not found", str(error))

    @app.exception_handler(StoreError)
    async def store(_: Request, error: StoreError) -> JSONResponse:
        if isinstance(error, StoreUnavailable):
            return unavailable(error)
        if isinstance(error, NotAllowed):
            return problem(403, "Not allowed", str(error))
        if isinstance(error, Busy):
            return problem(409, "Already under way", str(error))
        if isinstance(error, Conflict):
            return problem(409, "Conflict", str(error))
        if isinstance(error, Unknown):
            return problem(404, "Not found", str(error))
        if isinstance(error, QueryError):
            return problem(400, "The query can't be read", str(error))
        if isinstance(error, QueryRefused):
            # Without a number of ClickHouse's it was refused before it got there.
            said_by = "ClickHouse refused the query" if error.code else "Bad request"
            return problem(400, said_by, str(error))
        return problem(400, "Bad request", str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return problem(422, "Not valid", f"{place}: {first['msg']}")

    @app.exception_handler(UnicodeEncodeError)
    async def halved(_: Request, error: UnicodeEncodeError) -> JSONResponse:
        # JSON can name one half of a pair, which no text can hold; a list of plain strings lets it
        # through to where it is written.
        half = ascii(error.object[error.start : error.end])
        return problem(422, "Not valid", f"{half} is half of a character. Send it whole.")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        title = {404: "Not found", 405: "Method not allowed"}.get(error.status_code, "Error")
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(sorted(_methods(request)))
        return problem(error.status_code, title, str(error.detail), **headers)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        detail = f"{type(error).__name__}. The service's log has the details."
        return problem(500, "Something went wrong here", detail)


def _methods(request: Request) -> set[str]:
    """What can be done at this address; each route knows only its own.

    `/things/count` is that address, and not the thing of that name at `/things/{name}`.
    """
    found = [
        route
        for router in request.app.state.routers
        for route in router.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is Match.PARTIAL
    ]
    fewest = min((len(route.param_convertors) for route in found), default=0)
    nearest = [route for route in found if len(route.param_convertors) == fewest]
    return set().union(*(route.methods or () for route in nearest))
