"""The handlers of the API's paths."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import (
    chat_shapes,
    embeddings,
    fields,
    parse_chat,
    parse_responses,
    response_shapes,
    sse,
    tokens,
)
from .delivery import Delivery
from .errors import invalid, missing, unknown_model, wrong_type
from .models import MODELS, Model, find_model
from .prompt import Json, Message
from .service import Service

Handler = Callable[[Request], Awaitable[Response]]

_MODELS_CREATED = 1_767_225_600
_MAX_INPUTS = 2048


def service_of(request: Request) -> Service:
    """Return the service that a request reached."""
    service: Service = request.app.state.service
    return service


def guarded(handler: Handler) -> Handler:
    """Return a handler that checks the key first."""

    async def checked(request: Request) -> Response:
        service_of(request).check_key(request)
        return await handler(request)

    return checked


async def health(_: Request) -> Response:
    """Answer whether the server runs."""
    return JSONResponse({"status": "ok"})


async def list_models(_: Request) -> Response:
    """List the models."""
    return JSONResponse({"object": "list", "data": [_described(m) for m in MODELS.values()]})


async def get_model(request: Request) -> Response:
    """Describe one model."""
    name = request.path_params["model"]
    model = find_model(name)
    if model is None:
        raise unknown_model(name)
    return JSONResponse(_described(model))


async def chat_completions(request: Request) -> Response:
    """Answer a conversation."""
    service = service_of(request)
    body = await service.read(request)
    name = fields.text(body, "model")
    fault = await service.fault(request, name)
    chat = parse_chat.parse(body, fault.reply_faults)
    model = service.model(name, "chat", fault)
    read, cached = service.read_prompt(chat.prompt, model)
    replies = [service.engine.reply(chat.prompt, model, index) for index in range(chat.n)]
    used = chat_shapes.usage(read, cached, replies)
    envelope = chat_shapes.Envelope(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=model.snapshot,
        fingerprint=service.fingerprint,
        service_tier=chat.service_tier,
    )
    delivery = Delivery(
        pacer=service.pacer(model),
        prompt_tokens=read - cached,
        # Several replies are generated side by side, so the slowest decides.
        reasoning_tokens=max(reply.reasoning_tokens for reply in replies),
        fault=fault,
        hang=partial(service.hang, request),
    )
    if not chat.stream:
        visible = max(reply.completion_tokens - reply.reasoning_tokens for reply in replies)
        return await delivery.whole(chat_shapes.completion(envelope, replies, used), visible)
    chunks = chat_shapes.chunks(envelope, replies, used, include_usage=chat.include_usage)
    events = [*(sse.data(chunk) for chunk in chunks), sse.DONE]
    return sse.event_stream(delivery.events([], events), {})


async def create_response(request: Request) -> Response:
    """Answer a request of the Responses API."""
    service = service_of(request)
    body = await service.read(request)
    name = fields.text(body, "model")
    fault = await service.fault(request, name)
    earlier = service.conversation(body.get("previous_response_id"))
    asked = parse_responses.parse(body, earlier, fault.reply_faults)
    model = service.model(name, "chat", fault)
    read, cached = service.read_prompt(asked.prompt, model)
    reply = service.engine.reply(asked.prompt, model)
    shape = response_shapes.ResponseShape(
        id=f"resp_{uuid.uuid4().hex}",
        created=int(time.time()),
        model=model,
        reply=reply,
        used=response_shapes.usage(read, cached, reply),
        echo=asked.echo,
    )
    if asked.store:
        said = Message("assistant", reply.text, reply.calls)
        service.store(shape.id, (*asked.turns, said))
    delivery = Delivery(
        pacer=service.pacer(model),
        prompt_tokens=read - cached,
        reasoning_tokens=reply.reasoning_tokens,
        fault=fault,
        hang=partial(service.hang, request),
    )
    if not asked.stream:
        visible = reply.completion_tokens - reply.reasoning_tokens
        return await delivery.whole(shape.whole(), visible)
    events = [sse.named(event) for event in shape.events()]
    return sse.event_stream(delivery.events(events[:2], events[2:]), {})


async def create_embeddings(request: Request) -> Response:
    """Turn texts into vectors."""
    service = service_of(request)
    body = await service.read(request)
    name = fields.text(body, "model")
    fault = await service.fault(request, name)
    model = service.model(name, "embedding", fault)
    form = fields.optional_text(body, "encoding_format", "float")
    if form not in ("float", "base64"):
        raise invalid(
            f"Invalid value: '{form}'. Supported values are: 'float' and 'base64'.",
            "encoding_format",
            code="invalid_value",
        )
    dimensions = fields.whole(body, "dimensions", 1, model.dimensions) or model.dimensions
    vectors: list[list[float]] = []
    read = 0
    for item in _inputs(body):
        if isinstance(item, str):
            vectors.append(embeddings.embed(item, dimensions))
            read += tokens.count(item)
        else:
            vectors.append(embeddings.embed_tokens(item, dimensions))
            read += len(item)
    answer: Json = {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": embeddings.to_base64(vector) if form == "base64" else vector,
            }
            for index, vector in enumerate(vectors)
        ],
        "model": model.snapshot,
        "usage": {"prompt_tokens": read, "total_tokens": read},
    }
    delivery = Delivery(service.pacer(model), read, 0, fault, partial(service.hang, request))
    return await delivery.whole(answer, 0)


def _described(model: Model) -> Json:
    return {
        "id": model.id,
        "object": "model",
        "created": _MODELS_CREATED,
        "owned_by": "halden-outdoor",
    }


def _inputs(body: Json) -> list[str | list[int]]:
    """Return the texts, or lists of token ids, to embed."""
    given = body.get("input")
    if given is None:
        raise missing("input")
    items: list[object] = given if isinstance(given, list) else [given]
    if items and all(_is_token(item) for item in items):
        items = [items]
    if not items or len(items) > _MAX_INPUTS:
        raise invalid(f"Invalid 'input': expected 1 to {_MAX_INPUTS} texts.", "input")
    checked: list[str | list[int]] = []
    for item in items:
        if not isinstance(item, str | list):
            raise wrong_type("input", "a string, an array of strings or token ids", item)
        if not item:
            raise invalid("Invalid 'input': it must not be empty.", "input")
        if isinstance(item, list) and not all(map(_is_token, item)):
            raise wrong_type("input", "an array of strings or token ids", item)
        checked.append(item)
    return checked


def _is_token(item: object) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)
