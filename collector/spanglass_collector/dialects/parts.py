"""Parts of messages: from every shape that libraries have to OpenTelemetry's.

Sources: OpenTelemetry's schemas of `gen_ai.input.messages` and `gen_ai.output.messages`; OpenAI's
chat completions and responses, Anthropic's messages, Google's contents, Vercel AI's and
LangChain's messages, and OpenInference's, which resemble OpenAI's.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from spanglass_collector.dialects.convert import dumps, loads

Part = dict[str, Any]

#: What begins a text that may be JSON of parts.
_LIST: Final = ("[{", "[\n", "[ ")


def parts(content: Any) -> list[Part]:
    """The parts of a message's content, whatever it is; none where there is nothing in it."""
    if content is None or content == "":
        return []
    if isinstance(content, str):
        if content.startswith(_LIST):
            found = loads(content)
            if _are_parts(found):
                return [part(each) for each in found]
        return [text(content)]
    if isinstance(content, list):
        return [part(each) for each in content if each is not None]
    return [part(content)]


def part(value: Any) -> Part:
    """One part of a message."""
    if isinstance(value, str):
        return text(value)
    if not isinstance(value, dict):
        return text(dumps(value) or "")
    kind = value.get("type")
    known = _KINDS.get(kind) if isinstance(kind, str) else _typeless(value)
    made = known(value) if known else None
    if made is not None:
        return made
    # A kind of its own is a kind of its own; what has none is shown as it is.
    return value if isinstance(kind, str) and kind else text(dumps(value) or "")


def text(content: str) -> Part:
    """A part that is text."""
    return {"type": "text", "content": content}


def tool_call(value: Mapping[str, Any]) -> Part | None:
    """A part that asks for a tool: OpenAI's (`function` within), or flat ones."""
    function = value.get("function")
    about = function if isinstance(function, dict) else value
    name = about.get("name") or value.get("toolName") or value.get("tool_name")
    if not isinstance(name, str):
        return None
    made: Part = {"type": "tool_call", "name": name}
    identity = value.get("id") or value.get("call_id") or value.get("toolCallId")
    if isinstance(identity, str):
        made["id"] = identity
    for key in ("arguments", "args", "input"):
        if about.get(key) is not None:
            arguments = about[key]
            parsed = loads(arguments)
            made["arguments"] = arguments if parsed is None else parsed
            break
    return made


def tool_response(identity: Any, response: Any) -> Part:
    """A part that is what a tool has answered."""
    made: Part = {"type": "tool_call_response", "response": response}
    if isinstance(identity, str) and identity:
        made["id"] = identity
    return made


def media(modality: str, source: Any, mime_type: Any = None) -> Part | None:
    """A part that is an image, a sound or a file: by address, or what it is itself."""
    if not isinstance(source, str) or not source:
        return None
    made: Part
    if source.startswith("data:"):
        head, _, content = source[5:].partition(",")
        mime_type = mime_type or head.partition(";")[0]
        made = {"type": "blob", "modality": modality, "content": content}
    elif "://" in source[:12]:
        made = {"type": "uri", "modality": modality, "uri": source}
    else:
        made = {"type": "blob", "modality": modality, "content": source}
    if isinstance(mime_type, str) and mime_type:
        made["mime_type"] = mime_type
    return made


def _are_parts(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and isinstance(each.get("type"), str) for each in value
    )


def _text(value: Part) -> Part | None:
    for key in ("content", "text", "refusal"):
        if isinstance(value.get(key), str):
            return text(value[key])
    return None


def _reasoning(value: Part) -> Part | None:
    for key in ("content", "text", "thinking", "reasoning"):
        if isinstance(value.get(key), str):
            return {"type": "reasoning", "content": value[key]}
    summary = value.get("summary")
    if isinstance(summary, list):
        said = [each.get("text") for each in summary if isinstance(each, dict)]
        return {"type": "reasoning", "content": "\n".join(s for s in said if isinstance(s, str))}
    return None


def _url(value: Any) -> Any:
    """The address in `{"url": …}`, or in OpenInference's `{"image": {"url": …}}`."""
    if "url" not in value and len(value) == 1:
        (value,) = value.values()
    return value.get("url") if isinstance(value, dict) else None


def _of(modality: str, *keys: str) -> Callable[[Part], Part | None]:
    """A part of media that is under one of several names."""

    def convert(value: Part) -> Part | None:
        mime_type = value.get("mime_type") or value.get("mediaType") or value.get("mimeType")
        for key in keys:
            inner = value.get(key)
            if isinstance(inner, dict):
                mime_type = inner.get("media_type") or inner.get("mime_type") or mime_type
                if isinstance(inner.get("format"), str):
                    mime_type = mime_type or f"{modality}/{inner['format']}"
                inner = inner.get("data") or inner.get("file_data") or _url(inner)
            if isinstance(inner, str):
                return media(modality, inner, mime_type)
        file = value.get("file")
        identity = value.get("file_id") or (file.get("file_id") if isinstance(file, dict) else None)
        if isinstance(identity, str):
            return {"type": "file", "modality": modality, "file_id": identity}
        return None

    return convert


def _response(value: Part) -> Part | None:
    output = value.get("output", value.get("result", value.get("content", value.get("response"))))
    # Vercel's says what the value is: {"type": "json", "value": …}.
    if isinstance(output, dict) and set(output) == {"type", "value"}:
        output = output["value"]
    identity = value.get("tool_use_id") or value.get("toolCallId") or value.get("call_id")
    return tool_response(identity or value.get("id"), output)


def _typeless(value: Part) -> Callable[[Part], Part | None] | None:
    """Google's parts, which are told apart by their keys."""
    if isinstance(value.get("text"), str):
        return _text
    for key in ("functionCall", "function_call"):
        if isinstance(value.get(key), dict):
            return lambda found: tool_call(found[key])
    for key in ("functionResponse", "function_response"):
        if isinstance(value.get(key), dict):
            return lambda found: tool_response(found[key].get("id"), found[key].get("response"))
    for key in ("inlineData", "inline_data"):
        if isinstance(value.get(key), dict):
            return _of("image", key)
    return None


_DOCUMENT: Final = _of("document", "source", "data", "file", "document", "file_data")
_IMAGE: Final = _of("image", "image_url", "image", "source", "data", "url")
_AUDIO: Final = _of("audio", "input_audio", "audio", "data")
_KINDS: Final[Mapping[str, Callable[[Part], Part | None]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _text,
    "reasoning": _reasoning,
    "thinking": _reasoning,
    "image": _IMAGE,
    "image_url": _IMAGE,
    "input_image": _IMAGE,
    "audio": _AUDIO,
    "input_audio": _AUDIO,
    "video": _of("video", "video", "video_url", "data"),
    "document": _DOCUMENT,
    "input_file": _DOCUMENT,
    # OpenTelemetry's own `file` has an identity and no file within.
    "file": _DOCUMENT,
    "tool_use": tool_call,
    "tool-call": tool_call,
    "function_call": tool_call,
    "tool_call": tool_call,
    "tool_result": _response,
    "tool-result": _response,
    "function_call_output": _response,
}
