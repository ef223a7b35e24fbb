"""All boards of a node, through NVIDIA's management library."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

from spanglass._guard import log
from spanglass.gpu._board import Board
from spanglass.gpu._points import Attributes
from spanglass.gpu._processes import Processes

#: Seconds between two looks at which boards there are.
_LOOK_S: Final = 10.0
#: Milliseconds that one wait for an event takes at most.
_EVENT_WAIT_MS: Final = 2000


class Boards:
    """Finds boards, starts a thread for each, and looks again.

    Args:
        interval_s: seconds between two rounds.
        slow_s: seconds between two rounds of what changes slowly.
        processes: looks processes up.
    """

    def __init__(self, interval_s: float, slow_s: float, processes: Processes) -> None:
        self._interval_s = interval_s
        self._slow_s = slow_s
        self._processes = processes
        self._boards: dict[str, Board] = {}
        self._stop = threading.Event()
        self._looked = threading.Event()
        self._why = "not looked for yet"
        self._nvml: Any = None
        self._is_open = False
        self._events: Any = None
        self._by_handle: dict[int, Board] = {}
        self._thread = threading.Thread(target=self._run, name="gpu-boards", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends all threads, each after the call that it is in."""
        self._stop.set()
        for board in self.boards():
            board.stop()

    def wait_looked(self, timeout_s: float) -> bool:
        """Waits until it is known which boards there are; whether it is."""
        return self._looked.wait(timeout_s)

    def boards(self) -> list[Board]:
        """Those that were found, also those that are lost by now."""
        return list(self._boards.values())

    @property
    def status(self) -> str:
        """Why there are no boards; empty where NVML answers."""
        return self._why

    # The thread

    def _run(self) -> None:
        while not self._stop.is_set():
            before = self._why
            try:
                self._look()
                self._why = "" if self._boards else "the driver has found no board"
            except ModuleNotFoundError:
                self._why = "nvidia-ml-py is not installed: pip install 'spanglass[gpu]'"
            except Exception as error:
                self._why = _explained(error)
            if self._why and self._why != before:
                log.warning("spanglass: no GPU metrics: %s", self._why)
            self._looked.set()
            self._watch(_LOOK_S)

    def _look(self) -> None:
        if self._nvml is None:
            import pynvml

            self._nvml = pynvml
        nvml = self._nvml
        if not self._is_open:
            nvml.nvmlInit()
            self._is_open = True
        try:
            driver = nvml.nvmlSystemGetDriverVersion()
            for index in range(nvml.nvmlDeviceGetCount()):
                self._add(index, driver)
        except nvml.NVMLError as error:
            if error.value in (nvml.NVML_ERROR_UNINITIALIZED, nvml.NVML_ERROR_DRIVER_NOT_LOADED):
                # The driver was unloaded, or replaced: begin anew.
                self._is_open = False
                self._events = None
            raise

    def _add(self, index: int, driver: str) -> None:
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = nvml.nvmlDeviceGetUUID(handle)
        except nvml.NVMLError as error:
            log.debug("spanglass: board %d: %s", index, error)
            return
        if uuid in self._boards:
            return
        about = self._about(handle, uuid, index, driver)
        board = Board(
            nvml, uuid, handle, about, self._interval_s, self._slow_s, self._processes
        )  # fmt: skip
        self._boards = {**self._boards, uuid: board}
        board.start()
        self._register(handle, board)

    def _about(self, handle: Any, uuid: str, index: int, driver: str) -> Attributes:
        nvml = self._nvml
        found: list[tuple[str, str | int]] = [("hw.id", uuid), ("hw.gpu.index", index)]
        for key, ask in (
            ("hw.name", nvml.nvmlDeviceGetName),
            ("hw.serial_number", nvml.nvmlDeviceGetSerial),
            ("hw.firmware_version", nvml.nvmlDeviceGetVbiosVersion),
        ):
            try:
                found.append((key, ask(handle)))
            except nvml.NVMLError:
                continue
        named = dict(found).get("hw.name")
        if named:
            found.append(("hw.model", named))
        found += [("hw.vendor", "NVIDIA"), ("hw.driver_version", driver)]
        return tuple(found)

    def _register(self, handle: Any, board: Board) -> None:
        """XID errors of a board are events; some boards have none."""
        import ctypes

        nvml = self._nvml
        try:
            if self._events is None:
                self._events = nvml.nvmlEventSetCreate()
            nvml.nvmlDeviceRegisterEvents(handle, nvml.nvmlEventTypeXidCriticalError, self._events)
            address = ctypes.cast(handle, ctypes.c_void_p).value
            if address is not None:
                self._by_handle[address] = board
        except nvml.NVMLError as error:
            log.debug("spanglass: no XID errors of %s: %s", board.uuid, error)

    def _watch(self, seconds: float) -> None:
        """Takes events for a while; without any it only waits."""
        import ctypes

        end = time.monotonic() + seconds
        nvml = self._nvml
        while (left := end - time.monotonic()) > 0 and not self._stop.is_set():
            if self._events is None or not self._by_handle:
                self._stop.wait(left)
                return
            try:
                event = nvml.nvmlEventSetWait_v2(self._events, _EVENT_WAIT_MS)
            except nvml.NVMLError as error:
                if error.value != nvml.NVML_ERROR_TIMEOUT:
                    self._stop.wait(min(left, 1.0))
                continue
            address = ctypes.cast(event.device, ctypes.c_void_p).value
            board = self._by_handle.get(address or 0)
            if board is not None and event.eventType & nvml.nvmlEventTypeXidCriticalError:
                log.warning("spanglass: XID %d on board %s", event.eventData, board.uuid)
                board.note_xid(int(event.eventData))


def _explained(error: Exception) -> str:
    """What is wrong with NVML, and what mends it."""
    value = getattr(error, "value", None)
    mends = {
        1: "the driver was unloaded; it is looked for again",
        4: "the agent may not use the driver; run it as root or give it /dev/nvidia*",
        9: "the NVIDIA driver is not loaded; nvidia-smi says more",
        12: "libnvidia-ml.so.1 is not found; install the NVIDIA driver, or mount it here",
        18: "the library and the loaded driver differ; the machine wants a restart",
    }
    return mends.get(value, str(error)) if isinstance(value, int) else str(error)
