"""The service's side of jobs: starts the worker when spans have come, and knows how it stands.

While nothing comes there is no worker and no query: the writers' own count of what they stored is
looked at, once a second. A process without writers asks ClickHouse how many rows there are.
"""

import contextlib
import json
import logging
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from spanglass_collector.jobs.config import JobSettings
from spanglass_collector.jobs.tally import Progress
from spanglass_store.client import Store
from spanglass_store.endpoint import Endpoint
from spanglass_store.errors import StoreError
from spanglass_store.queries.job_spans import Window, count_spans, first_arrival
from spanglass_store.state.jobs import JobBook, now_us

log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
#: Seconds between two looks at a store that others write to.
_ASK_S: Final = 10.0
#: Seconds between two lines to a worker that is at work, and until it is started again if it died.
_GO_S: Final = 2.0
_RESTART_S: Final = 10.0
#: So many items that wait to be stored are more than inserts under way: the writers are behind.
_BEHIND: Final = 20_000
#: Seconds that a worker is not started for that, at most.
_PATIENCE_S: Final = 15.0
_ENDS_S: Final = 4.0


def endpoint_told(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint as a worker is told it, in a line of JSON."""
    return {
        **{name: getattr(endpoint, name) for name in Endpoint.__dataclass_fields__},
        "users": {str(role): list(user) for role, user in endpoint.users.items()},
    }


class JobKeeper:
    """Starts and stops the process that runs jobs.

    Args:
        jobs: their settings, by name.
        given: the table of the settings that they were read from.
        endpoint: of the store.
        state_url: of the state database.
        book: of that database.
        log_level: of the worker.
        models: the folder where what detectors make for themselves is kept.
        folder: where relative paths of detectors begin.
        stored: how many spans this process has stored; None where it stores none.
        backlog: how many items wait to be stored.
        linger_s: seconds without work after which the worker ends; its own unless given.
    """

    def __init__(
        self,
        jobs: dict[str, JobSettings],
        given: dict[str, Any],
        endpoint: Endpoint,
        state_url: str,
        book: JobBook,
        log_level: str,
        models: Path,
        folder: Path | None = None,
        stored: Callable[[], int] | None = None,
        backlog: Callable[[], int] = lambda: 0,
        linger_s: float | None = None,
    ) -> None:
        self.jobs = jobs
        self._told = {
            "endpoint": endpoint_told(endpoint),
            "state": state_url,
            "jobs": given,
            "models": str(models),
            "folder": str(folder) if folder else "",
            "log_level": log_level,
            **({"linger_s": linger_s} if linger_s is not None else {}),
        }
        self._endpoint = endpoint
        self._book = book
        self._stored = stored
        self._backlog = backlog
        self.counts = {name: Progress(job=name) for name, job in jobs.items() if job.enabled}
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._worker: subprocess.Popen[str] | None = None
        self._owner = ""
        self._wake_at = 0
        #: Workers that ended otherwise than they should.
        self.deaths = 0

    def start(self) -> None:
        if self.counts:
            self._thread.start()

    def wake(self) -> None:
        """There is something to do: somebody asked for an old window."""
        self._wake.set()

    @property
    def is_at_work(self) -> bool:
        """Whether the worker runs."""
        return self._worker is not None and self._worker.poll() is None

    def ask_to_stop(self) -> None:
        """Begins to end the worker."""
        self._stop.set()
        self._wake.set()

    def stop(self, timeout_s: float = _ENDS_S) -> None:
        """Ends the worker; what it has not judged is judged at the next start."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._attend()
                except (StoreError, SQLAlchemyError, OSError) as error:
                    # A full disk, say: it passes.
                    log.warning("jobs have to wait: %s", error)
                except Exception:
                    log.exception("jobs have to wait")
                self._stop.wait(_RESTART_S)
        finally:
            self._end_worker()

    def _attend(self) -> None:
        """Has the worker do what there is to do, until the end."""
        store = Store(self._endpoint, timeout_s=10)
        told_at = started_at = behind_at = 0.0
        try:
            # What came while nobody ran jobs is judged at the start.
            seen, due = self._first_count(store), self._is_behind(store)
            while not self._stop.is_set():
                try:
                    count = self._count(store)
                except StoreError:
                    count = seen
                if self._wake.is_set():
                    self._wake.clear()
                    due = True
                due |= count != seen
                seen = count
                if self._wake_at and self._wake_at <= now_us():
                    due, self._wake_at = True, 0
                now = time.monotonic()
                if self._backlog() < _BEHIND:
                    behind_at = 0.0
                else:
                    behind_at = behind_at or now
                    self._tell_worker("busy")
                if self._worker is not None and not self.is_at_work:
                    # It may have been about to leave when it was told.
                    due |= self._worker_ended() or now - told_at < 2 * _GO_S
                if due and now - told_at >= _GO_S and self._tell_worker("go"):
                    told_at, due = now, False
                # One that ended just now is cleared up behind first: its leases are given back.
                elif (
                    due
                    and self._worker is None
                    and now - started_at >= _RESTART_S
                    and not (behind_at and now - behind_at < _PATIENCE_S)
                ):
                    self._start_worker()
                    started_at = told_at = now
                    due = False
                self._wake.wait(_ASK_S if self._stored is None else _LOOK_S)
        finally:
            store.close()

    def _first_count(self, store: Store) -> int:
        try:
            return self._count(store)
        except StoreError:
            return -1

    def _count(self, store: Store) -> int:
        if self._stored is not None:
            return self._stored()
        if not self.is_at_work and self._book.backfills(is_open=True, limit=1):
            # Another process was asked for it.
            self._wake.set()
        return count_spans(store)

    def _is_behind(self, store: Store) -> bool:
        """Whether there is something that a job has not judged."""
        states = self._book.states()
        now = now_us()
        for name in self.counts:
            state = states.get(name)
            if state is not None and state.retry_at:
                self._wake_at = min(self._wake_at or state.retry_at, state.retry_at)
            if state is not None and state.window_end:
                return True
        if self._book.backfills(is_open=True, limit=1):
            return True
        began = min(
            states[name].watermark
            if name in states
            else now - int(self.jobs[name].look_back_s * 1_000_000)
            for name in self.counts
        )
        try:
            return first_arrival(store, Window("ingested_at", began, now))[1] > 0
        except StoreError:
            return True

    def _tell_worker(self, what: str) -> bool:
        """Tells the worker: `go`, spans have come; `busy`, inserts are behind. Whether it runs."""
        worker = self._worker
        if worker is None or worker.poll() is not None or worker.stdin is None:
            return False
        try:
            worker.stdin.write(f"{what}\n")
            worker.stdin.flush()
        except OSError:
            return False
        return True

    def _start_worker(self) -> None:
        self._owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
        self._worker = worker = subprocess.Popen(
            [sys.executable, "-m", "spanglass_collector.jobs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C in a terminal is for the service, which ends it.
            process_group=0,
        )
        assert worker.stdin is not None
        with contextlib.suppress(OSError):
            worker.stdin.write(json.dumps({**self._told, "owner": self._owner}) + "\n")
            worker.stdin.flush()
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()

    def _listen(self, worker: "subprocess.Popen[str]") -> None:
        assert worker.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in worker.stdout:
                try:
                    said = json.loads(line)
                except ValueError:
                    continue
                if said.get("leaves"):
                    self._wake_at = int(said["wake_at"])
                elif said.get("job") in self.counts:
                    self.counts[said["job"]].take(said)

    def _worker_ended(self) -> bool:
        """Clears up behind a worker; whether it is to be started again."""
        assert self._worker is not None
        code = self._worker.returncode
        for pipe in (self._worker.stdin, self._worker.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._worker = None
        if code == 0:
            return False
        self.deaths += 1
        for each in self.counts.values():
            # Until it reports again.
            each.error = f"the process that runs jobs ended with status {code}"
        # Or nobody would run its jobs until its leases end.
        self._book.release(self._owner)
        log.warning("the process that runs jobs ended with status %d; it is started again", code)
        return True

    def _end_worker(self) -> None:
        worker = self._worker
        if worker is None:
            return
        with contextlib.suppress(OSError):
            if worker.stdin is not None:
                worker.stdin.close()
        try:
            worker.wait(_ENDS_S / 2)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
