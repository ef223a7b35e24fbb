"""Puts segments of the spool into ClickHouse, a few in one insert, until it has them.

A fault that may pass is tried again for ever. After an insert whose outcome is unknown the same
rows go in under a new token: ClickHouse's own deduplication can lose a part of an insert that
was cut off, and the rows' key makes them once anyway. A segment that ClickHouse refuses goes in
without unknown fields, or is halved until the items that it can't take are alone; they become
dead letters. Where it refuses
even an insert without rows, the fault is the table's or the user's, and the segment waits.
"""

import logging
import math
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from spanglass_collector.ingest import tree, wire
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.ledger import Ledger
from spanglass_collector.ingest.segments import Segment
from spanglass_collector.ingest.signals import RESOURCE, Signal
from spanglass_collector.ingest.spool import Spool
from spanglass_collector.ingest.unknown import without_unknown
from spanglass_store.bulk import BulkInsert
from spanglass_store.client import Store
from spanglass_store.errors import QueryRefused, StoreError, StoreOverloaded, StoreUnavailable

log = logging.getLogger(__name__)

#: First and longest pause after a fault that may pass, in seconds.
_PAUSES: Final = (0.2, 10.0)
#: Tries of an insert that takes too much memory or time, before it is halved; and of one that
#: can't be halved, before it is a dead letter, since somebody else may use the memory up.
_OVERLOADED_TRIES: Final = (3, 8)
#: A body, in bytes, that any working ClickHouse has room for: if it has none, that will pass.
_ALWAYS_FITS: Final = 256 << 10
#: How long it counts that the table took an insert, in seconds: halving refuses many times.
_ASK_EVERY_S: Final = 1.0
#: One block an insert: what a block holds is stored whole or not at all.
_ONE_BLOCK: Final = 1 << 30
_SETTINGS: Final = {
    "max_insert_block_size": _ONE_BLOCK,
    "min_insert_block_size_rows": _ONE_BLOCK,
    "min_insert_block_size_bytes": _ONE_BLOCK,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 0,
    # Duplicates inside one batch are rare; merges and FINAL remove them.
    "optimize_on_insert": 0,
    "async_insert": 0,
}


@dataclass
class WriterStats:
    """What the writers did, for the metrics.

    Attributes:
        inserts: statements that succeeded.
        retries: statements that failed and were tried again.
        last_error: what the last failed one said; empty while all is well.
    """

    inserts: int = 0
    retries: int = 0
    last_error: str = ""


class Stopped(Exception):
    """The writer was told to stop in the middle of its tries."""


