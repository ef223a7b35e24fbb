"""What a start finds in the spool: the segments that an earlier process left behind.

Its last request may not be whole: it was never acknowledged, and is cut off.
"""

import contextlib
import logging
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.segments import VERSION, Segment, SegmentName
from spanglass_collector.ingest.signals import RESOURCE, Signal
from spanglass_store.data_directory import sync_folder
from spanglass_store.errors import StoreError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recovered:
    """What was found.

    Attributes:
        segments: those that wait to be stored, oldest first.
        last: the highest number that was ever used.
    """

    segments: list[Segment]
    last: int


def recover(folder: Path, signal: Signal, finished: Collection[int]) -> Recovered:
    """Reads the folder of a spool, and deletes what is stored already.

    Args:
        folder: where the segments lie.
        signal: which of them.
        finished: numbers of segments that are stored, though their file may still be there.

    Raises:
        StoreError: if there are segments of a newer version.
    """
    last = max(finished, default=0)
    segments = []
    for file in sorted(path.name for path in folder.iterdir()):
        name = SegmentName.of(file)
        if name is None or name.signal != signal.name:
            continue
        if name.version > VERSION:
            raise StoreError(
                f"The spool holds segments of version {name.version}, this version knows"
                f" {VERSION}. Install the newer Spanglass that wrote them, and let it store them."
            )
        last = max(last, name.number)
        path = folder / file
        if name.number in finished:
            path.unlink()
            continue
        size, items = _cut_torn_end(path, signal)
        if not size:
            path.unlink()
            continue
        if name.is_open:
            path = path.rename(path.with_suffix(""))
        segments.append(Segment(name.number, path, items, size))
    sync_folder(folder)
    return Recovered(segments, last)


def _cut_torn_end(path: Path, signal: Signal) -> tuple[int, int]:
    """Cuts what can't be read as whole fields; the bytes and the items that remain.

    A sealed segment can have such an end, too: of a write that failed and could not be undone.
    """
    body = path.read_bytes()
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
    if good < len(body):
        log.warning(
            "%s: cut %d bytes of a request that was not acknowledged", path.name, len(body) - good
        )
        # If that fails it is cut again at the next start: nobody reads behind the segment's size.
        with contextlib.suppress(OSError):
            os.truncate(path, good)
    return good, items
