"""The durable queue between receivers and store: segments of accepted requests on disk.

A segment is a file of `ResourceSpans` fields one after another, which is itself one valid trace
request, because protobuf merges repeated fields. So the log is the insert body, byte for byte.

    000000000042.v1.traces.open      the segment that is written to
    000000000041.v1.traces           sealed: waits for the writer

Requests that arrive together are written and synced together (group commit). A request counts as
accepted when its bytes are on disk; a torn end, left by a crash, was never acknowledged and is
cut off at the next start. The version in the name is that of the format.
"""

import contextlib
import errno
import logging
import os
import queue
import re
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import RESOURCE_SPANS
from spanglass_store.data_directory import sync_folder
from spanglass_store.errors import StoreError

log = logging.getLogger(__name__)

VERSION: Final = 1
_NAME: Final = re.compile(r"^(\d{12})\.v(\d+)\.traces(\.open)?$")


class SpoolFull(Exception):
    """Nothing can be accepted for now; the message says what is used up."""


@dataclass(frozen=True)
class SpoolLimits:
    """When a segment is sealed, and when the spool takes no more.

    Attributes:
        segment_bytes: a segment is sealed at this size.
        segment_spans: or at this number of spans.
        insert_bytes: segments are stored together up to this size.
        insert_spans: and up to this number of spans.
        segment_age_s: or this long after its first request, in seconds.
        total_bytes: bytes of all segments beyond which nothing is accepted.
        free_bytes: free space on the disk below which nothing is accepted.
        pending_bytes: bytes waiting for the disk beyond which nothing is accepted.
    """

    segment_bytes: int = 8 << 20
    segment_spans: int = 10_000
    insert_bytes: int = 32 << 20
    insert_spans: int = 50_000
    segment_age_s: float = 0.4
    total_bytes: int = 4 << 30
    free_bytes: int = 256 << 20
    pending_bytes: int = 128 << 20


@dataclass(frozen=True)
class Segment:
    """A sealed segment.

    Attributes:
        number: its place in the order; never used twice in a data directory.
        spans: how many it holds.
        size: in bytes.
    """

    number: int
    path: Path = field(compare=False)
    spans: int = field(compare=False)
    size: int = field(compare=False)

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            # What a failed write may have left behind it was never acknowledged.
            return file.read(self.size)


@dataclass
class _Request:
    parts: list[bytes]
    spans: int
    size: int
    done: Future[None]


