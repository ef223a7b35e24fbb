"""The thread that sends spans, and the account of what became of each.

    accepted = sent + dropped after that + waiting or on its way

Nothing here runs on the application's threads but `offer`, which queues, and `flush` and
`close`, which wait for as long as they were told. The thread is a daemon, starts with the first
span of a process, and costs nothing while there is nothing to send. After a fork the child has
an empty queue and new locks: what the parent had queued is the parent's to send.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import sys
import threading
import time
import uuid
import weakref
from typing import TYPE_CHECKING, Any, Final

from spanglass import _names as names
from spanglass._guard import guard, log
from spanglass._queue import SpanQueue
from spanglass._settings import Settings
from spanglass._spill import Spill
from spanglass._stats import Stats, in_words

if TYPE_CHECKING:
    from spanglass._delivery import Delivery
    from spanglass._queue import AnySpan

#: Seconds between two warnings about spans that are dropped.
_WARN_EVERY_S: Final = 60.0

_exporters: Final[weakref.WeakSet[Exporter]] = weakref.WeakSet()

#: Held while the thread imports what it sends with. A fork waits for it: a child in which the
#: lock of a half-imported module is held by a thread that is gone could never import it.
_importing = threading.Lock()


class Exporter:
    """Queues spans and sends them from a thread of its own.

    Args:
        settings: bounds, delays and the endpoint.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._closed = False
        self.close_reason = "exit"
        self.spill: Spill | None = None
        if settings.spill_dir:
            try:
                self.spill = Spill(settings)
            except OSError as error:
                log.warning("spanglass: nothing can be spilled to disk: %s", error)
        self._reset()
        _exporters.add(self)
        if self.spill is not None and self.spill.waiting():
            # What an earlier process has left.
            self._start()

    def _reset(self) -> None:
        """A new start, in a new process."""
        self.queue = SpanQueue(self.settings.max_queue_spans, self.settings.max_queue_bytes)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._settled_changed = threading.Condition(threading.RLock())
        self._settled = 0
        self._lost_at_flush = 0
        self._sent = 0
        self._spilled = 0
        self._resent = 0
        self._dropped: dict[str, int] = {}
        self._abandoned = False
        self._delivery: Delivery | None = None
        self._numbers = itertools.count(1)
        self.identity = {names.INSTANCE: str(uuid.UUID(int=random.getrandbits(128), version=4))}
        # While somebody waits for a flush: up to which span, and until when.
        self._flush_up_to = 0
        self._flush_until = 0.0
        self._close_at: float | None = None
        self._warned_at = float("-inf")
        self._warned_of = 0

    # Called by the application's threads

    def offer(self, span: AnySpan) -> None:
        """Queues a span, or drops it and counts that. Never waits."""
        # Those that are dropped have a number, too: the gap tells of them.
        sequence = next(self._numbers)
        if self._closed:
            self.drop("shutdown", 1)
            return
        reason = self.queue.offer(span, sequence)
        if reason:
            self.drop(reason, 1)
        elif self._thread is None:
            self._start()

    def drop(self, reason: str, count: int) -> None:
        """Counts spans that are lost before they were accepted."""
        with self._settled_changed:
            self._dropped[reason] = self._dropped.get(reason, 0) + count

    def flush(self, timeout_s: float) -> bool:
        """Sends what is queued, and waits for it.

        Args:
            timeout_s: seconds to wait at most.

        Returns:
            Whether everything since the last flush has arrived.
        """
        target = self.queue.accepted()
        with self._settled_changed:
            if self._settled >= target:
                return self._flushed(target)
            self._flush_up_to = max(self._flush_up_to, target)
            self._flush_until = max(self._flush_until, time.monotonic() + timeout_s)
        if self._thread is None and not self._start():
            self._run_here(timeout_s)
        self.queue.ring()
        with self._settled_changed:
            self._settled_changed.wait_for(lambda: self._settled >= target, timeout_s)
            complete = self._flushed(target)
        self.report_losses(every_s=0)
        return complete

    def _flushed(self, target: int) -> bool:
        lost = sum(self._dropped.values())
        complete = self._settled >= target and lost == self._lost_at_flush
        self._lost_at_flush = lost
        return complete

    def close(self, timeout_s: float, reason: str = "exit") -> int:
        """Ends the exporter: sends what it can within the time, and drops the rest.

        Args:
            timeout_s: seconds to wait at most.
            reason: under which the rest is counted.

        Returns:
            How many spans were lost since the process began.
        """
        self.retire(timeout_s, reason)
        target = self.queue.accepted()
        if self._thread is None and self._settled < target and not self._start():
            self._run_here(timeout_s)
        self.queue.ring()
        with self._settled_changed:
            self._settled_changed.wait_for(lambda: self._settled >= target, timeout_s)
            self.settle(0, max(0, self.queue.accepted() - self._settled), reason)
            # What the thread still brings home is counted as lost already.
            self._abandoned = True
            lost = sum(self._dropped.values())
        self.queue.ring()
        return lost

    def retire(self, timeout_s: float, reason: str = "exit") -> None:
        """Takes no more spans, and lets the thread end by itself within the time."""
        self._closed = True
        self.close_reason = reason
        with self._settled_changed:
            self._close_at = time.monotonic() + timeout_s
        self.queue.ring()

    def stats(self) -> Stats:
        """What became of the spans so far."""
        accepted = self.queue.accepted()
        delivery = self._delivery
        with self._settled_changed:
            return Stats(
                accepted=accepted,
                sent=self._sent,
                waiting=max(0, accepted - self._settled),
                dropped=dict(self._dropped),
                spilled=self._spilled,
                resent=self._resent,
                content_dropped=delivery.privacy.dropped if delivery else 0,
                redacted=dict(delivery.privacy.redacted) if delivery else {},
                retries=delivery.retries if delivery else 0,
                last_error=delivery.last_error if delivery else "",
            )

    def delivered(self) -> tuple[float, int]:
        """When the endpoint last took something (seconds since 1970; 0), and bytes on disk."""
        taken = self._delivery.last_success if self._delivery is not None else 0.0
        return taken, self.spill.size() if self.spill is not None else 0

    # Called by `Delivery`, on the exporter's thread

    def settle(self, sent: int, lost: int, reason: str = "") -> None:
        """Counts spans that are through, one way or the other."""
        with self._settled_changed:
            if self._abandoned:
                return
            self._sent += sent
            if lost:
                self._dropped[reason] = self._dropped.get(reason, 0) + lost
            self._settled += sent + lost
            self._settled_changed.notify_all()

    def settle_spilled(self, count: int) -> None:
        """Counts spans that are on disk now."""
        with self._settled_changed:
            if self._abandoned:
                return
            self._spilled += count
            self._settled += count
            self._settled_changed.notify_all()

    def settle_resent(self, sent: int, refused: int) -> None:
        """Counts spans that were on disk and are there no more."""
        with self._settled_changed:
            self._resent += sent
            if refused:
                self._dropped["spill"] = self._dropped.get("spill", 0) + refused

    def ledger(self) -> dict[str, int]:
        """The account of this process, for the collector; see docs/sdk.md for its form."""
        stats = self.stats()
        found = {
            "accepted": stats.accepted,
            "sent": stats.sent,
            "waiting": stats.waiting,
            "spilled": stats.spilled,
            "resent": stats.resent,
            "content_dropped": stats.content_dropped,
        }
        found |= {f"dropped.{reason}": count for reason, count in stats.dropped.items()}
        return found

    def hurried(self) -> bool:
        """Whether somebody waits."""
        if self._close_at is not None:
            return True
        return self._settled < self._flush_up_to and time.monotonic() < self._flush_until

    def seconds_left(self) -> float:
        """Until the end that `close` has set; infinity without one."""
        if self._abandoned:
            return 0.0
        return float("inf") if self._close_at is None else self._close_at - time.monotonic()

    def pause(self, seconds: float, interruptible: bool) -> None:
        """Waits before a request is tried again.

        Args:
            seconds: how long.
            interruptible: whether somebody who waits for a flush may cut it short.
        """
        end = time.monotonic() + min(seconds, self.seconds_left())
        in_a_hurry = self.hurried()
        while (left := end - time.monotonic()) > 0 and not self._abandoned:
            self.queue.wait(1 << 61, left)
            end = min(end, time.monotonic() + self.seconds_left())
            if interruptible and not in_a_hurry and self.hurried():
                return

    # The thread

    def _start(self) -> bool:
        """Starts the thread. False where the interpreter is too far gone for a new one."""
        if not self._starting.acquire(blocking=False):
            return True
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="spanglass-export", daemon=True)
                thread.start()
                self._thread = thread
                self._finish_with_multiprocessing()
        except RuntimeError:
            return False
        finally:
            self._starting.release()
        return True

    def _finish_with_multiprocessing(self) -> None:
        """Children of `multiprocessing` end without running `atexit`; they run finalizers."""
        process: Any = sys.modules.get("multiprocessing.process")
        util: Any = sys.modules.get("multiprocessing.util")
        with guard("start"):
            if process is not None and util is not None and process.parent_process() is not None:
                util.Finalize(None, close_all, exitpriority=-100)

    def _run(self) -> None:
        delivery: Delivery | None = None
        try:
            delivery = self._load()
        except Exception as error:
            log.warning("spanglass: nothing can be sent, and all is dropped", exc_info=error)
        while not self._abandoned:
            with guard("export"):
                if len(self.queue):
                    self._gather()
                    self._deliver_batch(delivery)
                    self.report_losses()
                elif self._close_at is not None:
                    break
                elif delivery is None or not delivery.resend():
                    self.queue.wait(1, delivery.next_resend_s() if delivery else None)
        if delivery is not None and not self._abandoned:
            with guard("ledger"):
                delivery.report()
        if delivery is not None:
            delivery.close()

    def _run_here(self, timeout_s: float) -> None:
        """Sends from the caller's thread, where no thread can be started any more."""
        before = self._close_at
        self._close_at = time.monotonic() + timeout_s
        try:
            delivery = self._load()
            while len(self.queue) and self.seconds_left() > 0:
                self._deliver_batch(delivery)
        finally:
            self._close_at = before

    def _deliver_batch(self, delivery: Delivery | None) -> None:
        batch = self.queue.take(self.settings.max_batch_spans, self.settings.max_batch_bytes)
        settled = self._settled
        try:
            if delivery is not None:
                delivery.deliver(batch)
                delivery.resend()
        finally:
            # Whatever happens, every span is accounted for.
            missing = len(batch) - (self._settled - settled)
            if missing > 0:
                self.settle(0, missing, "internal")

    def _load(self) -> Delivery:
        if self._delivery is None:
            with _importing:
                from spanglass._delivery import Delivery

            self._delivery = Delivery(self)
        return self._delivery

    def _gather(self) -> None:
        """Waits a moment for more spans: a request costs the same for many as for one."""
        end = time.monotonic() + self.settings.export_delay_s
        batch = self.settings.max_batch_spans
        while len(self.queue) < batch and not self.hurried():
            left = end - time.monotonic()
            if left <= 0:
                return
            self.queue.wait(batch, left)

    def report_losses(self, every_s: float = _WARN_EVERY_S) -> None:
        """Logs how many spans are lost, if it is more than last time.

        Args:
            every_s: seconds that have to have passed since.
        """
        if self._close_at is not None:
            return  # the end has a notice of its own
        with self._settled_changed:
            lost = sum(self._dropped.values())
            shown = dict(self._dropped)
        now = time.monotonic()
        if lost > self._warned_of and now - self._warned_at >= every_s:
            self._warned_of, self._warned_at = lost, now
            log.warning("spanglass: %d spans dropped so far: %s", lost, in_words(shown))


