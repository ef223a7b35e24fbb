"""One text: what personal data is in it, by presidio's names for it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spanglass.redaction import ENTITIES, Redactor


class Found(NamedTuple):
    """Something that was found in a text.

    Attributes:
        start: index of its first character.
        end: index behind its last.
        entity: what it is.
        confidence: from 0 to 1.
    """

    start: int
    end: int
    entity: str
    confidence: float


class Finder:
    """Finds personal data in texts.

    Args:
        entities: which; all unless given.
    """

    def __init__(self, entities: Sequence[str] | None = None) -> None:
        self._redactor = Redactor(entities or ENTITIES)

    def find(self, text: str) -> Iterable[Found]:
        """What is in a text, in order, without overlaps."""
        return [Found(each.start, each.end, each.entity, 1.0) for each in self._redactor.find(text)]
