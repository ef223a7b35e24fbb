"""Something that was found in a text."""

from typing import NamedTuple


class Found(NamedTuple):
    """Something that was found in a text.

    Attributes:
        start: index of its first character.
        end: index behind its last.
        entity: what it is, by presidio's name.
        confidence: from 0 to 1.
    """

    start: int
    end: int
    entity: str
    confidence: float
