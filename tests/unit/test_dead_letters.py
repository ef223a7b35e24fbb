"""Dead letters: kept whole, once, with their reason."""

import json
from pathlib import Path

import pytest

from spanglass_collector.ingest.dead_letters import DeadLetters, DeadLettersFull
from spanglass_collector.ingest.signals import TRACES
from spanglass_store.errors import Unknown


@pytest.fixture
def letters(tmp_path: Path) -> DeadLetters:
    return DeadLetters(tmp_path)


def test_a_letter_is_kept_with_its_reason(letters: DeadLetters, tmp_path: Path) -> None:
    letter = letters.put(TRACES, 42, "shop", b"body\x00\xff", 3, "no thanks: ü")
    assert letters.list() == [letter]
    assert letters.body(letter.name) == b"body\x00\xff"
    assert (letter.items, letter.reason) == (3, "no thanks: ü")
    assert letter.name.endswith("-traces-000000000042-1")
    assert DeadLetters(tmp_path).list() == [letter]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_the_same_part_of_a_segment_is_kept_once(letters: DeadLetters) -> None:
    """After a crash a segment is stored a second time, and refused a second time."""
    first = letters.put(TRACES, 1, "shop", b"one", 1, "why")
    second = letters.put(TRACES, 1, "shop", b"two", 1, "why")
    assert letters.put(TRACES, 1, "shop", b"one", 1, "why, in other words") == first
    assert letters.put(TRACES, 1, "shop", b"two", 1, "why") == second
    assert letters.put(TRACES, 2, "shop", b"one", 1, "why") != first
    assert len(letters.list()) == 3
    assert letters.body(second.name) == b"two"


def test_letters_are_listed_oldest_first(letters: DeadLetters) -> None:
    put = [letters.put(TRACES, number, "shop", b"x", 1, "why") for number in (1, 2, 3)]
    assert letters.list() == put


def test_a_letter_can_be_removed(letters: DeadLetters, tmp_path: Path) -> None:
    letter = letters.put(TRACES, 1, "shop", b"x", 1, "why")
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
    letter = letters.put(TRACES, 1, "shop", b"x", 1, "why")
    (tmp_path / f"{letter.name}.json").unlink()
    assert letters.list() == []
    assert letters.put(TRACES, 1, "shop", b"x", 1, "why").items == 1
    assert len(letters.list()) == 1


#: What a small letter takes up: a block of content, a block of description.
SMALL = 8192


def put(letters: DeadLetters, project: str, number: int) -> None:
    letters.put(TRACES, number, project, b"%d" % number, 1, "why")


def test_a_project_may_take_up_what_it_leaves_free(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path, 8 * SMALL)
    kept = []
    for project in ("first", "second", "third"):
        for n in range(8):
            if letters.has_room(project, 1):
                put(letters, project, 100 * len(kept) + n)
        with pytest.raises(DeadLettersFull, match="--dead-letters-bytes"):
            put(letters, project, 100 * len(kept) + 99)
        kept.append(sum(letter.project == project for letter in letters.list()))
    # A half of all, a half of the rest, and so on: nobody finds no room at all.
    assert kept == [4, 2, 1]
    assert letters.size == 7 * SMALL
    assert not letters.has_room("first", 1)
    # The same is known after a restart, and room that was made is there.
    again = DeadLetters(tmp_path, 8 * SMALL)
    assert again.size == 7 * SMALL
    for letter in again.list()[:4]:
        again.remove(letter.name)
    assert again.has_room("first", 1)
    assert again.size == 3 * SMALL


def test_nothing_of_a_refused_letter_stays(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path, SMALL)
    with pytest.raises(DeadLettersFull):
        put(letters, "p", 1)
    assert list(tmp_path.iterdir()) == []


def test_letters_of_the_first_version_are_known(tmp_path: Path) -> None:
    """They had no signal, no project and no digest."""
    name = "20260102T030405-000000000042-3"
    (tmp_path / f"{name}.otlp").write_bytes(b"old")
    about = {"name": name, "reason": "why", "spans": 2, "at": "2026-01-02T03:04:05+00:00"}
    (tmp_path / f"{name}.json").write_text(json.dumps(about))
    letters = DeadLetters(tmp_path)
    (letter,) = letters.list()
    assert (letter.items, letter.signal, letter.project) == (2, "traces", "")
    assert letters.put(TRACES, 42, "p", b"old", 2, "why") == letter
    assert letters.put(TRACES, 42, "p", b"new", 2, "why").name.endswith("-traces-000000000042-4")


def test_keeping_a_letter_does_not_read_the_others(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    for n in range(3):
        put(letters, "p", n)
    for each in tmp_path.glob("*.otlp"):
        each.unlink()
    put(letters, "p", 1)
    put(letters, "p", 9)
    assert len(letters.list()) == 4
