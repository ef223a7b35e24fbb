"""The folder of backups: what lies there, until when, and what was erased since.

20260102T030405/
    backup.json     when, how much, until when; written anew when the backup is whole
    store/          what ClickHouse's BACKUP wrote
    state.sqlite3   the state database
    dead-letters/   what the store refused
    ledger*.json    the accounts
"""

import json
import re
import shutil
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from spanglass_store.data_directory import sync_folder, write_private
from spanglass_store.errors import StoreError, Unknown

#: Version of the layout above.
FORMAT: Final = 1
MANIFEST: Final = "backup.json"
#: How long it is told that a backup failed.
_TOLD: Final = timedelta(days=1)
_NAME: Final = re.compile(r"\d{8}T\d{6}(-\d+)?")


@dataclass(frozen=True)
class Backup:
    """A backup.

    Attributes:
        state: `running`, `done` or `failed`.
        expires_at: when it is deleted; None where it stays.
        bytes: on disk.
        rows: in ClickHouse's tables, those that are not merged yet included.
        schema: number of the latest migration.
        has_state: whether the state database is in it; one on another server is not.
        error: why it failed.
        purges_since: ids of purges that ended after it began: it may hold what they erased.
        data_dir: of what.
    """

    name: str
    state: str
    began_at: datetime
    data_dir: str
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    bytes: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    schema: int = 0
    has_state: bool = False
    error: str = ""
    purges_since: tuple[str, ...] = ()


