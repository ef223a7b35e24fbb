"""Runs over datasets through the service: kept once, compared by pairs, a threshold that fails."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import spanglass
from sample_server import BackgroundServer, Settings
from spanglass.evaluation import Experiment
from support import sorting
from support.commands import Commands, Done
from support.running import RunningService

APP = """
def echo(question, wanted=""):
    return wanted or question

def loud(question, wanted=""):
    if question == "q3":
        raise RuntimeError("no voice")
    return question.upper()

def same(example, output):
    return output == example.expected
"""


@pytest.fixture
def typed(
    shared_service: RunningService, cli: Commands, tmp_path: Path, unique: str
) -> Callable[..., Done]:
    # A module of its own for each test: what was imported stays.
    (tmp_path / f"{unique.replace('-', '_')}.py").write_text(APP)
    return cli.on(shared_service.data_dir)


def fill(service: RunningService, name: str) -> None:
    items = [
        {"input": {"question": f"q{n}"}, "expected": f"q{n}" if n % 2 else f"Q{n}"}
        for n in range(8)
    ]
    answer = service.api("POST", f"/api/v1/datasets/{name}/items", json={"items": items})
    assert answer.status_code == 201, answer.text


def test_runs_are_kept_compared_and_fail_where_they_should(
    service: RunningService, typed: Callable[..., Done], unique: str
) -> None:
    fill(service, unique)
    module = unique.replace("-", "_")
    words = ("eval", "run", unique, f"{module}:echo", "--name", f"{unique}-a", "--workers", "2")
    words = (*words, "--score", f"{module}:same", "--detector", "quality")
    done = typed(*words, "--fail-under", "same=0.4")
    assert done.returncode == 0, done.stderr
    assert b"8 examples of" in done.stderr
    again = typed(*words, "--fail-under", "same=0.6")
    assert (again.returncode, b"8 examples are done already" in again.stderr) == (1, True)
    assert b"same is 0.5, below 0.6" in again.stderr
    other = typed(
        "eval", "run", unique, f"{module}:loud", "--name", f"{unique}-b", "--against",
        f"{unique}-a", "--score", f"{module}:same",
    )  # fmt: skip
    assert (other.returncode, b"1 of 8 examples failed" in other.stderr) == (1, True)
    assert b"no voice" in other.stderr
    found = service.get(f"/api/v1/experiments/{unique}-b/compare", to=f"{unique}-a")
    (same,) = [each for each in found["values"] if each["name"] == "same"]
    # Seven pairs: of the four even ones all got right, of the three odd ones none stayed so.
    assert (same["higher"], same["lower"], same["same"]) == (4, 3, 0)
    assert (found["examples"], same["is_clear"]) == (8, False)
    assert {each["id"] for each in found["moved"] if each["name"] == "same"} != set()
    whole = service.get(f"/api/v1/experiments/{unique}-a")
    assert (whole["results"], whole["items"], whole["version"]) == (8, 8, 1)
    assert {"same", "exact_match", "duration_s"} <= {each["name"] for each in whole["scores"]}
    # Every call is a trace, and its scores stand beside it, once.
    service.settle()
    rows = service.sql(
        "SELECT count() AS n, uniqExact(trace_id) AS traces FROM scores"
        " WHERE name = 'same' AND metadata['experiment'] = {name:String}",
        name=f"{unique}-a",
    )
    assert rows == [{"n": 8, "traces": 8}]
    traced = service.sql(
        "SELECT uniqExact(trace_id) AS n FROM spans WHERE trace_id IN (SELECT trace_id FROM scores"
        " WHERE name = 'same' AND metadata['experiment'] = {name:String})",
        name=f"{unique}-a",
    )
    assert traced == [{"n": 8}]
    listed = typed("eval", "list", "--dataset", unique)
    assert listed.stdout.count(b"8 of 8") == 2
    assert b"same" in typed("eval", "show", f"{unique}-a").stdout
    refused = typed("eval", "run", unique, f"{module}:loud", "--name", f"{unique}-a")
    assert (refused.returncode, b"another name" in refused.stderr) == (1, True)


class Biased(BaseHTTPRequestHandler):
    """A model that prefers loud answers where there is one, and else whatever stands first."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        block = body["messages"][1]["content"].split("\n")[1]
        given = json.loads(block)
        first, second = given["first_answer"], given["second_answer"]
        label = "first"
        if first.isupper() != second.isupper():
            label = "first" if first.isupper() else "second"
        said = json.dumps({"reason": f"{label} of {given['user']}", "label": label})
        data = json.dumps({"choices": [{"message": {"content": said}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_model_prefers_one_of_two_runs(
    service: RunningService, typed: Callable[..., Done], unique: str
) -> None:
    """What it says only because of the order is a tie, and is said to be none of its verdicts."""
    fill(service, unique)
    found = service.get(f"/api/v1/datasets/{unique}/items", limit=100)["items"]
    answers = {
        "a": ["same", "quiet", "quiet", "LOUD", "x", "b1", "b2", "failed"],
        "b": ["same", "LOUD", "LOUD", "quiet", "LOUD", "c1", "c2", "there"],
    }
    for name, given in answers.items():
        path = f"/api/v1/experiments/{unique}-{name}"
        assert service.api("PUT", path, json={"dataset": unique}).is_success
        results = [
            {"example": item["id"], "output": text, "error": "no" if text == "failed" else ""}
            for item, text in zip(found, given, strict=True)
        ]
        assert service.api("POST", f"{path}/results", json={"results": results}).is_success
    server = ThreadingHTTPServer(("127.0.0.1", 0), Biased)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        words = (
            "eval", "prefer", f"{unique}-a", f"{unique}-b", "--judge-model", "m",
            "--judge-url", f"http://127.0.0.1:{server.server_port}/v1",
        )  # fmt: skip
        done = typed(*words, "--format", "json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["before"], told["after"], told["tie"]) == (1, 3, 3)
        assert told["steady"] == pytest.approx(5 / 7), "two verdicts hung on the order"
        assert told["share"] == pytest.approx((3 + 3 / 2) / 7)
        assert told["p"] == pytest.approx(0.625), "three of four, by the exact sign test"
        assert told["low"] < told["share"] < told["high"]
        failed = typed(*words, "--fail-under", "0.9")
        assert (failed.returncode, b"is preferred in 64%" in failed.stderr) == (1, True)
        assert b"worse: first of" in failed.stderr
    finally:
        server.shutdown()
        server.server_close()
    nothing = typed(*words, "--judge-model", "m")
    assert (nothing.returncode, b"6 of 7 pairs could not be judged" in nothing.stderr) == (1, True)


def test_a_run_goes_on_where_it_ended(service: RunningService, unique: str) -> None:
    fill(service, unique)
    where = {"dataset": unique, "web_url": service.web, "api_key": service.token}
    calls: list[str] = []

    def app(question: str) -> str:
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(question)
        return question

    first = Experiment(unique, **where)
    with pytest.raises(KeyboardInterrupt):
        spanglass.evaluate(app, first.examples(), keeper=first, workers=1)
    # What was added meanwhile is no part of it.
    more = {"items": [{"input": "new"}]}
    assert service.api("POST", f"/api/v1/datasets/{unique}/items", json=more).status_code == 201
    second = Experiment(unique, **where)
    assert (second.version, len(second.done())) == (1, 3)
    report = spanglass.evaluate(lambda question: question, second.examples(), keeper=second)
    assert len(report) == 8
    results = service.get(f"/api/v1/experiments/{unique}/results", limit=100)["items"]
    assert len(results) == 8
    second.keep([spanglass.evaluation.Result(results[0]["example"], "another")])
    assert service.get(f"/api/v1/experiments/{unique}/results")["items"] == results


def test_a_prompt_is_run_at_an_endpoint(
    service: RunningService, typed: Callable[..., Done], unique: str
) -> None:
    fill(service, unique)
    body = {"definition": {"template": "Answer: {{question}}", "model": {"name": "gpt-4o-mini"}}}
    answer = service.api("POST", f"/api/v1/prompts/{unique}/versions", json=body)
    assert answer.status_code == 201
    with BackgroundServer(Settings(speed=0)) as model:
        done = typed(
            "eval", "run", unique, f"prompt:{unique}@1", "--endpoint", model.base_url, "--name",
            unique, "--fail-over", "output_tokens=100000", "--workers", "4",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = service.get(f"/api/v1/experiments/{unique}/results")["items"]
    assert all(each["output"] and each["output_tokens"] for each in results)
    refused = typed("eval", "run", unique, f"prompt:{unique}@1")
    assert (refused.returncode, b"--endpoint" in refused.stderr) == (1, True)


def test_a_search_makes_a_better_version(
    service: RunningService, typed: Callable[..., Done], unique: str, tmp_path: Path
) -> None:
    body = {"definition": sorting.PROMPT}
    assert service.api("POST", f"/api/v1/prompts/{unique}/versions", json=body).status_code == 201
    items = {"items": sorting.examples(48)}
    assert service.api("POST", f"/api/v1/datasets/{unique}/items", json=items).status_code == 201
    with BackgroundServer(Settings(speed=0)) as model:
        words = ("prompts", "search", unique, unique, "--objective", "is_right")
        words = (*words, "--endpoint", model.base_url)
        done = typed(
            *words, "--score", "support.sorting:is_right", "--writer-model", "sample-chat",
            "--budget", "500", "--rounds", "3", "--label", "staging", "--format", "json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        refused = typed(*words)
        assert (refused.returncode, b"--score" in refused.stderr) == (1, True)
        small = typed(*words, "--score", "support.sorting:is_right", "--budget", "20")
        assert (small.returncode, b"calls at least" in small.stderr) == (1, True)
    found = json.loads(done.stdout)
    assert found["is_better"]
    assert found["best"]["held_out"] > found["base"]["held_out"] == 0
    whole = service.get(f"/api/v1/prompts/{unique}")
    assert (whole["labels"], found["version"]) == ({"staging": 2}, 2)
    assert whole["versions"][0]["message"].startswith("is_right 0 to ")
    made = service.get(f"/api/v1/prompts/{unique}/versions/2")
    assert made["definition"] == found["best"]["definition"]


def test_erased_traces_leave_datasets(
    service: RunningService, typed: Callable[..., Done], unique: str
) -> None:
    from support import otlp

    spans = [otlp.chat_span(1, 1, {"gen_ai.input.messages": f"from {n}", "user.id": f"{unique}{n}"})
             for n in range(2)]  # fmt: skip
    service.send(otlp.request(*spans))
    service.settle()
    traces = [{"trace_id": each.trace_id.hex()} for each in spans]
    path = f"/api/v1/datasets/{unique}"
    added = service.api("POST", f"{path}/items/from-traces", json={"traces": traces})
    assert added.json()["added"] == 2
    done = typed("purge", "--user", f"{unique}0", "--yes")
    assert done.returncode == 0, done.stderr
    assert [each["input"] for each in service.get(f"{path}/items")["items"]] == ["from 1"]
    assert service.get(path)["items"] == 1
