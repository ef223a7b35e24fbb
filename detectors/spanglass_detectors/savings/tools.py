"""Tools that every prompt describes and no answer calls, by the tokens of their descriptions.

A prompt's tokens are shared out among its blocks by their characters: what a tool's definition
costs in a call is its part of all characters (messages, instructions, definitions) times what the
input cost. Characters of JSON and of prose are not worth the same number of tokens; `TOLERANCE` is
by how much that can be off, and widens the interval.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

#: By how much a block's share of tokens can differ from its share of characters.
TOLERANCE: Final = 0.25


def definitions(value: str) -> dict[str, int]:
    """Names of the tools that a prompt describes, with the characters of each description.

    Args:
        value: the definitions as they were sent: a JSON list, in OpenAI's, Anthropic's or
            OpenTelemetry's shape.

    Returns:
        Nothing where it is none of these.
    """
    try:
        listed = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, int] = {}
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, str):
            # Some senders make a text of each definition.
            found |= definitions(f"[{each}]") if each[:1] == "{" else {}
            continue
        name = _name(each) if isinstance(each, Mapping) else ""
        if name:
            found[name] = found.get(name, 0) + len(
                json.dumps(each, ensure_ascii=False, separators=(",", ":"))
            )
    return found


def _name(definition: Mapping[str, Any]) -> str:
    inner = definition.get("function")
    name = inner.get("name") if isinstance(inner, Mapping) else None
    return str(name or definition.get("name") or "")
