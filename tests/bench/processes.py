"""What processes use: CPU time and memory, of trees of processes, by part."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from spanglass_store.priority import BACKGROUND

CLICKHOUSE: Final = "ClickHouse"
COLLECTOR: Final = "collector"
CLIENT: Final = "client"
_FIRST: Final = 20

Parts = Mapping[str, Sequence[psutil.Process]]


def tree(root: psutil.Process) -> dict[str, list[psutil.Process]]:
    """A service's processes by part: those that have ClickHouse's library loaded, and the rest."""
    parts: dict[str, list[psutil.Process]] = {COLLECTOR: [], CLICKHOUSE: []}
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            loaded = any("_chdb" in mapped.path for mapped in process.memory_maps())
            parts[CLICKHOUSE if loaded else COLLECTOR].append(process)
    return parts


def precede(root: psutil.Process) -> bool:
    """Lets a tree of processes go before the rest of the machine; whether that was allowed.

    What others do at the same time counts for less, then. Sessions among them give way to each
    other as before; what works in the background is left alone: it gives way to all in earnest,
    too. See sched(7), "The autogroup feature".
    """
    is_first = False
    for process in [root, *root.children(recursive=True)]:
        session = Path(f"/proc/{process.pid}/autogroup")
        with contextlib.suppress(OSError, IndexError):
            nice = int(session.read_text().split()[-1])
            if 0 <= nice < BACKGROUND:
                session.write_text(str(nice - _FIRST))
            is_first |= nice < BACKGROUND
    return is_first


class CpuMeter:
    """CPU seconds that each part has used since the meter was made."""

    def __init__(self, parts: Parts) -> None:
        """Begin to measure `parts`."""
        self._parts = parts
        self._before = {name: cpu_seconds(processes) for name, processes in parts.items()}
        self._machine = _machine_busy()
        self._begin = time.monotonic()

    def read(self) -> Usage:
        """What was used from the beginning until now."""
        seconds = time.monotonic() - self._begin
        used = {
            name: cpu_seconds(processes) - self._before[name]
            for name, processes in self._parts.items()
        }
        others = max(0.0, _machine_busy() - self._machine - sum(used.values()))
        return Usage(seconds, used, others)


@dataclass(frozen=True)
class Usage:
    """CPU seconds within a span of time, in seconds."""

    seconds: float
    cpu: dict[str, float]
    """By part."""
    others: float
    """Of everything else on the machine: what it was busy with that was not measured."""


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """What they have used since they began, with those of their children that have ended.

    So a child that ends between two readings counts in both: by itself, then with its parent.
    """
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _machine_busy() -> float:
    times = psutil.cpu_times()
    idle: float = times.idle + getattr(times, "iowait", 0.0)
    return sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)


@dataclass(frozen=True)
class Memory:
    """Resident memory in bytes: of one's own, and of files, which the system can take back."""

    anonymous: int
    file: int

    @property
    def resident(self) -> int:
        """All of it."""
        return self.anonymous + self.file


def memory(processes: Sequence[psutil.Process]) -> Memory:
    """Resident memory of processes together; a page that two of them map counts twice."""
    anonymous = file = 0
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            status = Path(f"/proc/{process.pid}/status")
            if status.exists():
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
                sizes = {
                    key: int(lines[key].split()[0]) * 1024
                    for key in ("RssAnon", "RssFile", "RssShmem")
                }
                anonymous += sizes["RssAnon"]
                file += sizes["RssFile"] + sizes["RssShmem"]
            else:
                anonymous += process.memory_info().rss
    return Memory(anonymous, file)


class Peak:
    """The most memory that processes had while it was open, in bytes; sampled ten times a second."""

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        """`processes` together; those that have ended count nothing."""
        self._processes = processes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.most = Memory(0, 0)
        """The sample with the most memory of one's own."""

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            now = memory(self._processes)
            if now.anonymous > self.most.anonymous:
                self.most = now
            if self._over.wait(0.1):
                return
