"""Sweeps the store when a day begins, when a retention was changed, and when somebody asks."""

import logging
import threading
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.retention.policy import Retention
from spanglass_store.retention.sweep import Swept, sweep
from spanglass_store.state.retention import RetentionBook

log = logging.getLogger(__name__)

#: Seconds between looks at what others have changed, and after a failure.
_EVERY_S: Final = 30.0


class _Ended(Exception):
    """We are to stop; the next sweep goes on."""


class RetentionKeeper:
    """Deletes what is over.

    Args:
        store: as the owner.
        book: how long what is kept.
        sweeps: whether this process deletes; otherwise it only reads what is said.
    """

    def __init__(self, store: Store, book: RetentionBook, sweeps: bool = True) -> None:
        self._store = store
        self._book = book
        self._sweeps = sweeps
        self._done: tuple[date, dict[str, Retention]] | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        #: Rows that were deleted, by table, since the start.
        self.deleted: dict[str, int] = {}
        #: Rows whose payload was emptied, by table.
        self.emptied: dict[str, int] = {}

    @property
    def book(self) -> RetentionBook:
        """How long what is kept."""
        return self._book

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Ends; what a sweep has not deleted is deleted by the next."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def sweep(self) -> list[Swept]:
        """Deletes what is over now; what went, by table.

        Raises:
            StoreError: if ClickHouse can't do it now.
        """
        with self._lock:
            self._book.refresh()
            now = datetime.now(UTC).date(), self._book.all()
            gone = sweep(self._store, self._book.default, now[1], now[0], self._pause)
            self._done = now
        for each in gone:
            self.deleted[each.table] = self.deleted.get(each.table, 0) + each.rows
            self.emptied[each.table] = self.emptied.get(each.table, 0) + each.emptied
            log.info("retention: %s", each)
        return gone

    def _run(self) -> None:
        while True:
            try:
                self._book.refresh()
                if self._sweeps and self._done != (datetime.now(UTC).date(), self._book.all()):
                    self.sweep()
            except _Ended:
                return
            except (StoreError, SQLAlchemyError) as error:
                log.warning("what is over stays for now: %s", error)
            except Exception:
                log.exception("what is over stays for now")
            if self._stop.wait(_EVERY_S):
                return

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Ended
