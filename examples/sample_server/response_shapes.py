"""The objects and events of the Responses API."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from .chat_shapes import fragments
from .engine import Reply
from .models import Model
from .prompt import Json, ToolCall


def usage(prompt_tokens: int, cached_tokens: int, reply: Reply) -> Json:
    """Return the usage of a response."""
    return {
        "input_tokens": prompt_tokens,
        "input_tokens_details": {"cached_tokens": cached_tokens, "cache_write_tokens": 0},
        "output_tokens": reply.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        "total_tokens": prompt_tokens + reply.completion_tokens,
    }


@dataclass(frozen=True, slots=True)
class ResponseShape:
    """One response, whole or in events.

    Attributes:
        id: Identity of the response.
        created: Unix time, seconds.
        model: Who answers.
        reply: The answer.
        used: Its usage.
        echo: Request parameters to repeat.
    """

    id: str
    created: int
    model: Model
    reply: Reply
    used: Json
    echo: Json

    def whole(self) -> Json:
        """Return the finished response."""
        output = [self._finished(item) for item in self._items()]
        return self._response(self._final_status, output, self.used)

    def events(self) -> Iterator[Json]:
        """Yield the events of a streamed response, numbered from 0."""
        numbers = count()

        def event(kind: str, **values: object) -> Json:
            return {"type": kind, "sequence_number": next(numbers), **values}

        begun = self._response("in_progress", [], None)
        yield event("response.created", response=begun)
        yield event("response.in_progress", response=begun)
        done: list[Json] = []
        for position, item in enumerate(self._items()):
            yield event("response.output_item.added", output_index=position, item=item)
            if item["type"] == "message":
                steps = self._text_steps()
            elif item["type"] == "function_call":
                steps = _call_steps(self._call(item).arguments)
            else:
                steps = iter(())
            for kind, values in steps:
                yield event(kind, item_id=item["id"], output_index=position, **values)
            finished = self._finished(item)
            done.append(finished)
            yield event("response.output_item.done", output_index=position, item=finished)
        status = self._final_status
        yield event(f"response.{status}", response=self._response(status, done, self.used))

    @property
    def _final_status(self) -> str:
        cut = self.reply.finish_reason in ("length", "content_filter")
        return "incomplete" if cut else "completed"

    def _response(self, status: str, output: list[Json], used: Json | None) -> Json:
        reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
        reason = reasons.get(self.reply.finish_reason) if status == "incomplete" else None
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "model": self.model.snapshot,
            "output": output,
            "usage": used,
            "user": None,
            **self.echo,
        }

    def _items(self) -> list[Json]:
        """Return the output items as they are when they begin."""
        items: list[Json] = []
        if self.model.reasons:
            items.append({"id": _new("rs"), "type": "reasoning", "summary": []})
        items.extend(
            {
                "id": _new("fc"),
                "type": "function_call",
                "status": "in_progress",
                "call_id": call.id,
                "name": call.name,
                "arguments": "",
            }
            for call in self.reply.calls
        )
        # A model whose thinking used up the limit says nothing at all.
        if self.reply.pieces or (not self.reply.calls and self.reply.finish_reason == "stop"):
            items.append(
                {
                    "id": _new("msg"),
                    "type": "message",
                    "status": "in_progress",
                    "role": "assistant",
                    "content": [],
                }
            )
        return items

    def _finished(self, item: Json) -> Json:
        if item["type"] == "reasoning":
            return item
        done = {**item, "status": self._final_status}
        if item["type"] == "message":
            return {**done, "content": [self._part(self.reply.text)]}
        return {**done, "arguments": self._call(item).arguments}

    def _call(self, item: Json) -> ToolCall:
        return next(call for call in self.reply.calls if call.id == item["call_id"])

    def _part(self, text: str) -> Json:
        if self.reply.refused:
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def _text_steps(self) -> Iterator[tuple[str, Json]]:
        refused = self.reply.refused
        name = "response.refusal" if refused else "response.output_text"
        extra: Json = {"content_index": 0}
        marks: Json = extra if refused else {**extra, "logprobs": []}
        yield "response.content_part.added", {**extra, "part": self._part("")}
        for piece in self.reply.pieces:
            yield f"{name}.delta", {**marks, "delta": piece}
        text = self.reply.text
        yield f"{name}.done", {**marks, "refusal" if refused else "text": text}
        yield "response.content_part.done", {**extra, "part": self._part(text)}


def _call_steps(arguments: str) -> Iterator[tuple[str, Json]]:
    for part in fragments(arguments):
        yield "response.function_call_arguments.delta", {"delta": part}
    yield "response.function_call_arguments.done", {"arguments": arguments}


def _new(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"
