"""One insert, tried until its outcome is known.

A fault that may pass is tried again for ever. After an insert whose outcome is unknown the same
rows go in under a new token: ClickHouse's own deduplication can lose a part of an insert that
was cut off, and the rows' key makes them once anyway. Where ClickHouse refuses even an insert
without rows, the fault is the table's or the user's, and the rows wait.
"""

import logging
import math
import random
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Final

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.signals import RESOURCE, Signal
from spanglass_store.bulk import BulkInsert
from spanglass_store.client import Store
from spanglass_store.errors import QueryRefused, StoreError, StoreOverloaded, StoreUnavailable

log = logging.getLogger(__name__)

#: First and longest pause after a fault that may pass, in seconds.
_PAUSES: Final = (0.2, 10.0)
#: A body, in bytes, that any working ClickHouse has room for: if it has none, that will pass.
_ALWAYS_FITS: Final = 256 << 10
#: How long it counts that the table took an insert, in seconds: halving refuses many times.
_ASK_EVERY_S: Final = 1.0
#: Days that one insert may span: each is a partition, which gets a part of its own.
MOST_DAYS: Final = 50
#: ClickHouse's error for that, and for parts that are too many already, which merges mend.
_TOO_MANY_PARTS: Final = 252
#: One block an insert: what a block holds is stored whole or not at all.
_ONE_BLOCK: Final = 1 << 30
_SETTINGS: Final = {
    "max_insert_block_size": _ONE_BLOCK,
    "min_insert_block_size_rows": _ONE_BLOCK,
    "min_insert_block_size_bytes": _ONE_BLOCK,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": MOST_DAYS,
    "throw_on_max_partitions_per_insert_block": 1,
    # Duplicates inside one batch are rare; merges and FINAL remove them.
    "optimize_on_insert": 0,
    "async_insert": 0,
}


@dataclass
class InsertStats:
    """What became of inserts, for the metrics.

    Attributes:
        inserts: statements that succeeded.
        retries: statements that failed and were tried again, whole or in parts.
        refusals: statements that ClickHouse refused for their rows.
        last_error: what the last failed one said; empty while all is well.
    """

    inserts: int = 0
    retries: int = 0
    refusals: int = 0
    last_error: str = ""


class Stopped(Exception):
    """We were told to stop in the middle of our tries."""


class TooManyDays(QueryRefused):
    """The items of one insert are of more days than it may have."""


class Inserts:
    """Inserts of one signal. Safe to share between threads.

    Args:
        store: where to, as the owner.
        signal: what is inserted.
        stop: ends the tries.
    """

    def __init__(self, store: Store, signal: Signal, stop: threading.Event) -> None:
        statement = signal.decoder.insert(store.database)
        self._insert = BulkInsert(store.endpoint, statement, _SETTINGS)
        self._stop = stop
        self._took_inserts = -math.inf
        self.stats = InsertStats()

    def __call__(self, body: bytes, items: int) -> None:
        """Stores the items of a request.

        Raises:
            QueryRefused: if ClickHouse can't take these rows.
            TooManyDays: if it could take them, in several inserts.
            StoreOverloaded: if it can't take as many at once. Not raised for a body so small that
                the cause lies elsewhere.
            Stopped: if we are to stop first.
        """
        pause, longest = _PAUSES
        while True:
            problem: StoreError
            try:
                written = self._insert(body, token=str(uuid.uuid4()))
                # Rows that arrived are counted, and the same rows where the view has stored them.
                if written >= 2 * items:
                    self.stats.inserts += 1
                    self.stats.last_error = ""
                    return
                problem = StoreUnavailable(f"ClickHouse wrote {written} rows for {items}.")
            except QueryRefused as error:
                if self._takes_inserts():
                    self.stats.refusals += 1
                    raise
                problem = error
            except StoreOverloaded as error:
                if len(body) > _ALWAYS_FITS:
                    self.stats.retries += 1
                    raise
                problem = error
            except StoreUnavailable as error:
                if error.code == _TOO_MANY_PARTS and "single INSERT block" in str(error):
                    self.stats.refusals += 1
                    raise TooManyDays(str(error), error.code) from error
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
            self._insert(wire.field(RESOURCE, b""), token=str(uuid.uuid4()))
        except StoreError:
            return False
        self._took_inserts = now
        return True
