"""The folder that holds a service's data: who may open it, and in which format it is.

lock                  held while a service or a command has the folder open
format.json           the version of this layout
service.json          where the running service listens, with a token for local commands
credentials.json      passwords of the embedded server's users
state.sqlite3         projects and keys
store/                the embedded ClickHouse
spool/ dead-letters/  what is not in the store yet, and what the store refused
backups/              copies of all that, unless another folder is set
restoring             there while a backup is brought back; what is here is not whole then
"""

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from spanglass_store.errors import StoreError

#: Version of the layout above. A newer one than this is refused, an older one is upgraded.
FORMAT: Final = 1


class DataDirectory:
    """A data directory, locked against a second process from `open` until `close`.

    Args:
        path: the folder; made where it is missing.
        restoring: whether a backup is being brought back here: nobody else may use it then.

    Raises:
        StoreError: if the folder can't be made or written, is locked by another process, or
            was written by a newer version.
    """

    def __init__(self, path: Path | str, restoring: bool = False) -> None:
        self.path = Path(path).expanduser().absolute()
        self._restoring = restoring
        self._lock: int | None = None

    @property
    def store(self) -> Path:
        return self.path / "store"

    @property
    def spool(self) -> Path:
        return self.path / "spool"

    @property
    def dead_letters(self) -> Path:
        return self.path / "dead-letters"

    @property
    def models(self) -> Path:
        """What detectors make for themselves, once on a machine: vectors of words."""
        return self.path / "models"

    @property
    def backups(self) -> Path:
        """Where backups lie, unless another folder is set."""
        return self.path / "backups"

    @property
    def marker(self) -> Path:
        """There while a backup is brought back."""
        return self.path / "restoring"

    @property
    def credentials(self) -> Path:
        return self.path / "credentials.json"

    @property
    def service(self) -> Path:
        return self.path / "service.json"

    @property
    def state_url(self) -> str:
        return f"sqlite:///{self.path / 'state.sqlite3'}"

    def open(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.chmod(0o700)
            for folder in (self.store, self.spool, self.dead_letters):
                folder.mkdir(exist_ok=True, mode=0o700)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"Can't use the data directory {self.path}: {error.strerror}."
                " Choose another with --data-dir."
            ) from error
        try:
            self._take_lock(self._lock)
        except OSError as error:
            self.close()
            raise StoreError(
                f"The data directory {self.path} is in use by another process."
                " Stop it, or choose another directory with --data-dir."
            ) from error
        try:
            self._check_restored()
            self._check_format()
            # Of a service that was killed: another one may have its ports by now.
            self.service.unlink(missing_ok=True)
        except StoreError:
            self.close()
            raise
        return self

    @staticmethod
    def _take_lock(handle: int) -> None:
        # `is_open` of another process holds it for a moment.
        for _ in range(10):
            with contextlib.suppress(BlockingIOError):
                return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            time.sleep(0.03)
        return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def is_open(self) -> bool:
        """Whether some process, this one or another, has the folder open."""
        try:
            handle = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def _check_restored(self) -> None:
        if self.marker.exists() and not self._restoring:
            raise StoreError(
                f"A backup was being restored into {self.path} and is not there whole. Run"
                " `spanglass restore` again; it begins anew."
            )

    def _check_format(self) -> None:
        marker = self.path / "format.json"
        if not marker.exists():
            write_private(marker, json.dumps({"format": FORMAT}))
            return
        try:
            found = int(json.loads(marker.read_text())["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{marker} can't be read as the format of a data directory."
                " Restore it from a backup, or choose another directory with --data-dir."
            ) from error
        if found > FORMAT:
            raise StoreError(
                f"The data directory {self.path} has format {found}, this version knows {FORMAT}."
                " Install the newer Spanglass that wrote it, or choose another with --data-dir."
            )


def write_private(path: Path, text: str) -> None:
    """Replaces `path` by `text` in one step, readable by its owner alone, and durably."""
    temporary = path.with_name(path.name + ".new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable: a file that was created, renamed or deleted there."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
