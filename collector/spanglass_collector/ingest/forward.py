"""A copy of what is accepted, to another OTLP endpoint.

It never keeps ingest waiting: what is accepted goes into a queue in memory with a bound, and is
left out, and counted, where the queue is full. What goes out is what was stored: checked, redacted,
without what was refused. What the other side does not take within a minute is lost, and counted.
"""

import gzip
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spanglass_alerts.delivery.outgoing import Answer, Refused, Unreachable
from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import RESOURCES

log = logging.getLogger(__name__)

#: Most bytes of one request that goes out.
_BATCH: Final = 4 << 20
#: How long one is tried, in seconds, and pauses in between, doubled each time.
_TRIED_S: Final = 60.0
_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
#: What is worth another try.
_AGAIN: Final = frozenset({429, 502, 503, 504})

#: Posts: URL, body, headers.
Post = Callable[[str, bytes, Mapping[str, str]], Answer]


@dataclass(frozen=True)
class _Accepted:
    signal: str
    resources: Sequence[bytes]
    items: int
    size: int


class Forwarder:
    """Sends a copy of the stream.

    Args:
        endpoint: where to, up to `/v1/…`.
        headers: of every request.
        post: sends.
        limit: bytes that may wait.
        pause: waits so many seconds; True if it was woken to end.
    """

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        post: Post,
        limit: int,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._headers = {
            **headers, "content-type": "application/x-protobuf", "content-encoding": "gzip",
        }  # fmt: skip
        self._post = post
        self._limit = limit
        self._queue: deque[_Accepted] = deque()
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._stop = threading.Event()
        self._pause = pause or self._stop.wait
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._run, name="forward", daemon=True)
        #: Bytes that wait.
        self.waiting = 0
        #: Items that the other side took, by signal.
        self.sent: Counter[str] = Counter()
        #: Items that it did not get, by signal and reason: `full`, `refused`, `unreachable`,
        #: `ended`.
        self.lost: Counter[tuple[str, str]] = Counter()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Sends what waits as far as the time allows; the rest is lost."""
        with self._lock:
            self._deadline = time.monotonic() + timeout_s
            self._stop.set()
            self._filled.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        with self._lock:
            for each in self._queue:
                self.lost[each.signal, "ended"] += each.items
            self._queue.clear()
            self.waiting = 0

    def offer(self, signal: str, resources: Sequence[bytes], items: int) -> None:
        """Takes a copy of what was accepted, if there is room. Never waits."""
        size = sum(map(len, resources))
        with self._lock:
            if self._stop.is_set() or self.waiting + size > self._limit:
                self.lost[signal, "ended" if self._stop.is_set() else "full"] += items
                return
            self._queue.append(_Accepted(signal, resources, items, size))
            self.waiting += size
            self._filled.notify()

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            items = sum(each.items for each in batch)
            signal = batch[0].signal
            try:
                lost = self._send(signal, batch)
            except Exception:
                log.exception("forwarding")
                lost = "refused"
            with self._lock:
                self.waiting = max(0, self.waiting - sum(each.size for each in batch))
                if lost:
                    self.lost[signal, lost] += items
                else:
                    self.sent[signal] += items

    def _take(self) -> list[_Accepted] | None:
        """What is next, of one signal; waits for it; None at the end."""
        with self._lock:
            while not self._queue:
                if self._stop.is_set():
                    return None
                self._filled.wait()
            if time.monotonic() > self._deadline:
                return None
            batch = [self._queue.popleft()]
            size = batch[0].size
            while self._queue and self._queue[0].signal == batch[0].signal:
                size += self._queue[0].size
                if size > _BATCH:
                    break
                batch.append(self._queue.popleft())
            return batch

    def _send(self, signal: str, batch: Sequence[_Accepted]) -> str:
        """Sends one request; why it was lost, empty if it was not."""
        body = b"".join(wire.field(RESOURCES, each) for one in batch for each in one.resources)
        packed = gzip.compress(body, 1)
        began, pause = time.monotonic(), _PAUSE_S
        while True:
            try:
                answer = self._post(f"{self._endpoint}/v1/{signal}", packed, self._headers)
                if 200 <= answer.status < 300:
                    return ""
                why = f"{answer.status}: {answer.body[:200].decode('utf-8', 'replace')}"
                if answer.status not in _AGAIN:
                    log.warning("a copy was refused by %s: %s", self._endpoint, why)
                    return "refused"
                pause = max(pause, _seconds(answer))
            except Refused as error:
                log.warning("a copy can't be sent: %s", error)
                return "refused"
            except Unreachable as error:
                why = str(error)
            now = time.monotonic()
            if now - began > _TRIED_S or now > self._deadline:
                log.warning("a copy was given up by %s: %s", self._endpoint, why)
                return "unreachable"
            # Once we are to end, waiting ends at once, and the deadline says when trying does.
            if self._pause(min(pause, _LONGEST_PAUSE_S)):
                time.sleep(0.05)
            pause *= 2


def _seconds(answer: Answer) -> float:
    """How long the other side wants to be left alone."""
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isdigit() and len(said) < 6 else 0.0
