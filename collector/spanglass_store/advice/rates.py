"""What tokens of a model cost, from the book of prices, for a reader."""

from __future__ import annotations

from datetime import UTC
from functools import cache
from typing import Any, Final

from spanglass_store.advice.scope import Scope
from spanglass_store.advice.traffic import Segment
from spanglass_store.client import Store
from spanglass_store.prices import catalog, table
from spanglass_store.prices.book import PriceBook
from spanglass_store.prices.costs import ENTRY_FIELDS

_NAMES: Final = tuple(name for name in ENTRY_FIELDS if name != "revision")


class Book:
    """The book of prices, read when it is first needed.

    Args:
        store: as a reader.
        scope: at whose end prices count.
    """

    def __init__(self, store: Store, scope: Scope) -> None:
        self._store, self._day = store, scope.end.astimezone(UTC).date()
        self._book: PriceBook | None = None

    def usual(self, segment: Segment, service_tier: str = "") -> dict[str, Any] | None:
        """A model's price of all day and short prompts, US dollars a million; None without one.

        Args:
            segment: whose model.
            service_tier: `batch` and so on; of none where empty.
        """
        if self._book is None:
            self._book = PriceBook(table.read_prices(self._store), cache(catalog.find))
        name = (segment.project, segment.provider, segment.model, service_tier)
        entries: list[dict[str, Any]] = [
            dict(zip(_NAMES, entry, strict=True)) for entry in self._book.schedule(name).entries
        ]
        usual = [
            each
            for each in entries
            if each["is_priced"] and each["start"] <= self._day and each["above"] < 0
        ]
        return usual[-1] if usual else None
