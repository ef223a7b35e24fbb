"""What ClickHouse refuses for ever: kept as it is, with the reason, until somebody replays it.

20261122T141523-traces-000000000042-3.otlp    what was refused, one request
20261122T141523-traces-000000000042-3.json    when, why, how many
"""

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from spanglass_collector.ingest.signals import TRACES, Signal
from spanglass_store.data_directory import sync_folder, write_private
from spanglass_store.errors import Unknown


@dataclass(frozen=True)
class DeadLetter:
    """One refused request.

    Attributes:
        name: what the command line calls it by.
        reason: what ClickHouse said.
        items: how many it holds.
        at: when it was refused (ISO 8601, UTC).
        signal: what it is a request of, by the signal's name.
    """

    name: str
    reason: str
    items: int
    at: str
    signal: str

    @property
    def spans(self) -> int:
        """`items`, as the API and the files call it."""
        return self.items


class DeadLetters:
    """The dead letters of a data directory.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, signal: Signal, segment: int, body: bytes, items: int, reason: str) -> DeadLetter:
        """Keeps a refused request, durably. The same request of a segment is kept once."""
        part = 1
        # A segment that is stored again after a crash may be refused in other places than before.
        for found in self._folder.glob(f"*-{signal.name}-{segment:012}-*.json"):
            if found.with_suffix(".otlp").read_bytes() == body:
                return self._read(found)
            part = max(part, int(found.stem.rpartition("-")[2]) + 1)
        now = datetime.now(UTC)
        name = f"{now:%Y%m%dT%H%M%S}-{signal.name}-{segment:012}-{part}"
        letter = DeadLetter(name, reason, items, now.isoformat(timespec="seconds"), signal.name)
        path = self._folder / f"{name}.otlp"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        # The description comes second: a letter without one is not there yet.
        write_private(self._folder / f"{name}.json", json.dumps(_written(letter)))
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

    def remove(self, name: str) -> None:
        """Deletes one that is in the spool again, or that nobody wants."""
        (self._folder / f"{name}.json").unlink(missing_ok=True)
        (self._folder / f"{name}.otlp").unlink(missing_ok=True)
        sync_folder(self._folder)

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
        )


def _written(letter: DeadLetter) -> dict[str, str | int]:
    """What stands in the file."""
    return {
        "name": letter.name,
        "reason": letter.reason,
        "spans": letter.items,
        "at": letter.at,
        "signal": letter.signal,
    }


def _unknown(name: str) -> Unknown:
    return Unknown(
        f"There is no dead letter {name!r}. `spanglass dead-letters list` shows the names."
    )
