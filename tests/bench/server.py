"""A Spanglass service for a bench, and questions to it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

import psutil

from bench.processes import tree
from bench.store import Store, free_port, store_of

REPOSITORY: Final = Path(__file__).parents[2]
PACKAGES: Final = ("sdk", "detectors", "collector", "alerts", "dashboards")


class Service:
    """A running service on a data directory of its own: `spanglass serve`, or `demo`."""

    name: Final = "Spanglass"

    def __init__(
        self,
        data_directory: Path,
        timeout: float = 60.0,
        *,
        command: str = "serve",
        settings: str = "",
    ) -> None:
        """Start it and wait until it is ready, for at most `timeout` seconds.

        `settings` is what stands in its `spanglass.toml`.
        """
        self.data_directory = data_directory
        self.port, self._grpc, self._web = free_port(), free_port(), free_port()
        line = [
            sys.executable,
            "-m",
            "spanglass_collector.cli",
            command,
            f"--data-dir={data_directory}",
            f"--otlp-http=127.0.0.1:{self.port}",
            f"--otlp-grpc=127.0.0.1:{self._grpc}",
            f"--web=127.0.0.1:{self._web}",
        ]
        path = [str(REPOSITORY / each) for each in PACKAGES]
        path += filter(None, [os.environ.get("PYTHONPATH")])
        data_directory.parent.mkdir(parents=True, exist_ok=True)
        if settings:
            file = data_directory.with_name("spanglass.toml")
            file.write_text(settings)
            line.append(f"--config={file}")
        self._log = data_directory.with_name(data_directory.name + ".log")
        begin = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                line,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            )
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() - begin > timeout:
                self.stop()
                said = self._log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"`spanglass {command}` did not become ready:\n{said}")
            time.sleep(0.02)
        self.start_seconds: float = time.monotonic() - begin
        """From the start of the command until it was ready."""

    def _ready(self) -> bool:
        try:
            self.get("/readyz", timeout=2)
        except (OSError, RuntimeError):
            return False
        return True

    def wait_for_line(self, text: str, timeout: float) -> None:
        """Wait until it has said a line with `text` in it, for at most `timeout` seconds."""
        until = time.monotonic() + timeout
        while text not in (said := self._log.read_text(errors="replace")):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the service did not say {text!r}:\n{said[-3000:]}")
            time.sleep(0.2)

    @property
    def web(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self._web}"

    def get(self, path: str, timeout: float = 60.0) -> bytes:
        """The body of an answer of the web port. `timeout` in s."""
        return self._ask(urllib.request.Request(f"http://127.0.0.1:{self._web}{path}"), timeout)

    def sql(self, query: str, timeout: float = 60.0) -> list[list[Any]]:
        """The rows of a query, asked as people ask: through the API. `timeout` in s."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._web}/api/v1/sql",
            data=json.dumps({"query": query}).encode(),
            headers={"Content-Type": "application/json"},
        )
        rows: list[list[Any]] = json.loads(self._ask(request, timeout))["rows"]
        return rows

    def _ask(self, request: urllib.request.Request, timeout: float) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                body: bytes = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:2000]
            raise RuntimeError(f"{error.code} from {request.full_url}: {said}") from None
        return body

    @property
    def store(self) -> Store:
        """Its ClickHouse, as the owner of it."""
        return store_of(self.data_directory)

    def count(self) -> int:
        """How many spans are in the table, counted in the cheapest way."""
        return self.store.number("SELECT count() FROM spanglass.spans")

    def settle(self, seconds: float) -> None:
        """Wait until the names of models that have come are looked up, and their calls charged."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            waiting = self.store.number(
                "SELECT countIf(operation = 'chat' AND cost_source = 'unknown')"
                " + (SELECT count() FROM system.mutations WHERE NOT is_done)"
                " FROM spanglass.spans"
            )
            if not waiting:
                return
            time.sleep(0.2)

    def seen(self, trace_ids: list[str]) -> set[str]:
        """Those of `trace_ids` that people's SQL finds."""
        listed = ", ".join(f"'{each}'" for each in trace_ids)
        rows = self.sql(f"SELECT DISTINCT trace_id FROM spans WHERE trace_id IN ({listed})")
        return {row[0] for row in rows}

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Its processes, by part."""
        return tree(psutil.Process(self._process.pid))

    def stop(self, timeout: float = 15.0) -> None:
        """End it as a person would, and at once after `timeout` seconds."""
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
