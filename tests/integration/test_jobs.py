"""Jobs: spans are judged after they are stored, once, whatever a detector does."""

import functools
import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from spanglass_collector.jobs import runner
from spanglass_collector.jobs.config import read_jobs
from spanglass_collector.jobs.sandbox import Sandbox
from spanglass_store.queries.scores import Score, add_scores
from spanglass_store.state.database import Database
from spanglass_store.state.jobs import JobBook
from support import otlp
from support.costs import insert
from support.embedded import EmbeddedStore
from support.running import ROOT, RunningService
from support.waiting import wait_until

DETECTORS = """
import os, pathlib, signal, time
from spanglass_detectors import Detector, Score, detector

@detector(version="3", operations=["chat"])
def length(span, unit="words"):
    assert unit == "letters"
    yield Score("letters", len(span.output_text), label=unit)

@detector(columns=["input"])
def naughty(span):
    if "raise" in span.input:
        raise ValueError("no, thanks")
    if "hang" in span.input:
        time.sleep(3600)
    if "leak" in span.input:
        hoard = b"x" * (400 << 20)
        time.sleep(60)
    if "die" in span.input:
        os.kill(os.getpid(), signal.SIGKILL)
    if "exit" in span.input:
        raise SystemExit(3)
    if "fork" in span.input:
        child = os.fork()
        if child == 0:
            time.sleep(3600)
        pathlib.Path(__file__).with_name("forked").write_text(str(child))
        os._exit(4)
    if "half" in span.input:
        raise ValueError("half a character: \\ud800")
    if "huge" in span.input:
        return Score("naughty", 0.0, cost_usd=float("inf"))
    print("for the log")
    return Score("naughty", 0.0)

class Batched(Detector):
    batch = 8
    def judge(self, span):
        return [Score("one_by_one", 1.0)]
    def judge_batch(self, spans):
        if any("die" in span.input for span in spans):
            os._exit(9)
        return [[Score("batched", len(spans))] for span in spans]
"""

#: Fast, so that tests need not wait.
QUICK = {"interval_s": 0.2}


def jobs(**tables: Any) -> str:
    return json.dumps(tables)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "mine.py").write_text(DETECTORS)
    detect = jobs(
        pii={**QUICK, "options": {"allow": ["Maria Gonzalez"]}},
        pii_rescan={"sample": 1.0},
        length={"detector": "mine.py:length", "options": {"unit": "letters"}, **QUICK},
        naughty={
            "detector": "mine.py:naughty", "where": "service = 'naughty'", "timeout_s": 5,
            "memory_mb": 256, **QUICK,
        },
        batched={"detector": "mine.py:Batched", "services": ["batched"], "operations": [], **QUICK},
        sampled={"detector": "mine.py:Batched", "services": ["sampled"], "sample": 0.5, **QUICK},
        answer_length={"detector": f"{ROOT}/examples/own_detector.py:answer_length", **QUICK},
        off={"detector": "mine.py:length", "enabled": False},
        broken={"detector": "mine.py:nothing", **QUICK, "interval_s": 3600},
    )  # fmt: skip
    with RunningService(folder / "data", env={"SPANGLASS_DETECT": detect}) as service:
        yield service


def send(service: RunningService, name: str, *inputs: str, **attrs: Any) -> list[str]:
    """Spans with these inputs; their ids."""
    spans = [
        otlp.span(attrs={"gen_ai.operation.name": "chat", "input.value": text, **attrs})
        for text in inputs
    ]
    service.send(otlp.request(*spans, service=name))
    return [span.span_id.hex() for span in spans]


def scores(service: RunningService, name: str, ids: list[str]) -> list[dict[str, Any]]:
    return service.sql(
        "SELECT span_id, value, label, evaluator, source, score_id FROM scores"
        " WHERE name = {name:String} AND span_id IN {ids:Array(String)} ORDER BY span_id",
        name=name, ids=ids,
    )  # fmt: skip


