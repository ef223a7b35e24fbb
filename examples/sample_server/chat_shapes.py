"""The objects of the chat completions API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import tokens
from .engine import Reply
from .prompt import Json

# Arguments arrive a few tokens at a time.
_ARGUMENT_TOKENS = 3


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every object of one answer repeats.

    Attributes:
        id: Identity of the answer.
        created: Unix time, seconds.
        model: The dated name of the model.
        fingerprint: The system fingerprint.
        service_tier: The tier that served the request.
    """

    id: str
    created: int
    model: str
    fingerprint: str
    service_tier: str

    def of(self, kind: str, choices: list[Json]) -> Json:
        """Return an object of a kind, such as `chat.completion`."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
            "service_tier": self.service_tier,
            "system_fingerprint": self.fingerprint,
        }


def usage(prompt_tokens: int, cached_tokens: int, replies: Sequence[Reply]) -> Json:
    """Return the usage of an answer; several replies read the prompt once."""
    completion = sum(reply.completion_tokens for reply in replies)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(reply.reasoning_tokens for reply in replies),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def completion(envelope: Envelope, replies: Sequence[Reply], used: Json) -> Json:
    """Return a whole chat completion."""
    choices = [
        {
            "index": index,
            "message": _message(reply),
            "logprobs": None,
            "finish_reason": reply.finish_reason,
        }
        for index, reply in enumerate(replies)
    ]
    return {**envelope.of("chat.completion", choices), "usage": used}


def chunks(
    envelope: Envelope, replies: Sequence[Reply], used: Json, *, include_usage: bool
) -> Iterator[Json]:
    """Yield the chunks of a streamed answer; several replies take turns.

    Args:
        envelope: What every chunk repeats.
        replies: The answers.
        used: Their usage.
        include_usage: Whether a last chunk without choices carries the usage; then every other
            chunk carries a null there.
    """
    extra: Json = {"usage": None} if include_usage else {}
    running = [_deltas(index, reply) for index, reply in enumerate(replies)]
    while running:
        for deltas in list(running):
            choice = next(deltas, None)
            if choice is None:
                running.remove(deltas)
            else:
                yield {**envelope.of("chat.completion.chunk", [choice]), **extra}
    if include_usage:
        yield {**envelope.of("chat.completion.chunk", []), "usage": used}


def _message(reply: Reply) -> Json:
    message: Json = {
        "role": "assistant",
        "content": None if reply.calls or reply.refused else reply.text,
        "refusal": reply.text if reply.refused else None,
        "annotations": [],
    }
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in reply.calls
        ]
    return message


def _deltas(index: int, reply: Reply) -> Iterator[Json]:
    def choice(delta: Json, finish_reason: str | None = None) -> Json:
        return {
            "index": index,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish_reason,
        }

    opening: Json = {"role": "assistant", "content": "", "refusal": None}
    if reply.calls:
        opening["content"] = None
    elif reply.refused:
        opening = {"role": "assistant", "refusal": ""}
    for position, call in enumerate(reply.calls):
        start = {
            "index": position,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield choice({**opening, "tool_calls": [start]})
        opening = {}
        for part in fragments(call.arguments):
            piece = {"index": position, "function": {"arguments": part}}
            yield choice({"tool_calls": [piece]})
    if not reply.calls:
        yield choice(opening)
        for text in reply.pieces:
            yield choice({"refusal" if reply.refused else "content": text})
    yield choice({}, reply.finish_reason)


def fragments(arguments: str) -> Iterator[str]:
    """Yield the parts in which a call's arguments are streamed."""
    pieces = tokens.split(arguments)
    for start in range(0, len(pieces), _ARGUMENT_TOKENS):
        yield "".join(pieces[start : start + _ARGUMENT_TOKENS])
