"""Detectors as scorers of `spanglass.evaluate`: the same judgements as on live traffic."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from spanglass.evaluation import Example
from spanglass_detectors.detector import Detector
from spanglass_detectors.results import Score
from spanglass_detectors.span import Span


def span_of(example: Example, output: Any) -> Span:
    """An answer as detectors see it: a call of a model with its reference.

    Args:
        example: what was asked. Texts under `context` or `documents` in its metadata or input are
            what the answer should be grounded in.
        output: what was answered.
    """
    given = example.input
    messages: Any = given
    if isinstance(given, dict) and "messages" in given:
        messages = given["messages"]
    elif not isinstance(given, list):
        documents = _documents(example)
        question = given if isinstance(given, str) else _question(given)
        text = f"Context:\n{documents}\n\nQuestion: {question}" if documents else question
        messages = [{"role": "user", "content": text}]
    expected = example.expected
    reference = {} if expected is None else {"spanglass.reference": _text(expected)}
    return Span(
        operation="chat", status="ok", input=_text(messages), output=_text(output),
        payload_attributes=reference,
    )  # fmt: skip


def scorer(detector: Detector) -> Callable[[Example, Any], list[Score]]:
    """A detector as a scorer. One example at a time: few detectors may be asked by two threads."""
    lock = threading.Lock()

    def judge(example: Example, output: Any) -> list[Score]:
        with lock:
            found = detector.judge(span_of(example, output))
            return [each for each in found if isinstance(each, Score)]

    judge.__name__ = type(detector).__name__
    return judge


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _documents(example: Example) -> str:
    places = [example.metadata, example.input if isinstance(example.input, dict) else {}]
    for place in places:
        for name in ("context", "documents"):
            found = place.get(name)
            if found:
                return "\n\n".join(map(_text, found)) if isinstance(found, list) else _text(found)
    return ""


def _question(given: Any) -> str:
    if isinstance(given, dict):
        rest = {key: value for key, value in given.items() if key not in ("context", "documents")}
        for name in ("question", "query", "input"):
            if isinstance(rest.get(name), str):
                return str(rest[name])
        if len(rest) == 1:
            return _text(next(iter(rest.values())))
        return _text(rest)
    return _text(given)
