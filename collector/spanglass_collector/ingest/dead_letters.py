"""What ClickHouse refuses for ever: kept as it is, with the reason, until somebody replays it.

20261122T141523-traces-000000000042-3.otlp    what was refused, one request
20261122T141523-traces-000000000042-3.json    when, why, how many
"""

import contextlib
import hashlib
import json
import os
import threading
from collections import Counter
from dataclasses import dataclass
from dataclasses import replace as dataclass_replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from spanglass_collector.ingest.signals import TRACES, Signal
from spanglass_store.data_directory import sync_folder, write_private
from spanglass_store.errors import Unknown

#: What a file system gives out at a time, in bytes.
_BLOCK: Final = 4096


@dataclass(frozen=True)
class DeadLetter:
    """One refused request.

    Attributes:
        name: what the command line calls it by.
        reason: what ClickHouse said.
        items: how many it holds.
        at: when it was refused (ISO 8601, UTC).
        signal: what it is a request of, by the signal's name.
        project: who sent it; empty where that is not known.
        damaged: whether it is no request, but what was damaged on the disk before it was stored.
    """

    name: str
    reason: str
    items: int
    at: str
    signal: str
    project: str = ""
    damaged: bool = False


@dataclass(frozen=True)
class _Kept:
    """What is remembered of a letter: where it came from, what is in it, and what it takes up."""

    origin: tuple[str, int]
    digest: str
    project: str
    size: int


