"""What was damaged on the disk before it was stored: kept, counted, shown, and not replayed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.pipeline import Queue
from spanglass_collector.ingest.replay import DeadLetterDesk
from spanglass_collector.ingest.signals import TRACES
from spanglass_collector.ingest.spool import SpoolLimits
from spanglass_store.data_directory import DataDirectory
from spanglass_store.errors import Unknown
from support import otlp

_LIMITS = SpoolLimits(segment_age_s=3600, free_bytes=0)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    with DataDirectory(tmp_path / "data") as opened:
        yield opened


def test_damage_is_counted_once_and_kept(directory: DataDirectory) -> None:
    # There is no room for more dead letters: this one is kept all the same.
    letters = DeadLetters(directory.dead_letters, 1)
    queue = Queue(directory, TRACES, letters, _LIMITS)
    for count in (2, 3, 4):
        message = otlp.request(*(otlp.span() for _ in range(count)))
        queue.spool.append([message.SerializeToString()], count).result()
    end_of_first = queue.spool.size
    queue.close()
    (path,) = directory.spool.iterdir()
    content = bytearray(path.read_bytes())
    content[end_of_first // 2] ^= 1
    path.write_bytes(content)

    for start in range(3):
        queue = Queue(directory, TRACES, letters, _LIMITS)
        account = queue.ledger.account()
        assert account.holds
        # Received before and counted in memory only: what is on disk is what is known.
        assert (account.received, account.dead_lettered, account.spooled) == (9, 3, 6), start
        queue.close()
    (letter,) = letters.list()
    assert (letter.items, letter.damaged) == (3, True)
    assert "Damaged on the disk in segment 1" in letter.reason
    assert letters.body(letter.name) in bytes(content)

    queue = Queue(directory, TRACES, letters, _LIMITS)
    desk = DeadLetterDesk(letters, {"traces": queue})
    assert desk.show(letter.name) == (letter, {})
    assert desk.replay() == {}
    with pytest.raises(Unknown, match="can't be replayed"):
        desk.replay([letter.name])
    assert queue.ledger.account().dead_lettered == 3
    queue.close()