def test_a_detector_from_a_file(running: RunningService, unique: str) -> None:
    ids = send(running, unique, "a", "b", **{"output.value": "four"})
    [first, _] = wait_until(
        lambda: len(found := scores(running, "letters", ids)) == 2 and found, "two scores"
    )
    assert first["value"] == 4
    assert (first["label"], first["evaluator"], first["source"]) == (
        "letters", "length@3", "detector",
    )  # fmt: skip
    other = otlp.span(attrs={"gen_ai.operation.name": "embeddings", "output.value": "four"})
    running.send(otlp.request(other, service=unique))
    again = send(running, unique, "c")
    wait_until(lambda: scores(running, "letters", again), "a later span is judged")
    assert not scores(running, "letters", [other.span_id.hex()]), "it is for chat alone"


def test_the_example(running: RunningService, unique: str) -> None:
    ids = send(running, unique, "a", **{"output.value": "Sorry, I can't say."})
    (length,) = wait_until(
        lambda: scores(running, "answer_length", ids), "examples/own_detector.py"
    )
    assert length["value"] == 4
    (apology,) = scores(running, "apology", ids)
    assert apology["value"] == 1


def is_alive(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_span_that_a_detector_fails_at_is_marked(running: RunningService) -> None:
    inputs = (
        "good 1",
        "raise",
        "good 2",
        "hang",
        "good 3",
        "leak",
        "die",
        "exit",
        "fork",
        "half",
        "huge",
        "good 4",
    )
    ids = send(running, "naughty", *inputs)
    failed = wait_until(
        lambda: (
            len(
                rows := running.sql(
                    "SELECT span_id, reason, attempts FROM job_failures WHERE job = 'naughty'"
                )
            )
            == 8
            and rows
        ),
        "eight failures",
    )
    reasons = {inputs[ids.index(row["span_id"])]: row["reason"] for row in failed}
    assert reasons == {
        "raise": "ValueError: no, thanks",
        "hang": "it took longer than 5 s",
        "leak": "it used more than 256 MiB of memory",
        "die": "its process ended by signal 9",
        "exit": "its process ended with status 3",
        "fork": "its process ended with status 4",
        "half": "ValueError: half a character: ?",
        "huge": "ValueError: the score naughty has cost inf dollars",
    }
    good = [each for each, text in zip(ids, inputs, strict=True) if "good" in text]
    wait_until(lambda: len(scores(running, "naughty", good)) == 4, "the others are judged")
    count = running.one("SELECT count() AS n FROM scores FINAL WHERE name = 'naughty'")
    assert count["n"] == 4
    child = int((running.data_dir.parent / "forked").read_text())
    wait_until(lambda: not is_alive(child), "what a detector starts ends with it")
    wait_until(
        lambda: running.metrics()["spanglass_job_failures_total"][(("job", "naughty"),)] == 8,
        "the metrics say so",
    )
    wait_until(
        lambda: running.metrics()["spanglass_job_spans_total"][(("job", "pii"),)] > 0,
        "and of other jobs, too",
    )


def test_a_batch_that_fails_is_judged_one_by_one(running: RunningService) -> None:
    ids = send(running, "batched", *[f"n {n}" for n in range(5)], "die", *map(str, range(3)))
    good = [each for n, each in enumerate(ids) if n != 5]
    # Singles are asked of `judge`, which does not mind.
    wait_until(
        lambda: (
            len(scores(running, "one_by_one", ids)) + len(scores(running, "batched", good)) == 9
        ),
        "all nine are judged",
    )
    assert len(scores(running, "one_by_one", [ids[5]])) == 1


def test_sampling_takes_whole_traces(running: RunningService, unique: str) -> None:
    traces = [otlp.trace_id() for _ in range(40)]
    spans = [otlp.span(trace=trace) for trace in traces for _ in range(2)]
    running.send(otlp.request(*spans, service="sampled"))
    last = send(running, unique, "later")
    wait_until(lambda: scores(running, "letters", last), "a later span is judged")
    found = wait_until(
        lambda: running.sql(
            "SELECT trace_id, count() AS n FROM scores WHERE evaluator = 'sampled@1' GROUP BY 1"
        ),
        "some are judged",
    )
    assert {row["n"] for row in found} == {2}
    expected = running.one(
        "SELECT uniqExactIf(trace_id, cityHash64(trace_id) % 1000000 < 500000) AS n FROM spans"
        " WHERE service = 'sampled'"
    )
    assert len(found) == expected["n"] < 40


PLANTED = "Ana: ana.marsh@example.com, card 4111 1111 1111 1111; bo@example.com"


def test_personal_data_is_found_and_never_kept(running: RunningService, unique: str) -> None:
    messages = json.dumps([
        {"role": "user", "parts": [{"type": "text", "content": PLANTED}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "response": {"ip": "203.0.113.7"}}]},
    ])  # fmt: skip
    span = otlp.span(
        attrs={
            "gen_ai.operation.name": "chat", "gen_ai.input.messages": messages,
            "output.value": "I wrote to ANA.MARSH@example.com.", "customer": "+44 20 7946 0958",
        },
        error="no answer from ana.marsh@example.com",
    )  # fmt: skip
    running.send(otlp.request(span, service=unique))
    select = "SELECT entity, field, role, count, subjects FROM pii_findings WHERE service = {name:String}"
    rows = wait_until(lambda: running.sql(select, name=unique), "it is found")
    seen = {(row["entity"], row["field"], row["role"]): row["count"] for row in rows}
    assert seen == {
        ("EMAIL_ADDRESS", "input", "user"): 2,
        ("CREDIT_CARD", "input", "user"): 1,
        ("IP_ADDRESS", "input", "tool"): 1,
        ("EMAIL_ADDRESS", "output", "assistant"): 1,
        ("EMAIL_ADDRESS", "status_message", ""): 1,
        ("PHONE_NUMBER", "customer", ""): 1,
    }
    assert "ana" not in str(rows).lower()
    # The same person, written in another way, has the same subject.
    mails = [set(row["subjects"]) for row in rows if row["entity"] == "EMAIL_ADDRESS"]
    assert set.intersection(*mails)
    groups = running.get("/api/v1/pii", service=unique, interval="hour")["groups"]
    by_place = {tuple(each["group"].values()): each for each in groups}
    mails = by_place["EMAIL_ADDRESS", unique, "input"]
    assert (mails["spans"], mails["findings"]) == (1, 2)
    assert sum(step["findings"] for step in mails["series"]) == 2
    by_role = running.get("/api/v1/pii", service=unique, group_by="role")["groups"]
    assert {each["group"]["role"] for each in by_role} == {"user", "tool", "assistant", ""}
    path = "/api/v1/pii/subjects"
    for value, entity in (("Ana.Marsh@Example.com", ""), ("+442079460958", "PHONE_NUMBER")):
        answer = running.api("POST", path, json={"value": value, "entity": entity}).json()
        assert span.trace_id.hex() in {each["trace_id"] for each in answer["traces"]}
    nobody = running.api("POST", path, json={"value": "nobody@example.com"}).json()
    assert nobody == {"traces": [], "truncated": False}


