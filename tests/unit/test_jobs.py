"""Jobs: their settings, places and leases; what a span says, taken apart."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass_collector.jobs import judge
from spanglass_collector.jobs.config import JobSettings, read_jobs
from spanglass_collector.jobs.keeper import JobKeeper
from spanglass_collector.jobs.registry import DetectorError, load
from spanglass_collector.jobs.runner import last_hour
from spanglass_collector.jobs.tally import Progress
from spanglass_collector.settings import SettingsError
from spanglass_collector.settings import load as load_settings
from spanglass_detectors import Detector, PiiFinding, Score, Span, detector
from spanglass_detectors.content import passages_of, plain_text, texts
from spanglass_store.endpoint import Endpoint
from spanglass_store.state import jobs as state
from spanglass_store.state.database import Database
from spanglass_store.state.jobs import JobBook, LeaseLost


@pytest.fixture
def book(tmp_path: Path) -> Iterator[JobBook]:
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    yield JobBook(database)
    database.close()


def test_one_collector_runs_a_job(book: JobBook, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = book.acquire("pii", "a", 1_000)
    assert ours is not None
    assert ours.watermark == 1_000
    assert book.acquire("pii", "b", 5) is None
    ours.watermark, ours.cursor = 2_000, "x"
    book.save(ours, "a")
    assert book.acquire("pii", "a", 5) is not None, "a lease can be renewed"
    later = state.now_us() + int(61e6)
    monkeypatch.setattr(state, "now_us", lambda: later)
    theirs = book.acquire("pii", "b", 5)
    assert theirs is not None
    assert (theirs.watermark, theirs.cursor) == (2_000, "x")
    with pytest.raises(LeaseLost):
        book.save(ours, "a")
    book.release("b")
    assert book.acquire("pii", "a", 5) is not None


def test_secrets_stay(book: JobBook) -> None:
    assert book.secret("a") == book.secret("a") != book.secret("b")


def test_backfills_are_worked_off_in_order(book: JobBook) -> None:
    first, second = book.request("pii", 1, 10), book.request("pii", 2, 20)
    assert [each.id for each in book.backfills(is_open=True)] == [first.id, second.id]
    first.state, first.spans = "done", 7
    book.save_backfill(first)
    assert [each.id for each in book.backfills("pii", is_open=True)] == [second.id]
    assert book.backfills("pii")[-1].spans == 7


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"Pii": {}}, "'Pii' can't be a job's name"),
        ({"pii": True}, "detect.pii should be a table"),
        ({"pii": {"sample": 2}}, "detect.pii.sample: Input should be less than or equal to 1"),
        ({"pii": {"smaple": 1}}, "detect.pii.smaple: there is no such setting"),
    ],
)
def test_wrong_settings_are_named(given_: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        read_jobs(given_)
    with pytest.raises(SettingsError, match=said):
        load_settings({"detect": json.dumps(given_)})


def test_settings_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "spanglass.toml"
    path.write_text('[detect.pii]\nsample = 0.5\n[detect.mine]\ndetector = "mine.py:it"\n')
    jobs = load_settings({}, path).jobs
    assert jobs["pii"].sample == 0.5
    assert jobs["pii"].budget_s_per_hour, "the rest stays as it comes"
    assert jobs["mine"].filter(("chat",)).operations == ("chat",)
    with pytest.raises(SettingsError, match="should be JSON"):
        load_settings({"detect": "pii"})


def test_detectors_are_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from spanglass_detectors import Detector\n"
        "class Odd(Detector):\n    columns = ('inputs',)\n"
        "nothing = 3\n"
        "def fine(span): return None\n"
    )
    assert list(load("mine.py:fine", {}, tmp_path).judge(Span())) == []
    for name, said in (
        ("missing", "There is no detector 'missing'"),
        ("mine.py:absent", "has no attribute 'absent'"),
        ("mine.py:nothing", "is no detector"),
        ("mine.py:Odd", "unknown columns"),
        ("other.py:fine", "There is no file"),
        ("no_such_module:fine", "No module named"),
    ):
        with pytest.raises(DetectorError, match=said):
            load(name, {}, tmp_path)


def test_results_are_bounded_and_checked() -> None:
    with pytest.raises(TypeError, match="str is no result"):
        judge.written(["yes"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="more than 1000"):
        judge.written(Score("n", 1.0) for _ in range(2_000))
    with pytest.raises(ValueError, match="nan"):
        Score("n", float("nan"))
    with pytest.raises(ValueError, match="neither"):
        Score("n")
    for wrong in (
        Score("n", 1.0, cost_usd=float("nan")), Score("n", 1.0, cost_usd=-1.0),
        PiiFinding("X", "input", count=-1), PiiFinding("X", "input", count=1 << 32),
        PiiFinding("X", "input", confidence=float("nan")),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"has (cost|count)"):
            judge.written([wrong])
    half = judge.written([Score("n\ud800", 1.0, "\udfff", "\ud800", {"\ud800": "\ud800"})])
    assert half[0]["name"] == "n?"
    json.dumps(half, ensure_ascii=False).encode()
    (row,) = judge.written([PiiFinding("EMAIL_ADDRESS", "input", subjects=("ab",))])
    assert row["subjects"] == ["ab"]


def test_a_function_is_a_detector() -> None:
    @detector(version="2", columns=["output"])
    def words(span: Span, factor: int = 1) -> Score:
        return Score("words", factor * len(span.output_text.split()))

    from spanglass_detectors.detector import made

    ready = made(words, {"factor": 10})
    assert isinstance(ready, Detector)
    assert (ready.version, ready.columns) == ("2", ("output",))
    (score,) = ready.judge(Span(output='[{"role": "assistant", "content": "one two"}]'))
    assert isinstance(score, Score)
    assert score.value == 20
    with pytest.raises(ValueError, match="no columns of spans"):
        detector(columns=["inputs"])


def test_texts_with_their_roles() -> None:
    messages = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "hi"},
                {"type": "tool_call", "name": "mail", "arguments": '{"to": "a@b.example"}'},
            ],
        },
        {"role": "tool", "content": '{"n": 4111111111111111, "ok": true, "a@b.example": 1}'},
    ]
    found = passages_of("input", json.dumps(messages), "chat")
    assert [(each.text, each.role) for each in found] == [
        ("be kind", "system"), ("hello", "user"), ("hi", "assistant"), ("mail", "tool"),
        ("a@b.example", "tool"), ("4111111111111111", "tool"), ("a@b.example", "tool"),
    ]  # fmt: skip
    (document,) = passages_of("output", '[{"content": "the text"}]', "retrieval")
    assert document.role == "document"
    (cut,) = passages_of("input", '[{"role": "user", "content": "cut of', "chat")
    assert cut.role == "user"
    assert plain_text(json.dumps(messages)) == "be kind\nhello\nhi\n" + messages[3]["content"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON, st.text())
def test_nothing_that_is_said_is_missed(value: object, text: str) -> None:
    """Every string of a JSON value is among its texts, JSON in strings of JSON, too."""
    needle = f"needle {text}"
    for outer in ([value, needle], {"a": [needle], "b": value}, {"x": json.dumps([needle])}):
        assert needle in [found for found, _ in texts(json.dumps(outer))]


@pytest.mark.parametrize(
    "text",
    ["", "[", "{}", "[" * 100_000, '{"a":' * 10_000, "\x00", "[1e999]", '["\\ud800"]', "[NaN]"],
)
def test_texts_of_what_is_no_json(text: str) -> None:
    list(texts(text))
    plain_text(text)


def test_a_worker_that_ends_is_seen(book: JobBook, tmp_path: Path) -> None:
    endpoint, settings = Endpoint("127.0.0.1", 9, {}), JobSettings(detector="pii")
    keeper = JobKeeper({"pii": settings}, {}, endpoint, "", book, "INFO", tmp_path)
    keeper._worker = subprocess.Popen([sys.executable, "-c", "exit(3)"], text=True)
    keeper._worker.wait()
    assert keeper._worker_ended()
    assert keeper.deaths == 1
    assert keeper.counts["pii"].error == "the process that runs jobs ended with status 3"
    keeper.counts["pii"].take(vars(Progress(job="pii", spans=2)))
    assert (keeper.counts["pii"].spans, keeper.counts["pii"].error) == (2, "")


def test_a_job_of_the_night_looks_at_its_hour() -> None:
    hour = 3_600_000_000
    day = 24 * hour
    for now, last in ((2 * hour, 2 * hour), (2 * hour - 1, 2 * hour - day), (25 * hour, 2 * hour)):
        assert last_hour(2, 40 * day + now) == 40 * day + last


def test_the_second_look_knows_the_first() -> None:
    jobs = read_jobs(
        {"pii": {"options": {"allow": ["x@y.example"]}}, "pii_rescan": {"sample": 0.5}}
    )
    assert jobs["pii_rescan"].options == {"share": 0.5, "first": {"allow": ["x@y.example"]}}
    assert jobs["pii_rescan"].at_hour == 2
