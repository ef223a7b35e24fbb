"""What a retriever found, as OpenTelemetry's list of documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: Where the text, the identity and the score of a document may be, in order.
_TEXT: Final = ("content", "text", "page_content", "body", "document", "chunk", "passage")
_IDENTITY: Final = ("id", "_id", "document_id", "doc_id", "id_", "uuid")
_SCORE: Final = ("score", "_score", "relevance_score", "relevance", "similarity", "rerank_score")
#: Where a search answers with the documents, and where a document keeps its own fields.
_LISTS: Final = ("documents", "results", "matches", "hits", "points", "nodes", "data")
_FIELDS: Final = ("payload", "_source", "metadata", "properties")


def documents(value: object) -> object:
    """`value` as `[{"id", "score", "content", …}]` where it can be read so.

    Takes texts, mappings, objects that have a text (LangChain's and LlamaIndex's do), pairs of a
    document and a score, in either order, and what vector databases and rerankers answer: lists
    below `matches`, `hits`, `results` and the like, points with a payload, and Chroma's columns.
    """
    found = _listed(value)
    return value if found is None else [_document(each) for each in found]


def _listed(value: Any) -> list[Any] | tuple[Any, ...] | None:
    if isinstance(value, list | tuple):
        return value
    fields = value if isinstance(value, Mapping) else getattr(value, "__dict__", None)
    if not isinstance(fields, Mapping):
        return None
    if isinstance(fields.get("ids"), list):
        return _rows(fields)
    for name in _LISTS:
        inner = fields.get(name)
        if isinstance(inner, list | tuple):
            return inner
        if isinstance(inner, Mapping) and name in inner:
            return _listed(inner)  # Elasticsearch has `hits` in `hits`
    return [value] if isinstance(value, Mapping) else None


def _rows(columns: Mapping[str, Any]) -> list[Any]:
    """Chroma's answer, columns of lists of one query or several, as documents."""
    named = {"ids": "id", "documents": "content", "distances": "distance", "metadatas": "metadata"}
    cells = {new: columns.get(old) for old, new in named.items()}
    flat = {name: _flat(cell) for name, cell in cells.items() if isinstance(cell, list)}
    return [
        {name: cell[index] for name, cell in flat.items() if index < len(cell)}
        for index in range(len(flat["id"]))
    ]


def _flat(column: list[Any]) -> list[Any]:
    if column and isinstance(column[0], list):
        return [each for query in column for each in (query or ())]
    return column


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
    keys = (*_IDENTITY, *_SCORE, *_TEXT, *_FIELDS, "index", "title")
    found = {key: getattr(value, key) for key in keys if hasattr(value, key)}
    return _shaped({k: v for k, v in found.items() if not callable(v)}) if found else value


def _shaped(fields: dict[str, Any]) -> dict[str, Any]:
    """Brings the names that people use to the schema's; what has no name there stays."""
    for name, spellings in (("id", _IDENTITY), ("score", _SCORE), ("content", _TEXT)):
        for spelling in spellings:
            if fields.get(spelling) is not None:
                fields[name] = fields.pop(spelling)
                break
    inner = fields.get("content")
    if isinstance(inner, Mapping) or (inner is not None and not isinstance(inner, str)):
        # Rerankers answer with the document below a score.
        nested = _document(inner)
        if isinstance(nested, dict):
            fields.pop("content")
            fields = {**nested, **fields}
    if "content" not in fields:
        _take_text(fields)
    if "id" in fields:
        fields["id"] = str(fields["id"])
    return {key: value for key, value in fields.items() if value is not None}


def _take_text(fields: dict[str, Any]) -> None:
    """Brings the text out of where databases keep a document's own fields."""
    for name in _FIELDS:
        kept = fields.get(name)
        for spelling in _TEXT:
            if isinstance(kept, Mapping) and isinstance(kept.get(spelling), str):
                fields["content"] = kept[spelling]
                fields[name] = {k: v for k, v in kept.items() if k != spelling} or None
                return


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
