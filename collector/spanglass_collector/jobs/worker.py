"""The process that runs jobs: started when there is something to judge, gone when there is not.

Its first line of input says all that it needs; a line `go` behind it says that spans have come,
`busy` that inserts are behind, and the end of the input that it is to end. What it did goes to its
output, a line of JSON each.
"""

import contextlib
import json
import logging
import os
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from spanglass_collector.jobs.config import JobSettings, read_jobs
from spanglass_collector.jobs.runner import Runner
from spanglass_collector.jobs.sandbox import DetectorFailed, Sandbox
from spanglass_collector.jobs.tally import Progress
from spanglass_store.client import Store
from spanglass_store.endpoint import Endpoint, Role
from spanglass_store.errors import StoreError
from spanglass_store.priority import BACKGROUND, give_way
from spanglass_store.state.database import Database
from spanglass_store.state.jobs import LEASE_S, SUBJECT_KEY, JobBook, LeaseLost, now_us

log = logging.getLogger(__name__)

#: Seconds without anything to do after which the process ends.
LINGER_S: Final = 20.0
#: Seconds between two tries of a job that fails as a whole, the first and the longest.
_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 600.0
#: Seconds that spans wait for company.
_COMPANY_S: Final = 1.0
#: Seconds after which what was stored can certainly be read, if no insert is under way.
_SETTLED_S: Final = 1.0
#: Seconds that the page at hand has to end in.
_END_S: Final = 3.0
#: Seconds for which `busy` holds.
_BUSY_S: Final = 3.0


