"""What a result says beyond its content: how long vectors are, what an evaluator has found.

These are facts and not content, so they are recorded where content is off, too. A result that
says nothing of the kind gives nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spanglass import _names as names

#: What people call the parts of an evaluation.
_SCORES: Final = ("score", "value")
_LABELS: Final = ("label", "verdict", "category")
_EXPLANATIONS: Final = ("explanation", "reason", "reasoning", "comment")
#: What a guardrail says, and whether it means that it has stopped something.
_VERDICTS: Final = {
    "blocked": True,
    "flagged": True,
    "triggered": True,
    "tripwire_triggered": True,
    "passed": False,
    "allowed": False,
    "valid": False,
    "safe": False,
}
_LIMIT: Final = 4_000


def vector_facts(result: object) -> dict[str, Any]:
    """How many dimensions embeddings have.

    Args:
        result: one vector or several: lists, arrays, or what an embedding API answers.
    """
    shape = getattr(result, "shape", None)
    if isinstance(shape, tuple) and shape and isinstance(shape[-1], int):
        return {names.DIMENSIONS: shape[-1]}
    data = _part(result, ("data", "embeddings"))
    vector: Any = data if isinstance(data, list) else result
    while isinstance(vector, list | tuple) and vector and not isinstance(vector[0], int | float):
        inner = _part(vector[0], ("embedding", "values"))
        vector = vector[0] if inner is None else inner
        if getattr(vector, "shape", None):
            return vector_facts(vector)
    if isinstance(vector, list | tuple) and vector:
        return {names.DIMENSIONS: len(vector)}
    return {}


def evaluation_facts(result: object) -> dict[str, Any]:
    """What an evaluator has found, by OpenTelemetry's names.

    Args:
        result: a number, a truth, a label, or something with `score`, `label`, `explanation`.
    """
    score: Any = result
    label: Any = None
    explanation: Any = None
    if isinstance(result, str):
        score, label = None, result
    elif not isinstance(result, int | float):
        score = _part(result, _SCORES)
        label = _part(result, _LABELS)
        explanation = _part(result, _EXPLANATIONS)
    if isinstance(score, bool):
        label = label if label is not None else str(score).lower()
    found: dict[str, Any] = {}
    # Infinity and what is no number differ from themselves.
    if isinstance(score, int | float) and score - score == 0:
        found[names.EVALUATION_SCORE] = float(score)
    if label is not None:
        found[names.EVALUATION_LABEL] = str(label)[:200]
    if explanation is not None:
        found[names.EVALUATION_EXPLANATION] = str(explanation)[:_LIMIT]
    return found


def verdict_facts(result: object) -> dict[str, Any]:
    """Whether a guardrail has stopped something.

    Args:
        result: whether all is well, or something with `passed`, `allowed`, `blocked`, `flagged`.
    """
    if isinstance(result, bool):
        return {names.BLOCKED: not result}
    for name, means_blocked in _VERDICTS.items():
        found = _part(result, (name,))
        if isinstance(found, bool):
            return {names.BLOCKED: found is means_blocked}
    return {}


def document_facts(result: object) -> dict[str, Any]:
    """How many documents there are.

    Args:
        result: the documents, in the form of `documents`.
    """
    return {names.DOCUMENT_COUNT: len(result)} if isinstance(result, list) else {}


def _part(result: object, spellings: tuple[str, ...]) -> Any:
    for name in spellings:
        try:
            found = result.get(name) if isinstance(result, Mapping) else getattr(result, name, None)
        except Exception:  # a property of the application's, which is its own affair
            found = None
        if found is not None and not callable(found):
            return found
    return None