def window_is_done(service: RunningService, asked: str, job: str = "pii") -> bool:
    windows = {each["id"]: each for each in service.get("/api/v1/jobs/backfills", job=job)}
    return windows[asked]["state"] == "done" and windows[asked]["spans"] > 0


def test_what_slipped_through_is_estimated(running: RunningService, unique: str) -> None:
    coin = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
    send(running, unique, f"send it to {coin}, or to ana@example.com", "nothing here", "nor here")
    send(running, unique, "I am Maria Gonzalez", "My name is John Smith. Call <PERSON_9f2c01>.")
    running.settle()
    assert not running.sql("SELECT 1 FROM scores WHERE name = 'pii_missed'"), (
        "it waits for its hour"
    )
    path = "/api/v1/jobs/pii_rescan/backfills"
    asked = running.api("POST", path, json={"start": "2026-01-01T00:00:00Z"}).json()["id"]
    # Loading the pipeline takes seconds of a processor that others use, too.
    done = functools.partial(window_is_done, running, asked, "pii_rescan")
    wait_until(done, "it is looked at", timeout_s=180)
    found = running.get("/api/v1/pii/missed", service=unique)
    assert (found["spans"], found["traces"], found["traces_with"]) == (5, 5, 2)
    assert found["low"] < found["share"] == 0.4 < found["high"]
    kinds = {each["entity"]: each for each in found["kinds"]}
    assert {entity: each["recogniser"] for entity, each in kinds.items()} == {
        "CRYPTO": "CryptoRecognizer", "PERSON": "SpacyRecognizer",
    }  # fmt: skip
    # Everything was looked at, so nothing is uncertain.
    assert (found["least"], found["estimated"], found["most"]) == (2, 2, 2)
    rows = running.sql("SELECT metadata, explanation FROM scores WHERE name = 'pii_missed'")
    assert not [value for value in (coin, "John", "Smith") if value in str(rows)]


