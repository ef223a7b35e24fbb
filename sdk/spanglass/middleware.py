"""Web applications take part in their callers' traces: middleware for ASGI and WSGI.

    from spanglass.middleware import ASGIMiddleware

    app = ASGIMiddleware(app)                  # any ASGI application
    app.add_middleware(ASGIMiddleware)         # Starlette, FastAPI

It makes no span of its own: it does for each request what `spanglass.continue_trace` does for a
block, also while an answer is streamed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from spanglass import _current
from spanglass._guard import guard
from spanglass._propagation import ContinuedTrace, extract

if TYPE_CHECKING:
    from opentelemetry.context import Context

__all__ = ["ASGIMiddleware", "WSGIMiddleware"]

ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
WSGIApp: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]


class ASGIMiddleware:
    """An ASGI application whose requests continue their callers' traces.

    Args:
        app: the application.
        baggage: whether session, user, tags, feature, metadata and prompt are taken from a
            request. Say False where anybody on the internet can send requests.
    """

    def __init__(self, app: ASGIApp, *, baggage: bool = True) -> None:
        self.app = app
        self._baggage = baggage

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Serves one request, one WebSocket or the application's lifespan."""
        if scope.get("type") not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        with ContinuedTrace(scope.get("headers") or (), self._baggage):
            await self.app(scope, receive, send)


class WSGIMiddleware:
    """A WSGI application whose requests continue their callers' traces.

    Args:
        app: the application.
        baggage: whether session, user, tags, feature, metadata and prompt are taken from a
            request. Say False where anybody on the internet can send requests.
    """

    def __init__(self, app: WSGIApp, *, baggage: bool = True) -> None:
        self.app = app
        self._baggage = baggage

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serves one request."""
        context = extract(_headers(environ), baggage=self._baggage)
        with _Resumed(context):
            body = self.app(environ, start_response)
        # What is there already needs no context, and servers look at what it is.
        whole = isinstance(body, list | tuple | bytes)
        wrapper = environ.get("wsgi.file_wrapper")
        if whole or (isinstance(wrapper, type) and isinstance(body, wrapper)):
            return body
        return _Body(body, context)


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """The headers that matter, from where PEP 3333 has them."""
    wanted = ("traceparent", "tracestate", "baggage")
    found = {name: environ.get(f"HTTP_{name.upper()}") for name in wanted}
    return {name: value for name, value in found.items() if isinstance(value, str)}


class _Resumed:
    """A context that is current for a moment."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._token: Any = None

    def __enter__(self) -> None:
        with guard("middleware"):
            self._token = _current.resume(self._context)

    def __exit__(self, *failure: object) -> None:
        with guard("middleware"):
            if self._token is not None:
                _current.detach(self._token)


class _Body:
    """A streamed answer: the context is current while a piece is made, and not in between."""

    def __init__(self, body: Iterable[bytes], context: Context) -> None:
        self._body = body
        self._context = context
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with _Resumed(self._context):
            if self._pieces is None:
                self._pieces = iter(self._body)
            return next(self._pieces)

    def close(self) -> None:
        """Ends the answer, as PEP 3333 has it."""
        close = getattr(self._body, "close", None)
        if close is not None:
            with _Resumed(self._context):
                close()
