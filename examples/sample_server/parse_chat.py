"""Reads the body of a chat completions request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from . import fields
from .errors import invalid, missing, wrong_type
from .prompt import Json, Message, OutputFormat, Prompt, Role, Tool, ToolCall, ToolChoice

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat completions request.

    Attributes:
        prompt: What decides the answer.
        n: Number of answers.
        stream: Whether to answer in chunks.
        include_usage: Whether a stream ends with a chunk that carries the usage.
        service_tier: The tier that served the request, where the client named one.
    """

    prompt: Prompt
    n: int
    stream: bool
    include_usage: bool
    service_tier: str


def parse(body: Json, faults: frozenset[str]) -> ChatRequest:
    """Return the request that a body stands for.

    Args:
        body: The JSON body.
        faults: Names of reply faults in force.

    Raises:
        ApiError: Something in the body is wrong; the error names the parameter.
    """
    model = fields.text(body, "model")
    messages = _messages(body)
    fields.in_range(body, "temperature", 0, 2)
    fields.in_range(body, "top_p", 0, 1)
    fields.in_range(body, "presence_penalty", -2, 2)
    fields.in_range(body, "frequency_penalty", -2, 2)
    stream = fields.flag(body, "stream")
    options = fields.table(body, "stream_options")
    if options and not stream:
        raise invalid(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
        )
    limit = fields.whole(body, "max_completion_tokens", 1)
    if limit is None:
        limit = fields.whole(body, "max_tokens", 1)
    tools = _tools(body)
    tier = fields.optional_text(body, "service_tier", "default")
    return ChatRequest(
        prompt=Prompt(
            model=model,
            messages=messages,
            tools=tools,
            tool_choice=_tool_choice(body, tools),
            parallel_calls=fields.flag(body, "parallel_tool_calls", default=True),
            output=_output(body, messages),
            max_tokens=limit,
            stop=fields.stops(body),
            effort=fields.optional_text(body, "reasoning_effort", "medium"),
            seed=fields.whole(body, "seed", -(2**63), 2**63 - 1),
            faults=faults,
        ),
        n=fields.whole(body, "n", 1, 128) or 1,
        stream=stream,
        include_usage=fields.flag(options, "include_usage"),
        service_tier="default" if tier == "auto" else tier,
    )


def _messages(body: Json) -> tuple[Message, ...]:
    if body.get("messages") is None:
        raise missing("messages")
    given = fields.objects(body, "messages")
    if not given:
        raise invalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got "
            "an empty array instead.",
            "messages",
            code="empty_array",
        )
    read: list[Message] = []
    open_calls: set[str] = set()
    for position, item in enumerate(given):
        where = f"messages[{position}]"
        role = item.get("role")
        if role not in _ROLES:
            raise invalid(
                f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', "
                "'function', 'tool', and 'developer'.",
                f"{where}.role",
                code="invalid_value",
            )
        calls = _calls(item, where)
        call_id = str(item.get("tool_call_id") or "")
        if role == "tool":
            if call_id not in open_calls:
                raise invalid(
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'.",
                    f"{where}.role",
                )
        else:
            _check_answered(read, f"{where}.role")
        open_calls |= {call.id for call in calls}
        read.append(Message(_ROLES[role], _content(item, where), calls, call_id))
    _check_answered(read, "messages")
    return tuple(read)


def _check_answered(read: list[Message], param: str) -> None:
    """Refuse to go on while a call of the last assistant turn has no tool message."""
    answered: set[str] = set()
    for message in reversed(read):
        if message.role == "tool":
            answered.add(message.call_id)
            continue
        missed = [call.id for call in message.calls if call.id not in answered]
        if missed:
            raise invalid(
                "An assistant message with 'tool_calls' must be followed by tool messages "
                "responding to each 'tool_call_id'. The following tool_call_ids did not have "
                f"response messages: {', '.join(missed)}",
                param,
            )
        return


def _calls(item: Json, where: str) -> tuple[ToolCall, ...]:
    calls = []
    for position, call in enumerate(fields.objects(item, "tool_calls")):
        function = call.get("function")
        if not isinstance(function, dict) or not isinstance(call.get("id"), str):
            raise missing(f"{where}.tool_calls[{position}].function")
        name, arguments = function.get("name"), function.get("arguments")
        calls.append(ToolCall(call["id"], str(name or ""), str(arguments or "")))
    return tuple(calls)


