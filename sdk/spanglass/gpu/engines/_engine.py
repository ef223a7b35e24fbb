"""One engine, asked by a thread of its own: one that hangs delays no other."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from spanglass._guard import log
from spanglass.gpu._options import AgentSettings
from spanglass.gpu._points import Reading, Window
from spanglass.gpu._processes import Processes
from spanglass.gpu.engines import _schema as s
from spanglass.gpu.engines._facts import read_pages
from spanglass.gpu.engines._fetch import Fetched, Fetcher, FetchError
from spanglass.gpu.engines._mapping import TABLES, Mapping
from spanglass.gpu.engines._owner import boards_of, is_here, listeners

if TYPE_CHECKING:
    from spanglass.gpu._nvml import Boards

#: Where metrics are, where a URL has no path. `/metrics` of trtllm-serve is something else, and
#: reading it takes it away from whoever else reads it: so it comes last.
_PATHS: Final = ("/prometheus/metrics", "/metrics")
#: Seconds between two looks at how an engine is set up, and which boards it has.
_FACTS_S: Final = 300.0
_OWNER_S: Final = 30.0


class Engine:
    """An inference engine, or an exporter of boards.

    Args:
        url: of its metrics; `#gpus=0+1` says which boards it works on.
        settings: how often it is asked, and for how long.
        processes: looks processes up.
        boards: of this node; None where NVML is not asked.
    """

    def __init__(
        self, url: str, settings: AgentSettings, processes: Processes, boards: Boards | None
    ) -> None:
        parts = urlsplit(url)
        self.url = parts._replace(fragment="").geturl()
        #: What is wrong; empty where nothing is.
        self.problem = "not asked yet"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._paths = (path,) if path.strip("/") else _PATHS
        self._path = ""
        self._gpus = parse_qs(parts.fragment).get("gpus", [""])[0].replace(" ", "+")
        self._settings = settings
        self._processes = processes
        self._boards = boards
        self._fetcher = Fetcher(url, settings.engine_timeout)
        self._mapping = Mapping()
        self._window = Window()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._name = ""
        self._facts: dict[str, Any] = {}
        self._facts_at = self._owner_at = float("-inf")
        self._on: tuple[str, ...] = ()
        self._bad_lines = 0
        self._began_ns = time.time_ns()
        self._thread = threading.Thread(target=self._run, name="gpu-engine", daemon=True)

    def start(self) -> None:
        """Begins to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the scrape that it is in."""
        self._stop.set()

    def take(self) -> tuple[dict[str, Any], list[bytes], int]:
        """Attributes of its resource, and what it said since the last time, as OTLP."""
        about: dict[str, Any] = {
            "service.name": self._name or "engine",
            "service.instance.id": f"{self._host}:{self._port}",
            "server.address": self._host,
            "server.port": self._port,
            "engine.url": self.url,
        }
        if self._name:
            about["engine.name"] = self._name
        if self._on:
            about["engine.gpus"] = ",".join(self._on)
        with self._lock:
            return about | self._facts, *self._window.take()

    def shown(self) -> list[str]:
        """What it said since the last report, for people."""
        with self._lock:
            return self._window.shown()

    # The thread

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._round()
            due = max(due + self._settings.engine_interval, time.monotonic())
        self._fetcher.close()

    def _round(self) -> None:
        began, time_ns = time.monotonic(), time.time_ns()
        readings: list[Reading] = []
        problem = ""
        try:
            readings = self._scrape(time_ns)
        except FetchError as error:
            problem = str(error)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if problem and problem != self.problem:
            log.warning("spanglass: no metrics of %s: %s", self.url, problem)
        elif not problem and self.problem:
            log.info("spanglass: %s answers (%s)", self.url, self._name)
        self.problem = problem
        about = (("spanglass.reason", problem),) if problem else ()
        readings += [
            Reading(s.UP, about, int(not problem)),
            Reading(s.SCRAPE_SECONDS, (), time.monotonic() - began),
            Reading(s.BAD_LINES, (), self._bad_lines, self._began_ns),
        ]
        with self._lock:
            self._window.add(readings, time_ns)

    def _scrape(self, time_ns: int) -> list[Reading]:
        fetched = self._fetch()
        boards = self._boards.boards() if self._boards is not None else []
        mapped = self._mapping.map(fetched.text, time_ns, {each.uuid for each in boards})
        self._bad_lines += mapped.bad_lines
        if not mapped.engine:
            raise FetchError("its metrics are none of an engine that is known here")
        if not mapped.readings:
            raise FetchError(f"no metric of {mapped.engine} is known here; were they renamed?")
        self._name = mapped.engine
        now = time.monotonic()
        if mapped.resets or now - self._facts_at > _FACTS_S:
            self._facts_at = now
            self._read_facts(mapped.facts)
        if boards and now - self._owner_at > _OWNER_S:
            self._owner_at = now
            self._on = self._find_boards()
        return mapped.readings

    def _fetch(self) -> Fetched:
        problem = FetchError("it has no metrics")
        for path in (self._path,) if self._path else self._paths:
            try:
                fetched = self._fetcher.get(path)
                _refuse_others(fetched)
            except FetchError as error:
                problem = error
                continue
            self._path = path
            return fetched
        self._path = ""
        raise problem

    def _read_facts(self, said: dict[str, str]) -> None:
        table = next(each for each in TABLES if each.name == self._name)
        fetcher = Fetcher(self.url, self._settings.engine_timeout)
        try:
            found = {**said, **read_pages(fetcher, table.pages)}
        finally:
            fetcher.close()
        with self._lock:
            self._facts = found

    def _find_boards(self) -> tuple[str, ...]:
        """The boards that the engine works on; none where that can't be known."""
        assert self._boards is not None
        boards = self._boards.boards()
        if self._gpus:
            wanted = set(self._gpus.split("+"))
            return tuple(
                each.uuid for each in boards if {each.uuid, str(each.index)} & wanted
            )  # fmt: skip
        if not is_here(self._host):
            return ()
        pids = {each.uuid: each.pids for each in boards}
        found: tuple[str, ...] = ()
        owners = listeners(self._port, Path(self._settings.proc))
        if owners:
            found = boards_of(owners, pids, self._processes)
        if not found and len(self._settings.engines) == 1:
            # Nobody else is known who could be at work there.
            found = tuple(uuid for uuid, there in pids.items() if there)
        return found


def _refuse_others(fetched: Fetched) -> None:
    """Other pages than metrics.

    Raises:
        FetchError: it is one.
    """
    start = fetched.text[:200].lstrip().lower()
    if fetched.kind == "text/html" or start.startswith(("<!doctype", "<html")):
        raise FetchError("it answers with a web page; give the address of its metrics")
    if fetched.kind == "application/json" or start.startswith(("[", '{"')):
        raise FetchError(
            "it answers with JSON; trtllm-serve has its metrics at /prometheus/metrics, with"
            " return_perf_metrics: true"
        )
    if not start:
        raise FetchError("it answers with nothing")
