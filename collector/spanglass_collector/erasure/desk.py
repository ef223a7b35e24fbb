"""Purges: asked for, done one after another, and finished when they say so.

The order makes it whole. What was accepted before the purge and waits in the spool is stored, or a
dead letter, first. Then traces are found, in dead letters and in the store; then all of it goes,
place by place, what says which traces it was last of all. A purge that is cut off begins again at
the next start and goes on where it was.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from spanglass_collector.erasure.letters import LetterEraser
from spanglass_collector.erasure.receipt import impersonal, receipt
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.pipeline import Pipeline
from spanglass_store.client import Store
from spanglass_store.erasure.erase import Eraser, Removed
from spanglass_store.erasure.holders import HOLDERS, Scope
from spanglass_store.erasure.selection import Selection, selection_of
from spanglass_store.errors import Conflict, StoreError, StoreUnavailable
from spanglass_store.inserts import await_inserts
from spanglass_store.state.audit import AuditLog
from spanglass_store.state.database import Database
from spanglass_store.state.erasures import Erasure, ErasureBook

log = logging.getLogger(__name__)

#: Seconds between looks at a spool that is to be stored, and after a failure.
_LOOK_S: Final = 0.1
_AFTER_FAILURE_S: Final = 5.0
#: How often what is left is erased again: jobs may have judged a span while it went.
_ROUNDS: Final = 5
#: Traces that are told to a holder at a time.
_BATCH: Final = 500


def _nothing() -> None:
    """Another machine's disk is not ours to sync."""


class _Ended(Exception):
    """We are to stop; the purge goes on at the next start."""


