"""Dead letters: kept whole, once, with their reason."""

from pathlib import Path

import pytest

from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.signals import TRACES
from spanglass_store.errors import Unknown


@pytest.fixture
def letters(tmp_path: Path) -> DeadLetters:
    return DeadLetters(tmp_path)


def test_a_letter_is_kept_with_its_reason(letters: DeadLetters, tmp_path: Path) -> None:
    letter = letters.put(TRACES, 42, b"body\x00\xff", 3, "no thanks: ü")
    assert letters.list() == [letter]
    assert letters.body(letter.name) == b"body\x00\xff"
    assert (letter.items, letter.reason) == (3, "no thanks: ü")
    assert letter.name.endswith("-traces-000000000042-1")
    assert DeadLetters(tmp_path).list() == [letter]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_the_same_part_of_a_segment_is_kept_once(letters: DeadLetters) -> None:
    """After a crash a segment is stored a second time, and refused a second time."""
    first = letters.put(TRACES, 1, b"one", 1, "why")
    second = letters.put(TRACES, 1, b"two", 1, "why")
    assert letters.put(TRACES, 1, b"one", 1, "why, in other words") == first
    assert letters.put(TRACES, 1, b"two", 1, "why") == second
    assert letters.put(TRACES, 2, b"one", 1, "why") != first
    assert len(letters.list()) == 3
    assert letters.body(second.name) == b"two"


def test_letters_are_listed_oldest_first(letters: DeadLetters) -> None:
    put = [letters.put(TRACES, number, b"x", 1, "why") for number in (1, 2, 3)]
    assert letters.list() == put


def test_a_letter_can_be_removed(letters: DeadLetters, tmp_path: Path) -> None:
    letter = letters.put(TRACES, 1, b"x", 1, "why")
    letters.remove(letter.name)
    assert letters.list() == []
    assert list(tmp_path.iterdir()) == []
    letters.remove(letter.name)


@pytest.mark.parametrize("name", ["nothing", "../ledger", "/etc/hostname", "", "..", "a/b"])
def test_a_name_is_never_a_path(letters: DeadLetters, tmp_path: Path, name: str) -> None:
    (tmp_path.parent / "ledger.otlp").write_bytes(b"secret")
    with pytest.raises(Unknown):
        letters.body(name)
    with pytest.raises(Unknown):
        letters.find(name)


def test_a_letter_whose_description_was_not_written_is_not_there_yet(
    letters: DeadLetters, tmp_path: Path
) -> None:
    letter = letters.put(TRACES, 1, b"x", 1, "why")
    (tmp_path / f"{letter.name}.json").unlink()
    assert letters.list() == []
    assert letters.put(TRACES, 1, b"x", 1, "why").items == 1
    assert len(letters.list()) == 1
