"""What is sent, by kind: spans, and scores, each with an endpoint and an account of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from spanglass._settings import Settings


class Signal(NamedTuple):
    """One kind of what is sent.

    Attributes:
        noun: what one batch of it has, in the plural.
        ending: of its files on disk.
    """

    noun: str
    ending: str

    def endpoint(self, settings: Settings) -> str:
        """Where it is posted to."""
        return settings.endpoint if self is SPANS else settings.logs


SPANS: Final = Signal("spans", ".otlp")
#: Scores, and what else goes as log records.
SCORES: Final = Signal("scores", ".logs")
