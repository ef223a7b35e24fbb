"""Attributes whose names count through lists: `ROOT.0.message.content` and the like.

Indexes may have holes and come in any order; what does not fit together is left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from spanglass_collector.dialects.convert import loads

#: Steps of a name that only repeat what the list is of, as OpenInference has them.
_WRAPPERS: Final = frozenset(
    {"message", "message_content", "tool_call", "tool", "document", "prompt", "completion"}
)
#: Most steps of a name, and most digits of an index.
_STEPS: Final = 10
_DIGITS: Final = 9


def items(pairs: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    """The items of a list, in their order, from what stands behind its root in each name.

    Args:
        pairs: the rest of each name, beginning with the index, and the value.
    """
    found: dict[int, dict[str, Any]] = {}
    deep: set[int] = set()
    for rest, value in pairs:
        index, _, path = rest.partition(".")
        if not index.isdecimal() or len(index) > _DIGITS or not path:
            continue
        number = int(index)
        item = found.get(number)
        if item is None:
            item = found[number] = {}
        first, dot, last = path.partition(".")
        if not dot:
            item.setdefault(path, value)
        elif first in _WRAPPERS and "." not in last:
            item.setdefault(last, value)
        else:
            _put(item, path.split("."), value)
            deep.add(number)
    return [_lists(found[n]) if n in deep else found[n] for n in sorted(found)]


def _put(item: dict[str, Any], steps: list[str], value: Any) -> None:
    if len(steps) > _STEPS:
        return
    kept = [step for step in steps[:-1] if step not in _WRAPPERS]
    for step in kept:
        inner = item.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        item = inner
    item.setdefault(steps[-1], value)


def _lists(value: Any) -> Any:
    """Objects whose names are all indexes, as lists."""
    if not isinstance(value, dict):
        return value
    made = {key: _lists(inner) for key, inner in value.items()}
    if made and all(key.isdecimal() and len(key) <= _DIGITS for key in made):
        return [made[key] for key in sorted(made, key=int)]
    return made


def document(value: Mapping[str, Any] | str) -> dict[str, Any]:
    """A document that was found: OpenTelemetry's `id` and `score`, with its content and metadata."""
    if isinstance(value, str):
        return {"content": value}
    made: dict[str, Any] = {}
    for name, keys in _DOCUMENT.items():
        for key in keys:
            if value.get(key) is not None:
                made[name] = value[key]
                break
    metadata = loads(made.get("metadata"))
    if metadata is not None:
        made["metadata"] = metadata
    return made or dict(value)


_DOCUMENT: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "document_id", "doc_id"),
    "score": ("score", "relevance_score", "similarity"),
    "content": ("content", "page_content", "text", "document"),
    "metadata": ("metadata",),
}
