"""Parts of a message in OpenTelemetry's form: text, media, tool calls and their results.

Each kind of part that OpenAI, Anthropic and those who speak like them have is read by a function
of its own; a kind that nobody knows stays as it is. Inline media are replaced by their size and
hash.

Source: OpenTelemetry semantic conventions for generative AI, message schemas.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

Part: TypeAlias = dict[str, Any]


def listed(value: object) -> list[Any]:
    """A list of it: what is one already is copied, anything else but None is its only item."""
    if value is None:
        return []
    # A snapshot: what is recorded is what was sent, whatever the caller appends next.
    return list(value) if isinstance(value, list | tuple) else [value]


def fields_of(value: object) -> Mapping[str, Any] | None:
    """The fields of a mapping, or of a client's object that stands for one; else None."""
    if isinstance(value, Mapping):
        return value
    if hasattr(type(value), "__pydantic_fields__"):
        extra = getattr(value, "__pydantic_extra__", None) or {}
        return {**value.__dict__, **extra}
    return None


def parts_of(content: object) -> list[Part]:
    """The content of a message, text or a list of parts in anybody's form."""
    return [part_of(each) for each in listed(content)]


def part_of(value: object) -> Part:
    """One part of a message, in anybody's form."""
    if isinstance(value, str):
        return {"type": "text", "content": value}
    fields = fields_of(value)
    if fields is None:
        return {"type": "unknown", "content": value}
    kind = str(fields.get("type", "unknown"))
    reader = _PARTS.get(kind)
    return reader(fields) if reader is not None else {**fields, "type": kind}


def _text(fields: Mapping[str, Any]) -> Part:
    content = fields.get("text", fields.get("content", ""))
    return {"type": "text", "content": content}


def _reasoning(fields: Mapping[str, Any]) -> Part:
    said = fields.get("thinking") or fields.get("content") or fields.get("summary") or ""
    if isinstance(said, list | tuple):
        # OpenAI's Responses have paragraphs.
        shown = (fields_of(each) or {} for each in said)
        said = "\n\n".join(str(each.get("text", "")) for each in shown)
    return {"type": "reasoning", "content": said}


def _redacted(fields: Mapping[str, Any]) -> Part:
    return {"type": "reasoning", "content": "", "redacted": True}


def _refusal(fields: Mapping[str, Any]) -> Part:
    return {"type": "refusal", "content": fields.get("refusal") or fields.get("content") or ""}


def tool_call(value: object) -> Part:
    """A call that a model asks for, in OpenAI's or Anthropic's form."""
    fields = fields_of(value) or {}
    function = fields_of(fields.get("function")) or fields
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


def tool_result(identity: object, content: object) -> Part:
    """What came of a call.

    Args:
        identity: the call's.
        content: text, anything, or a list of blocks.
    """
    if isinstance(content, list | tuple):
        # A result in blocks: pictures among them are no better inline here than elsewhere.
        content = [part_of(each) if _is_block(each) else each for each in content]
    part: Part = {"type": "tool_call_response", "response": content}
    if identity:
        part["id"] = identity
    return part


def _is_block(value: object) -> bool:
    fields = fields_of(value)
    return fields is not None and fields.get("type") in _PARTS


def _server_call(fields: Mapping[str, Any]) -> Part:
    """A tool that ran at the provider: what was asked and, with OpenAI, what came of it."""
    kind = str(fields["type"])
    name = fields.get("name") or kind.removesuffix("_call")
    hidden = ("id", "name", "type", "status")
    about = {k: v for k, v in fields.items() if k not in hidden and v is not None}
    if kind == "image_generation_call" and about.get("result"):
        about["result"] = media_part("image", "", about["result"])
    part: Part = {"type": "server_tool_call", "name": name}
    if fields.get("id"):
        part["id"] = fields["id"]
    return part | {"server_tool_call": {"type": kind, **about}}


def _server_result(fields: Mapping[str, Any]) -> Part:
    part: Part = {"type": "server_tool_call_response"}
    if fields.get("tool_use_id"):
        part["id"] = fields["tool_use_id"]
    about = {"type": fields["type"], "content": fields.get("content")}
    return part | {"server_tool_call_response": about}


def _anthropic_result(fields: Mapping[str, Any]) -> Part:
    return tool_result(fields.get("tool_use_id"), fields.get("content"))


def _responses_result(fields: Mapping[str, Any]) -> Part:
    return tool_result(fields.get("call_id"), fields.get("output"))


def _canonical_result(fields: Mapping[str, Any]) -> Part:
    return tool_result(fields.get("id"), fields.get("response", fields.get("result")))