class PurgeDesk:
    """The purges of an installation.

    Args:
        store: as the owner.
        database: the state database.
        letters: the dead letters; None where this process takes no telemetry.
        pipelines: of this process.
        subject_key: what names are hashed with.
        backups: told of a purge's id; says which backups may hold what it erased.
    """

    def __init__(
        self,
        store: Store,
        database: Database,
        letters: DeadLetters | None,
        pipelines: Sequence[Pipeline],
        subject_key: bytes,
        backups: Callable[[str], Sequence[Mapping[str, Any]]] = lambda purge_id: (),
    ) -> None:
        self._store = store
        self._database = database
        self._book = ErasureBook(database)
        self._audit = AuditLog(database)
        self._letters = letters
        self._pipelines = pipelines
        self._key = subject_key
        self._backups = backups
        self._stop = threading.Event()
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="purges", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Ends; a purge under way goes on at the next start."""
        self._stop.set()
        self._asked.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # -- asking ------------------------------------------------------------------------------

    def preview(self, selection: Selection) -> dict[str, Any]:
        """What a purge would remove now: rows by place, and whether that is everything.

        Raises:
            StoreUnavailable: if ClickHouse can't say.
        """
        eraser = Eraser(self._store, selection, f"look_{threading.get_ident()}_{time.time_ns()}")
        try:
            letters = self._letter_eraser(selection)
            eraser.collect()
            if letters is not None:
                letters.collect(eraser)
            counts = eraser.counts()
            if letters is not None and (items := letters.count(eraser)):
                counts["dead letters"] = items
            traces = sum(1 for _ in eraser.traces())
        finally:
            eraser.forget()
        return {
            "rows": counts, "traces": traces,
            "everything": selection.is_everything or self._is_all(selection, counts),
        }  # fmt: skip

    def _is_all(self, selection: Selection, counts: Mapping[str, int]) -> bool:
        """Whether no span of the project, or of all, would be left."""
        if not counts.get("spans"):
            return False
        where = " WHERE project = {project:String}" if selection.project else ""
        values = {"project": selection.project} if selection.project else {}
        total = self._store.row(f"SELECT count() FROM {self._store.database}.spans{where}", values)[
            0
        ]
        return int(total) <= counts["spans"]

    def request(self, document: Mapping[str, Any], by: str, everything: bool) -> Erasure:
        """Asks for a purge. It is done even if the service ends before.

        Args:
            document: what is to go.
            by: who asks.
            everything: whether it may leave nothing.

        Raises:
            StoreError: if the selection is none.
            Conflict: if it would leave nothing and that was not said to be meant.
        """
        selection = selection_of(document)
        if not everything and self.preview(selection)["everything"]:
            of = f"the project {selection.project}" if selection.project else "every project"
            raise Conflict(
                f"This would erase everything of {of}. If that is meant, say so: --yes on the"
                ' command line, "everything": true in the API.'
            )
        asked = self._book.request(selection.document(), by)
        self._audit.add(
            by, "purge.request", asked.id, selection.project, impersonal(selection, self._key)
        )
        self._asked.set()
        return asked

    def get(self, erasure_id: str) -> Erasure:
        """A purge as it stands.

        Raises:
            Unknown: if there is none of that id.
        """
        return self._book.get(erasure_id)

    # -- doing -------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            self._asked.clear()
            try:
                self.work_off()
            except _Ended:
                return
            except (StoreError, SQLAlchemyError, OSError) as error:
                log.error("a purge has to wait: %s", error)
                self._stop.wait(_AFTER_FAILURE_S)
                continue
            except Exception:
                log.exception("a purge has to wait")
                self._stop.wait(_AFTER_FAILURE_S)
                continue
            self._asked.wait()

    def work_off(self) -> None:
        """Does every purge that was asked for, in order.

        Raises:
            StoreError: if one can't be done now; it is still asked for.
        """
        while (erasure := self._book.next()) is not None:
            try:
                self._do(erasure)
            except StoreError as error:
                self._book.goes_on(erasure.id, str(error)[:1000])
                raise

    def _do(self, erasure: Erasure) -> None:
        self._book.goes_on(erasure.id)
        selection = selection_of(erasure.selection)
        self._await_stored(erasure.id)
        sync = os.sync if self._store.endpoint.isolated else _nothing
        eraser = Eraser(self._store, selection, erasure.id, self._pause, sync)
        eraser.collect()
        letters = self._letter_eraser(selection)
        from_letters = 0
        if letters is not None:
            letters.collect(eraser)
            # With the traces that letters have told of.
            eraser.collect()
            from_letters = letters.erase(eraser)
        removed = self._erase(eraser, erasure.state != "queued")
        elsewhere = self._erase_state(selection, eraser)
        if letters is not None:
            elsewhere["dead letters"] = from_letters, letters.count(eraser)
        document = receipt(
            erasure.id, selection, self._key, erasure.requested_at, eraser, removed, elsewhere,
            self._backups(erasure.id),
        )  # fmt: skip
        eraser.forget()
        self._book.done(erasure.id, impersonal(selection, self._key), document)
        if not self._database.settle():
            log.warning("the state database's log could not be cut: somebody reads it")
        told = {
            "removed": {each["place"]: each["rows"] for each in document["removed"]},
            "traces": document["traces"]["count"],
        }
        self._audit.add(erasure.requested_by, "purge.done", erasure.id, selection.project, told)

    def _erase(self, eraser: Eraser, again: bool) -> list[Removed]:
        """Erases from the store until nothing is left of it."""
        removed: dict[str, Removed] = {}
        for _ in range(_ROUNDS):
            for each in eraser.erase(again):
                before = removed.get(each.table)
                rows = each.rows + (before.rows if before else 0)
                parts = each.parts + (before.parts if before else 0)
                removed[each.table] = Removed(each.table, rows, parts, each.left)
            # An insert under way may write anew what it has read before: messages of log events.
            await_inserts(self._store)
            if not eraser.left():
                return list(removed.values())
        raise StoreUnavailable("What is erased comes anew: who sends or judges it has to end.")

    def _erase_state(self, selection: Selection, eraser: Eraser) -> dict[str, tuple[int, int]]:
        def batches() -> Iterator[list[tuple[str, str]]]:
            traces = eraser.traces()
            while batch := list(islice(traces, _BATCH)):
                yield batch

        found = {}
        scope = Scope(selection, batches)
        for name, holder in HOLDERS.items():
            with self._database.transaction() as session:
                gone = holder(session, scope)
            with self._database.transaction() as session:
                left = holder(session, scope)
            if gone or left:
                found[name] = gone, left
        return found

    def _await_stored(self, erasure_id: str) -> None:
        """Waits until what was accepted by now is stored, or a dead letter."""
        marks = [(each, each.spool.mark()) for each in self._pipelines]
        told = False
        while waiting := [each.signal.name for each, mark in marks if each.spool.has_before(mark)]:
            if not told:
                self._book.goes_on(erasure_id, f"the spool to be stored ({', '.join(waiting)})")
                told = True
            self._pause(_LOOK_S)
        if told:
            self._book.goes_on(erasure_id)

    def _letter_eraser(self, selection: Selection) -> LetterEraser | None:
        if self._letters is None:
            return None
        ledgers = {each.signal.name: each.ledger for each in self._pipelines}
        return LetterEraser(self._letters, ledgers, selection)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Ended

    def list(self) -> list[Erasure]:
        """The latest first."""
        return self._book.list()