class _Index:
    """What is asked for each time that a letter is kept."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        #: Names by digest, by origin.
        self._origins: dict[tuple[str, int], dict[str, str]] = {}
        #: Bytes on disk, by project, and of all.
        self.used: Counter[str] = Counter()
        self.total = 0

    def add(self, name: str, kept: _Kept) -> None:
        self._kept[name] = kept
        self._origins.setdefault(kept.origin, {})[kept.digest] = name
        self.used[kept.project] += kept.size
        self.total += kept.size

    def remove(self, name: str) -> None:
        kept = self._kept.pop(name, None)
        if kept is None:
            return
        self._origins.get(kept.origin, {}).pop(kept.digest, None)
        self.used[kept.project] -= kept.size
        self.total -= kept.size

    def of(self, origin: tuple[str, int]) -> dict[str, str]:
        """The names of what came from a segment, by digest."""
        return self._origins.get(origin, {})


class DeadLettersFull(Exception):
    """There is no room for a letter of this project; the message says what to do."""


class DeadLetters:
    """The dead letters of a data directory. Safe to share between threads.

    A project may take up as much as it leaves free, half of it all if it is alone: so there is
    always room for the letters of another.

    Args:
        folder: where they lie.
        limit: bytes that all of them may take up on disk; None for no limit.

    Source: dynamic thresholds for shared buffers, Choudhury and Hahne 1998, with alpha = 1.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        self._loaded: _Index | None = None

    @property
    def size(self) -> int:
        """Bytes that all of them take up on disk."""
        with self._lock:
            return self._index().total

    def has_room(self, project: str, size: int) -> bool:
        """Whether another letter of a project, with a content of so many bytes, may be kept."""
        with self._lock:
            return self._has_room(project, _on_disk(size))

    def _has_room(self, project: str, size: int) -> bool:
        if self._limit is None:
            return True
        index = self._index()
        return index.used[project] + size <= self._limit - index.total - size

    def _index(self) -> _Index:
        """What is there, read when it is first asked for."""
        if self._loaded is None:
            index = _Index()
            for path in sorted(self._folder.glob("*.json")):
                with contextlib.suppress(FileNotFoundError):
                    index.add(path.stem, _kept(path))
            self._loaded = index
        return self._loaded

    def put(
        self,
        signal: Signal,
        segment: int,
        project: str,
        body: bytes,
        items: int,
        reason: str,
        damaged: bool = False,
    ) -> DeadLetter:
        """Keeps a refused request, durably. The same request of a segment is kept once.

        What was damaged is kept whether there is room for it or not.

        Raises:
            DeadLettersFull: if there is no room for it.
            OSError: if the disk does not take it.
        """
        digest = hashlib.sha256(body).hexdigest()
        origin = signal.name, segment
        with self._lock:
            # A segment that is stored again after a crash may be refused in other places.
            siblings = self._index().of(origin)
            if digest in siblings:
                # Somebody may have deleted it.
                with contextlib.suppress(FileNotFoundError):
                    return self._read(self._folder / f"{siblings[digest]}.json")
            size = _on_disk(len(body))
            if not damaged and not self._has_room(project, size):
                raise DeadLettersFull(
                    "Dead letters are full. Replay them (`spanglass dead-letters replay`) or raise"
                    " --dead-letters-bytes."
                )
            part = 1 + max((int(name.rpartition("-")[2]) for name in siblings.values()), default=0)
            now = datetime.now(UTC)
            name = f"{now:%Y%m%dT%H%M%S}-{signal.name}-{segment:012}-{part}"
            at = now.isoformat(timespec="seconds")
            letter = DeadLetter(name, reason, items, at, signal.name, project, damaged)
            path = self._folder / f"{name}.otlp"
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            # The description comes second: a letter without one is not there yet.
            text = json.dumps(_written(letter) | {"sha256": digest})
            write_private(self._folder / f"{name}.json", text)
            self._index().add(name, _Kept(origin, digest, project, size))
        return letter

    def find(self, name: str) -> DeadLetter:
        """The description of one.

        Raises:
            Unknown: if there is none of that name.
        """
        for letter in self.list():
            if letter.name == name:
                return letter
        raise _unknown(name)

    def list(self) -> list[DeadLetter]:
        """All of them, oldest first."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            # One that is being replayed may be gone by now.
            with contextlib.suppress(FileNotFoundError):
                found.append(self._read(path))
        return found

    def body(self, name: str) -> bytes:
        """The content of one, a serialised request.

        Raises:
            Unknown: if there is none of that name.
        """
        path = self._folder / f"{name}.otlp"
        # A name is one of ours, never a path.
        if path.parent == self._folder:
            with contextlib.suppress(FileNotFoundError):
                return path.read_bytes()
        raise _unknown(name)

    def files(self, letter: DeadLetter) -> tuple[Path, Path]:
        """Its content and its description, in the order in which they are written."""
        return self._folder / f"{letter.name}.otlp", self._folder / f"{letter.name}.json"

    def replace(self, letter: DeadLetter, body: bytes, items: int) -> None:
        """Puts what is left of a letter in its place, durably.

        Raises:
            OSError: if the disk does not take it.
        """
        path = self._folder / f"{letter.name}.otlp"
        with self._lock:
            kept = _kept(path.with_suffix(".json"))
            temporary = path.with_suffix(".new")
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            digest = hashlib.sha256(body).hexdigest()
            text = json.dumps(_written(dataclass_replace(letter, items=items)) | {"sha256": digest})
            write_private(path.with_suffix(".json"), text)
            self._index().remove(letter.name)
            size = _on_disk(len(body))
            self._index().add(letter.name, _Kept(kept.origin, digest, kept.project, size))

    def remove(self, name: str) -> None:
        """Deletes one that is in the spool again, or that nobody wants."""
        with self._lock:
            (self._folder / f"{name}.json").unlink(missing_ok=True)
            (self._folder / f"{name}.otlp").unlink(missing_ok=True)
            sync_folder(self._folder)
            self._index().remove(name)

    @staticmethod
    def _read(path: Path) -> DeadLetter:
        stored = json.loads(path.read_text())
        return DeadLetter(
            str(stored["name"]),
            str(stored["reason"]),
            int(stored["spans"]),
            str(stored["at"]),
            # The first versions knew no other.
            str(stored.get("signal", TRACES.name)),
            str(stored.get("project", "")),
            bool(stored.get("damaged", False)),
        )


def _on_disk(size: int) -> int:
    """Bytes that a letter takes up with a content of so many: whole blocks, and a description."""
    return (size + _BLOCK - 1) // _BLOCK * _BLOCK + _BLOCK


def _kept(path: Path) -> _Kept:
    """What is remembered of the letter with this description."""
    stored = json.loads(path.read_text())
    content = path.with_suffix(".otlp")
    # The first versions wrote neither digest nor signal nor project.
    digest = stored.get("sha256") or hashlib.sha256(content.read_bytes()).hexdigest()
    origin = str(stored.get("signal", TRACES.name)), int(path.stem.split("-")[-2])
    size = _on_disk(content.stat().st_size)
    return _Kept(origin, str(digest), str(stored.get("project", "")), size)


def _written(letter: DeadLetter) -> dict[str, str | int | bool]:
    """What stands in the file, but for the digest of the content."""
    return {
        "name": letter.name,
        "reason": letter.reason,
        "spans": letter.items,
        "at": letter.at,
        "signal": letter.signal,
        "project": letter.project,
        "damaged": letter.damaged,
    }


def _unknown(name: str) -> Unknown:
    return Unknown(
        f"There is no dead letter {name!r}. `spanglass dead-letters list` shows the names."
    )
