"""Attributes whose names count through lists: `ROOT.0.message.content` and the like.

Indexes may have holes and come in any order; what does not fit together is left out.
"""

from collections.abc import Mapping
from typing import Any, Final

from spanglass_collector.dialects.convert import loads

#: Items by their index.
Items = dict[int, dict[str, Any]]

#: Steps of a name that only repeat what the list is of, as OpenInference has them.
_WRAPPERS: Final = frozenset(
    {"message", "message_content", "tool_call", "tool", "document", "prompt", "completion"}
)
#: Most steps of a name, and most digits of an index.
_STEPS: Final = 10
_DIGITS: Final = 9


def place(rest: str) -> tuple[int, tuple[str, ...]] | None:
    """The index, and the steps to the value, of what stands behind a list's root in a name."""
    index, *steps = rest.split(".", _STEPS + 1)
    if not index.isdecimal() or len(index) > _DIGITS or not steps or len(steps) > _STEPS:
        return None
    kept = [step for step in steps[:-1] if step not in _WRAPPERS]
    return int(index), (*kept, steps[-1])


def put(item: dict[str, Any], steps: tuple[str, ...], value: Any) -> None:
    """Puts a value into an item, behind several steps; the first one stays."""
    for step in steps[:-1]:
        inner = item.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        item = inner
    item.setdefault(steps[-1], value)


def in_order(items: Items) -> list[dict[str, Any]]:
    """The items by their index, with the lists inside of them."""
    made = [items[n] for n in sorted(items)]
    for item in made:
        for key, value in item.items():
            if type(value) is dict:
                item[key] = _lists(value)
    return made


def _lists(value: Any) -> Any:
    """Objects whose names are all indexes, as lists."""
    if not isinstance(value, dict):
        return value
    made = {key: _lists(inner) for key, inner in value.items()}
    if made and all(key.isdecimal() and len(key) <= _DIGITS for key in made):
        return [made[key] for key in sorted(made, key=int)]
    return made


def document(value: Mapping[str, Any] | str) -> dict[str, Any]:
    """A document that was found: OpenTelemetry's `id` and `score`, its content and metadata.

    Databases that tell how far it is from the query have a `distance` in place of the score.
    """
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
    "distance": ("distance",),
    "content": ("content", "page_content", "text", "document", "entity"),
    "metadata": ("metadata",),
}
