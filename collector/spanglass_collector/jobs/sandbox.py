"""A detector's process, from outside: it is given spans, and ended when it takes too much.

A detector can raise, hang, use up the memory or take its process along. Whatever it does concerns
the span that it was at: that one gets the reason, those behind it are judged by a new process.
"""

import contextlib
import json
import logging
import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socketpair
from typing import Any, Final

import psutil

from spanglass_collector.jobs.config import JobSettings

log = logging.getLogger(__name__)

_POLL_S: Final = 0.25
#: How often memory is looked at, in seconds.
_LOOK_S: Final = 0.5
#: Spans at which the process died one after the other, after which it is not them.
_MOST_IN_A_ROW: Final = 20
#: Spans, and bytes of them, that are handed over at once.
_AT_ONCE: Final = 512
_AT_ONCE_BYTES: Final = 4 << 20
#: Part of the memory limit at which a process is replaced between two batches: it leaks.
_LEAKS: Final = 0.8


class DetectorFailed(Exception):
    """The detector can't be started; the message says why."""


@dataclass(frozen=True)
class About:
    """What a detector says of itself."""

    version: str
    operations: tuple[str, ...]
    columns: tuple[str, ...]
    batch: int


@dataclass(frozen=True)
class Verdict:
    """What became of one span.

    Attributes:
        results: as they travel (see `judge.written`); None where it could not be judged.
        reason: why not.
    """

    results: list[dict[str, Any]] | None
    reason: str = ""


