"""Puts the application together."""

from __future__ import annotations

import time
import uuid

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import media_routes, message_routes, message_shapes, routes
from .errors import ApiError, error_body
from .service import Service
from .settings import Settings


def create_app(settings: Settings | None = None) -> Starlette:
    """Return the ASGI application of a server.

    Args:
        settings: What it is told; without them the defaults hold.
    """
    application = Starlette(
        routes=[
            Route("/healthz", routes.health),
            Route("/v1/models", routes.guarded(routes.list_models)),
            Route("/v1/models/{model}", routes.guarded(routes.get_model)),
            Route(
                "/v1/chat/completions", routes.guarded(routes.chat_completions), methods=["POST"]
            ),
            # Azure's addresses.
            Route(
                "/openai/deployments/{deployment}/chat/completions",
                routes.guarded(routes.chat_completions),
                methods=["POST"],
            ),
            Route(
                "/openai/deployments/{deployment}/embeddings",
                routes.guarded(routes.create_embeddings),
                methods=["POST"],
            ),
            Route("/openai/responses", routes.guarded(routes.create_response), methods=["POST"]),
            Route("/v1/embeddings", routes.guarded(routes.create_embeddings), methods=["POST"]),
            Route("/v1/responses", routes.guarded(routes.create_response), methods=["POST"]),
            Route("/v1/messages", routes.guarded(message_routes.create_message), methods=["POST"]),
            Route(
                "/v1/messages/count_tokens",
                routes.guarded(message_routes.count_tokens),
                methods=["POST"],
            ),
            Route(
                "/v1/images/generations",
                routes.guarded(media_routes.create_image),
                methods=["POST"],
            ),
            Route("/v1/images/edits", routes.guarded(media_routes.edit_image), methods=["POST"]),
            Route("/v1/audio/speech", routes.guarded(media_routes.create_speech), methods=["POST"]),
            Route(
                "/v1/audio/transcriptions",
                routes.guarded(media_routes.create_transcription),
                methods=["POST"],
            ),
        ],
        middleware=[Middleware(_ServiceHeaders)],
        exception_handlers={ApiError: _api_error, HTTPException: _http_error},
    )
    application.state.service = Service(settings or Settings())
    return application


class _ServiceHeaders:
    """Adds the headers that clients log: the request's id and the time it took."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                request_id = f"req_{uuid.uuid4().hex}"
                headers["x-request-id"] = headers["request-id"] = request_id
                headers["openai-version"] = "2020-10-01"
                headers["openai-processing-ms"] = str(int((time.perf_counter() - begun) * 1000))
            await send(message)

        await self._app(scope, receive, with_headers)


async def _api_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    body = error.body
    if request.url.path.startswith("/v1/messages"):
        body = message_shapes.error_body(error.status, error.message)
    return JSONResponse(body, error.status, error.headers)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    message = f"Invalid URL ({request.method} {request.url.path})"
    if error.status_code == 405:
        message = f"Not allowed to {request.method} on {request.url.path}."
    return JSONResponse(
        error_body(message, kind="invalid_request_error"),
        error.status_code,
        dict(error.headers or {}),
    )