def main() -> None:
    """Runs jobs until there is nothing left, or the input ends."""
    give_way(BACKGROUND)
    told = json.loads(sys.stdin.readline())
    logging.basicConfig(
        level=told["log_level"].upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for name in ("clickhouse_connect", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    Worker(told).run()


def job_options(settings: JobSettings, book: JobBook, models: str) -> dict[str, Any]:
    """What a job's detector is made with: its options, and what the installation has for it.

    Args:
        settings: the job's.
        book: where the key for subjects is.
        models: the folder where what detectors make for themselves is kept.
    """
    own: dict[str, Any] = {}
    if settings.detector == "pii":
        own["subject_key"] = book.secret(SUBJECT_KEY)
    elif settings.detector == "grounding":
        own["cache"] = models
    return {**own, **settings.options}


class Worker:
    """Runs the jobs of one installation, each in a thread: what takes long keeps no other waiting.

    Args:
        told: what the keeper says: the store, the state database, the jobs.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        endpoint = dict(told["endpoint"])
        endpoint["users"] = {Role(role): tuple(user) for role, user in endpoint["users"].items()}
        self._store = Store(Endpoint(**endpoint))
        self._database = Database(told["state"])
        self.book = JobBook(self._database)
        # The keeper's name for us: when we die it gives our leases back.
        self._owner = str(told["owner"])
        self.stopping = threading.Event()
        self._saying = threading.Lock()
        self._busy_until = 0.0
        self._models = str(told["models"])
        self.linger_s = float(told.get("linger_s", LINGER_S))
        folder = Path(told["folder"]) if told["folder"] else None
        self._jobs = [
            _Job(self, name, settings, folder)
            for name, settings in read_jobs(told["jobs"]).items()
            if settings.enabled
        ]

    def run(self) -> None:
        """Runs until there is nothing to do for a while."""
        threading.Thread(target=self._listen, daemon=True).start()
        for job in self._jobs:
            job.start()
        while not self.stopping.wait(0.5):
            if all(job.is_idle for job in self._jobs):
                self.stopping.set()
        for job in self._jobs:
            job.wake.set()
        for job in self._jobs:
            job.join()
        self.book.release(self._owner)
        due = [job.wake_at for job in self._jobs if job.wake_at]
        self._say({"leaves": True, "wake_at": min(due, default=0)})
        self._store.close()
        self._database.close()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == "go":
                for job in self._jobs:
                    job.spans_came()
            elif line.strip() == "busy":
                self._busy_until = time.monotonic() + _BUSY_S
        self.stopping.set()
        # Whoever started us is ending, or gone. What is not written down by then is done again.
        time.sleep(_END_S)
        os._exit(0)

    def say(self, progress: Progress) -> None:
        """Tells the keeper what a job did."""
        self._say(asdict(progress))

    def _say(self, what: dict[str, Any]) -> None:
        with self._saying, contextlib.suppress(OSError):
            sys.stdout.write(json.dumps(what) + "\n")
            sys.stdout.flush()

    def runner(self, name: str, settings: JobSettings, folder: Path | None) -> Runner:
        """The runner of a job."""
        sandbox = Sandbox(settings, job_options(settings, self.book, self._models), folder)
        return Runner(
            name, settings, self._store, self.book, sandbox, self._owner, self.stopping.is_set,
            self.say, lambda: time.monotonic() < self._busy_until,
        )  # fmt: skip


class _Job(threading.Thread):
    """A job among the others: when it is due, and what becomes of its failures."""

    def __init__(
        self, worker: Worker, name: str, settings: JobSettings, folder: Path | None
    ) -> None:
        super().__init__(name=f"job-{name}", daemon=True)
        self._worker = worker
        self._job = name
        self._settings = settings
        self._runner = worker.runner(name, settings, folder)
        self.wake = threading.Event()
        self._came_at = time.monotonic()
        self._due_at = 0.0
        self._wait_s = 0.0
        self._busy_at = time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether there has been nothing to do for a while, and will not be."""
        now, linger = time.monotonic(), self._worker.linger_s
        return now - self._busy_at > linger and self._due_at - now > linger

    @property
    def wake_at(self) -> int:
        """When there is something to do again, in microseconds since 1970; 0 for never."""
        return self._runner.wake_at

    def spans_came(self) -> None:
        """Something was stored."""
        now = time.monotonic()
        self._came_at = self._busy_at = now
        if self._due_at > now + self._settings.interval_s and not self._wait_s:
            self._due_at = now + _COMPANY_S
        self.wake.set()

    def run(self) -> None:
        stopping = self._worker.stopping
        while not stopping.is_set():
            if time.monotonic() >= self._due_at:
                self._attend()
            if time.monotonic() - self._busy_at > self._worker.linger_s:
                # The detector's process leaves, too.
                self._close()
            pause = min(self._due_at - time.monotonic(), 5.0)
            if pause > 0:
                self.wake.wait(pause)
                self.wake.clear()
        self._close()

    def _attend(self) -> None:
        """One look: what has come, and old windows that are asked for."""
        began = time.monotonic()
        try:
            more = self._runner.attend()
            for asked in self._worker.book.backfills(self._job, is_open=True, limit=1):
                self._runner.backfill(asked)
                self._busy_at = time.monotonic()
                more = more or asked.state == "done"
            if more:
                self._busy_at = time.monotonic()
            self._wait_s = 0.0
            # What came a moment ago may not be there to be read yet.
            is_sure = self._came_at + _SETTLED_S < began
            soon = began + self._settings.interval_s
            is_left = self._runner.held_until == 0
            self._due_at = soon if is_left and (more or not is_sure) else self._later()
        except LeaseLost:
            log.info("the job %s is run by another collector", self._job)
            self._due_at = began + LEASE_S
        except StoreError as error:
            self._fail(began, str(error))
        except SQLAlchemyError as error:
            # The state database can't be written: the disk is full, say.
            self._fail(began, str(getattr(error, "orig", None) or error))
        except DetectorFailed as error:
            self._fail(began, str(error))
            self._worker.say(Progress(job=self._job, error=str(error)[:1_000]))
        except Exception as error:
            log.exception("the job %s failed", self._job)
            self._fail(began, f"{type(error).__name__}: {error}")
            self._worker.say(
                Progress(job=self._job, error=f"{type(error).__name__}: {error}"[:1_000])
            )

    def _later(self) -> float:
        """When there is something to do if nothing comes, on the monotonic clock."""
        wake_at = self._runner.wake_at
        return time.monotonic() + (wake_at - now_us()) / 1e6 if wake_at else float("inf")

    def _fail(self, began: float, reason: str) -> None:
        self._wait_s = min(_LONGEST_WAIT_S, max(_FIRST_WAIT_S, 2 * self._wait_s))
        self._due_at = began + self._wait_s
        log.warning("the job %s has to wait %.0f s: %s", self._job, self._wait_s, reason)

    def _close(self) -> None:
        """Ends the detector's process and writes down the run."""
        try:
            self._runner.close()
        except Exception as error:
            log.warning("the run of %s could not be written down: %s", self._job, error)


if __name__ == "__main__":
    main()