class Writer:
    """A few threads that store the segments of one signal.

    Args:
        store: where to, as the owner.
        spool: where from.
        ledger: the accounts.
        dead_letters: for what can't be stored.
        threads: inserts at a time. ClickHouse decodes on one core an insert.
        after_insert: for tests: called with a segment between its insert and the accounts.
        after_finish: for tests: called with a segment between the accounts and its deletion.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        ledger: Ledger,
        dead_letters: DeadLetters,
        threads: int = 2,
        after_insert: Callable[[Segment], None] | None = None,
        after_finish: Callable[[Segment], None] | None = None,
    ) -> None:
        self._spool = spool
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._after_insert = after_insert
        self._after_finish = after_finish
        self._stop = threading.Event()
        self._took_inserts = -math.inf
        self.stats = WriterStats()
        self._signal = spool.signal
        statement = self._signal.decoder.insert(store.database)
        self._bulk_insert = BulkInsert(store.endpoint, statement, _SETTINGS)
        self._threads = [
            threading.Thread(target=self._run, name=f"writer-{n}", daemon=True)
            for n in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ends after the inserts that are under way; what is not stored stays in the spool."""
        self._stop.set()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while not self._stop.is_set():
            first = self._spool.take(self._stop.is_set)
            if first is None:
                return
            left = [first, *self._spool.take_more(first)]
            try:
                self._store(left)
            except Stopped:
                pass
            except Exception as error:
                # The segments are safe in the spool; a writer that ended here would be missed.
                self.stats.last_error = str(error)
                log.exception("segment %d has to wait", left[0].number)
                self._stop.wait(1.0)
            for segment in left:
                self._spool.give_back(segment)

    def _store(self, left: list[Segment]) -> None:
        """Stores segments: together, or each by itself if ClickHouse does not take that.

        Args:
            left: the segments; what is stored leaves the list.

        Raises:
            Stopped: if we are to stop first.
        """
        if len(left) > 1:
            try:
                together = b"".join(segment.read() for segment in left)
                self._insert(together, sum(segment.items for segment in left))
            except (OSError, QueryRefused, StoreOverloaded) as error:
                log.warning("%d segments go in one by one: %s", len(left), error)
            else:
                self._finish(left, 0)
                left.clear()
        while left:
            dead = self._insert_or_halve(left[0], left[0].read())
            self._finish(left[:1], dead)
            left.pop(0)

    def _finish(self, segments: list[Segment], dead: int) -> None:
        """Says so in the accounts, as soon as the disk takes it, and deletes the segments.

        Raises:
            Stopped: if we are to stop first.
        """
        numbers = [segment.number for segment in segments]
        for segment in segments:
            if self._after_insert is not None:
                self._after_insert(segment)
        while True:
            try:
                items = sum(segment.items for segment in segments)
                self._ledger.finish(numbers, items - dead, dead)
                break
            except OSError as error:
                self.stats.last_error = str(error)
                log.error("segments %s are stored and can't be finished: %s", numbers, error)
                if self._stop.wait(1.0):
                    raise Stopped from error
        for segment in segments:
            if self._after_finish is not None:
                self._after_finish(segment)
            try:
                self._spool.drop(segment)
            except OSError as error:
                log.error("segment %d is stored and can't be deleted: %s", segment.number, error)
            else:
                self._ledger.forget(segment.number)

    def _insert_or_halve(self, segment: Segment, body: bytes) -> int:
        """Stores what can be stored; the number of items that became dead letters."""
        waiting = [(body, segment.items)]
        dead = 0
        searched = False
        while waiting:
            body, items = waiting.pop()
            try:
                self._insert(body, items)
            except (QueryRefused, StoreOverloaded) as error:
                if isinstance(error, QueryRefused) and not searched:
                    searched = True
                    cleaned = _cleaned(body, self._signal)
                    if cleaned is not body:
                        log.warning("segment %d goes in without unknown fields", segment.number)
                        waiting.append((cleaned, items))
                        continue
                halves = tree.halve(body, self._signal.path)
                if halves:
                    waiting.extend((half, self._signal.count(half)) for half in reversed(halves))
                    continue
                dead += items
                self._dead_letters.put(self._signal, segment.number, body, items, str(error))
                name = self._signal.items
                log.error("ClickHouse refused %d %s for ever: %s", items, name, error)
        return dead

    def _insert(self, body: bytes, items: int) -> None:
        """One insert, tried until its outcome is known.

        Raises:
            QueryRefused: if ClickHouse can't take these rows.
            StoreOverloaded: if it can't take as many at once.
            Stopped: if we are to stop first.
        """
        pause, longest = _PAUSES
        overloaded = 0
        while True:
            problem: StoreError
            try:
                written = self._bulk_insert(body, token=str(uuid.uuid4()))
                # Rows that arrived are counted, and the same rows where the view has stored them.
                if written >= 2 * items:
                    self.stats.inserts += 1
                    self.stats.last_error = ""
                    return
                problem = StoreUnavailable(f"ClickHouse wrote {written} rows for {items}.")
            except QueryRefused as error:
                if self._takes_inserts():
                    raise
                problem = error
            except StoreOverloaded as error:
                overloaded += 1
                if overloaded >= _OVERLOADED_TRIES[items == 1] and len(body) > _ALWAYS_FITS:
                    raise
                problem = error
            except StoreError as error:
                problem = error
            self.stats.retries += 1
            self.stats.last_error = str(problem)
            log.warning("storing %d bytes has to wait: %s", len(body), problem)
            # Jitter, so that several writers do not come back as one.
            if self._stop.wait(pause * random.uniform(0.5, 1.0)):  # noqa: S311
                raise Stopped from problem
            pause = min(pause * 2, longest)

    def _takes_inserts(self) -> bool:
        """Whether an insert without rows succeeds: then a refusal was for the rows' sake."""
        now = time.monotonic()
        if now - self._took_inserts < _ASK_EVERY_S:
            return True
        try:
            self._bulk_insert(wire.field(RESOURCE, b""), token=str(uuid.uuid4()))
        except StoreError:
            return False
        self._took_inserts = now
        return True


def _cleaned(body: bytes, signal: Signal) -> bytes:
    """`body` without unknown fields, or as it is where that can't be found out."""
    try:
        return without_unknown(body, signal)
    except Exception:
        log.exception("a refused segment can't be searched for unknown fields")
        return body
