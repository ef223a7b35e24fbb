"""JSON values that fit a JSON schema."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, cast

from .prompt import Json

_MAX_DEPTH = 8

_FORMATS = {
    "date": "2026-03-14",
    "date-time": "2026-03-14T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "P2D",
    "email": "help@halden-outdoor.example",
    "hostname": "halden-outdoor.example",
    "ipv4": "192.0.2.10",
    "ipv6": "2001:db8::10",
    "uri": "https://halden-outdoor.example/help",
    "uuid": "5f0c6c1e-2f4b-4c0f-9a51-3c1b7d5a9e10",
}

_ANSWER_NAMES = ("answer", "response", "reply", "message", "text", "content", "explanation")
_SHORT_NAMES = ("summary", "title", "subject", "headline")
_SOURCE_NAMES = ("source", "citation", "document", "reference", "category", "topic")


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to put into the values.

    Attributes:
        answer: The answer in sentences.
        title: A few words on what it is about.
        source: Id of the document it comes from; may be empty.
        confidence: 0 to 1.
    """

    answer: str
    title: str
    source: str
    confidence: float


def fill(schema: Json, facts: Facts, rng: random.Random) -> Any:
    """Return a value that fits a schema's simple types.

    Understands `type` (also as a list), `properties`, `items`, `enum`, `const`, `default`,
    `anyOf`, `oneOf`, `allOf`, `$ref` into the schema itself, common formats and limits on
    numbers, lengths and counts. Patterns are not honoured.

    Args:
        schema: The JSON schema.
        facts: What to say.
        rng: Source of choices among equals.
    """
    return _Filler(schema, facts, rng).value(schema, "", 0)


class _Filler:
    def __init__(self, root: Json, facts: Facts, rng: random.Random) -> None:
        self._root = root
        self._facts = facts
        self._rng = rng

    def value(self, given: object, name: str, depth: int) -> Any:
        schema = self._resolved(given)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._choice(schema["enum"])
        for key in ("anyOf", "oneOf"):
            options = schema.get(key)
            if isinstance(options, list) and options:
                # Deep inside a recursive schema only an option that ends it will do.
                leaf = [o for o in options if self._type(self._resolved(o)) == "null"]
                picked = leaf[0] if depth >= _MAX_DEPTH and leaf else options[0]
                return self.value(picked, name, depth + 1)
        match self._type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return int(self._number(schema, name, whole=True))
            case "number":
                return self._number(schema, name, whole=False)
            case "boolean":
                return self._facts.confidence >= 0.5
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _resolved(self, given: object) -> Json:
        schema = given if isinstance(given, dict) else {}
        for _ in range(_MAX_DEPTH):
            ref = schema.get("$ref")
            if not isinstance(ref, str) or not ref.startswith("#"):
                break
            found: Any = self._root
            for step in ref.removeprefix("#").strip("/").split("/"):
                if step:
                    found = found.get(step, {}) if isinstance(found, dict) else {}
            schema = found if isinstance(found, dict) else {}
        parts = schema.get("allOf")
        if isinstance(parts, list):
            merged: Json = {key: value for key, value in schema.items() if key != "allOf"}
            for part in parts:
                resolved = self._resolved(part)
                properties = {**merged.get("properties", {}), **resolved.get("properties", {})}
                required = [*merged.get("required", []), *resolved.get("required", [])]
                merged = {**resolved, **merged}
                if properties:
                    merged["properties"] = properties
                if required:
                    merged["required"] = required
            return merged
        return cast("Json", schema)

    def _type(self, schema: Json) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((k for k in kind if k != "null"), "null")
        if isinstance(kind, str):
            return kind
        if "properties" in schema:
            return "object"
        return "array" if "items" in schema else "string"

    def _object(self, schema: Json, depth: int) -> Json:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return {}
        required = schema.get("required")
        needed = set(required) if isinstance(required, list) else set(properties)
        return {
            key: self.value(part, str(key), depth + 1)
            for key, part in properties.items()
            if key in needed or depth < 2
        }

    def _array(self, schema: Json, name: str, depth: int) -> list[Any]:
        least = _whole(schema.get("minItems"), 0)
        most = _whole(schema.get("maxItems"), max(least, 2))
        count = least if depth >= _MAX_DEPTH else min(max(least, 2 if depth < 3 else 1), most)
        return [self.value(schema.get("items"), name, depth + 1) for _ in range(count)]

    def _number(self, schema: Json, name: str, *, whole: bool) -> float:
        low = _limit(schema, "minimum", "exclusiveMinimum", 1 if whole else 0.01)
        high = _limit(schema, "maximum", "exclusiveMaximum", -1 if whole else -0.01)
        if not whole and high is None and any(s in name for s in ("confidence", "score", "prob")):
            return max(low or 0.0, self._facts.confidence)
        if low is None:
            low = 0.0 if high is None else min(0.0, high)
        if high is None:
            high = low + 10
        if high < low:
            high = low
        if whole:
            return self._rng.randint(round(low), max(round(low), round(high)))
        if "confidence" in name and low <= self._facts.confidence <= high:
            return self._facts.confidence
        return min(high, max(low, round(self._rng.uniform(low, high), 2)))

    def _string(self, schema: Json, name: str) -> str:
        form = schema.get("format")
        if isinstance(form, str) and form in _FORMATS:
            return _FORMATS[form]
        lowered = name.lower()
        if any(part in lowered for part in _ANSWER_NAMES):
            text = self._facts.answer
        elif any(part in lowered for part in _SOURCE_NAMES):
            text = self._facts.source or "unknown"
        elif any(part in lowered for part in _SHORT_NAMES):
            text = self._facts.title or self._facts.answer.split(".")[0]
        else:
            text = self._facts.title or "unknown"
        text = text[: _whole(schema.get("maxLength"), len(text))]
        return text.ljust(_whole(schema.get("minLength"), 0), ".")

    def _choice(self, options: list[Any]) -> Any:
        known = (self._facts.source, self._facts.title.lower())
        for option in options:
            if isinstance(option, str) and option and option.lower() in known:
                return option
        return self._rng.choice(options)


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _limit(schema: Json, key: str, exclusive: str, step: float) -> float | None:
    value = schema.get(key)
    if isinstance(value, int | float):
        return float(value)
    value = schema.get(exclusive)
    return float(value) + step if isinstance(value, int | float) else None
