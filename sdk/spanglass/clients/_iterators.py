"""Iterators in the arguments of a call, which can be read once: by us and by the client, then.

What clients take as `Iterable` may be a generator. It is put into the request as a list of what it
gives, so that what is recorded is what is sent; the caller's own objects stay as they are. Where it
raises, the client meets the same exception at the same place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

#: How deep a request may have one: messages, their content, and a tool's result in it.
_DEPTH: Final = 5


def read(body: Any) -> Any:
    """A request's body without iterators: itself where there is none, else a copy."""
    return _read(body, 0)


def _read(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is str or depth > _DEPTH:
        return value
    if isinstance(value, Iterator) and not isinstance(value, _Broken) and not _is_file(value):
        return _read(_listed(value), depth)
    if isinstance(value, Mapping):
        found = {key: _read(each, depth + 1) for key, each in value.items()}
        return value if all(found[key] is each for key, each in value.items()) else found
    if kind is list or kind is tuple:
        read_ = [_read(each, depth + 1) for each in value]
        return value if all(a is b for a, b in zip(read_, value, strict=True)) else read_
    return value


def _is_file(value: object) -> bool:
    return hasattr(value, "read")


def _listed(iterator: Iterator[Any]) -> Any:
    """What an iterator gives; where it raises, an iterator that does so after the same items."""
    found: list[Any] = []
    try:
        found.extend(iterator)  # extends by what came, also where it raises
    except Exception as error:
        return _Broken(found, error)
    return found


class _Broken:
    """Gives some items, and then raises."""

    def __init__(self, items: list[Any], error: Exception) -> None:
        self._items = iter(items)
        self._error = error

    def __iter__(self) -> _Broken:
        return self

    def __next__(self) -> Any:
        for item in self._items:
            return item
        raise self._error