def _content(item: Json, where: str) -> str:
    value = item.get("content")
    if value is None:
        if item.get("role") in ("assistant", "function"):
            return str(item.get("refusal") or "")
        raise missing(f"{where}.content")
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise wrong_type(f"{where}.content", "a string or an array of content parts", value)
    texts = []
    for part in value:
        if not isinstance(part, dict):
            raise wrong_type(f"{where}.content", "an array of objects", part)
        # Images and sounds are accepted, and not seen.
        texts.append(str(part.get("text") or part.get("refusal") or ""))
    return "".join(texts)


def _tools(body: Json) -> tuple[Tool, ...]:
    tools = []
    for position, item in enumerate(fields.objects(body, "tools")):
        function = item.get("function")
        if not isinstance(function, dict):
            raise missing(f"tools[{position}].function")
        if not isinstance(function.get("name"), str):
            raise missing(f"tools[{position}].function.name")
        tools.append(tool_of(function))
    return tuple(tools)


def tool_of(function: Json) -> Tool:
    """Return the tool of a function's definition, which has at least a name."""
    parameters = function.get("parameters")
    return Tool(
        function["name"],
        str(function.get("description") or ""),
        parameters if isinstance(parameters, dict) else {},
    )


def _tool_choice(body: Json, tools: tuple[Tool, ...]) -> ToolChoice:
    choice = body.get("tool_choice")
    if choice is not None and not tools:
        raise invalid("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
    function = choice.get("function") if isinstance(choice, dict) else None
    allowed = choice.get("allowed_tools") if isinstance(choice, dict) else None
    if isinstance(allowed, dict):
        names = [t.get("function", {}).get("name") for t in fields.objects(allowed, "tools")]
        return named_choice(str(allowed.get("mode")), names, tools)
    if isinstance(function, dict):
        return named_choice("named", [function.get("name")], tools)
    return named_choice(choice or "auto", [], tools)


def named_choice(mode: object, names: list[object], tools: tuple[Tool, ...]) -> ToolChoice:
    """Return a checked choice.

    Raises:
        ApiError: The mode does not exist, or a name is not among the tools.
    """
    if mode not in ("none", "auto", "required", "named"):
        raise invalid(
            f"Invalid value: '{mode}'. Supported values are: 'none', 'auto', and 'required'.",
            "tool_choice",
            code="invalid_value",
        )
    known = {tool.name for tool in tools}
    for name in names:
        if name not in known:
            raise invalid(
                f"Invalid value for 'tool_choice': no function named '{name}' was specified in "
                "the 'tools' parameter.",
                "tool_choice",
            )
    if mode == "named" and not names:
        raise missing("tool_choice.function.name")
    return ToolChoice(mode, tuple(str(name) for name in names))


def _output(body: Json, messages: tuple[Message, ...]) -> OutputFormat:
    given = fields.table(body, "response_format")
    kind = given.get("type", "text")
    named = given.get("json_schema")
    if kind == "json_schema":
        if not isinstance(named, dict):
            raise missing("response_format.json_schema")
        if not isinstance(named.get("name"), str):
            raise missing("response_format.json_schema.name")
    schema = named.get("schema") if isinstance(named, dict) else None
    return output_of(kind, schema, messages, "response_format")


def output_of(
    kind: object, schema: object, messages: tuple[Message, ...], param: str
) -> OutputFormat:
    """Return a checked output format.

    Raises:
        ApiError: The kind does not exist, or JSON is demanded without being asked for.
    """
    if kind not in ("text", "json_object", "json_schema"):
        raise invalid(
            f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and "
            "'text'.",
            f"{param}.type",
            code="invalid_value",
        )
    if kind == "json_object" and not any("json" in m.text.lower() for m in messages):
        raise invalid(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of "
            "type 'json_object'.",
            param,
        )
    return OutputFormat(kind, cast("Json", schema) if isinstance(schema, dict) else None)
