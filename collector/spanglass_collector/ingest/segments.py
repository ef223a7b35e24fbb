"""Segments: the files of the spool.

    000000000042.v2.traces.open      the segment that is written to
    000000000041.v2.traces           sealed: waits for the writer

A segment is accepted requests one after another, which is itself one valid request, because
protobuf merges repeated fields. So the log is the insert body, byte for byte. The version in the
name is that of the format.

Since version 2 there are two fields between the requests that are in no request, so whoever reads
the segment as one skips them: a salt at the beginning, and behind what was written together a
seal, which says where it stands, how many items there are up to it, and the checksum of what was
written. The salt goes into the checksum, so that nobody can make what he sends look like a seal.
"""

import logging
import os
import re
import struct
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from spanglass_collector.ingest import wire
from spanglass_store.data_directory import sync_folder

log = logging.getLogger(__name__)

VERSION: Final = 2
#: The highest number that a name has room for: 30,000 years of a segment a second.
LAST_NUMBER: Final = 10**12 - 1
_NAME: Final = re.compile(r"^(\d{12})\.v(\d+)\.([a-z]+)(\.open)?$")


_SALT_BYTES: Final = 4
#: The two fields' beginnings. No OTLP message has fields of these numbers.
_SALT_HEAD: Final = wire.varint(2002 << 3 | wire.LENGTH_DELIMITED) + wire.varint(_SALT_BYTES)
_SEAL: Final = struct.Struct("<QQI")
_SEAL_HEAD: Final = wire.varint(2001 << 3 | wire.LENGTH_DELIMITED) + wire.varint(_SEAL.size)

#: How many bytes the salt's field takes up, and a seal's.
SALT_SIZE: Final = len(_SALT_HEAD) + _SALT_BYTES
SEAL_SIZE: Final = len(_SEAL_HEAD) + _SEAL.size


@dataclass(frozen=True)
class Seal:
    """A seal, as it stands in a file.

    Attributes:
        at: where it begins.
        items: how many items there are up to it.
        checksum: of what it seals.
    """

    at: int
    items: int
    checksum: int

    def fits(self, salt: bytes, parts: Iterable[bytes | memoryview]) -> bool:
        """Whether these bytes are what it seals."""
        return _checksum(salt, parts, self.at, self.items) == self.checksum


def salt_of(body: bytes) -> bytes:
    """A segment's salt; empty if it does not begin with one."""
    whole = len(body) >= SALT_SIZE and body.startswith(_SALT_HEAD)
    return body[len(_SALT_HEAD) : SALT_SIZE] if whole else b""


def seals(body: bytes) -> Iterator[Seal]:
    """What looks like a seal and says that it stands where it does, in order."""
    place = body.find(_SEAL_HEAD)
    while place >= 0:
        if place + SEAL_SIZE <= len(body):
            seal = Seal(*_SEAL.unpack_from(body, place + len(_SEAL_HEAD)))
            if seal.at == place:
                yield seal
        place = body.find(_SEAL_HEAD, place + 1)


def sealed(salt: bytes, parts: Sequence[bytes], size: int, items: int) -> list[bytes]:
    """What is written for some requests: salt, requests and seal.

    Args:
        salt: the segment's.
        parts: framed fields.
        size: of the segment so far; 0 at its beginning.
        items: in the segment with these.
    """
    head = [] if size else [_SALT_HEAD + salt]
    at = sum(map(len, parts)) + (size or SALT_SIZE)
    seal = _SEAL.pack(at, items, _checksum(salt, parts, at, items))
    return [*head, *parts, _SEAL_HEAD + seal]


def _checksum(salt: bytes, parts: Iterable[bytes | memoryview], at: int, items: int) -> int:
    value = zlib.crc32(salt)
    for part in parts:
        value = zlib.crc32(part, value)
    return zlib.crc32(struct.pack("<QQ", at, items), value)


def new_salt() -> bytes:
    """A salt that nobody can guess."""
    return os.urandom(_SALT_BYTES)


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
        room: bytes that are written with zeros at once. What is then written over them is synced
            without the file system's journal, which others' syncs keep busy.

    Raises:
        OSError: if it can't be made. Then there is none.
    """

    def __init__(self, folder: Path, number: int, signal: str, room: int = 0) -> None:
        self.number = number
        self.path = folder / f"{number:012}.v{VERSION}.{signal}.open"
        self.handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if room:
                self._write(bytes(room))
                os.fsync(self.handle)
                os.lseek(self.handle, 0, os.SEEK_SET)
            sync_folder(folder)
        except OSError:
            self.discard()
            raise
        self._room = room
        self._salt = new_salt()
        self.size = 0
        self.items = 0
        self.since = time.monotonic()

    def append(self, parts: Sequence[bytes], items: int) -> int:
        """Writes and syncs, or leaves the file as it was; the number of bytes written.

        Raises:
            OSError: if the disk does not take it.
        """
        written = sealed(self._salt, parts, self.size, self.items + items)
        try:
            for part in written:
                self._write(part)
            os.fdatasync(self.handle)
        except OSError:
            os.ftruncate(self.handle, self.size)
            os.lseek(self.handle, self.size, os.SEEK_SET)
            raise
        size = sum(map(len, written))
        self.size += size
        self.items += items
        return size

    def _write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(self.handle, view) :]

    def seal(self) -> Segment:
        """Closes the file. Its content is on disk; after a crash either name will do."""
        path = self.path
        try:
            if self.size < self._room:
                os.ftruncate(self.handle, self.size)
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
