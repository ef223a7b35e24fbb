"""The agent: reads boards, node and engines, and reports what they say."""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from spanglass._guard import log
from spanglass._settings import Settings
from spanglass._settings import resolve as resolve_sdk
from spanglass.gpu._host import Host
from spanglass.gpu._metric_wire import resource_metrics
from spanglass.gpu._nvml import Boards
from spanglass.gpu._options import AgentSettings
from spanglass.gpu._points import Kind, Metric, Reading, Window
from spanglass.gpu._processes import Processes
from spanglass.gpu._sender import Request, Sender
from spanglass.gpu.engines import Engine

_SCOPE: Final = "spanglass.gpu"
_UP: Final = Metric(
    "spanglass.agent.source.up", "1", Kind.UP_DOWN, "Whether something that is read answers."
)
_LOST: Final = Metric(
    "spanglass.agent.lost", "{point}", Kind.COUNTER, "Data points that were given up."
)
_BUFFER: Final = Metric(
    "spanglass.agent.buffer.usage", "By", Kind.UP_DOWN, "Bytes that wait on disk to be sent."
)
#: Seconds that the first report waits for the boards to be found.
_FIRST_LOOK_S: Final = 2.0


class Agent:
    """Reads and reports until it is stopped.

    Args:
        settings: what is read, and how often.
        sdk: endpoint and credentials; None takes them from the environment.
    """

    def __init__(self, settings: AgentSettings, sdk: Settings | None = None) -> None:
        self.settings = settings
        self.sdk = dataclasses.replace(
            sdk if sdk is not None else resolve_sdk({}),
            spill_dir=settings.buffer_dir,
            spill_bytes=settings.buffer_bytes,
        )
        self._processes = Processes(Path(settings.proc))
        self._boards: Boards | None = None
        if settings.gpu:
            self._boards = Boards(settings.interval, settings.report_interval, self._processes)
        self._host: Host | None = None
        self._host_problem = ""
        if settings.host:
            try:
                self._host = Host()
            except ModuleNotFoundError:
                self._host_problem = "psutil is not installed: pip install 'spanglass[gpu]'"
                log.warning("spanglass: no metrics of the node: %s", self._host_problem)
        self.engines = [
            Engine(url, settings, self._processes, self._boards) for url in settings.engines
        ]
        self._resource = node_resource(self.sdk, settings)
        self._window = Window()
        self.sender = Sender(self.sdk)
        self._began_ns = time.time_ns()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpu-agent", daemon=True)

    def start(self) -> None:
        """Begins to read, in threads of its own."""
        self.read()
        self.sender.start()
        self._thread.start()

    def read(self) -> None:
        """Begins to read, without a report."""
        if self._boards is not None:
            self._boards.start()
            self._boards.wait_looked(_FIRST_LOOK_S)
        for engine in self.engines:
            engine.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Reports once more, and ends; what can't be sent stays on disk.

        Args:
            timeout_s: seconds to wait at most.
        """
        self._stop.set()
        if self._boards is not None:
            self._boards.stop()
        for engine in self.engines:
            engine.stop()
        self._thread.join(timeout_s / 2)
        self.sender.close(timeout_s / 2)

    def states(self) -> dict[str, str]:
        """What is read, with what is wrong with it; empty where nothing is."""
        found: dict[str, str] = {}
        if self._boards is not None:
            found["nvml"] = self._boards.status
            for board in self._boards.boards():
                found[board.uuid] = board.state[1]
        if self.settings.host:
            found["host"] = self._host_problem
        return found | {engine.url: engine.problem for engine in self.engines}

    def shown(self) -> list[str]:
        """What was read since the last report, for people: a line a series."""
        self._window.add(self._own_readings(), time.time_ns())
        lines = self._window.shown()
        for each in (*(self._boards.boards() if self._boards is not None else ()), *self.engines):
            lines += each.shown()
        return lines

    # The thread

    def _run(self) -> None:
        due = time.monotonic() + self.settings.report_interval
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._report()
            due = max(due + self.settings.report_interval, time.monotonic())
        self._report()

    def _report(self) -> None:
        try:
            request = self.request()
        except Exception as error:
            log.warning("spanglass: a report could not be made", exc_info=error)
            return
        if request.points:
            self.sender.offer(request)

    def request(self) -> Request:
        """What was read since the last one."""
        now = time.time_ns()
        metrics, count = [], 0
        self._window.add(self._own_readings(), now)
        parts = [self._window.take()]
        if self._boards is not None:
            parts += [board.take() for board in self._boards.boards()]
        for written, points in parts:
            metrics += written
            count += points
        bodies = [resource_metrics(self._resource, _SCOPE, metrics)]
        for engine in self.engines:
            about, written, points = engine.take()
            if points:
                bodies.append(resource_metrics({**self._resource, **about}, _SCOPE, written))
                count += points
        return Request(b"".join(bodies), count)

    def _own_readings(self) -> list[Reading]:
        found = self._host.read() if self._host is not None else []
        sources = {"nvml": self._boards.status} if self._boards is not None else {}
        if self.settings.host:
            sources["host"] = self._host_problem
        for name, problem in sources.items():
            about: tuple[tuple[str, str], ...] = (("spanglass.source", name),)
            if problem:
                about += (("spanglass.reason", problem),)
            found.append(Reading(_UP, about, int(not problem)))
        found.append(Reading(_BUFFER, (), self.sender.waiting_bytes()))
        found.append(Reading(_LOST, (), self.sender.account.lost(), self._began_ns))
        return found


def node_resource(sdk: Settings, settings: AgentSettings) -> dict[str, Any]:
    """What sends: this node."""
    found: dict[str, Any] = {
        "service.name": sdk.service or "spanglass-agent",
        "host.name": os.environ.get("SPANGLASS_HOST_NAME") or socket.gethostname(),
    }
    if node := os.environ.get("K8S_NODE_NAME"):
        found["k8s.node.name"] = node
    if sdk.environment:
        found["deployment.environment.name"] = sdk.environment
    if settings.gpu_hour_usd:
        found["spanglass.gpu_hour_usd"] = settings.gpu_hour_usd
    return found | _from_environment(os.environ) | sdk.resource_attributes


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    pairs = (
        each.partition("=")[::2] for each in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    )
    return {key.strip(): unquote(value.strip()) for key, value in pairs if key.strip() and value}
