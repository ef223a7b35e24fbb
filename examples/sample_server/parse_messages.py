"""Reads the body of a request of Anthropic's Messages API."""

from __future__ import annotations

from dataclasses import dataclass

from . import fields
from .errors import invalid, missing, wrong_type
from .parse_chat import named_choice, output_of
from .prompt import Json, Message, OutputFormat, Prompt, Tool, ToolCall, ToolChoice
from .sse import to_json

_CHOICES = {"auto": "auto", "any": "required", "none": "none", "tool": "named"}


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    """A request of the Messages API.

    Attributes:
        prompt: What decides the answer.
        stream: Whether to answer in events.
        caches: Whether the client marked a part of the prompt to be cached.
    """

    prompt: Prompt
    stream: bool
    caches: bool


def parse(body: Json, faults: frozenset[str]) -> MessagesRequest:
    """Return the request that a body stands for.

    Args:
        body: The JSON body.
        faults: Names of reply faults in force.

    Raises:
        ApiError: Something in the body is wrong; the error names the parameter.
    """
    prompt = read_prompt(body, faults)
    if prompt.max_tokens is None:
        raise missing("max_tokens")
    return MessagesRequest(prompt, fields.flag(body, "stream"), _marks_cache(body))


def read_prompt(body: Json, faults: frozenset[str] = frozenset()) -> Prompt:
    """Return the prompt of a body; its limit may be missing.

    Args:
        body: The JSON body.
        faults: Names of reply faults in force.

    Raises:
        ApiError: Something in the body is wrong; the error names the parameter.
    """
    fields.in_range(body, "temperature", 0, 1)
    fields.in_range(body, "top_p", 0, 1)
    messages = (*_system(body), *_messages(body))
    tools = _tools(body)
    choice = fields.table(body, "tool_choice")
    thinking = fields.table(body, "thinking")
    config = fields.table(body, "output_config")
    return Prompt(
        model=fields.text(body, "model"),
        messages=messages,
        tools=tools,
        tool_choice=_tool_choice(choice, tools),
        parallel_calls=not fields.flag(choice, "disable_parallel_tool_use"),
        output=_output(config, messages),
        max_tokens=fields.whole(body, "max_tokens", 1),
        stop=tuple(_texts(body, "stop_sequences")),
        effort=fields.optional_text(config, "effort", "low"),
        thinks=thinking.get("type") in ("enabled", "adaptive"),
        faults=faults,
    )


def _system(body: Json) -> tuple[Message, ...]:
    given = body.get("system")
    if not given:
        return ()
    return (Message("system", _text(given, "system")),)


def _messages(body: Json) -> tuple[Message, ...]:
    if body.get("messages") is None:
        raise missing("messages")
    given = fields.objects(body, "messages")
    if not given:
        raise invalid("messages: at least one message is required", "messages")
    read: list[Message] = []
    for position, item in enumerate(given):
        where = f"messages.{position}"
        role = item.get("role")
        if role not in ("user", "assistant"):
            raise invalid(f"{where}.role: Input should be 'user' or 'assistant'", where)
        read.extend(_turn(role, item.get("content"), where))
    return tuple(read)


def _turn(role: str, content: object, where: str) -> list[Message]:
    """Return the turns that one message stands for: each tool's result is one of its own."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(blocks, list):
        raise wrong_type(f"{where}.content", "a string or an array of blocks", content)
    text = _text(blocks, f"{where}.content")
    if role == "assistant":
        used = [block for block in blocks if block.get("type") == "tool_use"]
        calls = [
            ToolCall(str(b.get("id")), str(b.get("name")), to_json(b.get("input") or {}))
            for b in used
        ]
        return [Message("assistant", text, tuple(calls))]
    results = [
        Message("tool", _text(block.get("content") or "", where), (), str(block["tool_use_id"]))
        for block in blocks
        if block.get("type") == "tool_result" and "tool_use_id" in block
    ]
    said = [Message("user", text)] if text or not results else []
    # Results come last, so that the engine answers from them.
    return [*said, *results]


def _text(content: object, where: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong_type(where, "a string or an array of blocks", content)
    texts = []
    for block in content:
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise invalid(f"{where}: each block needs a 'type'", where)
        # Pictures, documents and thoughts are accepted, and not read.
        if block["type"] == "text":
            texts.append(str(block.get("text") or ""))
    return "".join(texts)


def _texts(body: Json, name: str) -> list[str]:
    given = body.get(name) or []
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise wrong_type(name, "an array of strings", given)
    return given


def _tools(body: Json) -> tuple[Tool, ...]:
    tools = []
    for position, item in enumerate(fields.objects(body, "tools")):
        if not isinstance(item.get("name"), str):
            raise missing(f"tools.{position}.name")
        schema = item.get("input_schema")
        about = str(item.get("description") or "")
        tools.append(Tool(item["name"], about, schema if isinstance(schema, dict) else {}))
    return tuple(tools)


def _tool_choice(choice: Json, tools: tuple[Tool, ...]) -> ToolChoice:
    kind = choice.get("type", "auto")
    named = [choice.get("name")] if kind == "tool" else []
    return named_choice(_CHOICES.get(str(kind), kind), named, tools)


def _output(config: Json, messages: tuple[Message, ...]) -> OutputFormat:
    form = fields.table(config, "format")
    return output_of(form.get("type", "text"), form.get("schema"), messages, "output_config.format")


def _marks_cache(value: object) -> bool:
    """Return whether anything in a body carries `cache_control`."""
    if isinstance(value, dict):
        return "cache_control" in value or any(_marks_cache(each) for each in value.values())
    return isinstance(value, list) and any(_marks_cache(each) for each in value)
