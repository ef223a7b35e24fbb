"""Puts segments of the spool into ClickHouse, a few in one insert, until it has them.

A segment that ClickHouse refuses, or has no room for, goes to the slow lane, so that those behind
it need not wait for what becomes of it.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.inserts import Inserts, InsertStats, Stopped
from spanglass_collector.ingest.ledger import Ledger
from spanglass_collector.ingest.search import Case
from spanglass_collector.ingest.segments import Segment
from spanglass_collector.ingest.slow_lane import SlowLane
from spanglass_collector.ingest.spool import Spool
from spanglass_store.client import Store
from spanglass_store.errors import QueryRefused, StoreOverloaded

log = logging.getLogger(__name__)

#: Seconds that the slow lane's insert under way is waited for at the end.
_SLOW_LANE_ENDS_S = 1.0


@dataclass
class _Load:
    """A segment on its way, whole or without what the slow lane has of it.

    Attributes:
        segment: which.
        body: what is to be stored; None until it is read.
        case: the slow lane's, if it has a part of it.
    """

    segment: Segment
    body: bytes | None = None
    case: Case | None = None


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
        self._after_insert = after_insert
        self._after_finish = after_finish
        self._stop = threading.Event()
        self._inserts = Inserts(store, spool.signal, self._stop)
        self.slow_lane = SlowLane(
            spool,
            self._inserts,
            dead_letters,
            lambda segment, dead: self._finish([segment], dead),
            self._stop,
        )
        self._threads = [
            threading.Thread(target=self._run, name=f"writer-{n}", daemon=True)
            for n in range(threads)
        ]

    @property
    def stats(self) -> InsertStats:
        """What became of inserts."""
        return self._inserts.stats

    @property
    def idle(self) -> bool:
        """Whether there is nothing left but what the slow lane has."""
        return self._spool.items == self.slow_lane.items

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self.slow_lane.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ends after the inserts that are under way; what is not stored stays in the spool."""
        self._stop.set()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.slow_lane.join(min(_SLOW_LANE_ENDS_S, max(0.0, deadline - time.monotonic())))

    def _run(self) -> None:
        while not self._stop.is_set():
            first = self._spool.take(self._stop.is_set)
            if first is None:
                return
            left = [_Load(each) for each in (first, *self._spool.take_more(first))]
            try:
                self._store(left)
            except Stopped:
                pass
            except Exception as error:
                # The segments are safe in the spool; a writer that ended here would be missed.
                self.stats.last_error = str(error)
                log.exception("segment %d has to wait", left[0].segment.number)
                self._stop.wait(1.0)
            for load in left:
                if load.case is None:
                    self._spool.give_back(load.segment)
                else:
                    self.slow_lane.put_rest(load.case)

    def _store(self, left: list[_Load]) -> None:
        """Stores segments: together, or each by itself if ClickHouse does not take that.

        Args:
            left: the segments; what is stored or in the slow lane leaves the list.

        Raises:
            Stopped: if we are to stop first.
        """
        if len(left) > 1:
            try:
                together = b"".join(self._read(load) for load in left)
                self._inserts(together, self._items(left))
            except (OSError, QueryRefused, StoreOverloaded) as error:
                log.warning("%d segments go in one by one: %s", len(left), error)
            else:
                self._settle(left)
                return
        while left:
            load = left[0]
            try:
                body = self._read(load)
                if body:
                    self._inserts(body, self._items([load]))
            except (QueryRefused, StoreOverloaded) as error:
                log.warning("segment %d goes to the slow lane: %s", load.segment.number, error)
                if load.case is None:
                    self.slow_lane.put(load.segment)
                else:
                    self.slow_lane.put_rest(load.case)
            else:
                self._settle([load])
            left.pop(0)

    def _read(self, load: _Load) -> bytes:
        """What is to be stored of a segment, without what the slow lane takes over at once.

        Raises:
            OSError: if it can't be read.
        """
        if load.body is None:
            body = load.segment.read()
            parted = self.slow_lane.take_apart(load.segment, body)
            load.case, load.body = parted or (None, body)
        return load.body

    def _items(self, loads: list[_Load]) -> int:
        return sum(
            load.segment.items if load.case is None else self._spool.signal.count(load.body or b"")
            for load in loads
        )

    def _settle(self, loads: list[_Load]) -> None:
        """Finishes segments that are stored; those are whole, and there may be none.

        Raises:
            Stopped: if we are to stop before the accounts take it.
        """
        whole = [load.segment for load in loads if load.case is None]
        if whole:
            self._finish(whole, 0)
        for load in loads:
            if load.case is not None:
                self.slow_lane.settle(load.case)
        loads.clear()

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
