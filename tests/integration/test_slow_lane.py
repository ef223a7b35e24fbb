"""What ClickHouse refuses holds up nobody, costs a bounded search, and is never lost."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanglass_collector.ingest import search, wire
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.ledger import Account, Ledger
from spanglass_collector.ingest.signals import RESOURCE, TRACES
from spanglass_collector.ingest.spool import Spool, SpoolLimits
from spanglass_collector.ingest.writer import Writer
from spanglass_store.client import Store
from spanglass_store.otlp.schema import PROJECT_FIELD
from support import otlp
from support.embedded import EmbeddedStore
from support.waiting import wait_until

REFUSED = "refused by this table"


class Lane:
    """Spool, accounts, dead letters and one writer; a request is a segment."""

    def __init__(self, folder: Path, owner: Store, **limits: int) -> None:
        for name in ("spool", "dead"):
            (folder / name).mkdir(exist_ok=True)
        self.ledger = Ledger(folder / "ledger.json")
        letters = limits.pop("dead_letters", None)
        self.letters = DeadLetters(folder / "dead", letters)
        # At one item a segment is sealed: a test decides what one segment is.
        bounds = SpoolLimits(segment_age_s=3600, segment_items=1, free_bytes=0, **limits)
        finished = self.ledger.finished
        self.spool = Spool(folder / "spool", TRACES, bounds, self.ledger.spooled, finished)
        self.ledger.forget(*finished)
        self.writer = Writer(owner, self.spool, self.ledger, self.letters, threads=1)
        self.wrong: list[Account] = []

    def send(self, *of: tuple[str, ExportTraceServiceRequest]) -> None:
        """One segment with requests of projects."""
        parts = [
            wire.field(
                RESOURCE, resource.SerializeToString() + wire.field(PROJECT_FIELD, project.encode())
            )
            for project, message in of
            for resource in message.resource_spans
        ]
        items = sum(len(otlp.all_spans(message)) for _, message in of)
        self.spool.append(parts, items).result()

    def settle(self) -> Account:
        """Stores everything; the accounts hold all the while."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.002):
                if not self.ledger.account().holds:
                    self.wrong.append(self.ledger.account())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            wait_until(lambda: self.spool.empty, "everything is settled")
        finally:
            done.set()
            watcher.join()
        assert not self.wrong
        return self.ledger.account()

    def close(self) -> None:
        self.spool.close()
        self.writer.stop()


@pytest.fixture(scope="module")
def owner(embedded_store: EmbeddedStore) -> Iterator[Store]:
    """A store that refuses spans of a name."""
    store = embedded_store.owner
    store.command(
        f"ALTER TABLE spanglass.spans ADD CONSTRAINT slow CHECK position(name, '{REFUSED}') = 0"
    )
    yield store
    store.command("ALTER TABLE spanglass.spans DROP CONSTRAINT slow")


def stored(owner: Store, project: str) -> int:
    rows = owner.query(
        "SELECT count() FROM spanglass.spans FINAL WHERE project = {p:String}", {"p": project}
    ).rows
    return int(rows[0][0])


def spans(count: int, name: str = "fine") -> ExportTraceServiceRequest:
    return otlp.request(*(otlp.span(name) for _ in range(count)))


def test_others_are_stored_while_a_search_goes_on(tmp_path: Path, owner: Store) -> None:
    """Also those that share a segment with what is refused."""
    bad, good = (f"{name}-{os.urandom(4).hex()}" for name in ("bad", "good"))
    lane = Lane(tmp_path, owner)
    # Nothing of the other's search is settled before the good ones are stored.
    held = threading.Event()
    put = lane.letters.put

    def hold(*args: object) -> object:
        held.wait(60)
        return put(*args)  # type: ignore[arg-type]

    lane.letters.put = hold  # type: ignore[method-assign, assignment]
    try:
        lane.writer.start()
        for _ in range(3):
            lane.send((bad, spans(8, REFUSED)), (good, spans(5)))
        lane.send((good, spans(7)))
        wait_until(lambda: stored(owner, good) >= 5 + 7, "the others' spans are stored")
        assert lane.ledger.account().dead_lettered == 0
        held.set()
        account = lane.settle()
    finally:
        held.set()
        lane.close()
    assert stored(owner, good) == 3 * 5 + 7
    assert (account.stored, account.dead_lettered) == (3 * 5 + 7, 3 * 8)
    assert {letter.project for letter in lane.letters.list()} == {bad}


