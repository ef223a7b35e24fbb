"""A request for an answer, whichever of the two APIs it came through."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from . import tokens

Json = dict[str, Any]
Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model makes, or made earlier in the conversation.

    Attributes:
        id: Identity that the tool's answer refers to.
        name: The tool.
        arguments: JSON text; cut off where the token limit ended the reply.
    """

    id: str
    name: str
    arguments: str

    @property
    def token_count(self) -> int:
        """Tokens of the call, with its frame."""
        return tokens.TOKENS_PER_MESSAGE + tokens.count(self.name) + tokens.count(self.arguments)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation, as plain text."""

    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""

    @property
    def prompt_text(self) -> str:
        """The turn as the model would read it."""
        calls = "".join(f"\n{call.name} {call.arguments}" for call in self.calls)
        return f"<{self.role}>{self.text}{calls}"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function offered to the model; `parameters` is its JSON schema."""

    name: str
    description: str
    parameters: Json


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether a tool may or must be called; `names` narrows the choice, empty means all."""

    mode: Literal["none", "auto", "required", "named"] = "auto"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """What the answer's text must be; `schema` belongs to `json_schema` alone."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: Json | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that decides an answer.

    Attributes:
        model: The name the client asked for.
        messages: The conversation, oldest first.
        tools: Functions on offer.
        tool_choice: Whether one may or must be called.
        parallel_calls: Whether one reply may call several.
        output: The form of the text.
        max_tokens: Limit on generated tokens, reasoning included; None is no limit.
        stop: Texts before which the answer ends.
        effort: How much a reasoning model thinks.
        thinks: Whether the client asked for thinking, whatever the model.
        seed: The client's own seed, which varies the answer.
        faults: Names of reply faults in force, such as `refusal`.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = field(default_factory=ToolChoice)
    parallel_calls: bool = True
    output: OutputFormat = field(default_factory=OutputFormat)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    effort: str = "medium"
    thinks: bool = False
    seed: int | None = None
    faults: frozenset[str] = frozenset()

    def prompt_tokens(self) -> list[str]:
        """Return the tokens of everything the model reads, in a stable order.

        Tools come first, as they do in served models, so that conversations that share tools
        and a system message share a prefix.
        """
        read: list[str] = []
        for tool in self.tools:
            definition = json.dumps([tool.name, tool.description, tool.parameters], sort_keys=True)
            read.extend(tokens.split(definition))
        for message in self.messages:
            read.extend(tokens.split(message.prompt_text))
            read.extend(["<|frame|>"] * tokens.TOKENS_PER_MESSAGE)
        read.extend(["<|reply|>"] * tokens.TOKENS_FOR_REPLY)
        return read

    def identity(self) -> list[object]:
        """Return what an answer depends on, without identities that differ from run to run."""
        return [
            self.model,
            [[m.role, m.text, [[c.name, c.arguments] for c in m.calls]] for m in self.messages],
            [tool.name for tool in self.tools],
            self.seed,
        ]
