"""Brings a backup back into an empty data directory.

Until all of it is there a file marks the directory, so that no service opens half of one; the
same command begins anew then.
"""

import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from spanglass_collector.ingest.signals import SIGNALS
from spanglass_store.backups.catalog import Backup, copied, read
from spanglass_store.backups.copy import even_out
from spanglass_store.backups.copy import restore as restore_store
from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory, sync_folder, write_private
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.errors import StoreError
from spanglass_store.migrate import migrate, migrations

#: Older inserts had ended when the copy began.
_UNDER_WAY: Final = timedelta(minutes=10)
#: What a file system puts into a folder of its own.
_NOTHING: Final = ("lost+found",)
#: Part of a backup's size that has to be free beyond it.
_MORE: Final = 0.1


@dataclass(frozen=True)
class Restored:
    """What came back.

    Attributes:
        backup: from which.
        migrated: names of the migrations that brought it to this version's schema.
    """

    backup: Backup
    migrated: tuple[str, ...]


def restore(source: Path, data_dir: Path) -> Restored:
    """Restores.

    Args:
        source: the folder of a backup.
        data_dir: of the service that is to have it; empty or not there yet.

    Raises:
        StoreError: if the one is no whole backup, or the other is in use, not empty or too small.
    """
    source = source.expanduser().absolute()
    backup = read(source)
    _check(backup, source)
    directory = DataDirectory(data_dir, restoring=True)
    _make_room(directory, backup, source)
    try:
        with directory:
            if backup.has_state:
                shutil.copyfile(source / "state.sqlite3", directory.path / "state.sqlite3")
                (directory.path / "state.sqlite3").chmod(0o600)
            letters = source / "dead-letters"
            copied(sorted(letters.iterdir()) if letters.is_dir() else (), directory.dead_letters)
            ledgers = [source / each.ledger for each in SIGNALS]
            copied([each for each in ledgers if each.exists()], directory.path)
            with EmbeddedServer(directory, backups=source.parent) as server:
                store = Store(server.endpoint)
                restore_store(store, source / "store", backup.rows)
                done = migrate(store)
                even_out(store, backup.began_at - _UNDER_WAY)
                store.close()
            os.sync()
            directory.marker.unlink()
            sync_folder(directory.path)
    except OSError as error:
        raise StoreError(
            f"{source} can't be restored: {error.strerror or error}"
            f"{f' ({error.filename})' if error.filename else ''}. The same command begins anew."
        ) from error
    return Restored(backup, tuple(each.name for each in done))


def _check(backup: Backup, source: Path) -> None:
    if backup.state != "done":
        why = f" It failed: {backup.error}" if backup.error else ""
        raise StoreError(f"The backup {source} is not whole ({backup.state}). Choose another.{why}")
    newest = max(each.number for each in migrations())
    if backup.schema > newest:
        raise StoreError(
            f"The backup {source} has schema {backup.schema}, this version knows {newest}. Use the"
            " newer Spanglass that took it."
        )


def _make_room(directory: DataDirectory, backup: Backup, source: Path) -> None:
    """Marks the directory; what an earlier try has left there goes."""
    path = directory.path
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        there = [each for each in path.iterdir() if each.name not in _NOTHING]
        if there and not directory.marker.exists():
            raise StoreError(
                f"{path} is not empty. A backup is restored into a folder of its own: name another"
                " one with --data-dir, or move away what is there."
            )
        if source.is_relative_to(path):
            raise StoreError(f"The backup lies inside {path}. Name another folder with --data-dir.")
        if directory.is_open():
            raise StoreError(f"{path} is in use by another process. Is it being restored already?")
        for each in there:
            if each != directory.marker:
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        free = shutil.disk_usage(path).free
        if free < backup.bytes * (1 + _MORE):
            raise StoreError(
                f"{path} has {free:,} bytes free; the backup has {backup.bytes:,}. Make room, or"
                " choose another disk."
            )
        write_private(directory.marker, f"{source}\n")
    except OSError as error:
        raise StoreError(
            f"Can't use the data directory {path}: {error.strerror or error}. Choose another with"
            " --data-dir."
        ) from error
