"""OpenAI's chat completions, and those of everybody who speaks like OpenAI."""

from __future__ import annotations

from typing import Any, ClassVar

from spanglass import _messages
from spanglass import _names as names
from spanglass._generation import Generation
from spanglass._pieces import Pieces, size_of
from spanglass.clients import _usage
from spanglass.clients._exchange import Exchange
from spanglass.clients._values import get, items, text

#: More choices and tool calls of one answer than this are not put together.
_MOST = 256


class _Tool:
    """A tool call that comes in pieces."""

    __slots__ = ("arguments", "identity", "name")

    def __init__(self, limit: int) -> None:
        self.identity = ""
        self.name = ""
        self.arguments = Pieces(limit)

    def whole(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": str(self.arguments)}
        return {"id": self.identity, "type": "function", "function": function}


class _Choice:
    """One choice of a streamed answer."""

    __slots__ = ("_limit", "content", "reason", "reasoning", "refusal", "tools")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.content = Pieces(limit)
        self.reasoning = Pieces(limit)
        self.refusal = Pieces(limit)
        self.tools: dict[int, _Tool] = {}
        self.reason = ""

    def add(self, delta: Any) -> tuple[int, bool]:
        """Takes what is new; how many bytes, and whether they are reasoning."""
        said = text(delta, "content")
        thought = text(delta, "reasoning_content") or text(delta, "reasoning")
        refused = text(delta, "refusal")
        size = 0
        for new, pieces in (
            (said, self.content),
            (thought, self.reasoning),
            (refused, self.refusal),
        ):
            if new:
                pieces.add(new)
                size += size_of(new)
        for call in items(delta, "tool_calls"):
            size += self._add_tool(call)
        function = get(delta, "function_call")
        if function is not None:
            size += self._add_tool({"index": 0, "function": function})
        return size, bool(thought)

    def _add_tool(self, call: Any) -> int:
        index = get(call, "index")
        index = index if isinstance(index, int) else len(self.tools)
        if index not in self.tools and len(self.tools) >= _MOST:
            return 0
        tool = self.tools.setdefault(index, _Tool(self._limit))
        tool.identity = tool.identity or text(call, "id")
        name, arguments = text(call, "function", "name"), text(call, "function", "arguments")
        tool.name += name
        tool.arguments.add(arguments)
        return size_of(name) + size_of(arguments)

    def whole(self) -> dict[str, Any]:
        """The choice as an answer in one piece has it."""
        message: dict[str, Any] = {"role": "assistant"}
        for key, pieces in (
            ("content", self.content),
            ("reasoning_content", self.reasoning),
            ("refusal", self.refusal),
        ):
            if pieces.size:
                message[key] = str(pieces)
        if self.tools:
            message["tool_calls"] = [tool.whole() for _, tool in sorted(self.tools.items())]
        return {"message": message, "finish_reason": self.reason or None}


class Chat(Exchange):
    """A chat completion."""

    prompt: ClassVar[tuple[str, ...]] = ("messages", "tools", "functions", "response_format")

    def __init__(self, body: Any, limit: int) -> None:
        super().__init__(body, limit)
        self._choices: dict[int, _Choice] = {}
        self._introduced = False

    def content(self) -> dict[str, Any]:
        tools = self.body.get("tools") or self.body.get("functions")
        return {"messages": self.body.get("messages"), "tools": tools}

    def more(self) -> dict[str, Any]:
        return {
            names.OPENAI_API: "chat_completions",
            names.OPENAI_REQUEST_TIER: get(self.body, "service_tier"),
        }

    def whole(self, call: Generation, answer: Any) -> None:
        self._about(call, answer)
        choices = items(answer, "choices")
        for choice in choices:
            self.heard += _choice_size(get(choice, "message"))
        self._finish_for(call, _reasons(get(choice, "finish_reason") for choice in choices))
        self._record(call, {"choices": choices})

    def piece(self, call: Generation, piece: Any) -> None:
        self._about(call, piece)
        size, thought = 0, False
        for choice in items(piece, "choices"):
            index = get(choice, "index") or 0
            if index not in self._choices:
                if len(self._choices) >= _MOST:
                    continue
                self._choices[index] = _Choice(self.limit)
            kept = self._choices[index]
            more, reasoning = kept.add(get(choice, "delta"))
            size += more
            thought = thought or reasoning
            kept.reason = text(choice, "finish_reason") or kept.reason
        self.heard += size
        call._arrive(bool(size), reasoning=thought)
        self.finished = bool(self._choices) and all(c.reason for c in self._choices.values())

    def end(self, call: Generation) -> None:
        if not self._choices:
            return
        choices = [choice for _, choice in sorted(self._choices.items())]
        self._finish_for(call, _reasons(choice.reason for choice in choices))
        if self.heard or self.finished:
            self._record(call, {"choices": [choice.whole() for choice in choices]})

    def _about(self, call: Generation, answer: Any) -> None:
        """Records what an answer says about itself; every piece of one repeats most of it."""
        if not self._introduced:
            model, identity = text(answer, "model"), text(answer, "id")
            call.response(model=model or None, id=identity or None)
            about = {
                names.OPENAI_RESPONSE_TIER: text(answer, "service_tier"),
                names.OPENAI_FINGERPRINT: text(answer, "system_fingerprint"),
            }
            call.set({name: value for name, value in about.items() if value})
            self._introduced = bool(model and identity)
        usage = get(answer, "usage") or get(answer, "x_groq", "usage")
        if usage is not None:
            self.counted = _usage.record_openai(call, usage) or self.counted


class Completion(Chat):
    """A completion of a text, as before there were chats."""

    operation: ClassVar[str] = "text_completion"
    prompt: ClassVar[tuple[str, ...]] = ("prompt",)

    def content(self) -> dict[str, Any]:
        prompt = self.body.get("prompt")
        listed = prompt if isinstance(prompt, list) else [prompt]
        # Token ids say nothing to anybody.
        return {"messages": [each for each in listed if isinstance(each, str)] or None}

    def more(self) -> dict[str, Any]:
        return {}

    def whole(self, call: Generation, answer: Any) -> None:
        self._about(call, answer)
        choices = items(answer, "choices")
        self.heard += sum(size_of(text(choice, "text")) for choice in choices)
        self._finish_for(call, _reasons(get(choice, "finish_reason") for choice in choices))
        self._record(call, [text(choice, "text") for choice in choices])

    def piece(self, call: Generation, piece: Any) -> None:
        choices = [
            {
                "index": get(choice, "index"),
                "delta": {"content": text(choice, "text")},
                "finish_reason": get(choice, "finish_reason"),
            }
            for choice in items(piece, "choices")
        ]
        self._about(call, piece)
        super().piece(call, {"choices": choices})


def _choice_size(message: Any) -> int:
    fields = ("content", "reasoning_content", "refusal")
    size = sum(size_of(text(message, name)) for name in fields)
    for call in items(message, "tool_calls"):
        size += size_of(text(call, "function", "name"))
        size += size_of(text(call, "function", "arguments"))
    return size


def _reasons(words: Any) -> list[str]:
    return [_messages.finish_reason(word) for word in words if word]
