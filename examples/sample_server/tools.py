"""Which of the offered tools a question calls for, and with which arguments."""

from __future__ import annotations

import json
import random
import re
import uuid
from collections.abc import Sequence
from typing import Any

from .prompt import Json, Tool, ToolCall, ToolChoice
from .structured import Facts, fill
from .words import stems

_CODE = re.compile(r"\b[A-Z]{2,}[-_ ]?\d{2,}\b|\b(?=\w*\d)\w{5,}\b|#\d+")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_NAME = re.compile(r"\b[A-Z][a-z]+(?: (?:[A-Z][a-z]+|\d+))*\b")
_NAME_PARTS = re.compile(r"[_\W]|(?<=[a-z])(?=[A-Z])")
_QUOTED = re.compile(r"[\"“']([^\"”']{2,80})[\"”']")

_FREE_TEXT = ("query", "question", "text", "search", "message", "description", "reason")
_CODE_NAMES = ("id", "number", "code", "sku", "ref")

# A question that shares nothing but such words with a tool does not call for it.
_COMMON = frozenset(stems("get find look lookup check give show current item product customer"))


def choose(
    question: str,
    tools: Sequence[Tool],
    choice: ToolChoice,
    *,
    parallel: bool,
    rng: random.Random,
) -> list[ToolCall]:
    """Return the calls that a model would make for a question; empty when none.

    Args:
        question: What the user asked last.
        tools: The functions on offer.
        choice: Whether one may or must be called.
        parallel: Whether several may be called at once.
        rng: Source of choices among equals.
    """
    offered = [tool for tool in tools if not choice.names or tool.name in choice.names]
    if choice.mode == "none" or not offered:
        return []
    forced = choice.mode in ("required", "named")
    ranked: list[tuple[float, Tool, Json]] = []
    for tool in offered:
        arguments = _arguments(question, tool, rng, invent=forced)
        score = _score(question, tool)
        if forced or (arguments is not None and score >= 2):
            ranked.append((score, tool, arguments or {}))
    ranked.sort(key=lambda entry: -entry[0])
    if not ranked:
        return []
    if forced or not parallel:
        ranked = ranked[:1]
    best = ranked[0][0]
    return [
        ToolCall(_new_id(), tool.name, json.dumps(arguments, ensure_ascii=False))
        for score, tool, arguments in ranked
        if score >= 0.75 * best
    ]


def _new_id() -> str:
    # Not from the seed: two conversations must not share the identity of a call.
    return f"call_{uuid.uuid4().hex[:24]}"


def _score(question: str, tool: Tool) -> float:
    asked = set(stems(question)) - _COMMON
    name = set(stems(tool.name.replace("_", " ").replace("-", " "))) - _COMMON
    about = set(stems(tool.description)) - _COMMON
    return 2.0 * len(asked & name) + 1.0 * len(asked & (about - name))


def _arguments(question: str, tool: Tool, rng: random.Random, *, invent: bool) -> Json | None:
    """Fill the parameters from the question; None where a required one is not in it."""
    properties = tool.parameters.get("properties")
    if not isinstance(properties, dict):
        return {}
    required = tool.parameters.get("required")
    needed = set(required) if isinstance(required, list) else set()
    facts = Facts(answer=question, title=question[:60], source="", confidence=0.9)
    arguments: Json = {}
    for name, schema in properties.items():
        part = schema if isinstance(schema, dict) else {}
        found = _from_question(question, str(name), part)
        if found is None and name in needed:
            if "default" in part:
                found = part["default"]
            elif invent or _type(part) in ("object", "array", "boolean"):
                found = fill({"$defs": tool.parameters.get("$defs", {}), **part}, facts, rng)
            else:
                return None
        if found is not None:
            arguments[str(name)] = found
    return arguments


def _type(schema: Json) -> str:
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "string")
    return str(kind)


def _from_question(question: str, name: str, schema: Json) -> Any:
    options = schema.get("enum")
    if isinstance(options, list):
        lowered = question.lower()
        return next((o for o in options if str(o).lower() in lowered), None)
    match _type(schema):
        case "integer":
            number = _NUMBER.search(_CODE.sub(" ", question))
            return int(float(number[0].replace(",", "."))) if number else None
        case "number":
            number = _NUMBER.search(_CODE.sub(" ", question))
            return float(number[0].replace(",", ".")) if number else None
        case "string":
            return _string(question, name, schema)
        case _:
            return None


def _string(question: str, name: str, schema: Json) -> str | None:
    parts = [part.lower() for part in _NAME_PARTS.split(name) if part] or [""]
    if schema.get("format") == "date" or parts[-1] == "date":
        found = _DATE.search(question)
        return found[0] if found else None
    # The last part of a name says what it is: order_id, postalCode.
    if parts[-1] in _CODE_NAMES:
        found = _CODE.search(question)
        return found[0] if found else None
    if any(part in _FREE_TEXT for part in parts):
        return question
    quoted = _QUOTED.search(question)
    if quoted:
        return quoted[1]
    # A question's first word always has a capital, so it says nothing.
    names = [found for found in _NAME.findall(question[1:]) if not _CODE.search(found)]
    return names[0] if names else None