def test_a_search_costs_no_more_than_its_budget(
    tmp_path: Path, owner: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not told apart by then is kept together, and can be replayed."""
    monkeypatch.setattr(search, "BUDGET", (10, 60.0))
    project = f"all-bad-{os.urandom(4).hex()}"
    lane = Lane(tmp_path, owner)
    lane.send((project, spans(500, REFUSED)))
    try:
        lane.writer.start()
        account = lane.settle()
    finally:
        lane.close()
    assert (account.stored, account.dead_lettered) == (0, 500)
    letters = lane.letters.list()
    assert sum(letter.items for letter in letters) == 500
    assert 1 < len(letters) < 25
    assert any("finding out which cost too much" in letter.reason for letter in letters)
    assert sum(TRACES.count(lane.letters.body(letter.name)) for letter in letters) == 500


def test_a_project_that_fills_the_dead_letters_waits_until_there_is_room(
    tmp_path: Path, owner: Store
) -> None:
    bad, other = (f"{name}-{os.urandom(4).hex()}" for name in ("bad", "other"))
    lane = Lane(tmp_path, owner, dead_letters=6 * 8192)
    lane.send((bad, spans(5, REFUSED)))
    try:
        lane.writer.start()
        slow = lane.writer.slow_lane
        wait_until(lambda: slow.refusal(bad), "the project is refused at the door")
        assert "dead letters are full" in slow.refusal(bad)
        assert slow.parked == {bad}
        assert lane.letters.size <= 3 * 8192
        assert lane.ledger.account().spooled == 5
        # There is room for others, who are let in.
        assert not slow.refusal(other)
        lane.send((other, spans(1, REFUSED)), (other, spans(2)))
        wait_until(lambda: stored(owner, other) == 2, "the other's spans are stored")
        wait_until(lambda: lane.ledger.account().dead_lettered == 1)
        assert slow.parked == {bad}
    finally:
        lane.close()
    # Started again with more room: what waited goes on, and nothing is kept twice.
    lane = Lane(tmp_path, owner, dead_letters=1 << 20)
    try:
        lane.writer.start()
        account = lane.settle()
        assert lane.writer.slow_lane.refusal(bad) == ""
    finally:
        lane.close()
    assert (account.stored, account.dead_lettered) == (2, 6)
    assert len(lane.letters.list()) == 6


def test_after_a_crash_it_begins_again_and_counts_once(tmp_path: Path, owner: Store) -> None:
    bad, good = (f"{name}-{os.urandom(4).hex()}" for name in ("bad", "good"))
    first = Lane(tmp_path, owner)
    first.send((bad, spans(6, REFUSED)), (good, spans(4)))
    try:
        first.writer.start()
        wait_until(lambda: len(first.letters.list()) >= 2)
    finally:
        # As a kill leaves it: letters are there, and nothing is in the accounts.
        first.writer.stop()
    assert first.ledger.account().dead_lettered == 0
    again = Lane(tmp_path, owner)
    try:
        again.writer.start()
        account = again.settle()
    finally:
        again.close()
        first.spool.close()
    assert (account.received, account.stored, account.dead_lettered) == (10, 4, 6)
    assert sum(letter.items for letter in again.letters.list()) == 6


def test_it_ends_in_the_middle_of_a_search(tmp_path: Path, owner: Store) -> None:
    """Which would go on for hundreds of inserts."""
    lane = Lane(tmp_path, owner)
    lane.send((f"bad-{os.urandom(4).hex()}", spans(4000, REFUSED)))
    try:
        lane.writer.start()
        wait_until(lambda: lane.writer.stats.refusals >= 3, "the search goes on")
        assert lane.writer.idle, "there is nothing that it would be worth to wait for"
    finally:
        lane.close()
    mine = {"slow lane", "writer-0"}
    wait_until(lambda: not mine & {each.name for each in threading.enumerate()}, "they end")
    assert lane.ledger.account().spooled == 4000


def test_much_of_a_project_comes_to_the_slow_lane_at_once(
    tmp_path: Path, owner: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The writers do not try again and again what was refused again and again."""
    bad, good = (f"{name}-{os.urandom(4).hex()}" for name in ("bad", "good"))
    lane = Lane(tmp_path, owner, dead_letters=8192, insert_bytes=5_000)
    try:
        lane.writer.start()
        lane.send((bad, spans(10, REFUSED)))
        slow = lane.writer.slow_lane
        wait_until(lambda: slow.parked == {bad})
        for _ in range(4):
            lane.send((bad, spans(2, REFUSED)), (good, spans(3)))
        wait_until(lambda: stored(owner, good) == 12)
        assert slow.segments == 5
        assert lane.ledger.account().stored == 0
        refused = [each for each in caplog.messages if "goes to the slow lane" in each]
        assert len(refused) == 1, "by the writers, that is"
    finally:
        lane.close()


def test_the_door_closes_for_who_fills_the_spool(tmp_path: Path, owner: Store) -> None:
    project = f"bad-{os.urandom(4).hex()}"
    message = spans(20, REFUSED)
    size = len(message.SerializeToString())
    lane = Lane(tmp_path, owner, dead_letters=1, total_bytes=4 * size)
    try:
        lane.writer.start()
        slow = lane.writer.slow_lane
        lane.send((project, message))
        wait_until(lambda: slow.parked == {project})
        # One may keep what it leaves free.
        slow._parked.clear()
        assert slow.refusal(project) == ""
        lane.send((project, message), (project, message))
        wait_until(lambda: "not settled yet" in slow.refusal(project))
        assert not slow.refusal("another")
    finally:
        lane.close()


@pytest.mark.parametrize("projects", [1, 2])
def test_a_batch_of_many_days_goes_in_in_parts(tmp_path: Path, owner: Store, projects: int) -> None:
    names = [f"days-{n}-{os.urandom(4).hex()}" for n in range(projects)]
    now = otlp.span().start_time_unix_nano
    lane = Lane(tmp_path, owner)
    lane.send(
        *(
            (name, otlp.request(*(otlp.span(start=now - n * otlp.DAY) for n in range(120))))
            for name in names
        )
    )
    try:
        lane.writer.start()
        account = lane.settle()
    finally:
        lane.close()
    assert (account.stored, account.dead_lettered) == (120 * projects, 0)
    assert [stored(owner, name) for name in names] == [120] * projects
    # None of more than fifty days, and as few as that takes, but for those that were refused.
    assert 3 <= lane.writer.stats.inserts <= 4 * projects
