"""Reading what clients send and receive, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def get(value: Any, *path: str) -> Any:
    """A field of a mapping or of an object, or of what is inside it; None where it is not there.

    Args:
        value: parsed JSON, a client's object, or None.
        path: the field's name, preceded by those of the fields around it.
    """
    for name in path:
        if value is None:
            return None
        if type(value) is dict:
            value = value.get(name)
            continue
        # Every piece of a stream comes by here; a client's object has its fields in its dict.
        own = getattr(value, "__dict__", None)
        if own is not None and name in own:
            value = own[name]
        else:
            value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


def text(value: Any, *path: str) -> str:
    """A field that is a text; empty where it is not there or something else."""
    found = get(value, *path)
    return found if isinstance(found, str) else ""


def items(value: Any, *path: str) -> list[Any]:
    """A field that is a list; empty where it is not there or something else."""
    found = get(value, *path)
    return found if isinstance(found, list) else []