class Catalog:
    """The backups of a folder. Safe to share between threads.

    Args:
        folder: where they lie; made when the first is taken.
        data_dir: of the installation that takes them.
    """

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self.folder = folder
        self._data_dir = str(data_dir)
        self._lock = threading.Lock()

    def get(self, name: str) -> Backup:
        """One of them.

        Raises:
            Unknown: if there is none of that name.
        """
        if _NAME.fullmatch(name) and (self.folder / name / MANIFEST).is_file():
            return read(self.folder / name)
        raise Unknown(f"There is no backup {name!r}. `spanglass backup --list` shows them.")

    def path(self, backup: Backup) -> Path:
        """Its folder."""
        return self.folder / backup.name

    def begin(self, keep_days: int) -> Backup:
        """Makes the folder of a new one.

        Args:
            keep_days: until it expires; 0 for never.

        Raises:
            StoreError: if the folder can't be written.
        """
        now = datetime.now(UTC)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lock:
                name, more = f"{now:%Y%m%dT%H%M%S}", 1
                while (self.folder / name).exists():
                    more += 1
                    name = f"{now:%Y%m%dT%H%M%S}-{more}"
                (self.folder / name).mkdir(mode=0o700)
            until = now + timedelta(days=keep_days) if keep_days else None
            return self._write(Backup(name, "running", now, self._data_dir, expires_at=until))
        except OSError as error:
            raise _unusable(self.folder, error) from error

    def finish(
        self, backup: Backup, rows: Mapping[str, int], schema: int, has_state: bool
    ) -> Backup:
        """It is whole.

        Raises:
            OSError: if the disk does not take it.
        """
        folder = self.path(backup)
        size = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
        with self._lock:
            return self._write(replace(
                read(folder), state="done", finished_at=datetime.now(UTC), bytes=size,
                rows=dict(rows), schema=schema, has_state=has_state,
            ))  # fmt: skip

    def fail(self, backup: Backup, why: str) -> Backup:
        """It can't be finished: what is there of it goes, but for the reason."""
        now = datetime.now(UTC)
        failed = replace(backup, state="failed", error=why, finished_at=now, expires_at=now + _TOLD)
        folder = self.path(backup)
        for each in folder.iterdir():
            if each.name != MANIFEST:
                _remove(each)
        with self._lock:
            return self._write(failed)

    def delete(self, name: str) -> Backup:
        """Deletes one.

        Raises:
            Unknown: if there is none of that name.
            StoreError: if it can't be deleted.
        """
        backup = self.get(name)
        folder = self.folder / name
        try:
            # First what makes it one: what is half gone must not be taken for whole.
            (folder / MANIFEST).unlink()
            _remove(folder)
            sync_folder(self.folder)
        except OSError as error:
            raise _unusable(folder, error) from error
        return backup

    def delete_expired(self, now: datetime | None = None) -> list[str]:
        """Deletes those whose time is over; their names."""
        moment = now or datetime.now(UTC)
        over = [
            each.name
            for each in self.list()
            if each.state != "running" and each.expires_at and each.expires_at <= moment
        ]
        for name in over:
            self.delete(name)
        return over

    def clear_unfinished(self) -> list[str]:
        """Deletes what was cut off. For whoever knows that none is under way."""
        left = [
            each.name
            for each in self.list()
            if each.state == "running" and each.data_dir == self._data_dir
        ]
        for name in left:
            self.delete(name)
        return left

    def note_purge(self, purge_id: str) -> list[dict[str, Any]]:
        """Writes a purge into all backups that may hold what it erased; those, for its receipt."""
        held = []
        for each in self.list():
            if each.state == "failed":
                continue
            with self._lock:
                try:
                    now = read(self.path(each))
                    if purge_id not in now.purges_since:
                        self._write(replace(now, purges_since=(*now.purges_since, purge_id)))
                except (StoreError, OSError):
                    # Deleted a moment ago, or on a disk that can't be written: told all the same.
                    pass
            held.append({
                "name": each.name,
                "began_at": each.began_at.isoformat(),
                "expires_at": each.expires_at.isoformat() if each.expires_at else None,
            })  # fmt: skip
        return held

    def _write(self, backup: Backup) -> Backup:
        document = {**asdict(backup), "format": FORMAT}
        text = json.dumps(document, default=datetime.isoformat, indent=2)
        write_private(self.folder / backup.name / MANIFEST, text + "\n")
        return backup

    def list(self) -> list[Backup]:
        """The latest first. What is no backup of ours is left out."""
        try:
            names = sorted((each.name for each in self.folder.iterdir()), reverse=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unusable(self.folder, error) from error
        found = []
        for name in names:
            if _NAME.fullmatch(name):
                try:
                    found.append(read(self.folder / name))
                except StoreError:
                    # One that is being deleted, or that somebody else put there.
                    continue
        return found


def read(folder: Path) -> Backup:
    """The backup of a folder.

    Raises:
        StoreError: if there is none, or a newer version made it.
    """
    try:
        document = json.loads((folder / MANIFEST).read_text("utf-8"))
        known = {name: document[name] for name in Backup.__dataclass_fields__ if name in document}
        times = {
            name: datetime.fromisoformat(known[name]) if known.get(name) else None
            for name in ("began_at", "finished_at", "expires_at")
        }
        found = int(document["format"])
        rows = {str(table): int(rows) for table, rows in known["rows"].items()}
        purges = tuple(map(str, known["purges_since"]))
        backup = Backup(**{**known, **times, "rows": rows, "purges_since": purges})
        if backup.began_at is None:
            raise ValueError("no time")
    except FileNotFoundError as error:
        raise StoreError(
            f"{folder} is no backup: it has no {MANIFEST}. `spanglass backup --list` shows where"
            " backups lie."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{folder / MANIFEST} can't be read as that of a backup: {error}."
        ) from error
    if found > FORMAT:
        raise StoreError(
            f"{folder} has format {found}, this version knows {FORMAT}. Use the newer Spanglass"
            " that took it."
        )
    return backup


def copied(files: Iterable[Path], into: Path) -> int:
    """Copies files into a folder, for their owner alone; how many. What goes meanwhile is not."""
    into.mkdir(exist_ok=True, mode=0o700)
    count = 0
    for each in files:
        try:
            shutil.copyfile(each, into / each.name)
        except FileNotFoundError:
            (into / each.name).unlink(missing_ok=True)
            continue
        (into / each.name).chmod(0o600)
        count += 1
    return count


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unusable(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"Can't use {folder} for backups: {error.strerror or error}. Mend that, or choose another"
        " folder with --backup-dir."
    )
