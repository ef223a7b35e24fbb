"""Takes backups while the service goes on taking telemetry.

The order makes one whole. What was accepted before the backup and waits in the spool is stored, or
a dead letter, first. Then dead letters are copied, then the state database, then ClickHouse: so
what is in the copy of the state was done in the copy of the store, and what was done in between is
done once more, which changes nothing.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.pipeline import Pipeline
from spanglass_store.backups.catalog import Backup, Catalog, copied
from spanglass_store.backups.copy import back_up, rows_in
from spanglass_store.client import Store
from spanglass_store.data_directory import write_private
from spanglass_store.errors import Busy, StoreError, StoreUnavailable
from spanglass_store.migrate import applied
from spanglass_store.state.database import Database

log = logging.getLogger(__name__)

#: Seconds between looks at a spool that is to be stored, and how long that may take.
_LOOK_S: Final = 0.1
_SPOOL_S: Final = 600.0
#: Seconds between looks at what has expired or is due.
_EVERY_S: Final = 60.0
#: Until one that failed by itself is tried again.
_AGAIN: Final = timedelta(minutes=30)


class _Ended(Exception):
    """We are to stop; what is under way is given up."""


class BackupDesk:
    """The backups of an installation with an embedded store.

    Args:
        store: as the owner.
        database: the state database.
        letters: the dead letters; None where this process takes no telemetry.
        pipelines: of this process.
        catalog: where they lie.
        keep_days: until one expires, unless it is said; 0 for never.
        every_hours: from one to the next; 0 where none is taken unasked.
    """

    def __init__(
        self,
        store: Store,
        database: Database,
        letters: DeadLetters | None,
        pipelines: Sequence[Pipeline],
        catalog: Catalog,
        keep_days: int,
        every_hours: int = 0,
    ) -> None:
        self._store = store
        self._database = database
        self._letters = letters
        self._pipelines = pipelines
        self._catalog = catalog
        self._keep_days = keep_days
        self._every = timedelta(hours=every_hours)
        self._lock = threading.Lock()
        self._asked: Backup | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backups", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Ends; a backup under way is given up."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # -- asking --------------------------------------------------------------------------------

    def request(self, keep_days: int | None = None) -> Backup:
        """Begins one, which goes on by itself.

        Args:
            keep_days: until it expires; 0 for never, None as is set.

        Raises:
            Busy: if one is under way.
            StoreError: if the folder can't be written.
        """
        with self._lock:
            if self._asked is not None:
                raise Busy(
                    f"The backup {self._asked.name} is under way. Wait until it has ended:"
                    " `spanglass backup --list` shows it."
                )
            self._asked = self._catalog.begin(self._keep_days if keep_days is None else keep_days)
            asked = self._asked
        self._wake.set()
        return asked

    def take(self, keep_days: int | None = None) -> Backup:
        """Takes one and returns when it has ended, whole or not. Where nobody called `start`."""
        self._catalog.delete_expired()
        self._catalog.clear_unfinished()
        self.request(keep_days)
        return self._do_asked()

    def get(self, name: str) -> Backup:
        """One of them.

        Raises:
            Unknown: if there is none of that name.
        """
        return self._catalog.get(name)

    def path(self, backup: Backup) -> Path:
        """Its folder."""
        return self._catalog.path(backup)

    def delete(self, name: str) -> Backup:
        """Deletes one.

        Raises:
            Unknown: if there is none of that name.
            Busy: if it is under way.
            StoreError: if it can't be deleted.
        """
        with self._lock:
            if self._asked is not None and self._asked.name == name:
                raise Busy(f"The backup {name} is under way. Delete it when it has ended.")
            return self._catalog.delete(name)

    # -- doing ---------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._asked is not None:
                    self._do_asked()
                with self._lock:
                    if self._asked is None:
                        self._catalog.clear_unfinished()
                for name in self._catalog.delete_expired():
                    log.info("the backup %s has expired and is deleted", name)
                if self._is_due():
                    self.request()
                    continue
            except _Ended:
                return
            except StoreError as error:
                log.error("backups: %s", error)
            except Exception:
                log.exception("backups")
            if self._asked is None:
                self._wake.wait(_EVERY_S)
                self._wake.clear()

    def _is_due(self) -> bool:
        if not self._every or self._asked is not None:
            return False
        now = datetime.now(UTC)
        latest = next(iter(self._catalog.list()), None)
        if latest is None:
            return True
        wait = _AGAIN if latest.state == "failed" else self._every
        return latest.began_at + wait <= now

    def _do_asked(self) -> Backup:
        backup = self._asked
        assert backup is not None
        try:
            return self._do(backup)
        except (StoreError, OSError, SQLAlchemyError) as error:
            log.error("the backup %s failed: %s", backup.name, error)
            return self._catalog.fail(backup, str(error)[:1000])
        finally:
            with self._lock:
                self._asked = None

    def _do(self, backup: Backup) -> Backup:
        folder = self._catalog.path(backup)
        # What is put back into the spool from now on is in this copy, before that in the store.
        self._copy_letters(backup)
        self._await_stored()
        items = self._copy_letters(backup)
        for each in self._pipelines:
            text = each.ledger.copy(items.get(each.signal.name, 0))
            write_private(folder / each.signal.ledger, text)
        has_state = self._database.copy_to(folder / "state.sqlite3")
        back_up(self._store, folder / "store", self._pause)
        # ClickHouse does not sync what it copies.
        os.sync()
        rows = rows_in(folder / "store", self._store.database)
        return self._catalog.finish(backup, rows, max(applied(self._store)), has_state)

    def _copy_letters(self, backup: Backup) -> dict[str, int]:
        """Copies dead letters; items by signal."""
        if self._letters is None:
            return {}
        place = self._catalog.path(backup) / "dead-letters"
        # Contents first: a letter without a description is not there.
        names = [path for letter in self._letters.list() for path in self._letters.files(letter)]
        copied(names, place)
        items: dict[str, int] = {}
        for letter in DeadLetters(place).list():
            items[letter.signal] = items.get(letter.signal, 0) + letter.items
        return items

    def _await_stored(self) -> None:
        """Waits until what was accepted by now is stored, or a dead letter."""
        marks = [(each, each.spool.mark()) for each in self._pipelines]
        deadline = time.monotonic() + _SPOOL_S
        while any(each.spool.has_before(mark) for each, mark in marks):
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"What was accepted was not stored within {_SPOOL_S:.0f} s. `spanglass doctor`"
                    " says what is the matter; take a backup when it is mended."
                )
            self._pause(_LOOK_S)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Ended

    def list(self) -> list[Backup]:
        """The latest first."""
        return self._catalog.list()