def close_all() -> None:
    """Sends what is left as the process ends, and says so where something is lost."""
    sampling: Any = sys.modules.get("spanglass._sampling")
    if sampling is not None:
        sampling.decide_all()
    deadline: float | None = None
    for exporter in list(_exporters):
        try:
            if deadline is None:
                deadline = time.monotonic() + exporter.settings.exit_timeout_s
            if exporter._abandoned:
                continue
            lost = exporter.close(max(0.0, deadline - time.monotonic()))
            if lost:
                _say(exporter, lost)
        except KeyboardInterrupt:
            return
        except Exception:
            log.debug("spanglass: could not flush at exit", exc_info=True)


def _say(exporter: Exporter, lost: int) -> None:
    """Tells on standard error: loggers may be gone by now."""
    stats = exporter.stats()
    why = f" Last error: {stats.last_error}." if stats.last_error else ""
    # Standard error may be closed, or None.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(
            f"spanglass: {lost} spans were not delivered to {exporter.settings.endpoint}"
            f" ({in_words(stats.dropped)}).{why}\n"
        )


_fork_waited = False


def _before_fork() -> None:
    global _fork_waited
    # Bounded: an import that never ends must not stop the application's fork.
    _fork_waited = _importing.acquire(timeout=10)


def _after_fork_in_parent() -> None:
    if _fork_waited:
        _importing.release()


def _after_fork_in_child() -> None:
    global _importing
    _importing = threading.Lock()
    for exporter in list(_exporters):
        with guard("fork"):
            exporter._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )


def jittered(seconds: float) -> float:
    """`seconds`, give or take a fifth, so that many processes do not come back at once."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - nothing secret
