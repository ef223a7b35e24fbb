"""A span as it leaves: the recorded one, with some of it replaced. The original stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spanglass._queue import AnySpan


class Shown:
    """Reads like the span that it stands for.

    Args:
        span: that span; it has ended.
        attributes: in place of its own.
        events: in place of its own; None for these.
        status: in place of its own; None for this.
    """

    def __init__(
        self,
        span: AnySpan,
        attributes: Mapping[str, Any],
        events: Sequence[Any] | None = None,
        status: Any = None,
    ) -> None:
        self._span = span
        self.attributes = attributes
        self.events = span.events if events is None else events
        self.status = span.status if status is None else status

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)
