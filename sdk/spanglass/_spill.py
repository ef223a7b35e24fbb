"""Requests that could not be sent, on disk: they survive the process and a collector that is gone.

A file is one OTLP request, written under another name and then renamed, so that there are no
halves. Whoever sends one holds a lock on it, which the system takes back when the process dies;
so any number of processes can share a folder. What is sent is what would have been sent:
redaction and mask have been applied. Files of another endpoint or key are left alone.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from spanglass._settings import Settings

fcntl: Any
try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None

_ENDING: Final = ".otlp"


class Spilled(NamedTuple):
    """A request on disk that nobody else sends.

    Attributes:
        path: where it is.
        body: the request.
        spans: how many are in it.
    """

    path: Path
    body: bytes
    spans: int


class Spill:
    """A folder with requests.

    Args:
        settings: the folder, how many bytes it may have, and whose requests these are.

    Raises:
        OSError: there can be no such folder.
    """

    def __init__(self, settings: Settings) -> None:
        if fcntl is None:  # pragma: no cover - Windows
            raise OSError("this system has no locks on files that end with their process")
        about = repr((settings.endpoint, settings.api_key, sorted(settings.headers.items())))
        whose = hashlib.sha256(about.encode()).hexdigest()[:16]
        self._folder = Path(settings.spill_dir).expanduser() / whose
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._max_bytes = settings.spill_bytes
        self._numbers = itertools.count()

    def write(self, body: bytes, count: int) -> bool:
        """Stores a request. False where there is no room for it.

        Args:
            body: the request.
            count: its spans.

        Raises:
            OSError: it cannot be written.
        """
        if self.size() + len(body) > self._max_bytes:
            return False
        name = f"{time.time_ns():020}-{os.getpid()}-{next(self._numbers)}-{count}"
        part = self._folder / f"{name}.part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - its mode is given before
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            part.rename(part.with_suffix(_ENDING))
        except OSError:
            part.unlink(missing_ok=True)
            raise
        return True

    def size(self) -> int:
        """Bytes that are there, also of files that are being written."""
        total = 0
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat().st_size
        return total

    def waiting(self) -> bool:
        """Whether there is a request."""
        return bool(self._names())

    @contextmanager
    def oldest(self) -> Iterator[Spilled | None]:
        """The oldest request that nobody else sends; None without one. `remove` ends it."""
        for name in self._names():
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
                count = name.removesuffix(_ENDING).rpartition("-")[2]
                yield Spilled(path, file.read(), int(count) if count.isdigit() else 0)
                return
        yield None

    def remove(self, spilled: Spilled) -> None:
        """It has been sent, or never will be."""
        spilled.path.unlink(missing_ok=True)

    def _names(self) -> list[str]:
        with suppress(OSError):
            return sorted(path.name for path in self._folder.glob(f"*{_ENDING}"))
        return []
