"""Turns a prompt into a finished reply: answer, limits, stops, tool calls, token counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from . import answers, learning, tokens, tools
from .knowledge import Knowledge
from .models import Model
from .prompt import Prompt, ToolCall
from .seeding import derived_random

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]

# Reasoning is billed in steps of 64 tokens.
_REASONING_STEP = 64
_REASONING_STEPS = {"none": 0, "minimal": 0, "low": 2, "medium": 5, "high": 12, "xhigh": 20}


@dataclass(frozen=True, slots=True)
class Reply:
    """One finished reply of a model.

    Attributes:
        pieces: The visible text, token by token.
        calls: Tool calls; then there is no text.
        refused: Whether the text belongs into the refusal field.
        finish_reason: Why generation ended.
        reasoning_tokens: Tokens spent before the visible text.
        stopped_by: The stop text that ended it; empty where none did.
    """

    pieces: tuple[str, ...]
    calls: tuple[ToolCall, ...]
    refused: bool
    finish_reason: FinishReason
    reasoning_tokens: int
    stopped_by: str = ""

    @property
    def text(self) -> str:
        """The visible text."""
        return "".join(self.pieces)

    @property
    def completion_tokens(self) -> int:
        """All generated tokens, reasoning included."""
        called = sum(call.token_count for call in self.calls)
        return self.reasoning_tokens + len(self.pieces) + called


class Engine:
    """Answers prompts; the same prompt always gets the same answer.

    Args:
        seed: The server's seed.
        knowledge: What the models know.
    """

    def __init__(self, seed: int, knowledge: Knowledge) -> None:
        self._seed = seed
        self._knowledge = knowledge

    def reply(self, prompt: Prompt, model: Model, index: int = 0) -> Reply:
        """Return the reply to a prompt.

        Args:
            prompt: The request.
            model: Who answers.
            index: Which of several replies to the same prompt.
        """
        rng = derived_random(self._seed, prompt.identity(), index)
        limit = prompt.max_tokens
        reasoning = 0
        if model.reasons or prompt.thinks:
            steps = _REASONING_STEPS.get(prompt.effort, 5)
            reasoning = _REASONING_STEP * round(steps * rng.uniform(0.6, 1.6))
            if limit is not None:
                # Thinking can use up the whole allowance and leave nothing to say.
                reasoning = min(reasoning, limit)
                limit -= reasoning
        refuses = "refusal" in prompt.faults
        calls = (
            ()
            if refuses or _has_results(prompt)
            else tuple(
                tools.choose(
                    answers.question_of(prompt),
                    prompt.tools,
                    prompt.tool_choice,
                    parallel=prompt.parallel_calls,
                    rng=rng,
                )
            )
        )
        if calls:
            return _limited_calls(calls, prompt, limit, reasoning)
        said = None if refuses else learning.rewritten(prompt, rng) or learning.category(prompt)
        found = (
            answers.answer(prompt, self._knowledge, model.ungrounded_rate, rng)
            if said is None
            else answers.Answer(said)
        )
        return _limited_text(found, prompt, limit, reasoning)


def _has_results(prompt: Prompt) -> bool:
    return bool(prompt.messages) and prompt.messages[-1].role == "tool"


def _limited_calls(
    calls: tuple[ToolCall, ...], prompt: Prompt, limit: int | None, reasoning: int
) -> Reply:
    # A call that was asked for by name ends like an ordinary answer.
    finish: FinishReason = "stop" if prompt.tool_choice.mode == "named" else "tool_calls"
    kept: list[ToolCall] = []
    for call in calls:
        if limit is None or call.token_count <= limit:
            kept.append(call)
            limit = None if limit is None else limit - call.token_count
            continue
        finish = "length"
        room = limit - (call.token_count - tokens.count(call.arguments))
        if room >= 0:
            cut = "".join(tokens.split(call.arguments)[:room])
            kept.append(replace(call, arguments=cut))
        break
    return Reply((), tuple(kept), False, finish, reasoning)


def _limited_text(
    found: answers.Answer, prompt: Prompt, limit: int | None, reasoning: int
) -> Reply:
    text = found.text
    ends = [(at, stop) for stop in prompt.stop if (at := text.find(stop)) >= 0]
    stopped_by = min(ends)[1] if ends else ""
    if ends:
        text = text[: min(ends)[0]]
    pieces = tokens.split(text)
    finish: FinishReason = "stop"
    if limit is not None and len(pieces) > limit:
        pieces = pieces[:limit]
        finish, stopped_by = "length", ""
    if "content-filter" in prompt.faults:
        pieces = pieces[: max(1, len(pieces) // 2)]
        finish, stopped_by = "content_filter", ""
    return Reply(tuple(pieces), (), found.refused, finish, reasoning, stopped_by)
