"""Requests that could not be sent, on disk: they survive the process and a collector that is gone.

A file is one OTLP request, written under another name and then renamed, so that there are no
halves. Whoever sends one holds a lock on it, which the system takes back when the process dies;
so any number of processes can share a folder. What is sent is what would have been sent:
redaction and mask have been applied. Files of another endpoint or key are left alone. What the
collector does not take is set aside, for people to look at, until it is too old or in the way.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spanglass._signals import SPANS, Signal

if TYPE_CHECKING:
    from spanglass._settings import Settings

fcntl: Any
try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None

_ASIDE: Final = ".refused"
_PART: Final = ".part"


class Spilled(NamedTuple):
    """A request on disk that nobody else sends.

    Attributes:
        path: where it is.
        body: the request.
        items: how many spans or scores are in it.
        age_s: seconds since it was written.
    """

    path: Path
    body: bytes
    items: int
    age_s: float


class Spill:
    """A folder with requests.

    Args:
        settings: the folder, how many bytes it may have, and whose requests these are.
        signal: what is in the requests that are written and read here. The folder and its bytes
            are shared by all.

    Raises:
        OSError: there can be no such folder, or the system has no locks for it.
    """

    def __init__(self, settings: Settings, signal: Signal = SPANS) -> None:
        if fcntl is None:
            raise OSError(
                "spill_dir has no effect on this system, which has no file locks that end with"
                " their process (Python's fcntl; Windows has none). What cannot be sent within"
                " retry_s is dropped and counted"
            )
        about = repr((settings.endpoint, settings.api_key, sorted(settings.headers.items())))
        whose = hashlib.sha256(about.encode()).hexdigest()[:16]
        self._folder = Path(settings.spill_dir).expanduser() / whose
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._max_bytes = settings.spill_bytes
        self._max_age_s = settings.spill_max_age_s
        self._ending = signal.ending
        self._numbers = itertools.count()
        for name in self._names(_ASIDE) + self._names(_PART):
            # Left by a process that was killed, or set aside: nobody sends these.
            if _age_s(name) > self._max_age_s:
                (self._folder / name).unlink(missing_ok=True)

    def write(self, body: bytes, count: int) -> bool:
        """Stores a request. False where there is no room for it.

        Args:
            body: the request.
            count: how many spans or scores are in it.

        Raises:
            OSError: it cannot be written.
        """
        if not self._has_room(len(body)):
            return False
        name = f"{time.time_ns():020}-{os.getpid()}-{next(self._numbers)}-{count}{self._ending}"
        part = self._folder / f"{name}{_PART}"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - its mode is given before
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._folder / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        return True

    def _has_room(self, size: int) -> bool:
        """Whether there is room; what was set aside makes room first."""
        excess = self.size() + size - self._max_bytes
        for name in self._names(_ASIDE) if excess > 0 else ():
            with suppress(OSError):
                path = self._folder / name
                excess -= path.stat().st_size
                path.unlink()
            if excess <= 0:
                break
        return excess <= 0

    def size(self, waiting: bool = False) -> int:
        """Bytes that are there, also of files that are being written or were set aside.

        Args:
            waiting: whether those that were set aside are left out.
        """
        total = 0
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                if not (waiting and entry.name.endswith(_ASIDE)):
                    with suppress(OSError):
                        total += entry.stat().st_size
        return total

    def waiting(self) -> bool:
        """Whether there is a request."""
        return bool(self._names(self._ending))

    def is_old(self, spilled: Spilled) -> bool:
        """Whether a request has waited for longer than it may."""
        return spilled.age_s > self._max_age_s

    @contextmanager
    def oldest(self, leave: Collection[str] = ()) -> Iterator[Spilled | None]:
        """The oldest request that nobody else sends; None without one.

        Args:
            leave: names of files that are left for now.
        """
        for name in self._names(self._ending):
            if name in leave:
                continue
            path = self._folder / name
            try:
                file = path.open("rb")
            except OSError:
                continue
            with file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue
                # It may have been sent and removed between the two.
                if not os.fstat(file.fileno()).st_nlink:
                    continue
                count = name.removesuffix(self._ending).rpartition("-")[2]
                number = int(count) if count.isdigit() else 0
                yield Spilled(path, file.read(), number, _age_s(name))
                return
        yield None

    def remove(self, spilled: Spilled) -> None:
        """It has been sent, or is too old."""
        spilled.path.unlink(missing_ok=True)

    def set_aside(self, spilled: Spilled) -> None:
        """It is not taken: it stands in nobody's way, and people can look at it."""
        try:
            spilled.path.rename(spilled.path.with_name(f"{spilled.path.name}{_ASIDE}"))
        except OSError:
            self.remove(spilled)

    def _names(self, ending: str) -> list[str]:
        with suppress(OSError):
            return sorted(path.name for path in self._folder.glob(f"*{ending}"))
        return []


def _age_s(name: str) -> float:
    """Seconds since a file was written, by its name; 0 where the name does not say."""
    written = name.partition("-")[0]
    return (time.time_ns() - int(written)) / 1e9 if written.isdigit() else 0.0
