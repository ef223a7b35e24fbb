"""What a retriever found, as OpenTelemetry's list of documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: Where the text, the identity and the score of a document may be, in order.
_TEXT: Final = ("content", "text", "page_content", "body", "document", "chunk")
_IDENTITY: Final = ("id", "document_id", "doc_id", "id_")
_SCORE: Final = ("score", "relevance", "similarity")


def documents(value: object) -> object:
    """`value` as `[{"id", "score", "content", …}]` where it can be read so.

    Takes texts, mappings, objects that have a text (LangChain's and LlamaIndex's do), and pairs
    of a document and a score, in either order.
    """
    if isinstance(value, Mapping):
        inner = value.get("documents", value.get("results"))
        value = inner if isinstance(inner, list | tuple) else [value]
    if not isinstance(value, list | tuple):
        return value
    return [_document(each) for each in value]


def _document(value: Any) -> object:
    if isinstance(value, tuple | list) and len(value) == 2:
        first, second = value
        if _is_number(first):
            first, second = second, first
        if _is_number(second):
            inner = _document(first)
            return {**inner, "score": second} if isinstance(inner, dict) else inner
    if isinstance(value, str):
        return {"content": value}
    if isinstance(value, Mapping):
        return _shaped(dict(value))
    node = getattr(value, "node", None)
    if node is not None and node is not value:
        inner = _document(node)
        score = getattr(value, "score", None)
        return {**inner, "score": score} if isinstance(inner, dict) and score is not None else inner
    keys = (*_IDENTITY, *_SCORE, *_TEXT, "metadata", "title")
    found = {key: getattr(value, key) for key in keys if hasattr(value, key)}
    return _shaped({k: v for k, v in found.items() if not callable(v)}) if found else value


def _shaped(fields: dict[str, Any]) -> dict[str, Any]:
    """Brings the names that people use to the schema's; what has no name there stays."""
    for name, spellings in (("id", _IDENTITY), ("score", _SCORE), ("content", _TEXT)):
        for spelling in spellings:
            if fields.get(spelling) is not None:
                fields[name] = fields.pop(spelling)
                break
    if "id" in fields:
        fields["id"] = str(fields["id"])
    return {key: value for key, value in fields.items() if value is not None}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