def test_a_sample_is_multiplied_with_its_interval(running: RunningService, unique: str) -> None:
    told = {"service": unique, "share": "0.25"}
    add_scores(
        running.owner(),
        [
            Score(
                "default", "pii_missed", value=float(number in (3, 5)), source="detector",
                trace_id=f"{number:032x}", span_id=f"{number:016x}", score_id=f"{unique}-{number}",
                metadata=told | ({"missed.PERSON.SpacyRecognizer": "1"} if number in (3, 5) else {}),
            )
            for number in range(20)
        ],
    )  # fmt: skip
    found = running.get("/api/v1/pii/missed", service=unique)
    assert (found["estimated"], found["traces"], found["share"]) == (8.0, 20, 0.1)
    # Two of a quarter: the variance is 2 (1 - 1/4) / (1/4)^2 = 24.
    (kind,) = found["kinds"]
    assert kind["most"] == pytest.approx(8 + 1.96 * 24**0.5)
    assert kind["least"] == 2, "those that were seen are there"
    add_scores(
        running.owner(),
        [
            Score(
                "default", "pii_missed", value=0.0, source="detector", trace_id="f" * 32,
                span_id="f" * 16, score_id=f"{unique}-none", metadata={**told, "service": f"{unique}x"},
            )
        ],
    )  # fmt: skip
    nobody = running.get("/api/v1/pii/missed", service=f"{unique}y")
    assert (nobody["traces"], nobody["share"], nobody["kinds"]) == (0, None, [])
    none = running.get("/api/v1/pii/missed", service=f"{unique}x")
    assert none["least"] == 0 < none["most"] == pytest.approx(11.98, abs=0.01), "three of a quarter"


def test_a_backfill_writes_the_same_rows(running: RunningService, unique: str) -> None:
    ids = send(running, unique, f"{PLANTED} {unique}")
    rows = "SELECT * EXCEPT (found_at) FROM pii_findings WHERE span_id = {id:String} ORDER BY ALL"
    before = wait_until(lambda: running.sql(rows, id=ids[0]), "it is found")
    count = running.owner().query("SELECT count() FROM spanglass.pii_findings FINAL").rows[0][0]
    for _ in range(2):
        path = "/api/v1/jobs/pii/backfills"
        asked = running.api("POST", path, json={"start": "2026-01-01T00:00:00Z"}).json()["id"]
        wait_until(functools.partial(window_is_done, running, asked), "the window is judged")
    assert running.sql(rows, id=ids[0]) == before
    after = running.owner().query("SELECT count() FROM spanglass.pii_findings FINAL").rows[0][0]
    assert after == count
    runs = running.sql(
        "SELECT kind, state, spans FROM jobs WHERE job = 'pii' AND kind = 'backfill'"
    )
    assert len(runs) == 2
    assert all(row["state"] == "done" and row["spans"] for row in runs)


def test_a_worker_that_is_killed_is_replaced(running: RunningService, unique: str) -> None:
    ids = send(running, unique, "before")
    wait_until(lambda: scores(running, "letters", ids), "it is at work")
    family = running.process.children(recursive=True)
    (worker,) = [each for each in family if "spanglass_collector.jobs.worker" in each.cmdline()]
    detectors = worker.children()
    assert detectors
    worker.kill()
    ids = send(running, unique, "one", "two")
    wait_until(lambda: len(scores(running, "letters", ids)) == 2, "another one goes on")
    assert not any(each.is_running() for each in detectors), "they do not outlive it"
    assert running.metrics()["spanglass_job_worker_deaths_total"][()] == 1


