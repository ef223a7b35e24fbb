"""The accounts of a signal's items.

received = stored + rejected + dead-lettered + sampled out + spooled, in items: spans, for traces.

The durable part is one small file. Writing it is what makes a segment stored: it names the
segment as finished before the segment's file is deleted, so that a crash in between stores
nothing twice and counts nothing twice.
"""

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from spanglass_collector.ingest.segments import LAST_NUMBER
from spanglass_store.data_directory import write_private
from spanglass_store.errors import StoreError

log = logging.getLogger(__name__)

#: More than can ever be counted.
_MOST: Final = 1 << 62


@dataclass(frozen=True)
class Account:
    """The terms of the identity, in items (spans, for traces); what was rejected by reason, too."""

    received: int
    stored: int
    rejected: int
    dead_lettered: int
    sampled_out: int
    spooled: int
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return self.received == (
            self.stored + self.rejected + self.dead_lettered + self.sampled_out + self.spooled
        )


@dataclass
class _Totals:
    received: int = 0
    stored: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    dead_lettered: int = 0
    sampled_out: int = 0
    spooled: int = 0


class Ledger:
    """The accounts of one signal, in memory and on disk. Safe to share between threads.

    Every method moves items from one term to another under one lock, so the identity holds at
    every moment that `account` can see.

    Args:
        path: the file.

    Raises:
        StoreError: if the file is there and can't be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        # One writes the file at a time, and nobody waits for the disk to read or to count.
        self._saving = threading.Lock()
        self._totals = _Totals()
        self._finished: set[int] = set()
        self._last = 0
        if path.exists():
            self._load()

    def _load(self) -> None:
        try:
            stored: dict[str, Any] = json.loads(self._path.read_text())
            totals = self._totals
            totals.stored = _count(stored["stored"])
            totals.rejected = Counter({str(k): _count(v) for k, v in stored["rejected"].items()})
            totals.dead_lettered = _count(stored["dead_lettered"])
            totals.sampled_out = _count(stored["sampled_out"])
            self._finished = {_count(n, LAST_NUMBER) for n in stored["finished"]}
            self._last = max(self._finished, default=0)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(
                f"{self._path} can't be read as the accounts of a spool. Restore it from a backup,"
                " or move it away: then counting begins anew, and no span is lost."
            ) from error
        totals.received = (
            totals.stored + totals.rejected.total() + totals.dead_lettered + totals.sampled_out
        )

    def _save(self, change: Callable[[_Totals], None], segments: Iterable[int] = ()) -> None:
        """Makes a change durable, then visible: where the disk fails nothing has changed.

        Args:
            change: what happens to the totals.
            segments: those that are finished by it.

        Raises:
            OSError: if the disk does not take it.
        """
        with self._saving:
            with self._lock:
                totals = replace(self._totals, rejected=self._totals.rejected.copy())
                finished = self._finished.union(segments)
            change(totals)
            # The highest number stays, so that no number is used twice.
            last = max(self._last, max(finished, default=0))
            write_private(self._path, _written(totals, finished | {last}))
            with self._lock:
                change(self._totals)
                self._last = last
                self._finished.update(segments)

    @property
    def finished(self) -> frozenset[int]:
        """Segments that are stored and whose file may still be there."""
        return frozenset(self._finished | {self._last})

    def rejected(self, reasons: Counter[str]) -> None:
        """Items that were received and refused."""
        with self._lock:
            self._totals.received += reasons.total()
            self._totals.rejected += reasons

    def spooled(self, items: int) -> None:
        """Items that were received and are on disk, now or since before a restart."""
        with self._lock:
            self._totals.received += items
            self._totals.spooled += items

    def finish(self, segments: Collection[int], stored: int, dead: int) -> None:
        """The items of segments are in the store or in dead letters; durable when this returns.

        Raises:
            OSError: if the disk does not take it. Then nothing has changed.
        """

        def change(totals: _Totals) -> None:
            totals.spooled -= stored + dead
            totals.stored += stored
            totals.dead_lettered += dead

        self._save(change, segments)

    def damaged(self, items: int) -> None:
        """Items that were received before a restart and could not be read after it.

        Raises:
            OSError: if the disk does not take it.
        """

        def change(totals: _Totals) -> None:
            totals.received += items
            totals.dead_lettered += items

        self._save(change)

    def forget(self, *segments: int) -> None:
        """The files of finished segments are gone. Durable with the next change."""
        with self._lock:
            self._finished.difference_update(segments)

    def revived(self, items: int) -> None:
        """Dead letters that were spooled again: they were received once."""

        def change(totals: _Totals) -> None:
            # Fewer where a crash left behind letters that had been counted back already.
            counted = min(items, totals.dead_lettered)
            totals.dead_lettered -= counted
            totals.received -= counted

        self._save(change)

    def discarded(self, items: int, reason: str = "discarded") -> None:
        """Dead letters that nobody wants: refused after all, and for good.

        Args:
            items: how many.
            reason: what they count as.

        Raises:
            OSError: if the disk does not take it.
        """

        def change(totals: _Totals) -> None:
            # As with `revived`.
            counted = min(items, totals.dead_lettered)
            totals.dead_lettered -= counted
            totals.rejected[reason] += counted

        self._save(change)

    def close(self) -> None:
        """Keeps what was counted since the last segment."""
        try:
            self._save(lambda totals: None)
        except OSError as error:
            log.warning("%s can't be written: %s", self._path, error)

    def copy(self, dead_lettered: int) -> str:
        """The file of a copy of the data: what is spooled now is not in it.

        Args:
            dead_lettered: items of the dead letters in it.
        """
        with self._lock:
            totals = replace(self._totals, dead_lettered=dead_lettered)
            return _written(totals, {max(self._finished, default=self._last), self._last})

    def account(self) -> Account:
        with self._lock:
            totals = self._totals
            return Account(
                totals.received,
                totals.stored,
                totals.rejected.total(),
                totals.dead_lettered,
                totals.sampled_out,
                totals.spooled,
                dict(totals.rejected),
            )


def _written(totals: _Totals, finished: set[int]) -> str:
    """What stands in the file; segments are numbered from 1."""
    return json.dumps({
        "stored": totals.stored,
        "rejected": totals.rejected,
        "dead_lettered": totals.dead_lettered,
        "sampled_out": totals.sampled_out,
        "finished": sorted(finished - {0}),
    })  # fmt: skip


def _count(value: object, most: int = _MOST) -> int:
    """A number of the file.

    Raises:
        ValueError: if it is none that was ever written there.
    """
    # `bool` is an `int`, and `1e400` an infinite `float`.
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{value!r} is no count")
    return value
