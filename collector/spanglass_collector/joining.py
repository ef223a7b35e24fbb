"""Watches for messages that come as log events, and has them written into their spans."""

from collections.abc import Callable
from typing import Final

from spanglass_collector.watching import Watcher
from spanglass_store import event_messages
from spanglass_store.client import Store
from spanglass_store.queries.job_spans import horizon
from spanglass_store.state.jobs import JobBook, now_us

#: Its name among the jobs.
JOB: Final = "event_messages"
#: Seconds between two looks.
_EVERY_S: Final = 2.0
#: Records that are looked at together.
_RECORDS: Final = 50_000
#: Days back in which somebody counts as one who sends messages as events.
_DAYS: Final = 7


class EventJoiner(Watcher):
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
        super().__init__(JOB, _EVERY_S, store, book, stored)
        self._known: set[event_messages.Sender] | None = None

    def _may_have_come(self, seen: tuple[int, int] | None, now: tuple[int, int]) -> bool:
        if seen is None or self._known is None:
            return True
        # Spans alone matter only beside those who send messages so.
        return now != seen if self._known else now[1] != seen[1]

    def _pass(self) -> bool:
        if self._known is None:
            self._known = event_messages.senders(self._store, _DAYS)
        until = horizon(self._store)

        def first() -> int:
            oldest = event_messages.oldest(self._store)
            return until if oldest is None else oldest - 1

        state = self._acquire(first)
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
