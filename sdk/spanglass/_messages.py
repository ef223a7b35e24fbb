"""Messages of a conversation in OpenTelemetry's form: a role, and parts.

Takes what applications have at hand: OpenAI's messages (text or a list of content, tool calls,
tool results, refusals, reasoning), Anthropic's content blocks, plain text, or messages that have
parts already. Objects of the clients are read like the dictionaries they stand for. What is not
recognised is kept as a part of its own type; nothing is left out but inline media, which are
replaced by their size and hash.

Source: OpenTelemetry semantic conventions for generative AI, message schemas.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

Part: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]

#: OpenAI's word for a finish reason, where the schema has another.
_FINISH_REASONS: Final = {"tool_calls": "tool_call", "function_call": "tool_call"}

#: Who an item without a role comes from.
_ITEM_ROLES: Final = {
    "function_call": "assistant",
    "function_call_output": "tool",
    "reasoning": "assistant",
}


def input_messages(value: object) -> list[Message]:
    """A conversation as it was sent to a model.

    Args:
        value: a list of messages, one message, or the text of a user's message.
    """
    return [_message(each, "user") for each in _listed(value)]


def output_messages(value: object, finish_reasons: Iterable[str] = ()) -> list[Message]:
    """What a model answered, one message for each choice.

    Args:
        value: text, a message, a list of either, or a response that has `choices`.
        finish_reasons: one for each message, as the provider gives them.
    """
    plain = _fields(value)
    choices = plain.get("choices") if plain else None
    messages = []
    for each in _listed(choices if isinstance(choices, list) else value):
        choice = _fields(each)
        inner = choice.get("message") if choice else None
        message = _message(each if inner is None else inner, "assistant")
        reason = choice.get("finish_reason") if choice else None
        if reason:
            message["finish_reason"] = _FINISH_REASONS.get(str(reason), str(reason))
        messages.append(message)
    for message, reason in zip(messages, finish_reasons, strict=False):
        message.setdefault("finish_reason", _FINISH_REASONS.get(reason, reason))
    return messages


def instructions(value: object) -> list[Part]:
    """System instructions that are given apart from the conversation."""
    return _parts(value)


def tool_definitions(value: object) -> list[dict[str, Any]]:
    """Tools that a model may call: OpenAI's and Anthropic's forms in the schema's."""
    result = []
    for each in _listed(value):
        tool = _fields(each)
        if tool is None:
            result.append({"type": "unknown", "name": str(each)})
            continue
        function = _fields(tool.get("function"))
        if function is not None:
            tool = {"type": "function", **function}
        elif "input_schema" in tool:
            rest = {k: v for k, v in tool.items() if k not in ("input_schema", "type")}
            tool = {"type": "function", **rest, "parameters": tool["input_schema"]}
        result.append({"type": "function", **tool})
    return result


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    # A snapshot: what is recorded is what was sent, whatever the caller appends next.
    return list(value) if isinstance(value, list | tuple) else [value]


def _fields(value: object) -> Mapping[str, Any] | None:
    """The fields of a mapping, or of a client's object that stands for one; else None."""
    if isinstance(value, Mapping):
        return value
    if hasattr(type(value), "__pydantic_fields__"):
        extra = getattr(value, "__pydantic_extra__", None) or {}
        return {**value.__dict__, **extra}
    return None


def _message(value: object, role: str) -> Message:
    fields = _fields(value)
    if fields is None:
        return {"role": role, "parts": _parts(value)}
    if isinstance(fields.get("parts"), list) and "role" in fields:
        return dict(fields)
    if "role" not in fields and "type" in fields:
        # An item that stands by itself, as OpenAI's Responses have them.
        return {"role": _ITEM_ROLES.get(str(fields["type"]), role), "parts": [_part(value)]}
    role = str(fields.get("role") or role)
    message: Message = {"role": role}
    if fields.get("name"):
        message["name"] = fields["name"]
    content = fields.get("content")
    if role == "tool":
        message["parts"] = [_tool_result(fields.get("tool_call_id"), content)]
        return message
    parts: list[Part] = []
    for key in ("reasoning_content", "reasoning"):
        if isinstance(fields.get(key), str) and fields[key]:
            parts.append({"type": "reasoning", "content": fields[key]})
            break
    parts.extend(_parts(content))
    if fields.get("refusal"):
        parts.append({"type": "refusal", "content": fields["refusal"]})
    calls = _listed(fields.get("tool_calls"))
    if fields.get("function_call"):
        calls.append({"function": fields["function_call"]})
    parts.extend(_tool_call(call) for call in calls)
    message["parts"] = parts
    return message


def _parts(content: object) -> list[Part]:
    return [_part(each) for each in _listed(content)]


