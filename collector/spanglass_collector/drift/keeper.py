"""The service's side of the drift job: starts a pass when there is something to compare.

While nothing is stored there is no query. Once an hour is over, or late spans have come, a process
is started, does one pass and leaves.
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

from spanglass_collector.drift.config import DriftSettings
from spanglass_collector.jobs.keeper import endpoint_told
from spanglass_collector.jobs.tally import Progress
from spanglass_store.client import Store
from spanglass_store.endpoint import Endpoint
from spanglass_store.errors import StoreError
from spanglass_store.state.jobs import JobBook

log = logging.getLogger(__name__)

#: Seconds that a pass may take, and until one that failed is tried again.
_LONGEST_S: Final = 1800.0
_AGAIN_S: Final = 60.0
#: Items that wait to be stored from which on a pass waits, too, and seconds until another look.
_BEHIND: Final = 20_000
_WRITERS_S: Final = 5.0
#: Seconds that it waits for them, at most.
_PATIENCE_S: Final = 900.0
_HOUR: Final = 3600


class DriftKeeper:
    """Starts the process that looks for drift.

    Args:
        settings: of the job.
        given: the table of the settings that they were read from.
        endpoint: of the store.
        state_url: of the state database.
        book: of that database.
        log_level: of the process.
        models: the folder where what makes vectors of texts is kept.
        stored: how many items this process has stored; None where it stores none.
        backlog: how many items wait to be stored; they come first.
    """

    def __init__(
        self,
        settings: DriftSettings,
        given: dict[str, Any],
        endpoint: Endpoint,
        state_url: str,
        book: JobBook,
        log_level: str,
        models: Path,
        stored: Callable[[], int] | None = None,
        backlog: Callable[[], int] = lambda: 0,
    ) -> None:
        self._settings = settings
        self._told = {
            "endpoint": endpoint_told(endpoint), "state": state_url, "drift": given,
            "log_level": log_level, "models": str(models),
        }  # fmt: skip
        self._endpoint = endpoint
        self._book = book
        self._stored = stored
        self._backlog = backlog
        self.counts = Progress(job="drift")
        self._stop = threading.Event()
        self._worker: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="drift", daemon=True)

    @property
    def is_enabled(self) -> bool:
        return self._settings.enabled

    def start(self) -> None:
        if self._settings.enabled:
            self._thread.start()

    def ask_to_stop(self) -> None:
        """Begins to end; returns at once."""
        self._stop.set()
        worker = self._worker
        if worker is not None and worker.stdin is not None:
            with contextlib.suppress(OSError):
                worker.stdin.close()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Ends; what was not looked at is looked at after the next start."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        worker = self._worker
        if worker is not None and worker.poll() is None:
            worker.kill()
            worker.wait()

    def _run(self) -> None:
        store = Store(self._endpoint, timeout_s=10)
        looked, count, waited = -1, -1, 0.0
        try:
            while not self._stop.is_set():
                wait = self._settings.interval_s
                try:
                    hour = int((time.time() - self._settings.settle_s) // _HOUR)
                    stored = self._stored() if self._stored is not None else -1
                    is_new = count < 0 or hour != looked or stored != count or stored < 0
                    if self._backlog() >= _BEHIND and waited < _PATIENCE_S:
                        # What comes in is stored first.
                        wait = min(wait, _WRITERS_S)
                        waited += wait
                    else:
                        waited = 0.0
                        if is_new and self._is_due(store, hour, hour != looked):
                            self._pass()
                        looked, count = hour, stored
                    self.counts.error = ""
                except (StoreError, SQLAlchemyError, OSError, _PassFailed) as error:
                    self.counts.error = str(error)[:1_000]
                    self.counts.failures += 1
                    log.warning("drift has to wait: %s", error)
                    wait = max(wait, _AGAIN_S)
                self._stop.wait(wait)
        finally:
            store.close()

    def _is_due(self, store: Store, hour: int, is_over: bool) -> bool:
        """Whether there is something to look at.

        Args:
            store: as the owner.
            hour: the first one that is not over.
            is_over: whether an hour has ended since the last look.
        """
        state = self._book.states().get("drift")
        if is_over or state is None:
            # Windows end even where nothing came in them; but where nothing ever came, none do.
            return bool(store.query(f"SELECT 1 FROM {store.database}.spans LIMIT 1").rows)
        return bool(
            store.query(
                f"SELECT 1 FROM {store.database}.spans WHERE ingested_at >"
                " fromUnixTimestamp64Micro({after:Int64}, 'UTC') AND start_time <"
                " fromUnixTimestamp64Micro({hour:Int64}, 'UTC') LIMIT 1",
                {"after": state.watermark, "hour": hour * _HOUR * 1_000_000},
            ).rows
        )

    def _pass(self) -> None:
        owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
        self._worker = worker = subprocess.Popen(
            [sys.executable, "-m", "spanglass_collector.drift.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0,
        )  # fmt: skip
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            with contextlib.suppress(OSError):
                worker.stdin.write(json.dumps({**self._told, "owner": owner}) + "\n")
                worker.stdin.flush()
            line = self._answer(worker)
            if self._stop.is_set():
                return
            if not line.strip():
                self._book.release(owner)
                raise _PassFailed(f"its process ended with status {worker.returncode}; see its log")
            said = json.loads(line)
            self.counts.spans += said.get("spans", 0)
            self.counts.results += said.get("results", 0)
            self.counts.seconds += said.get("seconds", 0.0)
        finally:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()
            self._worker = None

    def _answer(self, worker: "subprocess.Popen[str]") -> str:
        """What it says at its end; nothing if it took too long or we end."""
        found: list[str] = []
        assert worker.stdout is not None
        stdout = worker.stdout

        def read() -> None:
            with contextlib.suppress(OSError, ValueError):
                found.append(stdout.readline())

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        until = time.monotonic() + _LONGEST_S
        while reader.is_alive() and time.monotonic() < until and not self._stop.is_set():
            reader.join(0.2)
        if not reader.is_alive():
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(5)
        return found[0] if found else ""


class _PassFailed(Exception):
    """A pass did not end as it should."""
