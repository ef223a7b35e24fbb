"""Sends the agent's requests in their order; what can't be sent waits on disk, within bounds.

While anything waits on disk, what is new waits behind it: so what arrives at the collector is in
order, also after an hour without it. Where the disk has no room left, the oldest goes, counted.
"""

from __future__ import annotations

import collections
import http.client
import threading
import time
from typing import Final, NamedTuple

from spanglass import _answers as answers
from spanglass._account import Account
from spanglass._backlog import Backlog
from spanglass._exporter import jittered
from spanglass._guard import log
from spanglass._settings import Settings
from spanglass._signals import METRICS
from spanglass._spill import Spill
from spanglass._transport import Answer, Transport

#: Requests that wait in memory: for a disk that is slow, and without a disk for the collector.
_QUEUE: Final = 120
_FIRST_WAIT_S: Final = 0.5
_GROWTH: Final = 1.6
_LONGEST_WAIT_S: Final = 30.0
#: Share of the time at the end in which the collector is still asked; the rest is the disk's.
_ASKING: Final = 0.6


class Request(NamedTuple):
    """What is to be sent.

    Attributes:
        body: an OTLP request.
        points: data points in it.
    """

    body: bytes
    points: int


class _Denied(OSError):
    """The key is not taken: somebody has to mend that, and what waits goes on waiting."""


