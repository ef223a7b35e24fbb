"""Reads the body of a Responses API request."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from . import fields
from .errors import invalid, missing, wrong_type
from .parse_chat import named_choice, output_of, tool_of
from .prompt import Json, Message, OutputFormat, Prompt, Tool, ToolCall, ToolChoice


@dataclass(frozen=True, slots=True)
class ResponsesRequest:
    """A Responses API request.

    Attributes:
        prompt: What decides the answer; earlier turns and instructions are already in it.
        turns: The conversation without instructions, which do not carry over to the next turn.
        stream: Whether to answer in events.
        store: Whether a later request may refer to the response.
        echo: Request parameters that every response repeats.
    """

    prompt: Prompt
    turns: tuple[Message, ...]
    stream: bool
    store: bool
    echo: Json


def parse(body: Json, earlier: tuple[Message, ...], faults: frozenset[str]) -> ResponsesRequest:
    """Return the request that a body stands for.

    Args:
        body: The JSON body.
        earlier: The conversation that `previous_response_id` stands for.
        faults: Names of reply faults in force.

    Raises:
        ApiError: Something in the body is wrong; the error names the parameter.
    """
    model = fields.text(body, "model")
    turns = earlier + _input(body)
    instructions = body.get("instructions")
    messages = turns
    if isinstance(instructions, str) and instructions:
        messages = (Message("system", instructions), *turns)
    fields.in_range(body, "temperature", 0, 2)
    fields.in_range(body, "top_p", 0, 1)
    tools = _tools(body)
    choice = body.get("tool_choice", "auto")
    limit = fields.whole(body, "max_output_tokens", 16)
    reasoning = fields.table(body, "reasoning")
    parallel = fields.flag(body, "parallel_tool_calls", default=True)
    store = fields.flag(body, "store", default=True)
    prompt = Prompt(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=_tool_choice(choice, tools),
        parallel_calls=parallel,
        output=_output(body, messages),
        max_tokens=limit,
        effort=fields.optional_text(reasoning, "effort", "medium"),
        faults=faults,
    )
    echo: Json = {
        "instructions": instructions,
        "max_output_tokens": limit,
        "metadata": fields.table(body, "metadata"),
        "parallel_tool_calls": parallel,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "service_tier": "default",
        "store": store,
        "temperature": body.get("temperature", 1.0),
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": choice,
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p", 1.0),
        "truncation": body.get("truncation") or "disabled",
    }
    return ResponsesRequest(prompt, turns, fields.flag(body, "stream"), store, echo)


def _input(body: Json) -> tuple[Message, ...]:
    given = body.get("input")
    if given is None:
        raise missing("input")
    if isinstance(given, str):
        return (Message("user", given),)
    if not isinstance(given, list):
        raise wrong_type("input", "a string or an array of input items", given)
    read: list[Message] = []
    for position, item in enumerate(fields.objects(body, "input")):
        message = _item(item, f"input[{position}]")
        if message is None:
            continue
        if message.calls and read and read[-1].calls:
            # Each call is an item of its own; together they are one turn.
            read[-1] = replace(read[-1], calls=read[-1].calls + message.calls)
        else:
            read.append(message)
    return tuple(read)


def _item(item: Json, where: str) -> Message | None:
    kind = item.get("type", "message")
    if kind == "function_call":
        name, arguments = item.get("name"), item.get("arguments")
        call_id = str(item.get("call_id") or f"call_{uuid.uuid4().hex[:24]}")
        return Message("assistant", "", (ToolCall(call_id, str(name), str(arguments or "")),))
    if kind == "function_call_output":
        return Message("tool", _text(item.get("output"), where), (), str(item.get("call_id")))
    if kind != "message":
        # Reasoning and references to earlier items carry nothing that an answer needs.
        return None
    role = item.get("role")
    content = _text(item.get("content"), f"{where}.content")
    match role:
        case "system" | "developer":
            return Message("system", content)
        case "user":
            return Message("user", content)
        case "assistant":
            return Message("assistant", content)
    raise invalid(
        f"Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', "
        "and 'user'.",
        f"{where}.role",
        code="invalid_value",
    )


def _text(value: object, where: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise wrong_type(where, "a string or an array of content parts", value)
    parts = [part for part in value if isinstance(part, dict)]
    return "".join(str(part.get("text") or part.get("refusal") or "") for part in parts)


def _tools(body: Json) -> tuple[Tool, ...]:
    tools = []
    for position, item in enumerate(fields.objects(body, "tools")):
        if item.get("type") != "function":
            continue
        if not isinstance(item.get("name"), str):
            raise missing(f"tools[{position}].name")
        tools.append(tool_of(item))
    return tuple(tools)


def _tool_choice(choice: object, tools: tuple[Tool, ...]) -> ToolChoice:
    if not isinstance(choice, dict):
        return named_choice(choice or "auto", [], tools)
    if choice.get("type") == "allowed_tools":
        names: list[object] = [t.get("name") for t in fields.objects(choice, "tools")]
        return named_choice(choice.get("mode", "auto"), names, tools)
    return named_choice("named", [choice.get("name")], tools)


def _output(body: Json, messages: tuple[Message, ...]) -> OutputFormat:
    form = fields.table(fields.table(body, "text"), "format")
    return output_of(form.get("type", "text"), form.get("schema"), messages, "text.format")
