"""What is sent, by kind: spans, scores and metrics, each with an endpoint and an account."""

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
        if self is SPANS:
            return settings.endpoint
        return settings.metrics if self is METRICS else settings.logs


SPANS: Final = Signal("spans", ".otlp")
#: Scores, and what else goes as log records.
SCORES: Final = Signal("scores", ".logs")
#: What the agent of a GPU node reads.
METRICS: Final = Signal("data points", ".metrics")
