"""A thread that looks at what has come, for work that no detector does."""

import logging
import socket
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from spanglass_collector.jobs.tally import Progress
from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.state.jobs import JobBook, JobState, LeaseLost

log = logging.getLogger(__name__)

#: Seconds between two looks after a failure.
_AGAIN_S = 15.0


class Watcher(ABC):
    """Looks every few seconds; of several collectors the one that holds the lease.

    Args:
        job: its name among the jobs.
        every_s: seconds between two looks.
        store: as the owner.
        book: of jobs; its lease says which collector does it.
        stored: how many items of some signals this process has stored; None where it stores none.
    """

    def __init__(
        self,
        job: str,
        every_s: float,
        store: Store,
        book: JobBook,
        stored: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        self._store = store
        self._book = book
        self._stored = stored
        self._every_s = every_s
        self._owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
        self.counts = Progress(job=job)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=job, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Ends; what is not done is so after the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @abstractmethod
    def _pass(self) -> bool:
        """Looks at everything that came since; False where that is to be done again soon."""

    def _may_have_come(self, seen: tuple[int, int] | None, now: tuple[int, int]) -> bool:
        """Whether there may be something to look at.

        Args:
            seen: how many items were stored at the last look; None before the first.
            now: how many are.
        """
        return now != seen

    def _acquire(self, first: Callable[[], int]) -> JobState | None:
        """The job, with its lease; None while another collector holds that.

        Args:
            first: where it begins if it was never run, in microseconds since 1970.
        """
        job = self.counts.job
        known = self._book.states().get(job)
        return self._book.acquire(
            job, self._owner, first() if known is None else known.watermark
        )  # fmt: skip

    def _run(self) -> None:
        seen: tuple[int, int] | None = None
        # What was stored in the last moments is behind the horizon and for the next look.
        again = True
        wait = 0.0
        while not self._stop.wait(wait):
            wait = self._every_s
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
                log.warning("%s has to wait: %s", self.counts.job, error)
                wait, again = _AGAIN_S, True
            except Exception as error:
                # A fault of ours: what comes after it is looked at nevertheless.
                self.counts.error = str(error)[:1_000]
                self.counts.failures += 1
                log.exception("%s has to wait", self.counts.job)
                wait, again = _AGAIN_S, True
        try:
            self._book.release(self._owner)
        except SQLAlchemyError as error:
            log.debug("its lease ends by itself: %s", error)
