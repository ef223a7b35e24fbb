"""The spool: what is acknowledged is on disk, once, and survives."""

import logging
import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.segments import SALT_SIZE, SEAL_SIZE, Segment, sealed
from spanglass_collector.ingest.signals import RESOURCE, TRACES
from spanglass_collector.ingest.spool import Spool, SpoolFull, SpoolLimits
from spanglass_store.errors import StoreError
from support import otlp
from support.waiting import wait_until

#: Nothing is sealed by age, and the machine's disk does not matter.
PATIENT = SpoolLimits(segment_age_s=3600, free_bytes=0)
EAGER = SpoolLimits(segment_age_s=0.01, free_bytes=0)


def part(*names: str) -> bytes:
    """A framed `ResourceSpans` with spans of these names."""
    return otlp.request(*(otlp.span(name) for name in names)).SerializeToString()


def names(body: bytes) -> list[str]:
    return [one.name for one in otlp.all_spans(ExportTraceServiceRequest.FromString(body))]


def requests(body: bytes) -> bytes:
    """A segment without what is not the senders'."""
    return b"".join(wire.field(RESOURCE, each) for each in wire.messages(body, RESOURCE))


def take_all(spool: Spool) -> list[Segment]:
    """Every sealed segment, without waiting for more."""
    found = []
    while (segment := spool.take(lambda: True)) is not None:
        found.append(segment)
    return found


Open = Callable[..., Spool]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    spools = []

    def start(limits: SpoolLimits = PATIENT, finished: tuple[int, ...] = ()) -> Spool:
        spools.append(Spool(tmp_path, TRACES, limits, committed.append, finished))
        return spools[-1]

    committed: list[int] = []
    start.committed = committed  # type: ignore[attr-defined]
    yield start
    for spool in spools:
        spool.close()


def files(folder: Path) -> list[str]:
    """Names of those with something in them: one may be made ahead."""
    return sorted(path.name for path in folder.iterdir() if path.read_bytes().strip(b"\0"))


# -- writing -------------------------------------------------------------------------------------


def test_what_is_acknowledged_is_on_disk(opened: Open, tmp_path: Path) -> None:
    spool = opened()
    body = part("a", "b")
    spool.append([body], 2).result()
    (name,) = files(tmp_path)
    path = tmp_path / name
    assert requests(path.read_bytes()) == body
    assert (spool.items, spool.size) == (2, path.stat().st_size)
    assert spool.size < len(body) + 64
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_segment_is_one_request_made_of_many(opened: Open) -> None:
    spool = opened()
    for n in range(5):
        spool.append([part(f"a{n}"), part(f"b{n}")], 2).result()
    spool.close()
    (segment,) = take_all(spool)
    assert names(segment.read()) == [f"{x}{n}" for n in range(5) for x in "ab"]
    assert (segment.items, segment.size) == (10, len(segment.read()))


def test_requests_of_many_threads_are_committed_together(opened: Open) -> None:
    spool = opened()
    futures: list[Future[None]] = []
    lock = threading.Lock()

    def send(thread: int) -> None:
        for n in range(50):
            future = spool.append([part(f"{thread}-{n}")], 1)
            with lock:
                futures.append(future)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for future in futures:
        future.result()
    assert spool.items == 400
    assert sum(opened.committed) == 400  # type: ignore[attr-defined]
    assert len(opened.committed) <= 400  # type: ignore[attr-defined]
    spool.close()
    stored = [name for segment in take_all(spool) for name in names(segment.read())]
    assert sorted(stored) == sorted(f"{t}-{n}" for t in range(8) for n in range(50))


def test_the_accounts_know_before_the_sender_does(tmp_path: Path) -> None:
    seen: list[str] = []
    spool = Spool(tmp_path, TRACES, PATIENT, lambda spans: seen.append(f"counted {spans}"))
    future = spool.append([part("a")], 1)
    future.add_done_callback(lambda _: seen.append("told"))
    wait_until(lambda: "told" in seen)
    assert seen == ["counted 1", "told"]
    spool.close()


def test_a_sender_that_went_away_does_not_undo_what_is_on_disk(opened: Open) -> None:
    spool = opened()
    first = spool.append([part("a")], 1)
    first.cancel()
    spool.append([part("b")], 1).result()
    assert spool.items == 2


# -- sealing -------------------------------------------------------------------------------------


def test_a_segment_is_sealed_at_its_size(opened: Open) -> None:
    body = part("a" * 100)
    spool = opened(SpoolLimits(segment_age_s=3600, free_bytes=0, segment_bytes=3 * len(body) + 50))
    for _ in range(7):
        spool.append([body], 1).result()
    wait_until(lambda: spool.segments == 2)
    assert [requests(segment.read()) for segment in take_all(spool)] == [3 * body] * 2


