"""The bounded queue between the application's threads and the exporter's.

`offer` takes no lock that the exporter or another thread may hold for long, and none at all where
there is room: the garbage collector may end a span at any moment, also in the middle of an
`offer` or of a `take`, and must not wait for itself. A deque's `append` and `popleft` are atomic;
the size in bytes is allowed to be a little off, and is put right with every batch.

    application threads ── offer ──▶ deque ── take ──▶ exporter's thread
                             │                  ▲
                             └───── bell ───────┘   rung where the exporter waits for as much
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from opentelemetry.trace import StatusCode

from spanglass._logs import Event

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from spanglass._recorded import RecordedSpan

    #: A span of ours, or one of OpenTelemetry's SDK.
    AnySpan: TypeAlias = ReadableSpan | RecordedSpan
    #: What is queued: a span that has ended, or an event such as a score.
    Item: TypeAlias = AnySpan | Event
    #: The same with its number among those of the process.
    Ended: TypeAlias = tuple[Item, int]

#: What a span weighs beside its texts, about, in bytes.
_SPAN_BYTES: Final = 600
#: More than any queue holds: the exporter waits for nothing.
_NEVER: Final = 1 << 62


class SpanQueue:
    """Spans that have ended and are not sent yet.

    Args:
        max_spans: spans that may wait.
        max_bytes: bytes that may wait, about.
    """

    def __init__(self, max_spans: int, max_bytes: int) -> None:
        self._max_spans = max_spans
        self._max_bytes = max_bytes
        # Item, number and size: one object for each, for the garbage collector's sake.
        self._waiting: deque[tuple[Item, int, int]] = deque()
        self._bytes = 0
        self._taken = 0
        self._take_lock = threading.Lock()
        # A lock as a bell: the exporter waits to acquire it, and whoever rings releases it.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._ring_at = _NEVER

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, span: Item, sequence: int = 0) -> str:
        """Takes a span, or says why not. Never waits.

        Args:
            span: which, or an event.
            sequence: its number among the spans of the process.

        Returns:
            Empty where the span was taken, else the reason: `queue_full` or `queue_bytes`.
        """
        waiting = self._waiting
        if len(waiting) >= self._max_spans:
            return "queue_full"
        size = size_of(span)
        if waiting and self._bytes + size > self._max_bytes:
            return "queue_bytes"
        waiting.append((span, sequence, size))
        self._bytes += size
        if len(waiting) >= self._ring_at:
            self.ring()
        return ""

    def ring(self) -> None:
        """Wakes the exporter, if it waits."""
        self._ring_at = _NEVER
        # It may have been rung already, and nobody has come yet.
        with contextlib.suppress(RuntimeError):
            self._bell.release()

    def wait(self, spans: int, timeout_s: float | None) -> None:
        """Waits until as many spans are there, somebody rings, or the time is over.

        May return early. Only the exporter waits.
        """
        self._ring_at = spans
        if len(self._waiting) < spans:
            self._bell.acquire(timeout=-1 if timeout_s is None else max(0.0, timeout_s))
        self._ring_at = _NEVER

    def take(self, max_spans: int, max_bytes: int) -> list[Ended]:
        """The oldest spans, at most as many and as large; at least one where there is one."""
        batch: list[Ended] = []
        total = 0
        waiting = self._waiting
        with self._take_lock:
            while waiting and len(batch) < max_spans:
                if batch and total + waiting[0][2] > max_bytes:
                    break
                span, sequence, size = waiting.popleft()
                batch.append((span, sequence))
                total += size
            self._taken += len(batch)
        self._weigh()
        return batch

    def accepted(self) -> int:
        """How many spans were ever taken into the queue."""
        with self._take_lock:
            return self._taken + len(self._waiting)

    def _weigh(self) -> None:
        """Puts right what threads that add at the same moment get wrong."""
        # Where it changes while it is copied, the next batch does it.
        with contextlib.suppress(RuntimeError):
            self._bytes = sum(size for _, _, size in self._waiting.copy())


def size_of(span: Item) -> int:
    """About how many bytes a span or an event is."""
    size = _SPAN_BYTES
    attributes = span.attributes
    if attributes:
        # A mapping proxy hands `copy` on, which is ten times as fast as to go through it.
        copy = getattr(attributes, "copy", None)
        for value in (copy() if copy is not None else attributes).values():
            if value.__class__ is str:
                size += len(value)
            elif value.__class__ is tuple or value.__class__ is list:
                size += 16 * len(value)
    # To look at the events costs more than all else; those of a failure are the large ones.
    if not isinstance(span, Event) and span.status.status_code is StatusCode.ERROR:
        for event in span.events:
            for text in (event.attributes or {}).values():
                size += len(text) if isinstance(text, str) else 16
    return size
