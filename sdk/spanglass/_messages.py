"""Messages of a conversation in OpenTelemetry's form: a role, and parts.

Takes what applications have at hand: OpenAI's messages (text or a list of content, tool calls,
tool results, refusals, reasoning), Anthropic's content blocks, plain text, or messages that have
parts already. Objects of the clients are read like the dictionaries they stand for. What is not
recognised is kept as a part of its own type; nothing is left out but inline media, which are
replaced by their size and hash.

Source: OpenTelemetry semantic conventions for generative AI, message schemas.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from spanglass._parts import Part, fields_of, listed, part_of, parts_of, tool_call, tool_result

Message: TypeAlias = dict[str, Any]

#: OpenAI's, Anthropic's and Ollama's words for a finish reason, where the schema has another.
_FINISH_REASONS: Final = {
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "tool_use": "tool_call",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos_token": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}

#: Who an item without a role comes from.
_ITEM_ROLES: Final = {
    "custom_tool_call": "assistant",
    "custom_tool_call_output": "tool",
    "function_call": "assistant",
    "function_call_output": "tool",
    "reasoning": "assistant",
}


def input_messages(value: object) -> list[Message]:
    """A conversation as it was sent to a model.

    Args:
        value: a list of messages, one message, or the text of a user's message.
    """
    return [_message(each, "user") for each in listed(value)]


def output_messages(value: object, finish_reasons: Iterable[str] = ()) -> list[Message]:
    """What a model answered, one message for each choice.

    Args:
        value: text, a message, a list of either, or a response that has `choices`.
        finish_reasons: one for each message, as the provider gives them.
    """
    plain = fields_of(value)
    choices = plain.get("choices") if plain else None
    messages = []
    for each in listed(choices if isinstance(choices, list) else value):
        choice = fields_of(each)
        inner = choice.get("message") if choice else None
        message = _message(each if inner is None else inner, "assistant")
        reason = choice.get("finish_reason") if choice else None
        if reason:
            message["finish_reason"] = finish_reason(reason)
        messages.append(message)
    for message, reason in zip(messages, finish_reasons, strict=False):
        message.setdefault("finish_reason", finish_reason(reason))
    return messages


def finish_reason(word: object) -> str:
    """Why a model stopped, in the schema's word for the provider's."""
    return _FINISH_REASONS.get(str(word), str(word))


def answer_of(items: object) -> Message:
    """The items of one answer, as OpenAI's Responses have them, as one message of a model."""
    found = [_message(item, "assistant") for item in listed(items)]
    parts = [part for each in found for part in each["parts"]]
    # Reasoning that the provider keeps to itself is an empty item.
    kept = [part for part in parts if part != {"type": "reasoning", "content": ""}]
    return {"role": "assistant", "parts": kept}


def instructions(value: object) -> list[Part]:
    """System instructions that are given apart from the conversation."""
    return parts_of(value)


def tool_definitions(value: object) -> list[dict[str, Any]]:
    """Tools that a model may call: OpenAI's and Anthropic's forms in the schema's."""
    result = []
    for each in listed(value):
        tool = fields_of(each)
        if tool is None:
            result.append({"type": "unknown", "name": str(each)})
            continue
        function = fields_of(tool.get("function"))
        if function is not None:
            tool = {"type": "function", **function}
        elif "input_schema" in tool:
            rest = {k: v for k, v in tool.items() if k not in ("input_schema", "type")}
            tool = {"type": "function", **rest, "parameters": tool["input_schema"]}
        result.append({"type": "function", **tool})
    return result


def _message(value: object, role: str) -> Message:
    fields = fields_of(value)
    if fields is None:
        return {"role": role, "parts": parts_of(value)}
    if isinstance(fields.get("parts"), list) and "role" in fields:
        return dict(fields)
    if "role" not in fields and "type" in fields:
        # An item that stands by itself, as OpenAI's Responses have them.
        return {"role": _ITEM_ROLES.get(str(fields["type"]), role), "parts": [part_of(value)]}
    role = str(fields.get("role") or role)
    message: Message = {"role": role}
    if fields.get("name"):
        message["name"] = fields["name"]
    content = fields.get("content")
    if role == "tool":
        message["parts"] = [tool_result(fields.get("tool_call_id"), content)]
        return message
    parts: list[Part] = []
    for key in ("reasoning_content", "reasoning"):
        if isinstance(fields.get(key), str) and fields[key]:
            parts.append({"type": "reasoning", "content": fields[key]})
            break
    parts.extend(parts_of(content))
    if fields.get("refusal"):
        parts.append({"type": "refusal", "content": fields["refusal"]})
    calls = listed(fields.get("tool_calls"))
    if fields.get("function_call"):
        calls.append({"function": fields["function_call"]})
    parts.extend(tool_call(call) for call in calls)
    message["parts"] = parts
    return message
