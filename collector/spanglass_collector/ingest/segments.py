"""Segments: the files of the spool.

    000000000042.v1.traces.open      the segment that is written to
    000000000041.v1.traces           sealed: waits for the writer

A segment is accepted requests one after another, which is itself one valid request, because
protobuf merges repeated fields. So the log is the insert body, byte for byte. The version in the
name is that of the format.
"""

import logging
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from spanglass_store.data_directory import sync_folder

log = logging.getLogger(__name__)

VERSION: Final = 1
#: The highest number that a name has room for: 30,000 years of a segment a second.
LAST_NUMBER: Final = 10**12 - 1
_NAME: Final = re.compile(r"^(\d{12})\.v(\d+)\.([a-z]+)(\.open)?$")


@dataclass(frozen=True)
class Segment:
    """A sealed segment.

    Attributes:
        number: its place in the order; never used twice for a signal in a data directory.
        path: its file.
        items: how many it holds.
        size: in bytes.
    """

    number: int
    path: Path = field(compare=False)
    items: int = field(compare=False)
    size: int = field(compare=False)

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            # What a failed write may have left behind it was never acknowledged.
            return file.read(self.size)


@dataclass(frozen=True)
class SegmentName:
    """What the name of a segment's file says."""

    number: int
    version: int
    signal: str
    is_open: bool

    @classmethod
    def of(cls, name: str) -> "SegmentName | None":
        """The parts of a file's name; None if it is no segment's."""
        match = _NAME.match(name)
        if match is None:
            return None
        return cls(int(match[1]), int(match[2]), match[3], bool(match[4]))


class OpenSegment:
    """The segment that is written to.

    Args:
        folder: where it lies.
        number: its number.
        signal: the signal's name.

    Raises:
        OSError: if it can't be made. Then there is none.
    """

    def __init__(self, folder: Path, number: int, signal: str) -> None:
        self.number = number
        self.path = folder / f"{number:012}.v{VERSION}.{signal}.open"
        self.handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            sync_folder(folder)
        except OSError:
            self.discard()
            raise
        self.size = 0
        self.items = 0
        self.since = time.monotonic()

    def append(self, parts: Sequence[bytes], items: int) -> None:
        """Writes and syncs, or leaves the file as it was.

        Raises:
            OSError: if the disk does not take it.
        """
        try:
            for part in parts:
                view = memoryview(part)
                while view:
                    view = view[os.write(self.handle, view) :]
            os.fdatasync(self.handle)
        except OSError:
            os.ftruncate(self.handle, self.size)
            os.lseek(self.handle, self.size, os.SEEK_SET)
            raise
        self.size += sum(map(len, parts))
        self.items += items

    def seal(self) -> Segment:
        """Closes the file. Its content is on disk; after a crash either name will do."""
        path = self.path
        try:
            os.close(self.handle)
            path = self.path.rename(self.path.with_suffix(""))
        except OSError as error:
            log.warning("%s keeps its name: %s", self.path.name, error)
        return Segment(self.number, path, self.items, self.size)

    def discard(self) -> None:
        """Deletes it."""
        try:
            os.close(self.handle)
            self.path.unlink()
        except OSError as error:
            log.warning("%s stays, empty: %s", self.path.name, error)
