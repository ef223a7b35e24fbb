"""Feeds review queues that draw by themselves, and writes labels that the store could not take."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from spanglass_store.client import Store
from spanglass_store.errors import Conflict, StoreError
from spanglass_store.review.draw import Embed, draw
from spanglass_store.review.scores import write_labels
from spanglass_store.state.review_labels import LabelBook
from spanglass_store.state.review_tables import Queue
from spanglass_store.state.reviews import MOST_QUEUES, ReviewBook

log = logging.getLogger(__name__)

#: Seconds between two looks.
_EVERY_S: Final = 60.0
#: Younger traces may not have all their spans yet.
_SETTLED: Final = timedelta(minutes=2)


class ReviewKeeper:
    """The thread.

    Args:
        store: as the owner.
        book: the queues.
        embed: makes vectors of texts.
        clock: what time it is.
    """

    def __init__(
        self,
        store: Store,
        book: ReviewBook,
        embed: Embed | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._book = book
        self._embed = embed
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reviews", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float = 1.0) -> None:
        """Ends it; a draw that takes longer is left to end by itself, and keeps all or nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def attend(self) -> None:
        """One look at everything."""
        labels = LabelBook(self._book.database)
        while write_labels(self._store, labels):
            if self._stop.is_set():
                return
        for queue in self._book.find(None, limit=MOST_QUEUES):
            if self._stop.is_set():
                return
            if queue.is_open and queue.plan.every_hours:
                self._feed(queue)

    def _feed(self, queue: Queue) -> None:
        every = timedelta(hours=queue.plan.every_hours)
        ends = [each.end for each in self._book.strata(queue.project, queue.name)]
        since = max(ends) if ends else queue.created_at
        until = self._clock() - _SETTLED
        if until - since < every:
            return
        trouble = ""
        try:
            draw(self._store, self._book, queue, since, until, self._embed)
        except Conflict:
            # Another service of this installation was faster.
            return
        except StoreError as error:
            trouble = str(error)
        if trouble != queue.trouble:
            self._book.note_trouble(queue.project, queue.name, trouble)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self.attend()
            except (StoreError, SQLAlchemyError) as error:
                log.warning("review queues have to wait: %s", _said(error))
            except Exception:
                # One queue's trouble must not end the others.
                log.exception("review queues could not be attended to")


def _said(error: Any) -> str:
    return str(getattr(error, "orig", None) or error)
