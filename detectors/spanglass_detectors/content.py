"""What a span says, taken apart: each text with the field and the role that it is in.

Content is JSON in many shapes (messages of OpenTelemetry, of OpenAI and Anthropic, documents, tool
arguments), JSON in strings of JSON, JSON that was cut off, or plain text. Nothing here raises on
any of it: what can't be read as JSON is text.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

#: How deep JSON may be nested, JSON in strings included; what is deeper is one text.
MOST_LEVELS: Final = 40
#: Digits of an integer that Python reads.
_LONGEST_INTEGER: Final = 4_000
#: Names whose value says who wrote what is beside it.
_ROLE: Final = "role"
_ROLES: Final = {
    "user": "user", "human": "user", "assistant": "assistant", "ai": "assistant",
    "model": "assistant", "system": "system", "developer": "system", "tool": "tool",
    "function": "tool",
}  # fmt: skip
#: What an operation's input and output are, where nothing says a role.
_OF_OPERATION: Final = {
    "execute_tool": {"input": "tool", "output": "tool"},
    "retrieval": {"input": "user", "output": "document"},
    "rerank": {"input": "document", "output": "document"},
    "chat": {"input": "user", "output": "assistant"},
    "text_completion": {"input": "user", "output": "assistant"},
    "generate_content": {"input": "user", "output": "assistant"},
    "embeddings": {"input": "user", "output": ""},
}
_BY_TYPE: Final = {
    "tool_call": "tool", "tool_use": "tool", "tool_result": "tool", "tool_call_response": "tool",
    "function_call": "tool", "function_call_output": "tool",
}  # fmt: skip
#: Names whose values are structure, and no text of anybody.
_STRUCTURE: Final = frozenset({_ROLE, "type", "finish_reason", "mime_type", "modality"})


class Passage(NamedTuple):
    """A text in its place.

    Attributes:
        text: what it says.
        field: `input`, `output`, or the name of an attribute or event.
        role: who wrote it; empty if not known.
        name: under which it stands in JSON; empty if under none.
    """

    text: str
    field: str
    role: str
    name: str = ""


def passages_of(field: str, value: str, operation: str = "") -> list[Passage]:
    """The texts of one field.

    Args:
        field: its name.
        value: JSON or text.
        operation: what the span does.
    """
    if not value:
        return []
    role = role_of(field, operation)
    return [Passage(text, field, who, name) for text, who, name in _named(value, role)]


def texts(value: str, role: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a JSON value in a string, with its role; the string itself if it is none."""
    yield from ((text, who) for text, who, _ in _named(value, role))


def _named(value: str, role: str) -> Iterator[tuple[str, str, str]]:
    parsed = parsed_json(value)
    if parsed is None:
        yield value, role, ""
    else:
        yield from _below(parsed, role, MOST_LEVELS, "")


def parsed_json(value: str) -> Any:
    """What a string of JSON holds, if it is a list or an object; None for everything else."""
    if value[:1] not in ("{", "[") and value[:64].lstrip()[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(value, parse_int=_integer if len(value) > _LONGEST_INTEGER else None)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _integer(text: str) -> int | str:
    # Python reads no longer ones, and JSON may have them.
    return int(text) if len(text) <= _LONGEST_INTEGER else text


def _number(value: Any) -> str:
    """A long whole number as it is written; empty for everything else."""
    if type(value) is int or (type(value) is float and value.is_integer()):
        return str(int(value)) if abs(value) >= 10**6 else ""
    return ""


def _below(value: Any, role: str, levels: int, name: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str):
        inner = parsed_json(value) if levels > 0 else None
        if inner is None:
            if value:
                yield value, role, name
        else:
            yield from _below(inner, role, levels - 1, name)
    elif isinstance(value, dict):
        if levels <= 0:
            yield json.dumps(value, ensure_ascii=False), role, name
            return
        role = _role_of(value, role)
        for key, each in value.items():
            if key in _STRUCTURE and isinstance(each, str):
                continue
            yield from _below(each, role, levels - 1, key)
            # A name can be somebody's address; the names that programs give are short words.
            if not key.isidentifier():
                yield key, role, ""
    elif isinstance(value, list):
        if levels <= 0:
            yield json.dumps(value, ensure_ascii=False), role, name
            return
        for each in value:
            yield from _below(each, role, levels - 1, name)
    elif written := _number(value):
        yield written, role, name


def _role_of(value: dict[str, Any], role: str) -> str:
    kind = value.get("type")
    if isinstance(kind, str) and kind in _BY_TYPE:
        return _BY_TYPE[kind]
    said = value.get(_ROLE)
    if isinstance(said, str):
        return _ROLES.get(said.lower(), role)
    return role


def rewritten(value: str, role: str, change: Callable[[str, str, str], str]) -> str:
    """A field with each of its texts changed, in the shape that it has.

    Args:
        value: JSON or text.
        role: who wrote it, where nothing in it says so.
        change: makes the new text of one, given its role and the name that it stands under.
    """
    parsed = parsed_json(value)
    if parsed is None:
        return change(value, role, "")
    changed = _changed(parsed, role, change, MOST_LEVELS, "")
    return value if changed == parsed and not _says_twice(value) else _dumped(changed)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _says_twice(value: str) -> bool:
    """Whether an object in JSON has a name twice: what the first one says is not looked at."""
    twice = False

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        made = dict(found)
        twice = twice or len(made) < len(found)
        return made

    json.loads(value, object_pairs_hook=pairs, parse_int=str)
    return twice


def _changed(
    value: Any, role: str, change: Callable[[str, str, str], str], levels: int, name: str
) -> Any:
    if isinstance(value, str):
        inner = parsed_json(value) if levels > 0 else None
        if inner is None:
            return change(value, role, name) if value else value
        after = _changed(inner, role, change, levels - 1, name)
        return value if after == inner and not _says_twice(value) else _dumped(after)
    if isinstance(value, dict | list) and levels <= 0:
        before = _dumped(value)
        shown = change(before, role, name)
        return value if shown == before else shown
    if isinstance(value, dict):
        role = _role_of(value, role)
        return {
            (key if key.isidentifier() else change(key, role, "")): (
                each
                if key in _STRUCTURE and isinstance(each, str)
                else _changed(each, role, change, levels - 1, key)
            )
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_changed(each, role, change, levels - 1, name) for each in value]
    if before := _number(value):
        shown = change(before, role, name)
        return value if shown == before else shown
    return value


def role_of(field: str, operation: str) -> str:
    """Who wrote a field, as far as what its span does says so."""
    return "document" if "document" in field else _OF_OPERATION.get(operation, {}).get(field, "")


def plain_text(value: str) -> str:
    """The text of messages, as people read it; what is no list of messages stays as it is."""
    parsed = parsed_json(value)
    if not isinstance(parsed, list):
        return value
    found = []
    for message in parsed:
        if not isinstance(message, dict):
            return value
        content = message.get("parts", message.get("content"))
        if isinstance(content, str):
            found.append(content)
            continue
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") == "text":
                text = part.get("content", part.get("text"))
                if isinstance(text, str):
                    found.append(text)
    return "\n".join(text for text in found if text)