class Sender:
    """The thread that sends.

    Args:
        settings: endpoint, credentials, and the folder for what waits.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._endpoint = METRICS.endpoint(settings)
        self._transport = Transport(settings, self._endpoint)
        self.account = Account()
        self._spill: Spill | None = None
        self._backlog: Backlog | None = None
        if settings.spill_dir:
            try:
                self._spill = Spill(settings, METRICS)
                self._backlog = Backlog(self._spill, self.account, self._post)
            except OSError as error:
                log.warning("spanglass: nothing can be kept on disk: %s", error)
        self._queue: collections.deque[Request] = collections.deque()
        self._changed = threading.Condition()
        self._closing_at: float | None = None
        self._down_until = 0.0
        self._down_wait = _FIRST_WAIT_S
        self._is_failing = False
        #: Why the last request failed; empty where it did not.
        self.last_error = ""
        self._thread = threading.Thread(target=self._run, name="gpu-send", daemon=True)

    def start(self) -> None:
        """Begins to send, first what an earlier process has left."""
        self._thread.start()

    def offer(self, request: Request) -> None:
        """Queues a request. Never waits; the oldest goes where there are too many."""
        with self._changed:
            if len(self._queue) >= _QUEUE:
                self.account.drop("queue_full", self._queue.popleft().points)
            self._queue.append(request)
            self._changed.notify()

    def waiting_bytes(self) -> int:
        """Bytes that wait on disk."""
        return self._spill.size(waiting=True) if self._spill is not None else 0

    def close(self, timeout_s: float) -> None:
        """Sends what it can within the time; the rest is left on disk.

        Args:
            timeout_s: seconds to wait at most.
        """
        with self._changed:
            self._closing_at = time.monotonic() + timeout_s
            self._changed.notify()
        self._thread.join(timeout_s * _ASKING)
        if self._thread.is_alive():
            self._transport.interrupt()
            self._thread.join(timeout_s * (1 - _ASKING))

    # The thread

    def _run(self) -> None:
        while True:
            try:
                request = self._next()
                if request is not None:
                    self._deliver(request)
                elif not self._drain() and self._closing_at is not None:
                    break
            except Exception as error:
                # A disk that fails, a key with a line break: this request is lost, the next is not.
                log.warning("spanglass: a request could not be sent: %s", error)
                self.last_error = str(error)
                time.sleep(0.1)
        self._transport.close()

    def _next(self) -> Request | None:
        """The next request; None where there is something else to do."""
        with self._changed:
            if not self._queue and self._closing_at is None:
                self._changed.wait(self._idle_s())
            # Without a disk, what waits for the collector waits here.
            if self._spill is None and self._is_down() and self._closing_at is None:
                self._changed.wait(max(0.05, self._down_until - time.monotonic()))
                return None
            return self._queue.popleft() if self._queue else None

    def _idle_s(self) -> float | None:
        if self._backlog is None or self._backlog.next_s() is None:
            return None
        return max(0.0, self._down_until - time.monotonic())

    def _is_down(self) -> bool:
        return time.monotonic() < self._down_until

    def _deliver(self, request: Request) -> None:
        """Sends a request, or puts it behind those that wait."""
        if self._spill is not None and (self._is_down() or self._spill.waiting()):
            self._keep(request)
            self._drain()
            return
        try:
            answer = self._post(request.body)
        except (OSError, http.client.HTTPException) as error:
            self._fail(answers.no_answer(error))
            self._keep(request)
            return
        if answers.is_taken(answer):
            self._taken()
            self._settle(answer, request.points)
        elif answers.is_retryable(answer):
            self._fail(answers.explanation(answer), answers.retry_after_s(answer))
            self._keep(request)
        else:
            self._fail(answers.explanation(answer))
            self.account.settle(0, request.points, "refused")

    def _drain(self) -> bool:
        """Sends one request that waits on disk; whether to go on with the next."""
        if self._backlog is None or self._is_down():
            return False
        try:
            answer = self._backlog.send_oldest()
        except (OSError, http.client.HTTPException) as error:
            self._fail(answers.no_answer(error))
            return False
        if answer is None:
            return False
        if answers.is_taken(answer):
            self._taken()
            return True
        outage = self._backlog.is_outage(answer)
        self._fail(answers.explanation(answer), answers.retry_after_s(answer), outage)
        return not outage

    def _post(self, body: bytes) -> Answer:
        timeout_s = self._settings.timeout_s
        if self._closing_at is not None:
            timeout_s = min(timeout_s, max(0.1, self._closing_at - time.monotonic()))
        answer = self._transport.post(body, timeout_s)
        if answer.status in (401, 403):
            raise _Denied(f"{answers.explanation(answer)}: give a key that may ingest (--api-key)")
        return answer

    def _keep(self, request: Request) -> None:
        """Puts a request on disk; where there is no room, the oldest there makes it."""
        if self._spill is None:
            if self._closing_at is not None:
                self.account.settle(0, request.points, "exit")
                return
            with self._changed:
                if len(self._queue) >= _QUEUE:
                    self.account.drop("queue_full", request.points)
                else:
                    self._queue.appendleft(request)
            return
        try:
            self._spill_or_make_room(self._spill, request)
        except OSError as error:
            self.account.settle(0, request.points, "disk")
            log.warning("spanglass: a report can't be kept on disk: %s", error)

    def _spill_or_make_room(self, spill: Spill, request: Request) -> None:
        """Writes a request.

        Raises:
            OSError: the disk does not take it.
        """
        while not spill.write(request.body, request.points):
            with spill.oldest() as oldest:
                if oldest is None:
                    self.account.settle(0, request.points, "spill_full")
                    log.warning("spanglass: --buffer-bytes is less than one request")
                    return
                spill.remove(oldest)
                self.account.settle_resent(0, oldest.items)
        self.account.settle_spilled(request.points)

    def _settle(self, answer: Answer, points: int) -> None:
        rejected, message = answers.rejected(answer) if answer.body else (0, "")
        if rejected:
            self.last_error = message
            log.warning("spanglass: the collector rejected %d points: %s", rejected, message)
        self.account.settle(points - min(rejected, points), min(rejected, points), "rejected")

    def _taken(self) -> None:
        self.last_error = ""
        self._down_until, self._down_wait = 0.0, _FIRST_WAIT_S
        if self._backlog is not None:
            self._backlog.taken()
        if self._is_failing:
            self._is_failing = False
            log.info("spanglass: %s takes metrics again", self._endpoint)

    def _fail(self, why: str, retry_after_s: float = 0.0, is_outage: bool = True) -> None:
        """Notes why; an endpoint that is gone is asked again after a while, which grows."""
        self.last_error = why
        if is_outage:
            self._down_until = time.monotonic() + max(retry_after_s, jittered(self._down_wait))
            self._down_wait = min(self._down_wait * _GROWTH, _LONGEST_WAIT_S)
        if not self._is_failing:
            self._is_failing = True
            log.warning("spanglass: metrics can't be sent to %s: %s", self._endpoint, why)
