"""The objects and events of Anthropic's Messages API."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .chat_shapes import fragments
from .engine import Reply
from .models import Model
from .prompt import Json
from .prompt_cache import BLOCK_TOKENS
from .sse import named

_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_THOUGHT = (
    "The question",
    " is about",
    " the shop.",
    " I look",
    " for the passage",
    " that says so.",
)

#: Types of errors by status.
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error_body(status: int, message: str) -> Json:
    """Return the body of an error."""
    about = {"type": _ERRORS.get(status, "api_error"), "message": message}
    return {"type": "error", "error": about, "request_id": f"req_{uuid.uuid4().hex}"}


ERROR_EVENT = named(
    {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
)
"""What a stream that fails in the middle says."""


def usage(prompt_tokens: int, cached_tokens: int, reply: Reply, *, caches: bool) -> Json:
    """Return the usage of a message, whose input tokens leave the cached ones out.

    Args:
        prompt_tokens: Tokens of the prompt.
        cached_tokens: How many of them the model had read before.
        reply: The answer.
        caches: Whether the client asked for the prompt to be cached.
    """
    read = cached_tokens if caches else 0
    written = (prompt_tokens - read) // BLOCK_TOKENS * BLOCK_TOKENS if caches else 0
    return {
        "input_tokens": prompt_tokens - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": reply.completion_tokens,
        "output_tokens_details": {"thinking_tokens": reply.reasoning_tokens},
        "service_tier": "standard",
    }


@dataclass(frozen=True, slots=True)
class MessageShape:
    """One answer, whole or in events.

    Attributes:
        id: Identity of the message.
        model: Who answers.
        reply: The answer.
        used: Its usage.
    """

    id: str
    model: Model
    reply: Reply
    used: Json

    def whole(self) -> Json:
        """Return the finished message."""
        return {
            **self._message(),
            "content": self._blocks(),
            "stop_reason": self._reason,
            "stop_sequence": self.reply.stopped_by or None,
            "usage": self.used,
        }

    def events(self) -> Iterator[Json]:
        """Yield the events of a streamed message."""
        begun = {**self.used, "output_tokens": 1}
        yield {"type": "message_start", "message": {**self._message(), "usage": begun}}
        yield {"type": "ping"}
        for index, block in enumerate(self._blocks()):
            start, deltas = _in_pieces(block, self.reply)
            yield {"type": "content_block_start", "index": index, "content_block": start}
            for delta in deltas:
                yield {"type": "content_block_delta", "index": index, "delta": delta}
            yield {"type": "content_block_stop", "index": index}
        stop = {"stop_reason": self._reason, "stop_sequence": self.reply.stopped_by or None}
        said = {"output_tokens": self.used["output_tokens"]}
        yield {"type": "message_delta", "delta": stop, "usage": said}
        yield {"type": "message_stop"}

    @property
    def _reason(self) -> str:
        if self.reply.refused:
            return "refusal"
        if self.reply.stopped_by:
            return "stop_sequence"
        return "tool_use" if self.reply.calls and self.reply.finish_reason == "stop" else (
            _REASONS[self.reply.finish_reason]
        )  # fmt: skip

    def _message(self) -> Json:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model.snapshot,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }

    def _blocks(self) -> list[Json]:
        blocks: list[Json] = []
        if self.reply.reasoning_tokens:
            signature = uuid.uuid5(uuid.NAMESPACE_OID, self.id).hex
            thought = "".join(_THOUGHT)
            blocks.append({"type": "thinking", "thinking": thought, "signature": signature})
        if self.reply.pieces:
            blocks.append({"type": "text", "text": self.reply.text})
        blocks.extend(
            {"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call.arguments)}
            for call in self.reply.calls
        )
        return blocks


def _in_pieces(block: Json, reply: Reply) -> tuple[Json, list[Json]]:
    """Return a block as it begins, and what is added to it."""
    match block["type"]:
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _THOUGHT]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*deltas, signed]
        case "tool_use":
            text = json.dumps(block["input"])
            pieces = [{"type": "input_json_delta", "partial_json": p} for p in fragments(text)]
            return {**block, "input": {}}, pieces
        case _:
            pieces = [{"type": "text_delta", "text": piece} for piece in reply.pieces]
            return {**block, "text": ""}, pieces


def _input(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        # Cut off by the token limit: what was complete would have to be guessed.
        return {}