def test_inserts_come_first(
    embedded_store: EmbeddedStore, tmp_path: Path, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While inserts are behind a job waits, but not until what came is late."""
    monkeypatch.setattr(runner, "_LOOK_S", 0.01)
    (tmp_path / "mine.py").write_text(DETECTORS)
    given = {"detector": "mine.py:Batched", "projects": [unique], "operations": []}
    settings = read_jobs({"mine": given})["mine"]
    store = embedded_store.owner
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    looks: list[int] = []
    judged: list[int] = []

    def is_busy() -> bool:
        looks.append(sum(judged))
        return len(looks) % 5 != 0

    job = runner.Runner(
        "mine", settings, store, JobBook(database), Sandbox(settings, {}, tmp_path), "test",
        report=lambda progress: judged.append(progress.spans), is_busy=is_busy,
    )  # fmt: skip
    try:
        insert(store, unique, [otlp.span("one")], f"{unique}-1")
        wait_until(lambda: job.attend() and judged, "it is judged")
        assert len(looks) >= 5, "it did not wait"
        assert set(looks[:5]) == {0}
        # What came too long ago is not kept waiting.
        monkeypatch.setattr(runner, "PATIENCE_S", 0.0)
        before, seen = sum(judged), len(looks)
        insert(store, unique, [otlp.span("two")], f"{unique}-2")
        wait_until(lambda: job.attend() and sum(judged) > before, "it is judged at once")
        assert len(looks) - seen <= 2 * len(judged)
    finally:
        job.close()
        database.close()


def test_what_can_be_asked(running: RunningService) -> None:
    shown = running.cli("detect", "list").stdout.decode()
    assert "mine.py:length" not in shown, "the settings of this shell, not of the service"
    assert "spanglass_detectors.pii.detector:PiiDetector" in shown
    status = running.cli("detect", "status").stdout.decode()
    assert {"pii", "length", "naughty", "off", "done"} <= set(status.split())
    for job, code, said in (
        ("nothing", 404, "spanglass detect list"),
        ("off", 400, "[detect.off]"),
    ):
        path = f"/api/v1/jobs/{job}/backfills"
        wrong = running.api("POST", path, json={"start": "2026-01-01T00:00:00Z"})
        assert wrong.status_code == code
        assert said in wrong.json()["detail"]
    jobs = {each["job"]: each for each in running.get("/api/v1/jobs")}
    assert jobs["pii"]["judged_until"]
    assert not jobs["off"]["is_enabled"]


def test_what_came_while_nobody_ran_jobs_is_judged(running: RunningService, unique: str) -> None:
    ids = send(running, unique, f"{PLANTED} {unique}")
    running.settle()
    running.stop()
    done = running.cli("detect", "run", "pii")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 0
    running.start()
    wait_until(lambda: scores(running, "letters", ids), "judged after the start")
    failing = running.metrics()["spanglass_job_failing"]
    assert failing[(("job", "pii"),)] == 0
    assert running.sql("SELECT 1 FROM pii_findings WHERE span_id = {id:String}", id=ids[0])


def test_who_may_see_it(running: RunningService) -> None:
    """The last one: behind the first key nothing goes without one."""
    reader = running.key("read", payload=False)
    refused = running.ask("SELECT subjects FROM pii_findings", key=reader)
    assert refused.status_code in (400, 403), "hashes are for those who may read the values"
    assert running.sql("SELECT count() AS n FROM pii_findings", key=reader)[0]["n"]
    assert not running.sql("SELECT * FROM jobs", key=reader), "runs are of all projects"
    assert running.api("GET", "/api/v1/jobs", reader).status_code == 403
    asked = running.api("POST", "/api/v1/pii/subjects", reader, json={"value": "ana@example.com"})
    assert asked.status_code == 403
    assert running.get("/api/v1/pii", reader)["groups"]
