"""Watches for messages that come as log events, and has them written into their spans."""

import logging
import socket
import threading
import uuid
from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from spanglass_collector.jobs.tally import Progress
from spanglass_store import event_messages
from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.queries.job_spans import horizon
from spanglass_store.state.jobs import JobBook, JobState, LeaseLost, now_us

log = logging.getLogger(__name__)

#: Its name among the jobs.
JOB: Final = "event_messages"
#: Seconds between two looks, and after a failure.
_EVERY_S: Final = 2.0
_AGAIN_S: Final = 15.0
#: Records that are looked at together.
_RECORDS: Final = 50_000
#: Days back in which somebody counts as one who sends messages as events.
_DAYS: Final = 7


class EventJoiner:
    """A thread that joins messages of log events with their spans.

    Where nobody sends messages so, it asks the store nothing but whether that has changed, and
    that only when log records have come.

    Args:
        store: as the owner.
        book: of jobs; its lease says which collector does it.
        stored: how many spans and log records this process has stored; None where it stores none.
    """

    def __init__(
        self, store: Store, book: JobBook, stored: Callable[[], tuple[int, int]] | None = None
    ) -> None:
        self._store = store
        self._book = book
        self._stored = stored
        self._owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
        self._known: set[event_messages.Sender] | None = None
        self.counts = Progress(job=JOB)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=JOB, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Ends; what is not joined is so after the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        seen: tuple[int, int] | None = None
        # What was stored in the last moments is behind the horizon and for the next look.
        again = True
        wait = 0.0
        while not self._stop.wait(wait):
            wait = _EVERY_S
            try:
                now = self._stored() if self._stored is not None else None
                is_new = now is None or self._may_have_come(seen, now)
                if is_new or again:
                    again = not self._pass() or is_new
                seen = now
                self.counts.error = ""
            except LeaseLost:
                again = True
            except (StoreError, SQLAlchemyError, OSError) as error:
                self.counts.error = str(error)[:1_000]
                self.counts.failures += 1
                log.warning("messages of log events have to wait: %s", error)
                wait, again = _AGAIN_S, True
        try:
            self._book.release(self._owner)
        except SQLAlchemyError as error:
            log.debug("its lease ends by itself: %s", error)

    def _may_have_come(self, seen: tuple[int, int] | None, now: tuple[int, int]) -> bool:
        if seen is None or self._known is None:
            return True
        # Spans alone matter only beside those who send messages so.
        return now != seen if self._known else now[1] != seen[1]

    def _pass(self) -> bool:
        """Looks at everything that came since; False where another collector does."""
        if self._known is None:
            self._known = event_messages.senders(self._store, _DAYS)
        until = horizon(self._store)
        state = self._state(until)
        if state is None:
            return False
        while state.watermark < until and not self._stop.is_set():
            end = event_messages.backlog_ends(self._store, state.watermark, until, _RECORDS)
            keys, self._known = event_messages.arrived(
                self._store, state.watermark, end, sorted(self._known)
            )
            self.counts.spans += len(keys)
            self.counts.results += event_messages.join(self._store, keys)
            state.watermark = end
            self._book.save(state, self._owner)
        self.counts.lag_s = max(0.0, (now_us() - state.watermark) / 1e6)
        return True

    def _state(self, until: int) -> JobState | None:
        known = self._book.states().get(JOB)
        if known is None:
            first = event_messages.oldest(self._store)
            return self._book.acquire(JOB, self._owner, until if first is None else first - 1)
        return self._book.acquire(JOB, self._owner, known.watermark)
