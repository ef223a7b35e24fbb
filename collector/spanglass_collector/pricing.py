"""Watches for models that spans come with, so that they have a price within seconds."""

import logging
import threading
from typing import Final

from spanglass_store.errors import StoreError
from spanglass_store.prices.desk import PriceDesk

log = logging.getLogger(__name__)

#: Seconds between two looks at what has come.
_EVERY_S: Final = 3.0


class PriceKeeper:
    """A thread that looks up new names of models.

    Args:
        desk: of the store's book.
    """

    def __init__(self, desk: PriceDesk) -> None:
        self._desk = desk
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prices", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Ends; what is being charged anew at the moment is so at the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self._desk.attend()
            except StoreError as error:
                log.warning("new models have to wait for their prices: %s", error)
            except Exception:
                # Whatever it was, spans are stored without it.
                log.exception("new models have to wait for their prices")