def test_a_segment_is_sealed_at_its_spans(opened: Open) -> None:
    spool = opened(SpoolLimits(segment_age_s=3600, free_bytes=0, segment_items=4))
    for _ in range(5):
        spool.append([part("a", "b")], 2).result()
    wait_until(lambda: spool.segments == 2)
    assert [segment.items for segment in take_all(spool)] == [4, 4]


def test_a_segment_is_sealed_at_its_age(opened: Open, tmp_path: Path) -> None:
    spool = opened(EAGER)
    spool.append([part("a")], 1).result()
    segment = spool.take(lambda: False)
    assert segment is not None
    assert names(segment.read()) == ["a"]
    assert files(tmp_path) == ["000000000001.v2.traces"]


def test_room_that_was_made_ahead_is_no_content(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = opened(EAGER)
    spool.append([part("a" * 100)], 1).result()
    first = spool.take(lambda: False)
    assert first is not None
    # The second is made before anybody knows how large one gets, the third with room.
    spool.append([part("b" * 100)], 1).result()
    wait_until(lambda: spool.segments == 1)
    spool.append([part("c")], 1).result()
    (path,) = (tmp_path / name for name in files(tmp_path) if name.endswith(".open"))
    crash = tmp_path.with_name("crash")
    shutil.copytree(tmp_path, crash)
    assert path.read_bytes().endswith(bytes(50))
    assert spool.size < sum(each.stat().st_size for each in tmp_path.iterdir())

    after = Spool(crash, TRACES)
    after.close()
    found = take_all(after)
    assert [names(each.read()) for each in found] == [["a" * 100], ["b" * 100], ["c"]]
    assert [each.path.stat().st_size for each in found] == [each.size for each in found]
    assert len(list(crash.iterdir())) == 3
    assert not caplog.records

    spool.close()
    assert [each.path.stat().st_size for each in take_all(spool)] == [found[1].size, found[2].size]


def test_nobody_waits_for_a_segment_that_was_made_ahead(opened: Open, tmp_path: Path) -> None:
    spool = opened(EAGER)
    spool.append([part("a")], 1).result()
    mark = spool.mark()
    segment = spool.take(lambda: False)
    assert segment is not None
    assert spool.has_before(mark)
    spool.drop(segment)
    wait_until(lambda: len(list(tmp_path.iterdir())) == 1)
    assert not spool.has_before(spool.mark())
    # What comes then is behind the mark.
    before = spool.mark()
    spool.append([part("b")], 1).result()
    assert not spool.has_before(before)
    assert spool.has_before(spool.mark())


def test_while_segments_wait_the_open_one_grows(opened: Open) -> None:
    spool = opened(EAGER)
    spool.append([part("a")], 1).result()
    wait_until(lambda: spool.segments == 1)
    for _ in range(20):
        spool.append([part("b")], 1).result()
        threading.Event().wait(0.005)
    assert spool.segments == 1, "nobody takes them, so larger is better"
    spool.close()
    assert [segment.items for segment in take_all(spool)] == [1, 20]


def test_take_returns_when_told_to_stop(opened: Open) -> None:
    spool = opened()
    stop = threading.Event()
    result: list[Segment | None] = []
    thread = threading.Thread(target=lambda: result.append(spool.take(stop.is_set)))
    thread.start()
    stop.set()
    thread.join(10)
    assert result == [None]


def test_a_segment_that_was_given_back_is_taken_again(opened: Open) -> None:
    spool = opened()
    spool.append([part("a")], 1).result()
    spool.close()
    (segment,) = take_all(spool)
    spool.give_back(segment)
    assert take_all(spool) == [segment]
    assert spool.items == 1


def waiting(opened: Open, count: int, **limits: int) -> tuple[Spool, Segment]:
    """A spool in which segments of one span wait, and the first of them, taken."""
    spool = opened(SpoolLimits(segment_age_s=3600, free_bytes=0, segment_items=1, **limits))
    for n in range(count):
        spool.append([part(str(n))], 1).result()
    wait_until(lambda: spool.segments == count)
    first = spool.take(lambda: False)
    assert first is not None
    return spool, first


@pytest.mark.parametrize("count", [1, 2, 9])
def test_what_waits_may_be_stored_together(opened: Open, count: int) -> None:
    spool, first = waiting(opened, count)
    taken = spool.take_more(first)
    assert [segment.number for segment in (first, *taken)] == list(range(1, count + 1))
    assert spool.segments == 0


@pytest.mark.parametrize(
    ("limits", "more"), [({"insert_items": 3}, 2), ({"insert_bytes": 2 * len(part("0")) + 64}, 1)]
)
def test_what_is_stored_together_has_a_limit(
    opened: Open, limits: dict[str, int], more: int
) -> None:
    spool, first = waiting(opened, 9, **limits)
    assert len(spool.take_more(first)) == more


def test_a_segment_that_is_stored_is_gone(opened: Open, tmp_path: Path) -> None:
    spool = opened()
    spool.append([part("a")], 1).result()
    spool.close()
    assert not spool.empty
    (segment,) = take_all(spool)
    spool.drop(segment)
    assert (spool.items, spool.size, spool.empty) == (0, 0, True)
    assert files(tmp_path) == []


def test_closing_seals_and_takes_no_more(opened: Open, tmp_path: Path) -> None:
    spool = opened()
    waiting = [spool.append([part("a")], 1) for _ in range(20)]
    spool.close()
    assert all(future.done() and future.exception() is None for future in waiting)
    with pytest.raises(SpoolFull, match="stopping"):
        spool.append([part("b")], 1)
    assert files(tmp_path) == ["000000000001.v2.traces"]
    spool.close()


def test_a_spool_without_spans_leaves_no_file(opened: Open, tmp_path: Path) -> None:
    opened().close()
    assert files(tmp_path) == []


# -- bounds --------------------------------------------------------------------------------------


def test_a_full_spool_takes_no_more_until_it_is_emptied(opened: Open) -> None:
    body = part("a")
    spool = opened(SpoolLimits(segment_age_s=0.01, free_bytes=0, total_bytes=2 * len(body) + 60))
    spool.append([body], 1).result()
    spool.append([body], 1).result()
    with pytest.raises(SpoolFull, match="the spool is full"):
        spool.append([body], 1)
    segment = spool.take(lambda: False)
    assert segment is not None
    spool.drop(segment)
    spool.append([body], 1).result()


def test_a_nearly_full_disk_takes_no_more(opened: Open) -> None:
    spool = opened(SpoolLimits(free_bytes=1 << 60))
    with pytest.raises(SpoolFull, match="nearly full"):
        spool.append([part("a")], 1)
    assert spool.empty


def test_what_waits_for_the_disk_is_bounded(opened: Open) -> None:
    body = part("a")
    limits = SpoolLimits(segment_age_s=3600, free_bytes=0, pending_bytes=len(body))
    spool = opened(limits)
    # One request larger than the bound is taken while nothing else waits.
    spool.append([body, body], 2).result()
    refused = 0
    for _ in range(2_000):
        try:
            spool.append([body], 1)
        except SpoolFull as full:
            assert "waits for the disk" in str(full)
            refused += 1
    assert refused
    spool.close()
    assert sum(segment.items for segment in take_all(spool)) == 2 + 2_000 - refused


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses to let any file grow beyond; stands for a disk that takes no more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_the_disk_does_not_take_is_refused_and_undone(opened: Open, tmp_path: Path) -> None:
    # Logging would write, too.
    logging.disable()
    try:
        spool = opened()
        spool.append([part("kept")], 1).result()
        with files_no_larger_than(2_000):
            refused = spool.append([part("lost" * 1_000)], 1)
            with pytest.raises(SpoolFull, match="the disk failed"):
                refused.result()
        # A segment that failed once is left alone: the next request gets another.
        spool.append([part("later")], 1).result()
    finally:
        logging.disable(logging.NOTSET)
    assert spool.items == 2
    spool.close()
    assert [names(segment.read()) for segment in take_all(spool)] == [["kept"], ["later"]]
    assert files(tmp_path) == ["000000000001.v2.traces", "000000000002.v2.traces"]


def test_a_first_request_that_the_disk_does_not_take_leaves_nothing(
    opened: Open, tmp_path: Path
) -> None:
    logging.disable()
    try:
        spool = opened()
        with files_no_larger_than(100), pytest.raises(SpoolFull):
            spool.append([part("lost" * 1_000)], 1).result()
    finally:
        logging.disable(logging.NOTSET)
    assert (spool.empty, files(tmp_path)) == (True, [])


# -- after a crash -------------------------------------------------------------------------------


def crashed(folder: Path, body: bytes, name: str = "000000000007.v1.traces.open") -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def test_a_torn_end_is_cut_wherever_it_was_torn(tmp_path: Path) -> None:
    bodies = [part("a"), part("b", "c"), part("d")]
    whole = b"".join(bodies)
    ends = [0, len(bodies[0]), len(bodies[0] + bodies[1]), len(whole)]
    spans = [0, 1, 3, 4]
    for size in range(len(whole) + 1):
        folder = tmp_path / str(size)
        folder.mkdir()
        crashed(folder, whole[:size])
        committed: list[int] = []
        spool = Spool(folder, TRACES, PATIENT, committed.append)
        last = max(n for n, end in enumerate(ends) if end <= size)
        assert spool.items == spans[last]
        assert committed == ([spans[last]] if last else [])
        assert spool.size == ends[last]
        found = take_all(spool)
        spool.close()
        assert b"".join(segment.read() for segment in found) == whole[: ends[last]]
        assert files(folder) == (["000000000007.v1.traces"] if last else [])


@given(st.binary(min_size=1, max_size=60))
def test_any_garbage_behind_whole_requests_is_cut(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    whole = part("a", "b")
    crashed(folder, whole + garbage)
    spool = Spool(folder, TRACES, PATIENT)
    (segment,) = take_all(spool)
    spool.close()
    # Garbage can happen to be a field; what was acknowledged is there in any case.
    assert names(segment.read())[:2] == ["a", "b"]
    assert segment.path.read_bytes() == segment.read()


def test_a_file_whose_length_came_to_the_disk_before_its_content(tmp_path: Path) -> None:
    whole = part("a")
    crashed(tmp_path, whole + bytes(4096))
    spool = Spool(tmp_path, TRACES, PATIENT)
    (segment,) = take_all(spool)
    spool.close()
    assert segment.read() == whole


def test_sealed_and_open_segments_are_recovered_in_order(tmp_path: Path, opened: Open) -> None:
    crashed(tmp_path, part("second"), "000000000012.v1.traces.open")
    crashed(tmp_path, part("first"), "000000000011.v1.traces")
    (tmp_path / "notes.txt").write_text("not ours")
    spool = opened()
    assert [names(segment.read()) for segment in take_all(spool)] == [["first"], ["second"]]
    assert opened.committed == [2]  # type: ignore[attr-defined]
    assert "notes.txt" in files(tmp_path)


def test_finished_segments_are_dropped_and_not_stored_again(tmp_path: Path, opened: Open) -> None:
    crashed(tmp_path, part("stored"), "000000000003.v1.traces")
    crashed(tmp_path, part("waits"), "000000000004.v1.traces")
    spool = opened(finished=(1, 3))
    assert [names(segment.read()) for segment in take_all(spool)] == [["waits"]]
    assert spool.items == 1
    assert files(tmp_path) == ["000000000004.v1.traces"]


@pytest.mark.parametrize(
    ("left", "finished", "following"),
    [
        ([], (), 1),
        (["000000000005.v1.traces"], (), 6),
        (["000000000005.v1.traces.open"], (), 6),
        (["000000000005.v1.traces"], (9,), 10),
        ([], (9, 2), 10),
        (["000000000005.v1.traces"], (5,), 6),
    ],
)
def test_a_number_is_never_used_twice(
    tmp_path: Path, opened: Open, left: list[str], finished: tuple[int, ...], following: int
) -> None:
    for name in left:
        crashed(tmp_path, part("left"), name)
    spool = opened(finished=finished)
    take_all(spool)
    spool.append([part("new")], 1).result()
    spool.close()
    assert [segment.number for segment in take_all(spool)] == [following]


def test_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = crashed(tmp_path, b"of the future", "000000000002.v3.traces")
    with pytest.raises(StoreError, match="version 3, this version knows 2"):
        Spool(tmp_path, TRACES, PATIENT)
    assert path.read_bytes() == b"of the future"


def test_what_was_recovered_can_be_continued(tmp_path: Path) -> None:
    stored: list[str] = []
    for n in range(4):
        spool = Spool(tmp_path, TRACES, PATIENT)
        spool.append([part(f"n{n}")], 1).result()
        spool.close()
        # Closed in good order or not: the next one finds what is there.
        for path in tmp_path.glob("*.traces"):
            path.rename(path.with_name(path.name + ".open"))
    spool = Spool(tmp_path, TRACES, PATIENT)
    for segment in take_all(spool):
        stored += names(segment.read())
    spool.close()
    assert stored == ["n0", "n1", "n2", "n3"]


# -- damage ----------------------------------------------------------------------------------------


def written(folder: Path, *batches: bytes, is_open: bool = False) -> tuple[Path, list[int]]:
    """A segment of batches that were committed one by one; its file, and where each ends."""
    folder.mkdir(parents=True)
    spool = Spool(folder, TRACES, PATIENT)
    ends: list[int] = []
    for batch in batches:
        spool.append([batch], TRACES.count(batch)).result()
        ends.append(spool.size)
    spool.close()
    (path,) = folder.iterdir()
    if is_open:
        path = path.rename(path.with_name(path.name + ".open"))
    return path, ends


def recovered(folder: Path) -> tuple[list[str], list[tuple[bytes, int]]]:
    """Names of the spans that can be stored, and what was damaged."""
    damaged: list[tuple[bytes, int]] = []
    committed: list[int] = []
    spool = Spool(
        folder, TRACES, PATIENT, committed.append,
        quarantine=lambda number, body, items: damaged.append((body, items)),
    )  # fmt: skip
    found = [name for segment in take_all(spool) for name in names(segment.read())]
    assert sum(committed) == len(found)
    spool.close()
    return found, damaged


@pytest.mark.parametrize("is_open", [False, True])
def test_a_damaged_byte_takes_its_own_batch_along(tmp_path: Path, is_open: bool) -> None:
    """Wherever it is: what was acknowledged is stored, or kept and counted."""
    batches = [["a1", "a2"], ["b1"], ["c1", "c2", "c3"]]
    whole, ends = written(tmp_path / "whole", *(part(*batch) for batch in batches))
    content = whole.read_bytes()
    edges = [SALT_SIZE, *ends, *(end - SEAL_SIZE for end in ends)]
    places = {*range(0, len(content), 7), *range(SALT_SIZE)}
    places |= {at + n for at in edges for n in (-1, 0, 1, 2, 3) if at + n < len(content)}
    for at in sorted(places):
        path, _ = written(tmp_path / str(at), part("x"), is_open=is_open)
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        found, damaged = recovered(path.parent)
        hit = next(n for n, end in enumerate(ends) if at < end)
        if at < SALT_SIZE:
            stored = []
        elif at < ends[hit] - SEAL_SIZE:
            stored = [name for n, batch in enumerate(batches) if n != hit for name in batch]
        else:
            # Without its seal a batch can't be told from the next one, if it can't be found.
            stored = [name for n, batch in enumerate(batches) if n not in (hit, hit + 1)
                      or (n == hit + 1 and batch[0] in found) for name in batch]  # fmt: skip
        assert found == stored, at
        if at >= ends[2] - SEAL_SIZE:
            # How many there were is not known. In a segment that was written to, an end without
            # a seal is that of a request that was not acknowledged.
            assert damaged or is_open
        else:
            assert sum(items for _, items in damaged) == 6 - len(found), at
        # What could be read was written anew: no damage is found a second time.
        assert recovered(path.parent) == (found, [])


def test_what_a_sender_makes_look_like_a_seal_is_none(tmp_path: Path) -> None:
    """Nor does it hide the real one."""
    (head, _, seal) = sealed(b"salt", [part("forged")], 0, 7)
    assert len(head) == SALT_SIZE
    # At every place that it can be at, so that one of them is where it says.
    claims = b"".join(
        seal[:3] + at.to_bytes(8, "little") + seal[11:] for at in range(100, 100 + 23 * 60)
    )
    honest = otlp.request(otlp.span("honest", attrs={"x": claims})).SerializeToString()
    path, _ = written(tmp_path / "one", honest, part("behind"))
    assert recovered(path.parent) == (["honest", "behind"], [])
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    found, damaged = recovered(path.parent)
    assert found == ["behind"]
    assert [items for _, items in damaged] == [1]


def test_without_a_quarantine_nothing_is_cut(tmp_path: Path) -> None:
    path, _ = written(tmp_path / "one", part("a"), part("b"))
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged on the disk"):
        Spool(path.parent, TRACES, PATIENT)
    assert path.read_bytes() == content


def test_segments_of_the_first_version_are_stored(tmp_path: Path) -> None:
    crashed(tmp_path, part("old") * 2, "000000000003.v1.traces")
    crashed(tmp_path, part("older"), "000000000002.v1.traces.open")
    assert recovered(tmp_path) == (["older", "old", "old"], [])
    crashed(tmp_path, part("old") + b"\xff" + part("lost"), "000000000003.v1.traces")
    (tmp_path / "000000000004.v2.traces.new").write_bytes(b"half")
    found, damaged = recovered(tmp_path)
    assert found == ["older", "old"]
    assert [(body[:1], items) for body, items in damaged] == [(b"\xff", 0)]
    assert not list(tmp_path.glob("*.new"))
