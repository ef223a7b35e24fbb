"""What a start finds in the spool: the segments that an earlier process left behind.

Behind the last seal of the segment that was written to may be a request that is not whole: it was
never acknowledged, and is cut off. What else can't be read was damaged on the disk: it goes into
quarantine, and what was written before and behind it stays.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.segments import (
    SALT_SIZE,
    SEAL_SIZE,
    VERSION,
    Seal,
    Segment,
    SegmentName,
    new_salt,
    salt_of,
    sealed,
    seals,
)
from spanglass_collector.ingest.signals import RESOURCE, Signal
from spanglass_store.data_directory import sync_folder
from spanglass_store.errors import StoreError

log = logging.getLogger(__name__)

#: Keeps what was damaged: the number of the segment, the bytes, how many items they held.
Quarantine: TypeAlias = Callable[[int, bytes, int], None]


def unrecoverable(segment: int, body: bytes, items: int) -> None:
    """No quarantine.

    Raises:
        StoreError: for every damage.
    """
    raise StoreError(f"Segment {segment} of the spool was damaged on the disk.")


#: End of the name of a file that is to replace another.
_NEW: Final = ".new"
#: The version without seals.
_UNSEALED: Final = 1
#: Seals of which the one before a readable batch is looked for. There is one, but for chance.
_SEALS_BACK: Final = 8


@dataclass(frozen=True)
class Recovered:
    """What was found.

    Attributes:
        segments: those that wait to be stored, oldest first.
        last: the highest number that was ever used.
    """

    segments: list[Segment]
    last: int


@dataclass
class _Read:
    """What a segment holds.

    Attributes:
        batches: what was written together and can be read: where it begins and ends, and how
            many items it holds.
        damaged: what can't be read: where it begins and ends, and how many items it held.
        size: where what was acknowledged ends.
    """

    batches: list[tuple[int, int, int]] = field(default_factory=list)
    damaged: list[tuple[int, int, int]] = field(default_factory=list)
    size: int = 0

    @property
    def items(self) -> int:
        return sum(items for _, _, items in self.batches)


def recover(
    folder: Path, signal: Signal, finished: Collection[int], quarantine: Quarantine
) -> Recovered:
    """Reads the folder of a spool, and deletes what is stored already.

    Args:
        folder: where the segments lie.
        signal: which of them.
        finished: numbers of segments that are stored, though their file may still be there.
        quarantine: keeps what was damaged, durably.

    Raises:
        StoreError: if there are segments of a newer version.
    """
    last = max(finished, default=0)
    segments = []
    for file in sorted(path.name for path in folder.iterdir()):
        name = SegmentName.of(file.removesuffix(_NEW))
        if name is None or name.signal != signal.name:
            continue
        if name.version > VERSION:
            raise StoreError(
                f"The spool holds segments of version {name.version}, this version knows"
                f" {VERSION}. Install the newer Spanglass that wrote them, and let it store them."
            )
        last = max(last, name.number)
        path = folder / file
        # Or the start before this one was cut off while it wrote.
        if name.number in finished or file.endswith(_NEW):
            path.unlink()
            continue
        segment = _recovered(path, name, signal, quarantine)
        if segment is None:
            path.unlink()
        else:
            segments.append(segment)
    sync_folder(folder)
    return Recovered(segments, last)


def _recovered(
    path: Path, name: SegmentName, signal: Signal, quarantine: Quarantine
) -> Segment | None:
    """A segment as it can be stored; None if nothing is left of it."""
    body = path.read_bytes()
    if name.version == _UNSEALED:
        found = _read_unsealed(body, signal, name.is_open)
    else:
        found = _read(body, signal, name.is_open)
    for begin, end, items in found.damaged:
        log.error(
            "%s: bytes %d to %d, which held %d %s, were damaged on the disk: see"
            " `spanglass dead-letters list`", path.name, begin, end, items, signal.items,
        )  # fmt: skip
        quarantine(name.number, body[begin:end], items)
    # What was never written to is zeros: room that was made ahead.
    cut = len(body.rstrip(b"\0")) - found.size
    if cut > 0:
        log.warning("%s: cut %d bytes of a request that was not acknowledged", path.name, cut)
    if not found.batches:
        return None
    size = found.size
    if found.damaged:
        size = _rewrite(path, [(body[begin:end], items) for begin, end, items in found.batches])
    elif size < len(body):
        # If that fails it is cut again at the next start: nobody reads behind the segment's size.
        with contextlib.suppress(OSError):
            os.truncate(path, size)
    if name.is_open:
        path = path.rename(path.with_suffix(""))
    return Segment(name.number, path, found.items, size)


def _rewrite(path: Path, batches: list[tuple[bytes, int]]) -> int:
    """Replaces a segment by what can be read of it, in one step; its size.

    A version without seals stays one: what is in its name does not change.
    """
    with_seals = SegmentName.of(path.name)
    assert with_seals is not None
    salt, size, items = new_salt(), 0, 0
    temporary = path.with_name(path.name + _NEW)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        for body, count in batches:
            items += count
            parts = [body]
            if with_seals.version != _UNSEALED:
                parts = sealed(salt, parts, size, items)
            file.writelines(parts)
            size += sum(map(len, parts))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
    return size


def _read(body: bytes, signal: Signal, is_open: bool) -> _Read:
    """What a segment with seals holds."""
    found = _Read()
    salt = salt_of(body)
    view = memoryview(body)
    start, known = (SALT_SIZE if salt else 0), 0
    # Ends of seals since then that fit nothing: of a damaged batch, or a part of what was sent.
    doubted: list[int] = []
    for seal in seals(body):
        if seal.at < start:
            continue
        begin = _begin(seal, salt, view, [start, *doubted[-_SEALS_BACK:]])
        if begin is None:
            doubted.append(seal.at + SEAL_SIZE)
            continue
        items = seal.items - known
        if begin > start:
            readable = signal.count(body[begin : seal.at])
            found.damaged.append((start, begin, items - readable))
            items = readable
        found.batches.append((begin, seal.at, items))
        start, known = seal.at + SEAL_SIZE, seal.items
        doubted.clear()
    found.size = start if found.batches else 0
    # A request that is not whole has no seal.
    if start < len(body) and (doubted or not is_open):
        found.damaged.append((start, len(body), _items_behind(body, start, known)))
        found.size = len(body)
    return found


def _begin(seal: Seal, salt: bytes, view: memoryview, starts: list[int]) -> int | None:
    """Where a sealed batch begins; None if it can't be read, or the seal is none."""
    for start in starts:
        if salt and start <= seal.at and seal.fits(salt, [view[start : seal.at]]):
            return start
    return None


def _items_behind(body: bytes, start: int, known: int) -> int:
    """How many items a damaged end held, by the last seal in it; 0 where that is not known."""
    counts = [seal.items for seal in seals(body) if seal.at >= start]
    return max(counts[-1] - known, 0) if counts else 0


def _read_unsealed(body: bytes, signal: Signal, is_open: bool) -> _Read:
    """What a segment without seals holds: whole fields, and a resource in each.

    A sealed segment can have a torn end, too: of a write that failed and could not be undone.
    """
    good = items = 0
    try:
        for number, kind, begin, content, end in wire.fields(body):
            if number != RESOURCE or kind != wire.LENGTH_DELIMITED:
                break
            # Framing is not enough: a file's length can reach the disk before its content.
            try:
                signal.resource.FromString(body[content:end])
            except DecodeError:
                # Kept if something readable follows: then it is not the end that is torn.
                continue
            items += signal.count(body[begin:end])
            good = end
    except wire.Malformed:
        pass
    found = _Read([(0, good, items)] if good else [], size=good)
    if good < len(body) and not is_open:
        found.damaged.append((good, len(body), 0))
        found.size = len(body)
    return found
