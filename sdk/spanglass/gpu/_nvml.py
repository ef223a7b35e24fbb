"""All boards of a node, through NVIDIA's management library."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

from spanglass._guard import log
from spanglass.gpu._board import BLOCKED_S, Board
from spanglass.gpu._points import Attributes
from spanglass.gpu._processes import Processes

#: Seconds between two looks at which boards there are.
_LOOK_S: Final = 10.0
#: Seconds that the driver may take to open a board, all of them together.
_OPEN_S: Final = 2.0
_HANGS: Final = "a call of the driver does not come back"
#: Milliseconds that one wait for an event takes at most.
_EVENT_WAIT_MS: Final = 2000


class _Opened(NamedTuple):
    """A board that was opened, or why it was not."""

    number: int
    handle: Any = None
    uuid: str = ""
    about: Attributes = ()
    why: str = ""


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
        self._looking_since: float | None = None
        self._unopened = ""
        self._opening: dict[int, threading.Thread] = {}
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
        """Why there are no boards, or not all of them; empty where nothing is wrong."""
        since = self._looking_since
        if since is not None and time.monotonic() - since > BLOCKED_S:
            return _HANGS
        return self._why

    # The thread

    def _run(self) -> None:
        while not self._stop.is_set():
            before = self._why
            self._looking_since = time.monotonic()
            try:
                self._look()
                none = "" if self._boards else "the driver has found no board"
                self._why = self._unopened or none
            except ModuleNotFoundError:
                self._why = "nvidia-ml-py is not installed: pip install 'spanglass[gpu]'"
            except Exception as error:
                self._why = _explained(error)
            self._looking_since = None
            if self._why and self._why != before:
                lack = "not all GPUs are read" if self._boards else "no GPU metrics"
                log.warning("spanglass: %s: %s", lack, self._why)
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
            self._open(nvml.nvmlDeviceGetCount(), driver)
        except nvml.NVMLError as error:
            if error.value in (nvml.NVML_ERROR_UNINITIALIZED, nvml.NVML_ERROR_DRIVER_NOT_LOADED):
                # The driver was unloaded, or replaced: begin anew.
                self._is_open = False
                self._events = None
            raise

    def _open(self, count: int, driver: str) -> None:
        """Opens boards, each in a thread of its own: a call may not come back."""
        answers: SimpleQueue[_Opened] = SimpleQueue()
        hung = {index for index, thread in self._opening.items() if thread.is_alive()}
        asked = [index for index in range(count) if index not in hung]
        for index in asked:
            self._opening[index] = threading.Thread(
                target=lambda index=index: answers.put(self._ask(index, driver)),
                name=f"gpu-open-{index}", daemon=True,
            )  # fmt: skip
            self._opening[index].start()
        waiting, end = set(range(count)), time.monotonic() + _OPEN_S
        problems = {}
        for _ in asked:
            try:
                opened = answers.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                break
            waiting.discard(opened.number)
            if opened.why:
                problems[opened.number] = opened.why
            elif opened.uuid not in self._boards:
                self._add(opened)
        problems |= dict.fromkeys(waiting, _HANGS)
        # One that was there before says itself what is wrong with it.
        known = {board.index for board in self.boards()}
        self._unopened = "; ".join(
            f"board {index} can't be opened: {why}"
            for index, why in sorted(problems.items())
            if index not in known
        )

    def _ask(self, index: int, driver: str) -> _Opened:
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = nvml.nvmlDeviceGetUUID(handle)
            about = self._about(handle, uuid, index, driver) if uuid not in self._boards else ()
        except Exception as error:
            return _Opened(index, why=_explained(error))
        return _Opened(index, handle, uuid, about)

    def _add(self, opened: _Opened) -> None:
        board = Board(
            self._nvml, opened.uuid, opened.handle, opened.about, self._interval_s, self._slow_s,
            self._processes,
        )  # fmt: skip
        self._boards = {**self._boards, opened.uuid: board}
        board.start()
        self._register(opened.handle, board)

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
