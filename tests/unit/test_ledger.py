"""The accounts: every span is in exactly one term, at every moment and after every restart."""

import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spanglass_collector.ingest.ledger import Account, Ledger
from spanglass_store.errors import StoreError

REASONS = st.dictionaries(st.sampled_from(["trace_id", "malformed"]), st.integers(1, 9), max_size=2)


class Accounting(RuleBasedStateMachine):
    """A ledger beside a model of it, through crashes and restarts."""

    @initialize()
    def begin(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name) / "ledger.json"
        self.ledger = Ledger(self.path)
        self.number = 0
        #: Segments on disk, by number: their spans.
        self.waiting: dict[int, int] = {}
        self.stored = self.dead = self.rejected = 0

    def teardown(self) -> None:
        if hasattr(self, "_folder"):
            self._folder.cleanup()

    @rule(spans=st.integers(1, 100))
    def accept(self, spans: int) -> None:
        self.number += 1
        self.waiting[self.number] = spans
        self.ledger.spooled(spans)

    @rule(reasons=REASONS)
    def reject(self, reasons: dict[str, int]) -> None:
        self.ledger.rejected(Counter(reasons))
        self.rejected += sum(reasons.values())

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), crash=st.booleans())
    def finish(self, data: st.DataObject, crash: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.waiting)))
        spans = self.waiting.pop(number)
        dead = data.draw(st.integers(0, spans))
        self.ledger.finish([number], spans - dead, dead)
        self.stored += spans - dead
        self.dead += dead
        if crash:
            # The file was not deleted yet: the number says that it is finished.
            self.crash()
        else:
            self.ledger.forget(number)

    @precondition(lambda self: self.dead)
    @rule(data=st.data())
    def revive(self, data: st.DataObject) -> None:
        spans = data.draw(st.integers(1, self.dead))
        self.accept(spans)
        self.ledger.revived(spans)
        self.dead -= spans

    @rule()
    def restart(self) -> None:
        self.ledger.close()
        self._open()
        assert self.ledger.account().rejected == self.rejected

    @rule()
    def crash(self) -> None:
        self._open()
        # Rejections are counted in memory until the next segment: nothing else may be lost.
        self.rejected = self.ledger.account().rejected

    def _open(self) -> None:
        self.ledger = Ledger(self.path)
        assert not self.ledger.finished & set(self.waiting), "a waiting segment would be dropped"
        assert self.number == 0 or max({*self.ledger.finished, *self.waiting}, default=0) in (
            self.number, *self.waiting,
        )  # fmt: skip
        # The spool finds the segments again.
        for spans in self.waiting.values():
            self.ledger.spooled(spans)

    @invariant()
    def identity(self) -> None:
        if not hasattr(self, "ledger"):
            return
        account = self.ledger.account()
        assert account.holds
        assert account.stored == self.stored
        assert account.dead_lettered == self.dead
        assert account.rejected == self.rejected
        assert account.spooled == sum(self.waiting.values())
        assert sum(account.reasons.values()) == account.rejected


TestAccounting = Accounting.TestCase
TestAccounting.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.json"


def test_a_new_ledger_is_empty(path: Path) -> None:
    ledger = Ledger(path)
    assert ledger.account() == Account(0, 0, 0, 0, 0, 0)
    assert ledger.account().holds


def test_the_last_number_stays_known(path: Path) -> None:
    ledger = Ledger(path)
    for number in range(1, 6):
        ledger.spooled(1)
        ledger.finish([number], 1, 0)
        ledger.forget(number)
    assert 5 in Ledger(path).finished


def test_finished_segments_are_few(path: Path) -> None:
    ledger = Ledger(path)
    for number in range(1, 200):
        ledger.spooled(1)
        ledger.finish([number], 1, 0)
        ledger.forget(number)
    assert len(ledger.finished) < 3
    assert len(json.loads(path.read_text())["finished"]) < 3


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"stored": "many"}', "null", '{"stored": null}', "\x00", "[" * 9999],
)
def test_a_broken_file_is_refused_with_what_to_do(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(StoreError, match="Restore it from a backup, or move it away") as error:
        Ledger(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("term", ["stored", "dead_lettered", "sampled_out", "rejected", "finished"])
@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "NaN", "-5", "1.5", "3.0", '"7"', "true", "null", "1" + "0" * 30]
)
def test_a_number_that_was_never_counted_is_refused(path: Path, term: str, number: str) -> None:
    terms = {"stored": "1", "dead_lettered": "2", "sampled_out": "0", "rejected": "{}"}
    terms["finished"] = "[3]"

    def written() -> str:
        return "{" + ", ".join(f'"{name}": {value}' for name, value in terms.items()) + "}"

    path.write_text(written())
    assert Ledger(path).account().stored == 1
    terms[term] = {"rejected": f'{{"malformed": {number}}}', "finished": f"[{number}]"}.get(
        term, number
    )
    path.write_text(written())
    with pytest.raises(StoreError, match="Restore it from a backup, or move it away"):
        Ledger(path)


def test_the_file_is_replaced_in_one_step(path: Path) -> None:
    ledger = Ledger(path)
    ledger.spooled(1)
    ledger.finish([1], 1, 0)
    before = path.stat().st_ino
    ledger.close()
    assert path.stat().st_ino != before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600


def test_where_the_disk_takes_nothing_nothing_changes(path: Path) -> None:
    ledger = Ledger(path)
    ledger.spooled(10)
    before = ledger.account()
    # A folder in the place of the file that is written first.
    blocker = path.with_name(path.name + ".new")
    blocker.mkdir()
    with pytest.raises(OSError):
        ledger.finish([1], 10, 0)
    assert ledger.account() == before
    assert 1 not in ledger.finished
    ledger.close()
    blocker.rmdir()
    ledger.finish([1], 9, 1)
    assert (ledger.account().stored, ledger.account().dead_lettered) == (9, 1)


@pytest.mark.parametrize("term", range(6))
def test_the_identity_can_fail(term: int) -> None:
    """Every term counts."""
    values = [6, 1, 1, 1, 1, 2]
    assert Account(*values).holds
    values[term] += 1
    assert not Account(*values).holds