def _part(value: object) -> Part:
    if isinstance(value, str):
        return {"type": "text", "content": value}
    fields = _fields(value)
    if fields is None:
        return {"type": "unknown", "content": value}
    kind = str(fields.get("type", "unknown"))
    reader = _PARTS.get(kind)
    return reader(fields) if reader is not None else {**fields, "type": kind}


def _text(fields: Mapping[str, Any]) -> Part:
    content = fields.get("text", fields.get("content", ""))
    return {"type": "text", "content": content}


def _reasoning(fields: Mapping[str, Any]) -> Part:
    return {"type": "reasoning", "content": fields.get("thinking") or fields.get("content") or ""}


def _refusal(fields: Mapping[str, Any]) -> Part:
    return {"type": "refusal", "content": fields.get("refusal") or fields.get("content") or ""}


def _tool_call(value: object) -> Part:
    fields = _fields(value) or {}
    function = _fields(fields.get("function")) or fields
    arguments = function.get("arguments", function.get("input"))
    if isinstance(arguments, str):
        # What does not parse stays as the model wrote it: that is worth seeing.
        with contextlib.suppress(ValueError, RecursionError):
            arguments = json.loads(arguments)
    part: Part = {"type": "tool_call", "name": function.get("name") or ""}
    identity = fields.get("call_id") or fields.get("id")
    if identity:
        part["id"] = identity
    if arguments is not None:
        part["arguments"] = arguments
    return part


def _tool_result(identity: object, content: object) -> Part:
    part: Part = {"type": "tool_call_response", "response": content}
    if identity:
        part["id"] = identity
    return part


def _anthropic_result(fields: Mapping[str, Any]) -> Part:
    return _tool_result(fields.get("tool_use_id"), fields.get("content"))


def _responses_result(fields: Mapping[str, Any]) -> Part:
    return _tool_result(fields.get("call_id"), fields.get("output"))


def _canonical_result(fields: Mapping[str, Any]) -> Part:
    return _tool_result(fields.get("id"), fields.get("response", fields.get("result")))


def _image(fields: Mapping[str, Any]) -> Part:
    image = fields.get("image_url", fields.get("source", fields))
    if isinstance(image, str):
        return _media("image", image)
    inner = _fields(image) or {}
    if inner.get("type") == "base64" or "data" in inner:
        return _blob("image", str(inner.get("media_type", "")), inner.get("data", ""))
    if inner.get("file_id"):
        return {"type": "file", "modality": "image", "file_id": inner["file_id"]}
    return _media("image", str(inner.get("url", "")))


def _audio(fields: Mapping[str, Any]) -> Part:
    audio = _fields(fields.get("input_audio")) or fields
    return _blob("audio", f"audio/{audio.get('format', 'wav')}", audio.get("data", ""))


def _file(fields: Mapping[str, Any]) -> Part:
    file = _fields(fields.get("file")) or fields
    modality = str(fields.get("modality", "document"))
    if file.get("file_id"):
        return {"type": "file", "modality": modality, "file_id": file["file_id"]}
    part = _media(modality, str(file.get("file_data") or file.get("file_url") or ""))
    return part | ({"name": file["filename"]} if file.get("filename") else {})


def _media(modality: str, url: str) -> Part:
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        return _blob(modality, head[5:].partition(";")[0], data)
    return {"type": "uri", "modality": modality, "uri": url}


def _blob(modality: str, mime_type: str, data: object) -> Part:
    """Inline media by size and hash: the media themselves would make the trace unusable."""
    from hashlib import sha256

    raw = data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data or b"")  # type: ignore[call-overload]
    part: Part = {"type": "blob", "modality": modality, "content": ""}
    if mime_type:
        part["mime_type"] = mime_type
    return part | {"base64_characters": len(raw), "sha256": sha256(raw).hexdigest()}


def _blob_part(fields: Mapping[str, Any]) -> Part:
    mime_type = str(fields.get("mime_type") or "")
    return _blob(str(fields.get("modality", "unknown")), mime_type, fields.get("content", ""))


_PARTS: Final[dict[str, Callable[[Mapping[str, Any]], Part]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "reasoning": _reasoning,
    "thinking": _reasoning,
    "refusal": _refusal,
    "tool_call": _tool_call,
    "tool_use": _tool_call,
    "function_call": _tool_call,
    "tool_result": _anthropic_result,
    "function_call_output": _responses_result,
    "tool_call_response": _canonical_result,
    "image_url": _image,
    "input_image": _image,
    "image": _image,
    "input_audio": _audio,
    "file": _file,
    "input_file": _file,
    "blob": _blob_part,
}