def _image(fields: Mapping[str, Any]) -> Part:
    image = fields.get("image_url", fields.get("source", fields))
    if isinstance(image, str):
        return _media("image", image)
    inner = fields_of(image) or {}
    if inner.get("type") == "base64" or "data" in inner:
        return media_part("image", str(inner.get("media_type", "")), inner.get("data", ""))
    if inner.get("file_id"):
        return {"type": "file", "modality": "image", "file_id": inner["file_id"]}
    return _media("image", str(inner.get("url", "")))


def _audio(fields: Mapping[str, Any]) -> Part:
    audio = fields_of(fields.get("input_audio")) or fields
    return media_part("audio", f"audio/{audio.get('format', 'wav')}", audio.get("data", ""))


def _video(fields: Mapping[str, Any]) -> Part:
    video = fields.get("video_url")
    inner = fields_of(video)
    return _media("video", str(inner.get("url", "") if inner else video or ""))


def _audio_url(fields: Mapping[str, Any]) -> Part:
    inner = fields_of(fields.get("audio_url"))
    return _media("audio", str(inner.get("url", "") if inner else fields.get("audio_url") or ""))


def _document(fields: Mapping[str, Any]) -> Part:
    """Anthropic's documents: text, or a file by content, address or identity."""
    source = fields_of(fields.get("source")) or {}
    if source.get("type") == "text":
        part: Part = {"type": "text", "content": source.get("data", "")}
    elif source.get("type") == "base64":
        part = media_part("document", str(source.get("media_type", "")), source.get("data", ""))
    elif source.get("file_id"):
        part = {"type": "file", "modality": "document", "file_id": source["file_id"]}
    elif source.get("url"):
        part = _media("document", str(source["url"]))
    else:
        part = {**fields, "type": "document"}
    return part | ({"name": fields["title"]} if fields.get("title") else {})


def _file(fields: Mapping[str, Any]) -> Part:
    file = fields_of(fields.get("file")) or fields
    modality = str(fields.get("modality", "document"))
    if file.get("file_id"):
        return {"type": "file", "modality": modality, "file_id": file["file_id"]}
    part = _media(modality, str(file.get("file_data") or file.get("file_url") or ""))
    return part | ({"name": file["filename"]} if file.get("filename") else {})


def _media(modality: str, url: str) -> Part:
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        return media_part(modality, head[5:].partition(";")[0], data)
    return {"type": "uri", "modality": modality, "uri": url}


def media_part(modality: str, mime_type: str, data: object) -> Part:
    """Inline media by size and hash: the media themselves would make the trace unusable.

    Args:
        modality: `image`, `audio`, `video` or `document`.
        mime_type: empty where nobody says.
        data: base64 text, or bytes.
    """
    from hashlib import sha256

    is_text = isinstance(data, str)
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data or b"")  # type: ignore[call-overload]
    part: Part = {"type": "blob", "modality": modality, "content": ""}
    if mime_type:
        part["mime_type"] = mime_type
    size = {"base64_characters" if is_text else "bytes": len(raw)}
    return part | size | {"sha256": sha256(raw).hexdigest()}


def _blob_part(fields: Mapping[str, Any]) -> Part:
    mime_type = str(fields.get("mime_type") or "")
    return media_part(str(fields.get("modality", "unknown")), mime_type, fields.get("content", ""))


_PARTS: Final[dict[str, Callable[[Mapping[str, Any]], Part]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "reasoning": _reasoning,
    "reasoning_content": _reasoning,
    "thinking": _reasoning,
    "redacted_thinking": _redacted,
    "refusal": _refusal,
    "tool_call": tool_call,
    "tool_use": tool_call,
    "function_call": tool_call,
    "custom_tool_call": tool_call,
    "server_tool_use": _server_call,
    "web_search_call": _server_call,
    "file_search_call": _server_call,
    "code_interpreter_call": _server_call,
    "computer_call": _server_call,
    "image_generation_call": _server_call,
    "mcp_call": _server_call,
    "web_search_tool_result": _server_result,
    "web_fetch_tool_result": _server_result,
    "code_execution_tool_result": _server_result,
    "tool_result": _anthropic_result,
    "function_call_output": _responses_result,
    "custom_tool_call_output": _responses_result,
    "tool_call_response": _canonical_result,
    "image_url": _image,
    "input_image": _image,
    "image": _image,
    "input_audio": _audio,
    "audio_url": _audio_url,
    "video_url": _video,
    "document": _document,
    "file": _file,
    "input_file": _file,
    "blob": _blob_part,
}
