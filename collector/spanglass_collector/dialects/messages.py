"""Messages: whatever went into a model and came out of it, as OpenTelemetry's list of messages.

Source: OpenTelemetry's schemas of `gen_ai.input.messages` and `gen_ai.output.messages`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from spanglass_collector.dialects import parts
from spanglass_collector.dialects.convert import dumps, finish_reason, loads, tool_definition

Message = dict[str, Any]

_ROLES: Final[Mapping[str, str]] = {
    "human": "user",
    "humanmessage": "user",
    "ai": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "agent": "assistant",
    "model": "assistant",
    "systemmessage": "system",
    "function": "tool",
    "toolmessage": "tool",
}
_PLAIN: Final = frozenset({"system", "user", "assistant", "developer"})
#: How a content begins that may be more than text; an empty one, too.
_JSON: Final = ("[", "")
#: Items of a list that are messages although they have no role, as OpenAI's responses have them.
_ITEMS: Final[Mapping[str, str]] = {
    "function_call": "assistant",
    "function_call_output": "tool",
    "reasoning": "assistant",
    "tool_call": "assistant",
}
#: Where the messages are in what libraries take and give, most telling first.
_LISTS: Final = ("messages", "choices", "generations", "contents", "candidates")
#: How deep lists and objects are looked into.
_DEPTH: Final = 6


@dataclass(slots=True)
class Conversation:
    """What was said.

    Attributes:
        messages: OpenTelemetry's messages.
        system: parts that were given as instructions, apart from the messages.
        tools: what was offered.
    """

    messages: list[Message]
    system: list[parts.Part]
    tools: list[dict[str, Any]]


def conversation(value: Any, role: str) -> Conversation:
    """What a value says: a text, JSON of one, a message, a list of them, a request or an answer.

    Args:
        value: whatever the dialect has.
        role: whose it is where it does not say.
    """
    found = Conversation([], [], [])
    parsed = loads(value) if isinstance(value, str) and value[:1] in '{["' else value
    _read(value if parsed is None else parsed, role, found, 0)
    return found


def message(value: Mapping[str, Any], role: str) -> Message | None:
    """One message, of any library's shape; None where nothing is in it."""
    name = value.get("role")
    content = value.get("content")
    # Most are no more than this, and each further look costs.
    if (
        len(value) == 2
        and type(content) is str
        and type(name) is str
        and content[:1] not in _JSON
        and name in _PLAIN
    ):
        return {"role": name, "parts": [{"type": "text", "content": content}]}
    kind = value.get("type")
    if not isinstance(name, str) or not name:
        name = kind if isinstance(kind, str) and kind.lower() in _ROLES else role
    who = _ROLES.get(name.lower(), name)
    inner = list(_parts(value, who))
    made: Message = {"role": who, "parts": inner}
    if isinstance(value.get("name"), str):
        made["name"] = value["name"]
    reason = finish_reason(value.get("finish_reason"))
    if reason:
        made["finish_reason"] = reason
    return made if inner or reason else None


def _parts(value: Mapping[str, Any], role: str) -> Iterator[parts.Part]:
    for key in ("reasoning_content", "reasoning"):
        if isinstance(value.get(key), str) and value[key]:
            yield {"type": "reasoning", "content": value[key]}
            break
    content = value.get("parts", value.get("contents", value.get("content", value.get("text"))))
    identity = value.get("tool_call_id")
    if role == "tool" and "parts" not in value and (identity or isinstance(content, str)):
        parsed = loads(content)
        yield parts.tool_response(
            identity or value.get("id"), content if parsed is None else parsed
        )
    else:
        yield from parts.parts(content)
    if isinstance(value.get("refusal"), str) and value["refusal"]:
        yield parts.text(value["refusal"])
    calls = loads(value.get("tool_calls"))
    if isinstance(calls, list):
        for call in calls:
            made = parts.tool_call(call) if isinstance(call, dict) else None
            if made:
                yield made
    older = value.get("function_call")
    if isinstance(older, dict):
        made = parts.tool_call(older)
        if made:
            yield made


def _read(value: Any, role: str, into: Conversation, depth: int) -> None:
    if isinstance(value, str):
        if value:
            into.messages.append({"role": role, "parts": [parts.text(value)]})
    elif isinstance(value, dict):
        _read_object(value, role, into, depth)
    elif isinstance(value, list):
        if value and all(_is_part(each) for each in value):
            into.messages.append({"role": role, "parts": [parts.part(each) for each in value]})
            return
        for each in value:
            if depth < _DEPTH:
                _read(each, role, into, depth + 1)
    elif value is not None:
        into.messages.append({"role": role, "parts": [parts.text(dumps(value) or "")]})


def _is_part(value: Any) -> bool:
    """Whether it is part of a message, and no message."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("type"), str)
        and "role" not in value
        and value["type"].lower() not in _ROLES
        and value["type"] not in _ITEMS
        and ("text" in value or "content" in value)
        and "data" not in value
    )


def _read_object(value: dict[str, Any], role: str, into: Conversation, depth: int) -> None:
    """A request, an answer, or a message."""
    for key in ("system", "instructions"):
        if value.get(key) and "role" not in value:
            into.system += parts.parts(value[key])
    tools = value.get("tools")
    if isinstance(tools, list):
        into.tools += [made for made in map(tool_definition, tools) if made]
    if depth < _DEPTH:
        for key in _LISTS:
            if isinstance(value.get(key), list):
                for each in value[key]:
                    _read(each, role, into, depth + 1)
                return
        inner = _within(value)
        if inner is not None:
            before = len(into.messages)
            _read(inner, role, into, depth + 1)
            reason = value.get("finish_reason", value.get("finishReason"))
            _add_reason(into.messages[before:], reason)
            return
    if len(value) == 1 and value.get("output", 0) is None:
        return
    kind = value.get("type")
    if "role" not in value and isinstance(kind, str) and kind in _ITEMS:
        into.messages.append({"role": _ITEMS[kind], "parts": [parts.part(value)]})
        return
    if _is_message(value):
        made = message(value, role)
        if made:
            into.messages.append(made)
        return
    if into.system or into.tools:
        rest = {key: each for key, each in value.items() if key not in ("system", "tools")}
        value = rest
    if value:
        into.messages.append({"role": role, "parts": [parts.text(dumps(value) or "")]})


def _within(value: dict[str, Any]) -> Any:
    """What is wrapped: a choice's message, LangChain's, a single prompt, a single output."""
    if isinstance(value.get("message"), dict):
        return value["message"]
    if isinstance(value.get("kwargs"), dict) and "lc" in value:
        names = value.get("id")
        kind = names[-1] if isinstance(names, list) and names else None
        return value["kwargs"] if "type" in value["kwargs"] else value["kwargs"] | {"type": kind}
    if isinstance(value.get("data"), dict) and isinstance(value.get("type"), str):
        return {"type": value["type"]} | value["data"]
    for key in ("prompt", "input", "output"):
        if key in value and "role" not in value and not isinstance(value.get("type"), str):
            return value[key]
    inner = value.get("content")
    if isinstance(inner, dict) and "parts" in inner:
        return inner
    return None


def _is_message(value: dict[str, Any]) -> bool:
    if any(key in value for key in ("role", "parts", "content", "contents", "tool_calls")):
        return True
    kind = value.get("type")
    return isinstance(kind, str) and kind.lower() in _ROLES


def _add_reason(messages: list[Message], reason: Any) -> None:
    name = finish_reason(reason)
    for each in messages:
        if name and "finish_reason" not in each:
            each["finish_reason"] = name
