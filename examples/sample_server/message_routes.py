"""The handlers of Anthropic's Messages API."""

from __future__ import annotations

import uuid
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import fields, message_shapes, parse_messages, sse
from .delivery import Delivery
from .routes import service_of


async def create_message(request: Request) -> Response:
    """Answer a conversation."""
    service = service_of(request)
    body = await service.read(request)
    name = fields.text(body, "model")
    fault = await service.fault(request, name)
    asked = parse_messages.parse(body, fault.reply_faults)
    model = service.model(name, "chat", fault)
    read, cached = service.read_prompt(asked.prompt, model)
    reply = service.engine.reply(asked.prompt, model)
    shape = message_shapes.MessageShape(
        id=f"msg_{uuid.uuid4().hex}",
        model=model,
        reply=reply,
        used=message_shapes.usage(read, cached, reply, caches=asked.caches),
    )
    delivery = Delivery(
        pacer=service.pacer(model),
        prompt_tokens=read - cached,
        reasoning_tokens=reply.reasoning_tokens,
        fault=fault,
        hang=partial(service.hang, request),
        error_event=message_shapes.ERROR_EVENT,
    )
    if not asked.stream:
        visible = reply.completion_tokens - reply.reasoning_tokens
        return await delivery.whole(shape.whole(), visible)
    events = [sse.named(event) for event in shape.events()]
    return sse.event_stream(delivery.events(events[:2], events[2:]), {})


async def count_tokens(request: Request) -> Response:
    """Say how many tokens a conversation has."""
    service = service_of(request)
    prompt = parse_messages.read_prompt(await service.read(request))
    return JSONResponse({"input_tokens": len(prompt.prompt_tokens())})
