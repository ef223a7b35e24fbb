"""The spool and the accounts on a disk that fails, without a service around them."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.ledger import Ledger
from spanglass_collector.ingest.segments import Segment
from spanglass_collector.ingest.signals import TRACES
from spanglass_collector.ingest.spool import Spool, SpoolLimits
from support import otlp
from support.running import environment

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(60)]

_LIMITS: Final = SpoolLimits(segment_age_s=60, free_bytes=0)


def field(spans: int = 2) -> bytes:
    """A request's only field."""
    content = otlp.resource_spans([otlp.chat_span() for _ in range(spans)])
    return wire.field(1, content.SerializeToString())


def written(folder: Path, *requests: bytes) -> Path:
    """A segment with these requests."""
    spool = Spool(folder, TRACES, _LIMITS)
    for request in requests:
        spool.append([request], 2).result(10)
    spool.close()
    (path,) = folder.iterdir()
    return path


def requests(segment: Segment) -> bytes:
    """A segment without what is not the senders'."""
    return b"".join(wire.field(1, each) for each in wire.messages(segment.read(), 1))


def taken(
    folder: Path, finished: frozenset[int] = frozenset(), damaged: list[bytes] | None = None
) -> list[Segment]:
    """What a spool finds in a folder, and what was damaged."""
    kept = damaged if damaged is not None else []
    counted: list[int] = []
    spool = Spool(
        folder, TRACES, _LIMITS, counted.append, finished,
        lambda number, body, items: kept.append(body),
    )  # fmt: skip
    found = []
    while (segment := spool.take(lambda: True)) is not None:
        found.append(segment)
    spool.close()
    assert sum(counted) == sum(segment.items for segment in found) == spool.items
    return found


TAILS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "half": lambda torn: torn[: len(torn) // 2],
    "almost whole": lambda torn: torn[:-1],
    "one byte": lambda torn: torn[:1],
    "zeros": lambda torn: bytes(4096),
    "a frame of zeros": lambda torn: torn[:3] + bytes(len(torn) - 3),
    "zeros at its end": lambda torn: torn[:-60] + bytes(60),
    "noise": lambda torn: b"\xff" + os.urandom(300),
}


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("tail", TAILS)
def test_torn_end(tail: str, is_open: bool, tmp_path: Path) -> None:
    """Whole requests stay, whatever follows them; a failed write can leave it in a sealed one."""
    whole = field(), field()
    path = written(tmp_path, *whole)
    if is_open:
        path = path.rename(path.with_name(path.name + ".open"))
    torn = TAILS[tail](field())
    with path.open("ab") as file:
        file.write(torn)
    damaged: list[bytes] = []
    (segment,) = taken(tmp_path, damaged=damaged)
    assert requests(segment) == b"".join(whole)
    assert segment.items == 4
    # Only a segment that was written to has an end that may be cut: the other's is kept.
    assert damaged == ([] if is_open else [torn])
    assert taken(tmp_path) == [segment]


def test_unreadable_in_the_middle(tmp_path: Path) -> None:
    """What was acknowledged behind it is not cut off with it."""
    whole = field()
    unreadable = wire.field(1, wire.field(1, b"\xff\xff"))
    written(tmp_path, whole, unreadable, whole)
    (segment,) = taken(tmp_path)
    assert requests(segment) == whole + unreadable + whole


def test_finished_ones_are_deleted(tmp_path: Path) -> None:
    path = written(tmp_path, field())
    assert taken(tmp_path, frozenset({int(path.name[:12])})) == []
    assert not list(tmp_path.iterdir())
    # The number is not used again.
    spool = Spool(tmp_path, TRACES, _LIMITS, finished=[int(path.name[:12])])
    spool.append([field()], 2).result(10)
    spool.close()
    (next_path,) = tmp_path.iterdir()
    assert int(next_path.name[:12]) == int(path.name[:12]) + 1


#: A disk on which no file can be larger than so much, and what the spool makes of it.
_LIMITED: Final = """
import resource, sys
from pathlib import Path
from spanglass_collector.ingest.signals import TRACES
from spanglass_collector.ingest.spool import Spool, SpoolFull, SpoolLimits

folder, request = Path(sys.argv[1]), bytes.fromhex(sys.argv[2])
spool = Spool(folder, TRACES, SpoolLimits(segment_age_s=60, free_bytes=0))
spool.append([request], 2).result(10)
resource.setrlimit(resource.RLIMIT_FSIZE, (len(request) + 80, resource.RLIM_INFINITY))
refused = 0
for _ in range(3):
    try:
        spool.append([request, request], 4).result(10)
    except SpoolFull:
        refused += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append([request], 2).result(10)
spool.close()
print(refused, spool.items, spool.size // len(request))
"""


def test_write_cut_off(tmp_path: Path) -> None:
    """A request of which a part fits is refused as a whole, and what came before it is not hurt."""
    request = field()
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path), request.hex()],
        env=environment(), capture_output=True, text=True, check=True, timeout=50,
    )  # fmt: skip
    assert done.stdout.split() == ["3", "4", "2"], done
    assert [requests(segment) for segment in taken(tmp_path)] == [request, request]


def test_accounts_stay_small(tmp_path: Path) -> None:
    """However many segments there were, in whatever order they were finished."""
    path = tmp_path / "ledger.json"
    ledger = Ledger(path)
    for number in range(2, 200):
        ledger.spooled(1)
        ledger.finish([number ^ 1], 1, 0)
        ledger.forget(number ^ 1)
    ledger.close()
    again = Ledger(path)
    assert again.finished == {199}
    assert again.account().stored == 198
    assert again.account().holds


def test_accounts_that_can_not_be_written(tmp_path: Path) -> None:
    """Nothing has happened then; and it happens once when they can."""
    folder = tmp_path / "away"
    ledger = Ledger(folder / "ledger.json")
    ledger.spooled(7)
    ledger.rejected(Counter(trace_id=2))
    for _ in range(3):
        with pytest.raises(OSError, match="No such file"):
            ledger.finish([1], 5, 2)
    assert ledger.account().spooled == 7
    assert ledger.account().stored == 0
    folder.mkdir()
    ledger.finish([1], 5, 2)
    account = ledger.account()
    assert (account.received, account.stored, account.dead_lettered, account.rejected) == (
        9,
        5,
        2,
        2,
    )
    assert account.holds
    assert Ledger(folder / "ledger.json").account().received == 9