class _Open:
    """The segment that is written to."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.path = folder / f"{number:012}.v{VERSION}.traces.open"
        self.handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            sync_folder(folder)
        except OSError:
            self.discard()
            raise
        self.size = 0
        self.spans = 0
        self.since = time.monotonic()

    def append(self, requests: list[_Request]) -> None:
        """Writes and syncs, or leaves the file as it was.

        Raises:
            OSError: if the disk does not take it.
        """
        try:
            for request in requests:
                for part in request.parts:
                    view = memoryview(part)
                    while view:
                        view = view[os.write(self.handle, view) :]
            os.fdatasync(self.handle)
        except OSError:
            os.ftruncate(self.handle, self.size)
            os.lseek(self.handle, self.size, os.SEEK_SET)
            raise
        self.size += sum(request.size for request in requests)
        self.spans += sum(request.spans for request in requests)

    def seal(self) -> Segment:
        """Closes the file. Its content is on disk; after a crash either name will do."""
        path = self.path
        try:
            os.close(self.handle)
            path = self.path.rename(self.path.with_suffix(""))
        except OSError as error:
            log.warning("%s keeps its name: %s", self.path.name, error)
        return Segment(self.number, path, self.spans, self.size)

    def discard(self) -> None:
        try:
            os.close(self.handle)
            self.path.unlink()
        except OSError as error:
            log.warning("%s stays, empty: %s", self.path.name, error)


class Spool:
    """The spool of one data directory.

    Args:
        folder: where the segments lie.
        limits: sizes and ages.
        on_commit: called with the number of spans of requests that are on disk, before anybody
            else can see them.
        finished: numbers of segments that are stored already, though their file may still be
            there: it is deleted instead of being stored a second time.

    Raises:
        StoreError: if the folder holds segments of a newer version.
    """

    def __init__(
        self,
        folder: Path,
        limits: SpoolLimits | None = None,
        on_commit: Callable[[int], None] = lambda spans: None,
        finished: Iterable[int] = (),
    ) -> None:
        self._folder = folder
        self._on_commit = on_commit
        self.limits = limits or SpoolLimits()
        self._lock = threading.Lock()
        self._sealed: deque[Segment] = deque()
        self._available = threading.Condition(self._lock)
        self._idle_takers = 0
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._pending_bytes = 0
        self._bytes = 0
        self._spans = 0
        self._open: _Open | None = None
        self._closed = False
        self._free_checked = 0.0
        self._enough_free = True
        self._next = 1
        self._recover(frozenset(finished))
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    # -- accepting ---------------------------------------------------------------------------

    def append(self, parts: list[bytes], spans: int) -> Future[None]:
        """Queues the fields of one request; the future is done when they are on disk.

        Args:
            parts: framed `ResourceSpans` fields.
            spans: how many spans they hold.

        Raises:
            SpoolFull: at once, if a limit is reached. The future fails with it, if the disk is.
        """
        size = sum(map(len, parts))
        with self._lock:
            if self._closed:
                raise SpoolFull("the service is stopping")
            if self._bytes + self._pending_bytes + size > self.limits.total_bytes:
                raise SpoolFull("the spool is full: the store takes less than what arrives")
            if self._pending_bytes + size > self.limits.pending_bytes and self._pending_bytes:
                raise SpoolFull("too much waits for the disk")
            if not self._has_room():
                raise SpoolFull("the disk of the data directory is nearly full")
            self._pending_bytes += size
            request = _Request(parts, spans, size, Future())
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
    def spans(self) -> int:
        """Spans that are on disk here and not in the store."""
        return self._spans

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

    def _collect(self) -> list[_Request] | None:
        """What waits now; an empty list when a segment may be due; None at the end."""
        wait = None
        if self._open is not None and self._open.spans:
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
        problem: Exception | None = None
        try:
            if self._open is None:
                # A number that was tried is used up: its file may be there after all.
                self._next += 1
                self._open = _Open(self._folder, self._next - 1)
            if self._open.spans == 0:
                self._open.since = time.monotonic()
            self._open.append(batch)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            log.warning("the spool can't be written: %s", error.strerror)
            problem = SpoolFull(
                "the disk of the data directory is full" if full else f"the disk failed: {error}"
            )
            self._after_failure()
        with self._lock:
            self._pending_bytes -= size
            if problem is None:
                spans = sum(request.spans for request in batch)
                self._bytes += size
                self._spans += spans
                self._on_commit(spans)
        for request in batch:
            if request.done.set_running_or_notify_cancel():
                if problem is None:
                    request.done.set_result(None)
                else:
                    request.done.set_exception(problem)

    def _after_failure(self) -> None:
        """Leaves a segment that failed once; after a failed sync nobody can trust its end."""
        with self._lock:
            if self._open is not None and self._open.spans:
                self._seal()
            elif self._open is not None:
                self._open.discard()
                self._open = None

    def _seal_if_due(self) -> None:
        with self._lock:
            current = self._open
            if current is None or not current.spans:
                return
            large = (
                current.size >= self.limits.segment_bytes
                or current.spans >= self.limits.segment_spans
            )
            old = time.monotonic() - current.since >= self.limits.segment_age_s
            if large or (old and (self._idle_takers or not self._sealed)):
                self._seal()
            elif old:
                current.since = time.monotonic() - self.limits.segment_age_s * 0.75

    def _seal(self) -> None:
        if self._open is None:
            return
        if self._open.spans:
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
        """Those that may be stored in one insert with a segment: large inserts cost less a span.

        At most half of what waits, so that the last of it is shared between the writers.
        """
        taken = []
        size, spans = first.size, first.spans
        with self._lock:
            for _ in range(len(self._sealed) // 2):
                size += self._sealed[0].size
                spans += self._sealed[0].spans
                if size > self.limits.insert_bytes or spans > self.limits.insert_spans:
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
            self._spans -= segment.spans
        segment.path.unlink(missing_ok=True)

    @property
    def empty(self) -> bool:
        """Whether everything that was accepted has been stored."""
        with self._lock:
            return not self._spans and not self._pending_bytes

    def close(self) -> None:
        """Writes what waits, seals the segment and takes no more."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join()

    # -- after a crash -----------------------------------------------------------------------

    def _recover(self, finished: frozenset[int]) -> None:
        names = sorted(path.name for path in self._folder.iterdir())
        for name in names:
            match = _NAME.match(name)
            if match is None:
                continue
            number, version, is_open = int(match[1]), int(match[2]), bool(match[3])
            if version > VERSION:
                raise StoreError(
                    f"The spool holds segments of version {version}, this version knows {VERSION}."
                    " Install the newer Spanglass that wrote them, and let it store them."
                )
            self._next = max(self._next, number + 1)
            path = self._folder / name
            if number in finished:
                path.unlink()
                continue
            size, spans = _cut_torn_end(path)
            if not size:
                path.unlink()
                continue
            if is_open:
                path = path.rename(path.with_suffix(""))
            segment = Segment(number, path, spans, size)
            self._sealed.append(segment)
            self._bytes += segment.size
            self._spans += segment.spans
        self._next = max(self._next, max(finished, default=0) + 1)
        if self._spans:
            self._on_commit(self._spans)
        sync_folder(self._folder)


def _cut_torn_end(path: Path) -> tuple[int, int]:
    """Cuts what can't be read as whole fields; the bytes and the spans that remain.

    A sealed segment can have such an end, too: of a write that failed and could not be undone.
    """
    body = path.read_bytes()
    good = spans = 0
    try:
        for number, kind, _, content, end in wire.fields(body):
            if number != RESOURCE_SPANS or kind != wire.LENGTH_DELIMITED:
                break
            # Framing is not enough: a file's length can reach the disk before its content.
            try:
                resource = ResourceSpans.FromString(body[content:end])
            except DecodeError:
                # Kept if something readable follows: then it is not the end that is torn.
                continue
            spans += sum(len(scope.spans) for scope in resource.scope_spans)
            good = end
    except wire.Malformed:
        pass
    if good < len(body):
        log.warning(
            "%s: cut %d bytes of a request that was not acknowledged", path.name, len(body) - good
        )
        # If that fails it is cut again at the next start: nobody reads behind the segment's size.
        with contextlib.suppress(OSError):
            os.truncate(path, good)
    return good, spans
