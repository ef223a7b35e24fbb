"""What lies between the receivers and the store, of one signal."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.ledger import Ledger
from spanglass_collector.ingest.segments import Segment
from spanglass_collector.ingest.signals import Signal
from spanglass_collector.ingest.spool import Spool, SpoolLimits
from spanglass_collector.ingest.writer import Writer
from spanglass_collector.settings import Settings
from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory


@dataclass
class Hooks:
    """Points at which tests interfere.

    Attributes:
        after_sync: called between a request's sync and its answer.
        after_insert: called between a segment's insert and its entry in the accounts.
        after_finish: called between that entry and the segment's deletion.
        before_statement: called before each statement of a migration.
    """

    after_sync: Callable[[], None] | None = None
    after_insert: Callable[[Segment], None] | None = None
    after_finish: Callable[[Segment], None] | None = None
    before_statement: Callable[[str], None] | None = None


class Queue:
    """What a signal has on disk before the store: its accounts and its spool.

    Args:
        directory: where.
        signal: whose.
        dead_letters: for what was damaged on the disk.
        limits: of the spool.
        after_sync: called between a request's sync and its answer.

    Raises:
        StoreError: if what is there can't be read.
    """

    def __init__(
        self,
        directory: DataDirectory,
        signal: Signal,
        dead_letters: DeadLetters,
        limits: SpoolLimits | None = None,
        after_sync: Callable[[], None] | None = None,
    ) -> None:
        self.ledger = Ledger(directory.path / signal.ledger)

        def committed(items: int) -> None:
            self.ledger.spooled(items)
            if after_sync is not None:
                after_sync()

        damaged = 0

        def quarantine(segment: int, body: bytes, items: int) -> None:
            nonlocal damaged
            reason = f"Damaged on the disk in segment {segment}, before it could be stored."
            dead_letters.put(signal, segment, "", body, items, reason, damaged=True)
            damaged += items

        finished = self.ledger.finished
        self.spool = Spool(directory.spool, signal, limits, committed, finished, quarantine)
        if damaged:
            self.ledger.damaged(damaged)
        self.ledger.forget(*finished)

    def close(self) -> None:
        """Takes no more; keeps what was counted."""
        self.spool.close()
        self.ledger.close()


class Pipeline:
    """The way of one signal from the receivers' hands into the store.

    Args:
        signal: what goes through.
        settings: sizes, ages and the number of writers.
        directory: where its queue is.
        store: where it goes, as the owner.
        dead_letters: for what can't be stored.
        hooks: for tests.

    Raises:
        StoreError: if what is on disk can't be read.
    """

    def __init__(
        self,
        signal: Signal,
        settings: Settings,
        directory: DataDirectory,
        store: Store,
        dead_letters: DeadLetters,
        hooks: Hooks,
    ) -> None:
        limits = SpoolLimits(
            segment_bytes=min(SpoolLimits.segment_bytes, settings.insert_bytes),
            segment_items=signal.batch,
            insert_bytes=settings.insert_bytes,
            segment_age_s=settings.segment_age_ms / 1000,
            total_bytes=settings.spool_bytes,
            free_bytes=settings.min_free_bytes,
        )
        self.signal = signal
        self.queue = Queue(directory, signal, dead_letters, limits, hooks.after_sync)
        self.ledger, self.spool = self.queue.ledger, self.queue.spool
        self.writer = Writer(
            store,
            self.spool,
            self.ledger,
            dead_letters,
            settings.writers,
            hooks.after_insert,
            hooks.after_finish,
        )

    @property
    def backlog(self) -> int:
        """How many items wait for the writers; what the slow lane has is none of them."""
        return self.spool.items - self.writer.slow_lane.items

    def drain(self, deadline: float) -> None:
        """Stores what is spooled as far as the time allows; the rest is stored next time.

        Args:
            deadline: until when, on the monotonic clock.
        """
        self.spool.close()
        # What the slow lane has would not be settled in time.
        while not self.writer.idle and time.monotonic() < deadline - 2.0:
            time.sleep(0.02)
        self.writer.stop(max(0.1, deadline - time.monotonic()))
        self.ledger.close()
