"""What tests of prompts check: the form of an answer, and how long it took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spanglass._captured import CapturedSpan


def assert_json(answer: str | Any, schema: Mapping[str, Any] | None = None) -> Any:
    """Checks that an answer is JSON, and fits a schema.

    Args:
        answer: a text, or what was read of one.
        schema: JSON Schema; None for any JSON. It needs the package `jsonschema`.

    Returns:
        What the text holds.

    Raises:
        AssertionError: it is no JSON, or does not fit; the place is named.
    """
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except ValueError as error:
            raise AssertionError(
                f"the answer is no JSON: {error}; it is {answer[:200]!r}"
            ) from None
    if schema is not None:
        import importlib

        jsonschema: Any = importlib.import_module("jsonschema")
        validator = jsonschema.validators.validator_for(schema)(schema)
        wrong = sorted(validator.iter_errors(answer), key=lambda each: list(map(str, each.path)))
        if wrong:
            place = "/".join(map(str, wrong[0].path)) or "the whole"
            raise AssertionError(f"the answer does not fit: {place}: {wrong[0].message[:300]}")
    return answer


def assert_faster(spans: list[CapturedSpan], seconds: float) -> None:
    """Checks that no span took as long.

    Raises:
        AssertionError: one did; the slowest is named.
    """
    slowest = max(spans, key=lambda span: span.end_ns - span.start_ns, default=None)
    if slowest is None:
        raise AssertionError("there are no such spans")
    took = (slowest.end_ns - slowest.start_ns) / 1e9
    if took >= seconds:
        raise AssertionError(f"{slowest.name!r} took {took:.3f} s, not less than {seconds:g} s")
