"""The durable queue between receivers and store: segments of accepted requests on disk.

Requests that arrive together are written and synced together (group commit). A request counts as
accepted when its bytes are on disk.
"""

import contextlib
import errno
import logging
import queue
import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spanglass_collector.ingest.recovery import Quarantine, recover, unrecoverable
from spanglass_collector.ingest.segments import OpenSegment, Segment, SegmentName
from spanglass_collector.ingest.shares import Shares
from spanglass_collector.ingest.signals import Signal

log = logging.getLogger(__name__)


#: Bytes up to which a segment's room is made ahead, by what the one before took. Larger ones come
#: from senders that want throughput, which writing everything twice would cost.
_LARGEST_ROOM: Final = 4 << 20


class SpoolFull(Exception):
    """Nothing can be accepted for now; the message says what is used up."""


@dataclass(frozen=True)
class SpoolLimits:
    """When a segment is sealed, and when the spool takes no more.

    Attributes:
        segment_bytes: a segment is sealed at this size.
        segment_items: or at this number of items.
        insert_bytes: segments are stored together up to this size.
        insert_items: and up to this number of items.
        segment_age_s: or this long after its first request, in seconds.
        total_bytes: bytes of all segments beyond which nothing is accepted.
        free_bytes: free space on the disk below which nothing is accepted.
        pending_bytes: bytes waiting for the disk beyond which nothing is accepted.
    """

    segment_bytes: int = 8 << 20
    segment_items: int = 10_000
    insert_bytes: int = 32 << 20
    insert_items: int = 50_000
    segment_age_s: float = 0.4
    total_bytes: int = 4 << 30
    free_bytes: int = 256 << 20
    pending_bytes: int = 128 << 20


@dataclass
class _Request:
    parts: list[bytes]
    items: int
    size: int
    done: Future[None]
    owner: str


