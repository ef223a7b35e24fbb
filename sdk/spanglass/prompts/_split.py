"""Which label of an experiment somebody gets: always the same, from a hash alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from spanglass import _current
from spanglass import _names as names
from spanglass._guard import log

_WHOLE: Final = 1 << 64

#: Prompts whose split was warned of.
_said: Final[set[str]] = set()


def choose(name: str, split: Mapping[str, float], unit: str | None, otherwise: str) -> str:
    """The label that a unit gets.

    Shares lie one behind the other in the order that they are given, so that raising the last one
    moves units to it and none away from it.

    Args:
        name: of the prompt; each prompt splits differently.
        split: labels with their shares; they are taken in proportion to their sum.
        unit: a user, a session; None for those of `context`.
        otherwise: the label where the split can't be used.
    """
    try:
        shares = {str(label): float(share) for label, share in split.items()}
    except (AttributeError, TypeError, ValueError):
        shares = {}
    total = sum(shares.values())
    if not shares or not 0 < total < float("inf") or any(each < 0 for each in shares.values()):
        _warn(name, "a split is labels with shares, such as {'production': 0.9, 'next': 0.1}")
        return otherwise
    if unit is None:
        said = _current.attributes()
        unit = said.get(names.USER) or said.get(names.SESSION)
    if not unit:
        _warn(name, "a split needs a unit, or a user of context(): the first label is used")
        return next(iter(shares))
    digest = hashlib.blake2b(f"{name}\0{unit}".encode("utf-8", "replace"), digest_size=8).digest()
    place = int.from_bytes(digest, "big") / _WHOLE * total
    reached = 0.0
    chosen = next(iter(shares))
    for label, share in shares.items():
        reached += share
        if share > 0:
            chosen = label
        if place < reached:
            break
    return chosen


def _warn(name: str, said: str) -> None:
    if name not in _said and len(_said) < 1000:
        _said.add(name)
        log.warning("spanglass: the prompt %s: %s", name, said)
