"""A text that comes in pieces."""

from __future__ import annotations


class Pieces:
    """Puts a streamed text together, without keeping more of it than will be recorded.

    Args:
        limit: characters that are kept; 0 only counts.

    Attributes:
        size: bytes of the whole text in UTF-8, kept or not.
    """

    __slots__ = ("_characters", "_limit", "_pieces", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[str] = []
        self._characters = 0
        self.size = 0

    def add(self, piece: str) -> None:
        """Adds a piece at the end."""
        if self._characters <= self._limit and self._limit:
            self._pieces.append(piece)
        self._characters += len(piece)
        self.size += size_of(piece)

    def __str__(self) -> str:
        """What was kept, with a mark where the rest is missing."""
        whole = "".join(self._pieces)
        missing = self._characters - len(whole)
        return f"{whole}...[{missing} characters cut]..." if missing else whole


def size_of(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
