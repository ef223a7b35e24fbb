"""The thread that sends spans, or scores, and the account of what became of each.

Nothing here runs on the application's threads but `offer`, which queues, and `flush` and
`close`, which wait for as long as they were told. The thread is a daemon, starts with the first
span of a process, and costs nothing while there is nothing to send. After a fork the child has
an empty queue and new locks: what the parent had queued is the parent's to send.
"""

from __future__ import annotations

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
from spanglass._account import Account
from spanglass._guard import guard, log
from spanglass._queue import SpanQueue
from spanglass._settings import ASKING, Settings
from spanglass._signals import SPANS, Signal
from spanglass._spill import Spill
from spanglass._stats import Counts, in_words

if TYPE_CHECKING:
    from spanglass._delivery import Delivery
    from spanglass._ledger import Ledger
    from spanglass._queue import Item

#: Seconds between two warnings about what is dropped.
_WARN_EVERY_S: Final = 60.0

_exporters: Final[weakref.WeakSet[Exporter]] = weakref.WeakSet()

#: Held while the thread imports what it sends with. A fork waits for it: a child in which the
#: lock of a half-imported module is held by a thread that is gone could never import it.
_importing = threading.Lock()


class Exporter:
    """Queues what is sent and sends it from a thread of its own.

    Args:
        settings: bounds, delays and the endpoint.
        signal: what is sent.
        among: the exporter of another signal of the same process, whose identity this one has;
            None for a new one.
    """

    def __init__(
        self, settings: Settings, signal: Signal = SPANS, among: Exporter | None = None
    ) -> None:
        self.settings = settings
        self.signal = signal
        self.endpoint = signal.endpoint(settings)
        #: The reports that this exporter sends beside; None for none.
        self.ledger: Ledger | None = None
        #: Whose it is; kept while the thread runs.
        self.outlet: object = None
        self._among = among
        self._closed = False
        self.close_reason = "exit"
        self.spill: Spill | None = None
        if settings.spill_dir:
            try:
                self.spill = Spill(settings, signal)
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
        self.account = Account()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._delivery: Delivery | None = None
        self._numbers = itertools.count(1)
        self._identity = {names.INSTANCE: str(uuid.UUID(int=random.getrandbits(128), version=4))}
        # While somebody waits for a flush: up to which item, and until when.
        self._flush_up_to = 0
        self._flush_until = 0.0
        self._close_at: float | None = None
        self._warned_at = float("-inf")
        self._warned_of = 0
        if self.ledger is not None:
            self.ledger.reset()
            self.ledger.forget_missed()

    @property
    def identity(self) -> dict[str, str]:
        """The process, as an attribute of what it sends."""
        return self._identity if self._among is None else self._among.identity

    # Called by the application's threads

    def offer(self, item: Item) -> None:
        """Queues a span or an event, or drops it and counts that. Never waits."""
        # Those that are dropped have a number, too: the gap tells of them.
        sequence = next(self._numbers)
        if self._closed:
            self.account.drop("shutdown")
            return
        reason = self.queue.offer(item, sequence)
        if reason:
            self.account.drop(reason)
        elif self._thread is None:
            self._start()

    def flush(self, timeout_s: float) -> bool:
        """Sends what is queued, and waits for it.

        Args:
            timeout_s: seconds to wait at most.

        Returns:
            Whether everything since the last flush has arrived.
        """
        until = time.monotonic() + timeout_s
        return self.wait_flushed(self.hurry(until), until)

    def hurry(self, until: float) -> int:
        """Sends what is queued without delay.

        Args:
            until: how long somebody waits for it, by the monotonic clock.

        Returns:
            What to wait for, with `wait_flushed`.
        """
        target = self.queue.accepted()
        if self.account.settled < target:
            self._flush_up_to = max(self._flush_up_to, target)
            self._flush_until = max(self._flush_until, until)
            if self._thread is None and not self._start():
                self._run_here(until - time.monotonic())
            self.queue.ring()
        return target

    def wait_flushed(self, target: int, until: float) -> bool:
        """Waits for what `hurry` has begun.

        Returns:
            Whether everything since the last flush has arrived.
        """
        self.account.wait(target, max(0.0, until - time.monotonic()))
        complete = self.account.flushed(target)
        self.report_losses(every_s=0)
        return complete

    def close(self, timeout_s: float, reason: str = "exit") -> int:
        """Ends the exporter: sends what it can within the time, and drops the rest.

        Args:
            timeout_s: seconds to wait at most.
            reason: under which the rest is counted.

        Returns:
            How many were lost since the process began.
        """
        self.retire(timeout_s, reason)
        until = time.monotonic() + timeout_s
        target = self.queue.accepted()
        to_tell = self.ledger is not None and self.ledger.next_s() is not None
        needed = self._thread is None and (self.account.settled < target or to_tell)
        if needed and not self._start():
            self._run_here(timeout_s)
        self.queue.ring()
        if self.spill is not None:
            self.account.wait(target, timeout_s * ASKING)
            if self.account.settled < target and self._delivery is not None:
                # A request that began before the end was near may wait for far longer.
                self._delivery.interrupt()
        self.account.wait(target, until - time.monotonic())
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            # It may have a last report to send.
            thread.join(max(0.0, until - time.monotonic()))
        # What the thread still brings home is counted as lost then.
        lost = self.account.close(self.queue.accepted(), reason)
        self.queue.ring()
        return lost

    def retire(self, timeout_s: float, reason: str = "exit") -> None:
        """Takes no more, and lets the thread end by itself within the time."""
        self._closed = True
        self.close_reason = reason
        self._close_at = time.monotonic() + timeout_s
        self.queue.ring()

    def wait(self, timeout_s: float) -> None:
        """Waits until what is queued is through, for as long at most."""
        self.account.wait(self.queue.accepted(), timeout_s)

    def counts(self) -> Counts:
        """What became of everything so far."""
        return self.account.counts(self.queue.accepted)

    def made(self) -> int:
        """How many have a number by now."""
        return self.queue.accepted() + self.account.turned_away

    def content_dropped(self) -> int:
        """Texts that were left out because they could not be masked."""
        return self._delivery.privacy.dropped if self._delivery is not None else 0

    @property
    def delivery(self) -> Delivery | None:
        """What sends; None before anything was sent."""
        return self._delivery

    # Called on the exporter's thread

    def hurried(self) -> bool:
        """Whether somebody waits."""
        if self._close_at is not None:
            return True
        return self.account.settled < self._flush_up_to and time.monotonic() < self._flush_until

    def seconds_left(self) -> float:
        """Until the end that `close` has set; infinity without one."""
        if self.account.closed:
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
        while (left := end - time.monotonic()) > 0 and not self.account.closed:
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
                _finish_with_multiprocessing()
        except RuntimeError:
            return False
        finally:
            self._starting.release()
        return True

    def _run(self) -> None:
        delivery: Delivery | None = None
        try:
            delivery = self._load()
        except Exception as error:
            log.warning("spanglass: nothing can be sent, and all is dropped", exc_info=error)
        while not self.account.closed:
            with guard("export"):
                if len(self.queue):
                    self._gather()
                    self._deliver_batch(delivery)
                    self.report_losses()
                elif self._close_at is not None:
                    break
                elif delivery is None or not delivery.idle():
                    self.queue.wait(1, delivery.next_s() if delivery else None)
        if delivery is not None and not self.account.closed:
            with guard("ledger"):
                delivery.report(final=True)
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
        settled = self.account.settled
        try:
            if delivery is not None:
                delivery.deliver(batch)
                delivery.idle()
        finally:
            # Whatever happens, every one is accounted for.
            missing = len(batch) - (self.account.settled - settled)
            if missing > 0:
                self.account.settle(0, missing, "internal")

    def _load(self) -> Delivery:
        if self._delivery is None:
            with _importing:
                from spanglass._delivery import Delivery

            self._delivery = Delivery(self)
        return self._delivery

    def _gather(self) -> None:
        """Waits a moment for more: a request costs the same for many as for one."""
        end = time.monotonic() + self.settings.export_delay_s
        batch = self.settings.max_batch_spans
        while len(self.queue) < batch and not self.hurried():
            left = end - time.monotonic()
            if left <= 0:
                return
            self.queue.wait(batch, left)

    def report_losses(self, every_s: float = _WARN_EVERY_S) -> None:
        """Logs how many are lost, if it is more than last time.

        Args:
            every_s: seconds that have to have passed since.
        """
        if self._close_at is not None:
            return  # the end has a notice of its own
        lost = self.account.lost()
        now = time.monotonic()
        if lost > self._warned_of and now - self._warned_at >= every_s:
            self._warned_of, self._warned_at = lost, now
            shown = in_words(self.counts().dropped)
            log.warning("spanglass: %d %s dropped so far: %s", lost, self.signal.noun, shown)


def _finish_with_multiprocessing() -> None:
    """Children of `multiprocessing` end without running `atexit`; they run finalizers."""
    process: Any = sys.modules.get("multiprocessing.process")
    util: Any = sys.modules.get("multiprocessing.util")
    with guard("start"):
        if process is not None and util is not None and process.parent_process() is not None:
            from spanglass._outlet import close_all

            util.Finalize(None, close_all, exitpriority=-100)


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