class Spool:
    """The spool of one signal in one data directory.

    Args:
        folder: where the segments lie; spools of several signals can share it.
        signal: what its requests carry.
        limits: sizes and ages.
        on_commit: called with the number of items of requests that are on disk, before anybody
            else can see them.
        finished: numbers of segments that are stored already, though their file may still be
            there: it is deleted instead of being stored a second time.
        quarantine: keeps what was damaged on the disk.

    Raises:
        StoreError: if the folder holds segments of a newer version, or damaged ones and there is no
            quarantine.
    """

    def __init__(
        self,
        folder: Path,
        signal: Signal,
        limits: SpoolLimits | None = None,
        on_commit: Callable[[int], None] = lambda items: None,
        finished: Collection[int] = (),
        quarantine: Quarantine = unrecoverable,
    ) -> None:
        self._folder = folder
        self.signal = signal
        self._on_commit = on_commit
        self.limits = limits or SpoolLimits()
        self._lock = threading.Lock()
        found = recover(folder, signal, finished, quarantine)
        self._sealed = deque(found.segments)
        self._available = threading.Condition(self._lock)
        self._idle_takers = 0
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._pending_bytes = 0
        self._shares = Shares()
        # What a segment holds of each project; of segments from before the start nobody knows.
        self._owned: dict[int, Counter[str]] = {}
        #: Requests that were refused because a project had its share, by project.
        self.refused_shares: Counter[str] = Counter()
        self._bytes = sum(segment.size for segment in found.segments)
        self._items = sum(segment.items for segment in found.segments)
        self._open: OpenSegment | None = None
        # The next segment, while it is made or waits, and its number.
        self._ahead: tuple[int, Future[OpenSegment]] | None = None
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="spool-ahead")
        self._room = 0
        self._closed = False
        self._free_checked = 0.0
        self._enough_free = True
        self._next = found.last + 1
        if self._items:
            on_commit(self._items)
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    # -- accepting ---------------------------------------------------------------------------

    def append(self, parts: list[bytes], items: int, owner: str = "") -> Future[None]:
        """Queues the fields of one request; the future is done when they are on disk.

        Args:
            parts: framed fields `RESOURCE`.
            items: how many items they hold.
            owner: the project that they count for; the spool is shared fairly. Empty for none.

        Raises:
            SpoolFull: at once, if a limit is reached. The future fails with it, if the disk is.
        """
        size = sum(map(len, parts))
        with self._lock:
            if self._closed:
                raise SpoolFull("the service is stopping")
            if self._bytes + self._pending_bytes + size > self.limits.total_bytes:
                raise SpoolFull("the spool is full: the store takes less than what arrives")
            free = self.limits.total_bytes - self._bytes - self._pending_bytes
            if owner and not self._shares.fits(owner, size, free):
                self.refused_shares[owner] += 1
                raise SpoolFull(f"the project {owner!r} has its share of the spool in it already")
            if self._pending_bytes + size > self.limits.pending_bytes and self._pending_bytes:
                raise SpoolFull("too much waits for the disk")
            if not self._has_room():
                raise SpoolFull("the disk of the data directory is nearly full")
            self._pending_bytes += size
            if owner:
                self._shares.take(owner, size)
            request = _Request(parts, items, size, Future(), owner)
            # Under the lock, so that nothing comes behind the end that `close` queues.
            self._queue.put(request)
        return request.done

    def _has_room(self) -> bool:
        now = time.monotonic()
        if now - self._free_checked > 0.25:
            self._free_checked = now
            self._enough_free = shutil.disk_usage(self._folder).free >= self.limits.free_bytes
        return self._enough_free

    @property
    def items(self) -> int:
        """Items that are on disk here and not in the store."""
        return self._items

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return self._bytes

    @property
    def segments(self) -> int:
        """Segments that wait for the writer."""
        return len(self._sealed)

    # -- the thread that writes --------------------------------------------------------------

    def _run(self) -> None:
        while True:
            batch = self._collect()
            if batch is None:
                break
            if batch:
                self._commit(batch)
            self._seal_if_due()
        with self._lock:
            self._seal()
        if self._ahead is not None:
            with contextlib.suppress(OSError):
                self._ahead[1].result().discard()
        self._maker.shutdown()

    def _collect(self) -> list[_Request] | None:
        """What waits now; an empty list when a segment may be due; None at the end."""
        wait = None
        if self._open is not None and self._open.items:
            wait = max(0.0, self._open.since + self.limits.segment_age_s - time.monotonic())
        try:
            first = self._queue.get(timeout=wait)
        except queue.Empty:
            return []
        if first is None:
            return None
        batch, size = [first], first.size
        while size < self.limits.segment_bytes:
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                break
            if request is None:
                self._queue.put(None)
                break
            batch.append(request)
            size += request.size
        return batch

    def _commit(self, batch: list[_Request]) -> None:
        size = sum(request.size for request in batch)
        items = sum(request.items for request in batch)
        written = 0
        problem: Exception | None = None
        try:
            if self._open is None:
                self._open = self._next_segment()
            if self._open.items == 0:
                self._open.since = time.monotonic()
            written = self._open.append(
                [part for request in batch for part in request.parts], items
            )
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            log.warning("the spool can't be written: %s", error.strerror)
            problem = SpoolFull(
                "the disk of the data directory is full" if full else f"the disk failed: {error}"
            )
            self._after_failure()
        with self._lock:
            self._pending_bytes -= size
            owned: Counter[str] = Counter()
            for request in batch:
                if request.owner:
                    owned[request.owner] += request.size
            if problem is not None or self._open is None:
                self._shares.give_back(owned)
            elif owned:
                self._owned.setdefault(self._open.number, Counter()).update(owned)
            if problem is None:
                self._bytes += written
                self._items += items
                self._on_commit(items)
        for request in batch:
            if request.done.set_running_or_notify_cancel():
                if problem is None:
                    request.done.set_result(None)
                else:
                    request.done.set_exception(problem)

    def _next_segment(self) -> OpenSegment:
        """The one that was made ahead, or a new one; begins to make the one behind it.

        Raises:
            OSError: if the disk does not take it.
        """
        segment: OpenSegment | None = None
        with self._lock:
            ahead, self._ahead = self._ahead, None
        if ahead is not None:
            try:
                segment = ahead[1].result()
            except OSError as error:
                log.debug("no segment was made ahead: %s", error)
        if segment is None:
            with self._lock:
                number = self._number()
            segment = OpenSegment(self._folder, number, self.signal.name)
        room = self._room if self._room <= _LARGEST_ROOM else 0
        with self._lock:
            number = self._number()
            made = self._maker.submit(OpenSegment, self._folder, number, self.signal.name, room)
            self._ahead = number, made
        return segment

    def _number(self) -> int:
        """The next number. One that was tried is used up: its file may be there after all."""
        self._next += 1
        return self._next - 1

    def _after_failure(self) -> None:
        """Leaves a segment that failed once; after a failed sync nobody can trust its end."""
        with self._lock:
            if self._open is not None and self._open.items:
                self._seal()
            elif self._open is not None:
                self._open.discard()
                self._open = None

    def _seal_if_due(self) -> None:
        with self._lock:
            current = self._open
            if current is None or not current.items:
                return
            large = (
                current.size >= self.limits.segment_bytes
                or current.items >= self.limits.segment_items
            )
            old = time.monotonic() - current.since >= self.limits.segment_age_s
            if large or (old and (self._idle_takers or not self._sealed)):
                self._seal()
            elif old:
                current.since = time.monotonic() - self.limits.segment_age_s * 0.75

    def _seal(self) -> None:
        if self._open is None:
            return
        if self._open.items:
            # A quarter more than this one took, for what varies.
            self._room = self._open.size * 5 // 4
            self._sealed.append(self._open.seal())
            self._available.notify()
        else:
            self._open.discard()
        self._open = None

    # -- the writer's side -------------------------------------------------------------------

    def take(self, stop: Callable[[], bool]) -> Segment | None:
        """The oldest sealed segment; waits for one; None when `stop` says so."""
        with self._lock:
            self._idle_takers += 1
            try:
                while not self._sealed:
                    if stop():
                        return None
                    self._available.wait(0.2)
                return self._sealed.popleft()
            finally:
                self._idle_takers -= 1

    def take_more(self, first: Segment) -> list[Segment]:
        """Those that may be stored in one insert with a segment: large ones cost less an item."""
        taken = []
        size, items = first.size, first.items
        with self._lock:
            while self._sealed:
                size += self._sealed[0].size
                items += self._sealed[0].items
                if size > self.limits.insert_bytes or items > self.limits.insert_items:
                    break
                taken.append(self._sealed.popleft())
        return taken

    def give_back(self, segment: Segment) -> None:
        """Puts a segment that was taken and not stored behind the others.

        The order does not matter, and one that can't be read must not keep the others waiting.
        """
        with self._lock:
            self._sealed.append(segment)

    def drop(self, segment: Segment) -> None:
        """Deletes a segment that is stored.

        Raises:
            OSError: if its file can't be deleted. It counts as gone nevertheless: the next start
                finds it among the finished ones and deletes it then.
        """
        with self._lock:
            self._bytes -= segment.size
            self._items -= segment.items
            self._shares.give_back(self._owned.pop(segment.number, {}))
        segment.path.unlink(missing_ok=True)

    def mark(self) -> int:
        """A number: what was accepted until now is in segments of smaller ones."""
        with self._lock:
            # The one that is made ahead has nothing in it yet.
            return self._ahead[0] if self._ahead is not None else self._next

    def has_before(self, mark: int) -> bool:
        """Whether there is still a file with something that was accepted before a mark."""
        found = (SegmentName.of(path.name) for path in self._folder.iterdir())
        return any(
            each is not None and each.signal == self.signal.name and each.number < mark
            for each in found
        )

    @property
    def empty(self) -> bool:
        """Whether everything that was accepted has been stored."""
        with self._lock:
            return not self._items and not self._pending_bytes

    def close(self) -> None:
        """Writes what waits, seals the segment and takes no more."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join()
