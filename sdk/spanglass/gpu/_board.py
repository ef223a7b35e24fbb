"""One board, asked by a thread of its own: a call that does not come back delays no other board."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from spanglass._guard import log
from spanglass.gpu import _hardware as hw
from spanglass.gpu._counters import Counters
from spanglass.gpu._points import Attributes, Reading, Window
from spanglass.gpu._probes import PROBES, Asked, Probe
from spanglass.gpu._processes import Processes

#: Seconds after which a call counts as blocked.
BLOCKED_S: Final = 5.0
#: Seconds for which what a board does not support is not asked again.
_ABSENT_S: Final = 600.0
#: Seconds between two tries to find a board again that is lost.
_LOST_RETRY_S: Final = 5.0
#: What a process has for an instance where its board is not divided.
_NO_INSTANCE: Final = 0xFFFFFFFF


class Board:
    """A board and the thread that asks it.

    Args:
        nvml: the module `pynvml`.
        uuid: of the board.
        handle: NVML's.
        about: attributes of everything that is read of it.
        interval_s: seconds between two rounds.
        slow_s: seconds between two rounds of what changes slowly.
        processes: looks processes up.
    """

    def __init__(
        self,
        nvml: Any,
        uuid: str,
        handle: Any,
        about: Attributes,
        interval_s: float,
        slow_s: float,
        processes: Processes,
    ) -> None:
        self.uuid = uuid
        #: Its number on the node, as nvidia-smi has it.
        self.index = int(dict(about).get("hw.gpu.index", -1))
        #: Numbers of the processes on it, as they were last seen.
        self.pids: frozenset[int] = frozenset()
        self._nvml = nvml
        self._handle = handle
        self._about = about
        self._interval_s = interval_s
        self._slow_s = slow_s
        self._processes = processes
        self._counters = Counters()
        self._instance_counters: dict[str, Counters] = {}
        self._absent: dict[tuple[str, Callable[..., None]], float] = {}
        self._utilization_seen = 0
        self._mig_mode = -1
        self._xids: dict[int, int] = {}
        self._since_ns = time.time_ns()
        self._window = Window()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._busy_since: float | None = None
        self._lost = ""
        self._degraded = ""
        self._thread = threading.Thread(target=self._run, name=f"gpu-{uuid[:12]}", daemon=True)

    def start(self) -> None:
        """Begins to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the call that it is in."""
        self._stop.set()

    def note_xid(self, code: int) -> None:
        """The driver has reported an XID error."""
        with self._lock:
            self._xids[code] = self._xids.get(code, 0) + 1

    @property
    def state(self) -> tuple[str, str]:
        """`ok`, `degraded` or `failed`, and why."""
        busy = self._busy_since
        if busy is not None and time.monotonic() - busy > BLOCKED_S:
            return "failed", "a call of NVML does not come back"
        if self._lost:
            return "failed", self._lost
        return ("degraded", self._degraded) if self._degraded else ("ok", "")

    def take(self) -> tuple[list[bytes], int]:
        """What was read since the last time, as OTLP, and the state."""
        now = time.time_ns()
        state, why = self.state
        readings = []
        for name in ("ok", "degraded", "failed"):
            more: Attributes = (("hw.type", "gpu"), ("hw.state", name))
            if name == state and why:
                more += (("spanglass.reason", why),)
            readings.append(Reading(hw.STATUS, self._about + more, int(name == state)))
        with self._lock:
            readings += [
                Reading(hw.XID, (*self._about, ("hw.gpu.xid", code)), count, self._since_ns)
                for code, count in self._xids.items()
            ]
            self._window.add(readings, now)
            return self._window.take()

    def shown(self) -> list[str]:
        """What was read since the last report, for people."""
        with self._lock:
            return self._window.shown()

    # The thread

    def _run(self) -> None:
        due = time.monotonic()
        slow_at = due
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            is_slow = now >= slow_at
            if is_slow:
                slow_at = now + self._slow_s - self._interval_s / 2
            self._busy_since = now
            try:
                self._round(is_slow)
            except Exception as error:
                self._fail(error)
            finally:
                self._busy_since = None
            wait = _LOST_RETRY_S if self._lost else self._interval_s
            # Rounds that were missed are not made up for.
            due = max(due + wait, time.monotonic())

    def _round(self, is_slow: bool) -> None:
        if self._lost:
            self._handle = self._nvml.nvmlDeviceGetHandleByUUID(self.uuid)
        time_ns = time.time_ns()
        asked = Asked(self._nvml, self._handle, self._about, self._counters, time_ns)
        self._ask(asked, [probe for probe in PROBES if probe.is_fast or is_slow], self.uuid)
        if is_slow:
            self._ask_instances(asked)
            self._ask_one(asked, self._ask_processes, self.uuid)
            self._ask_one(asked, self._ask_utilization, self.uuid)
        self._degraded = (
            "clocks are held back by the hardware" if asked.throttle & hw.HARDWARE_SLOWDOWN else ""
        )
        if self._lost:
            log.info("spanglass: board %s is back", self.uuid)
            self._lost = ""
        with self._lock:
            self._window.add(asked.readings, time_ns)

    def _ask(self, asked: Asked, probes: list[Probe], whom: str) -> None:
        for probe in probes:
            self._ask_one(asked, probe.ask, whom)

    def _ask_one(self, asked: Asked, ask: Callable[[Asked], None], whom: str) -> None:
        """One question; what the board does not support is not asked for a while."""
        until = self._absent.get((whom, ask))
        if until is not None and time.monotonic() < until:
            return
        nvml = self._nvml
        try:
            ask(asked)
        except nvml.NVMLError as error:
            if error.value in (
                nvml.NVML_ERROR_NOT_SUPPORTED, nvml.NVML_ERROR_FUNCTION_NOT_FOUND,
                nvml.NVML_ERROR_NO_PERMISSION, nvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
            ):  # fmt: skip
                self._absent[(whom, ask)] = time.monotonic() + _ABSENT_S
            elif error.value in (
                nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_RESET_REQUIRED,
                nvml.NVML_ERROR_UNINITIALIZED, nvml.NVML_ERROR_DRIVER_NOT_LOADED,
            ) and whom == self.uuid:  # fmt: skip
                raise
            else:
                # For this moment alone: an instance that has just gone, a driver that is busy.
                log.debug("spanglass: %s: %s", whom, error)

    def _fail(self, error: Exception) -> None:
        if not self._lost:
            log.warning("spanglass: board %s can't be read: %s", self.uuid, error)
        self._lost = str(error)
        self._handle = None
        self.pids = frozenset()

    def _ask_instances(self, asked: Asked) -> None:
        """MIG: the instances as they are now; they come and go while the board runs."""
        nvml = self._nvml
        try:
            mode = nvml.nvmlDeviceGetMigMode(self._handle)[0]
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_GPU_IS_LOST:
                raise
            return
        if mode != self._mig_mode:
            # A board that is divided supports less.
            self._mig_mode = mode
            self._absent.clear()
        asked.put(hw.MIG_MODE, int(mode == 1))
        if mode != 1:
            self._instance_counters.clear()
            return
        found = {}
        for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(self._handle)):
            try:
                handle = nvml.nvmlDeviceGetMigDeviceHandleByIndex(self._handle, index)
                uuid = nvml.nvmlDeviceGetUUID(handle)
                found[uuid] = self._instance_counters.get(uuid) or Counters()
                about = self._instance_about(handle, uuid)
            except nvml.NVMLError:
                continue
            part = Asked(nvml, handle, about, found[uuid], asked.time_ns)
            self._ask(part, [probe for probe in PROBES if probe.on_instances], uuid)
            asked.readings += part.readings
        self._instance_counters = found
        for key in [key for key in self._absent if key[0] not in found and key[0] != self.uuid]:
            del self._absent[key]

    def _instance_about(self, handle: Any, uuid: str) -> Attributes:
        nvml = self._nvml
        about: dict[str, Any] = dict(self._about)
        about |= {
            "hw.id": uuid,
            "hw.parent": self.uuid,
            "hw.name": nvml.nvmlDeviceGetName(handle),
            "hw.gpu.mig.gpu_instance.id": nvml.nvmlDeviceGetGpuInstanceId(handle),
            "hw.gpu.mig.compute_instance.id": nvml.nvmlDeviceGetComputeInstanceId(handle),
        }
        return tuple(about.items())

    def _ask_processes(self, asked: Asked) -> None:
        nvml = self._nvml
        found = {}
        for kind, ask in (
            ("compute", nvml.nvmlDeviceGetComputeRunningProcesses),
            ("graphics", nvml.nvmlDeviceGetGraphicsRunningProcesses),
        ):
            try:
                for each in ask(self._handle):
                    found[each.pid] = (kind, each.usedGpuMemory, each.gpuInstanceId)
            except nvml.NVMLError as error:
                if kind == "compute":
                    raise
                log.debug("spanglass: %s: %s", self.uuid, error)
        self.pids = frozenset(found)
        for pid, (kind, used, instance) in found.items():
            if used is not None:
                more = (*self._processes.describe(pid), ("hw.gpu.process.type", kind))
                if self._instance_counters and instance != _NO_INSTANCE:
                    more += (("hw.gpu.mig.gpu_instance.id", instance),)
                reading = Reading(hw.PROCESS_MEMORY, self._about + more, int(used))
                asked.readings.append(reading)

    def _ask_utilization(self, asked: Asked) -> None:
        nvml = self._nvml
        try:
            samples = nvml.nvmlDeviceGetProcessUtilization(self._handle, self._utilization_seen)
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_NOT_FOUND:
                return  # nobody was at work
            raise
        by_pid: dict[int, list[int]] = {}
        for sample in samples:
            self._utilization_seen = max(self._utilization_seen, sample.timeStamp)
            # A driver that has fewer samples than it said leaves the rest of the list as it was.
            if sample.pid and sample.smUtil <= 100:
                by_pid.setdefault(sample.pid, []).append(sample.smUtil)
        for pid, shares in by_pid.items():
            share = sum(shares) / len(shares) / 100
            more = self._processes.describe(pid)
            asked.readings.append(Reading(hw.PROCESS_UTILIZATION, self._about + more, share))
