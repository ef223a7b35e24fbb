"""Reads parameters out of a request body, and says in the service's words what is wrong."""

from __future__ import annotations

import json

from .errors import invalid, missing, wrong_type
from .prompt import Json


def parse_body(body: bytes) -> Json:
    """Return the JSON object of a request body.

    Raises:
        ApiError: The body is not a JSON object in valid Unicode.
    """
    try:
        parsed = json.loads(body)
        # Half of a surrogate pair is valid JSON, but no text that could be sent back.
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise invalid(
            "We could not parse the JSON body of your request. (HINT: This likely means you "
            "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, "
            "but what was sent was not valid JSON.)"
        ) from error
    if not isinstance(parsed, dict):
        raise invalid("The JSON body of your request must be an object.")
    return parsed


def text(body: Json, name: str) -> str:
    """Return a required string.

    Raises:
        ApiError: It is missing or not a string.
    """
    if name not in body or body[name] is None:
        raise missing(name)
    value = body[name]
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    return value


def optional_text(body: Json, name: str, default: str) -> str:
    """Return a string, or the default where it is absent or null."""
    return default if body.get(name) is None else text(body, name)


def flag(body: Json, name: str, *, default: bool = False) -> bool:
    """Return a boolean, or the default where it is absent or null."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise wrong_type(name, "a boolean", value)
    return value


def whole(body: Json, name: str, least: int, most: int | None = None) -> int | None:
    """Return an integer within limits, or None where it is absent or null.

    Raises:
        ApiError: It is not an integer, or outside the limits.
    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, "an integer", value)
    if value < least:
        raise invalid(
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, "
            f"but got {value} instead.",
            name,
            code="integer_below_min_value",
        )
    if most is not None and value > most:
        raise invalid(
            f"Invalid '{name}': integer above maximum value. Expected a value <= {most}, "
            f"but got {value} instead.",
            name,
            code="integer_above_max_value",
        )
    return value


def in_range(body: Json, name: str, low: float, high: float) -> None:
    """Check a decimal that the server accepts and does not use.

    Raises:
        ApiError: It is not a number, or outside the limits.
    """
    value = body.get(name)
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_type(name, "a decimal", value)
    if not low <= value <= high:
        raise invalid(
            f"Invalid '{name}': expected a value between {low:g} and {high:g}, but got "
            f"{value:g} instead.",
            name,
            code="decimal_out_of_range",
        )


def objects(body: Json, name: str) -> list[Json]:
    """Return an array of objects; empty where it is absent or null.

    Raises:
        ApiError: It is something else.
    """
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type(name, "an array of objects", value)
    for position, item in enumerate(value):
        if not isinstance(item, dict):
            raise wrong_type(f"{name}[{position}]", "an object", item)
    return value


def table(body: Json, name: str) -> Json:
    """Return an object; empty where it is absent or null.

    Raises:
        ApiError: It is something else.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_type(name, "an object", value)
    return value


def stops(body: Json) -> tuple[str, ...]:
    """Return the texts before which an answer ends.

    Raises:
        ApiError: They are not one to four strings.
    """
    value = body.get("stop")
    if value is None:
        return ()
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise wrong_type("stop", "a string or an array of strings", value)
    if len(given) > 4:
        raise invalid(
            f"Invalid 'stop': array too long. Expected an array with maximum length 4, but got "
            f"an array with length {len(given)} instead.",
            "stop",
            code="array_above_max_length",
        )
    return tuple(item for item in given if item)
