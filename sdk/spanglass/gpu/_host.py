"""The node itself: processors, memory, disks and network, by psutil.

Source: OpenTelemetry semantic conventions, `system` (stable and development).
"""

from __future__ import annotations

import os
import time
from typing import Any, Final

from spanglass.gpu._points import Attributes, Kind, Metric, Reading

_CPU_TIME: Final = Metric("system.cpu.time", "s", Kind.COUNTER, "Time of all processors.")
_CPU: Final = Metric("system.cpu.utilization", "1", Kind.GAUGE, "Busy share of all processors.")
_CPUS: Final = Metric("system.cpu.logical.count", "{cpu}", Kind.UP_DOWN, "Processors.")
_LOAD: Final = Metric("system.cpu.load_average.1m", "{thread}", Kind.GAUGE, "Load of a minute.")
_MEMORY: Final = Metric("system.memory.usage", "By", Kind.UP_DOWN, "Memory by state.")
_MEMORY_LIMIT: Final = Metric("system.memory.limit", "By", Kind.UP_DOWN, "Memory of the node.")
_MEMORY_SHARE: Final = Metric(
    "system.memory.utilization", "1", Kind.GAUGE, "Share of the memory that is not available."
)
_DISK: Final = Metric("system.disk.io", "By", Kind.COUNTER, "Bytes read and written.")
_NETWORK: Final = Metric("system.network.io", "By", Kind.COUNTER, "Bytes sent and received.")
_FILES: Final = Metric("system.filesystem.usage", "By", Kind.UP_DOWN, "Room of the root's disk.")
_OWN_CPU: Final = Metric("process.cpu.time", "s", Kind.COUNTER, "Time that the agent has used.")
_OWN_MEMORY: Final = Metric("process.memory.usage", "By", Kind.UP_DOWN, "Memory of the agent.")

_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
#: Interfaces and devices that only repeat or simulate others.
_VIRTUAL: Final = ("lo", "veth", "docker", "br-", "cali", "cni", "loop", "ram", "zram", "dm-")


class Host:
    """Reads the node.

    Raises:
        ModuleNotFoundError: psutil is not installed.
    """

    def __init__(self) -> None:
        import psutil

        self._psutil: Any = psutil
        self._boot_ns = int(psutil.boot_time() * 1e9)
        self._began_ns = time.time_ns()
        self._own = psutil.Process()
        self._before = psutil.cpu_times()

    def read(self) -> list[Reading]:
        """Everything, at one moment. What the node does not show is left out."""
        found: list[Reading] = []
        for part in (self._processors, self._memory, self._disks, self._network, self._self):
            try:
                part(found)
            except (OSError, AttributeError, RuntimeError):
                continue
        return found

    def _put(
        self, out: list[Reading], metric: Metric, value: float, *about: tuple[str, str]
    ) -> None:
        start = self._boot_ns if metric.kind is Kind.COUNTER else 0
        attributes: Attributes = about
        out.append(Reading(metric, attributes, value, start))

    def _processors(self, out: list[Reading]) -> None:
        now = self._psutil.cpu_times()
        for mode in _MODES:
            if hasattr(now, mode):
                self._put(out, _CPU_TIME, getattr(now, mode), ("cpu.mode", mode))
        spent = [max(0.0, b - a) for a, b in zip(self._before, now, strict=False)]
        # Time of guests is in the user's already.
        total = sum(spent[:8])
        idle = now.idle - self._before.idle + getattr(now, "iowait", 0.0)
        idle -= getattr(self._before, "iowait", 0.0)
        self._before = now
        if total > 0:
            self._put(out, _CPU, min(1.0, max(0.0, 1 - idle / total)))
        self._put(out, _CPUS, self._psutil.cpu_count() or 1)
        self._put(out, _LOAD, os.getloadavg()[0])

    def _memory(self, out: list[Reading]) -> None:
        now = self._psutil.virtual_memory()
        for state in ("used", "free", "cached", "buffers"):
            if hasattr(now, state):
                self._put(out, _MEMORY, getattr(now, state), ("system.memory.state", state))
        self._put(out, _MEMORY_LIMIT, now.total)
        self._put(out, _MEMORY_SHARE, 1 - now.available / now.total)

    def _disks(self, out: list[Reading]) -> None:
        room = self._psutil.disk_usage("/")
        for state in ("used", "free"):
            self._put(out, _FILES, getattr(room, state), ("system.filesystem.state", state))
        for device, now in (self._psutil.disk_io_counters(perdisk=True) or {}).items():
            if not device.startswith(_VIRTUAL) and now.read_bytes + now.write_bytes:
                where = ("system.device", device)
                self._put(out, _DISK, now.read_bytes, where, ("disk.io.direction", "read"))
                self._put(out, _DISK, now.write_bytes, where, ("disk.io.direction", "write"))

    def _network(self, out: list[Reading]) -> None:
        for name, now in self._psutil.net_io_counters(pernic=True).items():
            if not name.startswith(_VIRTUAL) and now.bytes_recv + now.bytes_sent:
                where = ("network.interface.name", name)
                for direction, count in (("receive", now.bytes_recv), ("transmit", now.bytes_sent)):
                    self._put(out, _NETWORK, count, where, ("network.io.direction", direction))

    def _self(self, out: list[Reading]) -> None:
        used = self._own.cpu_times()
        out += [
            Reading(_OWN_CPU, (), used.user + used.system, self._began_ns),
            Reading(_OWN_MEMORY, (), self._own.memory_info().rss),
        ]