class Sandbox:
    """Judges spans by a detector in a process of its own.

    Args:
        settings: the job's.
        options: what the detector is made with.
        folder: where a relative path to it begins.
    """

    def __init__(
        self, settings: JobSettings, options: dict[str, Any], folder: Path | None = None
    ) -> None:
        self._settings = settings
        self._asked = json.dumps(
            {
                "detector": settings.detector,
                "options": options,
                "folder": str(folder) if folder else "",
            }
        ).encode()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._progress: mmap.mmap | None = None
        self._about: About | None = None
        #: Processes that had to be ended or ended by themselves.
        self.deaths = 0
        self._in_a_row = 0
        self._reason = ""

    def start(self) -> About:
        """Starts the process if none runs, and waits until the detector is ready.

        Raises:
            DetectorFailed: if it can't be loaded.
        """
        if self._process is not None and self._about is not None:
            return self._about
        ours, theirs = socketpair()
        with tempfile.TemporaryFile() as file:
            file.write(bytes(8))
            file.flush()
            self._progress = mmap.mmap(file.fileno(), 8)
            handles = (theirs.fileno(), file.fileno())
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "spanglass_collector.jobs.judge",
                    *map(str, handles), str(os.getpid()),
                ],
                pass_fds=handles,
                stdin=subprocess.DEVNULL,
                # A group of its own: what it starts ends with it.
                start_new_session=True,
            )  # fmt: skip
        theirs.close()
        self._connection = Connection(ours.detach())
        try:
            self._connection.send_bytes(self._asked)
            answer = self._receive(self._settings.load_timeout_s)
        except OSError:
            answer = "its process ended"
        if isinstance(answer, str):
            self.stop()
            raise DetectorFailed(
                f"The detector {self._settings.detector!r} can't be loaded: {answer}"
            )
        if "error" in answer:
            self.stop()
            raise DetectorFailed(str(answer["error"]))
        self._about = About(
            answer["version"], tuple(answer["operations"]), tuple(answer["columns"]),
            answer["batch"],
        )  # fmt: skip
        return self._about

    def stop(self) -> None:
        """Ends the process; the next `judge` starts another."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
        self._process = self._connection = self._progress = None

    def judge(self, lines: Sequence[bytes]) -> Iterator[Verdict]:
        """What becomes of each span, in order.

        Args:
            lines: rows of spans as JSON.

        Raises:
            DetectorFailed: if the detector can't be started.
        """
        at, size = 0, 0
        while at < len(lines):
            about = self.start()
            self._replace_if_it_leaks()
            # After a death, one by one up to where it happened: a batch has no single culprit.
            batch = size or about.batch
            done = 0
            for verdict in self._judge(lines[at:], batch):
                if verdict is None:
                    break
                done += 1
                yield verdict
            else:
                return
            at += done
            self._in_a_row = 0 if done else self._in_a_row + 1
            if self._in_a_row >= _MOST_IN_A_ROW:
                raise DetectorFailed(
                    f"The detector {self._settings.detector!r} failed at {self._in_a_row} spans in"
                    f" a row: {self._reason}."
                )
            assert self._progress is not None
            blamed = max(0, struct.unpack("<Q", self._progress[:8])[0] - done)
            reason = self._end()
            if batch == 1 and blamed == 0:
                yield Verdict(None, reason)
                at += 1
            elif batch == 1:
                # Judged, but not handed over: again, without the one that it died of.
                yield from self._again(lines[at : at + blamed], about)
                yield Verdict(None, reason)
                at += blamed + 1
            size = 1 if batch > 1 else 0

    def _again(self, lines: Sequence[bytes], about: About) -> Iterator[Verdict]:
        """Spans whose results were lost with the process."""
        self.start()
        count = 0
        for verdict in self._judge(lines, 1):
            if verdict is None:
                break
            count += 1
            yield verdict
        if count < len(lines):
            reason = self._end()
            for _ in lines[count:]:
                yield Verdict(None, reason)

    def _judge(self, lines: Sequence[bytes], batch: int) -> Iterator[Verdict | None]:
        """Verdicts as they come; None at the end if the process did not go through with it."""
        assert self._connection is not None
        assert self._progress is not None
        self._progress[:8] = bytes(8)
        self._reason = ""
        try:
            self._connection.send_bytes(struct.pack("<II", len(lines), batch))
            for line in lines:
                self._connection.send_bytes(line)
        except OSError:
            yield None
            return
        left = len(lines)
        while left:
            answer = self._receive(self._settings.timeout_s * max(1, batch), watch=True)
            if isinstance(answer, str):
                self._reason = answer
                yield None
                return
            for each in answer:
                left -= 1
                yield Verdict(None, each) if isinstance(each, str) else Verdict(each)

    def _receive(self, patience_s: float, watch: bool = False) -> Any:
        """The next answer, or a text that says why there is none.

        Args:
            patience_s: how long one span may take, in seconds.
            watch: whether progress is what the time is counted from.
        """
        assert self._connection is not None
        assert self._progress is not None
        assert self._process is not None
        began = looked = time.monotonic()
        seen = self._progress[:8]
        while True:
            try:
                if self._connection.poll(_POLL_S):
                    return json.loads(self._connection.recv_bytes())
            except (EOFError, OSError):
                return "its process ended"
            if self._process.poll() is not None and not self._connection.poll():
                # What it has started may hold the other end.
                return "its process ended"
            now = time.monotonic()
            if watch and self._progress[:8] != seen:
                seen, began = self._progress[:8], now
            if now - began > patience_s:
                return f"it took longer than {patience_s:g} s"
            if now - looked > _LOOK_S:
                looked = now
                used = self._memory()
                if used > self._settings.memory_mb << 20:
                    return f"it used more than {self._settings.memory_mb} MiB of memory"

    def _memory(self) -> int:
        assert self._process is not None
        used = 0
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self._process.pid)
            for each in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    used += int(each.memory_info().rss)
        return used

    def _replace_if_it_leaks(self) -> None:
        if self._memory() > _LEAKS * (self._settings.memory_mb << 20):
            log.warning(
                "the detector %s is started anew: it holds much memory", self._settings.detector
            )
            self.stop()
            self.start()

    def _end(self) -> str:
        """Ends the process that failed; why it did."""
        assert self._process is not None
        reason = self._reason or "its process ended"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        code = self._process.poll()
        if code is not None and reason == "its process ended":
            reason += f" with status {code}" if code >= 0 else f" by signal {-code}"
        self.deaths += 1
        self.stop()
        return reason


def batches(lines: Iterable[bytes]) -> Iterable[list[bytes]]:
    """Lines in lists that are neither long nor large."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line)
        if len(batch) >= _AT_ONCE or size >= _AT_ONCE_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
