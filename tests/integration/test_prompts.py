"""The registry of prompts over a running service: API, commands, comparison, linked calls."""

import json
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spanglass
from spanglass.prompts import _registry as registry
from spanglass_store.data_directory import DataDirectory
from support import otlp
from support.commands import Commands, Done
from support.running import RunningService
from support.waiting import wait_until


@pytest.fixture
def typed(shared_service: RunningService, cli: Commands) -> Callable[..., Done]:
    return cli.on(shared_service.data_dir)


def save(service: RunningService, name: str, template: Any, **more: Any) -> Any:
    body = {"definition": {"template": template}, **more}
    answer = service.api("POST", f"/api/v1/prompts/{name}/versions", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_prompt_through_the_api(shared_service: RunningService, unique: str) -> None:
    path = f"/api/v1/prompts/{unique}"
    first = save(shared_service, unique, "Hi {{name}}", author="ada", message="begin", base=0)
    assert (first["version"], first["is_new"], first["author"]) == (1, True, "ada")
    assert save(shared_service, unique, "Hi {{name}}")["is_new"] is False
    second = save(
        shared_service,
        unique,
        [{"role": "user", "content": "Hi {{name}}"}, {"placeholder": "more"}],
    )
    assert second["definition"]["variables"]["more"] == {"type": "messages", "required": False}
    old = shared_service.api(
        "POST", f"{path}/versions", json={"definition": {"template": "x"}, "base": 1}
    )
    assert (old.status_code, old.json()["title"]) == (409, "Conflict")
    moved = shared_service.api(
        "PUT", f"{path}/labels/production", json={"version": 2, "message": "go", "expected": 0}
    )
    assert moved.status_code == 200
    again = shared_service.api(
        "PUT", f"{path}/labels/production", json={"version": 1, "expected": 0}
    )
    assert again.status_code == 409
    whole = shared_service.get(path)
    assert (whole["latest"], whole["labels"]) == (2, {"production": 2})
    assert [each["version"] for each in whole["versions"]] == [2, 1]
    assert whole["moves"][0]["message"] == "go"
    assert whole["versions"][0]["labels"] == ["production"]
    assert shared_service.get(f"{path}/resolve")["version"] == 2
    assert shared_service.get(f"{path}/versions/1")["definition"]["template"] == "Hi {{name}}"
    lines = shared_service.get(f"{path}/diff", before=1, after=2)["lines"]
    assert {"removed", "added"} <= {each["kind"] for each in lines}
    made = shared_service.api(
        "POST", f"{path}/render", json={"version": 1, "variables": {"name": "Ada"}}
    )
    assert made.json() == {"version": 1, "text": "Hi Ada", "messages": None}
    wrong = shared_service.api("POST", f"{path}/render", json={"label": "production"})
    assert (wrong.status_code, wrong.json()["detail"]) == (400, "The variable 'name' is missing.")
    said = shared_service.api("POST", f"{path}/versions/1/comments", json={"text": "Too long?"})
    assert said.status_code == 201
    assert shared_service.get(path)["comments"][0]["text"] == "Too long?"
    assert unique in [
        each["name"] for each in shared_service.get("/api/v1/prompts", search=unique)["items"]
    ]
    assert shared_service.api("DELETE", f"{path}/labels/production").status_code == 204
    assert shared_service.api("GET", f"{path}/resolve").status_code == 404
    assert shared_service.api("DELETE", path).status_code == 204
    assert shared_service.api("GET", path).status_code == 404


@pytest.mark.parametrize(
    "definition",
    [
        {"template": "{{#a}}"},
        {"template": "{% for x in range(9) %}", "syntax": "jinja2"},
        {"template": "{{ ''.__class__ }}{% include 'x' %}", "syntax": "jinja2"},
        {"template": "a\0b"},
        {"template": "{{a}}", "variables": {"b": {}}},
    ],
)
def test_what_is_no_prompt_is_refused(
    shared_service: RunningService, unique: str, definition: Any
) -> None:
    answer = shared_service.api(
        "POST", f"/api/v1/prompts/{unique}/versions", json={"definition": definition}
    )
    assert answer.status_code == 400, answer.text
    assert shared_service.api("GET", f"/api/v1/prompts/{unique}").status_code == 404


def test_lists_page(shared_service: RunningService, unique: str) -> None:
    for n in range(3):
        save(shared_service, f"{unique}-{n}", "x")
    first = shared_service.get("/api/v1/prompts", search=unique, limit=2)
    rest = shared_service.get("/api/v1/prompts", search=unique, limit=2, cursor=first["next"])
    names = [each["name"] for each in [*first["items"], *rest["items"]]]
    assert names == [f"{unique}-{n}" for n in range(3)]
    assert rest["next"] == ""


@pytest.mark.parametrize("running", [True, False], ids=["the service runs", "it does not"])
def test_a_folder_is_the_registry_both_ways(
    shared_service: RunningService, cli: Commands, tmp_path: Path, unique: str, running: bool
) -> None:
    if running:
        data = shared_service.data_dir
    else:
        data = tmp_path / "data"
        with DataDirectory(data):
            pass
    typed = cli.on(data)
    if running:
        # Another project's is none of ours.
        theirs_only = {"definition": {"template": "x"}, "base": None}
        made = shared_service.api(
            "POST", f"/api/v1/prompts/{unique}-other/versions?project=other", json=theirs_only
        )
        assert made.is_success, made.text
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    folder = tmp_path / "prompts"
    folder.mkdir()
    file = folder / f"{unique}.yaml"
    file.write_text("template: |\n  Hi {{name}}\nmodel:\n  name: gpt-4o-mini\n")
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run([*git, "-C", folder, "add", "."], check=True)
    subprocess.run([*git, "-C", folder, "commit", "-qm", "first"], check=True)
    done = typed("prompts", "push", folder, "-m", "begin", "--author", "ada", "--label", "staging")
    assert done.returncode == 0, done.stderr
    assert b"new" in done.stdout
    assert "version: 1" in file.read_text()
    history = typed("prompts", "show", unique, "--history").stdout.decode()
    commit = subprocess.run(
        ["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, check=True, text=True
    ).stdout.strip()
    assert f"git:{commit}" in history
    assert "staging" in history
    assert b"as it was" in typed("prompts", "push", folder).stdout
    # Somebody else writes another version; what is based on the old one is refused.
    other = tmp_path / "other"
    assert typed("prompts", "pull", other).returncode == 0
    assert not (other / f"{unique}-other.yaml").exists()
    theirs = other / f"{unique}.yaml"
    theirs.write_text(theirs.read_text().replace("Hi", "Hello"))
    assert typed("prompts", "push", theirs).returncode == 0
    assert b"older than the registry" in typed("prompts", "push", folder).stdout
    file.write_text(file.read_text().replace("Hi", "Hey"))
    refused = typed("prompts", "push", folder)
    assert (refused.returncode, b"at version 2, not 1" in refused.stderr) == (1, True)
    assert typed("prompts", "push", folder, "--force").returncode == 0
    shown = typed("prompts", "diff", unique, "staging").stdout.decode()
    assert "- template: |" not in shown
    assert "-   Hi {{name}}" in shown
    assert "+   Hey {{name}}" in shown
    assert typed("prompts", "render", unique, "--var", "name=Ada").stdout == b"Hey Ada\n\n"
    missing = typed("prompts", "render", unique)
    assert (missing.returncode, b"'name' is missing" in missing.stderr) == (1, True)
    stale = typed("prompts", "label", unique, "production", "3", "--expect", "2")
    assert (stale.returncode, b"on no version" in stale.stderr) == (1, True)
    assert typed("prompts", "label", unique, "production", "3", "-m", "go").returncode == 0
    assert b"production 3, staging 1" in typed("prompts", "list", unique).stdout
    assert b"Hi {{name}}" in typed("prompts", "show", unique, "--version", "1").stdout


def test_an_export_is_taken_over(
    typed: Callable[..., Done], shared_service: RunningService, tmp_path: Path, unique: str
) -> None:
    said = [
        {"name": unique, "version": n, "prompt": f"text {n}", "labels": ["production"] * (n == 1)}
        for n in (2, 1)
    ]
    (tmp_path / "export.json").write_text(json.dumps(said))
    for _ in range(2):
        assert typed("prompts", "import", "export.json", "--from", "langfuse").returncode == 0
    found = shared_service.get(f"/api/v1/prompts/{unique}/resolve")
    assert found["definition"]["template"] == "text 1"
    wrong = typed("prompts", "import", "export.json", "--from", "excel")
    assert (wrong.returncode, b"langfuse and langsmith" in wrong.stderr) == (1, True)


@pytest.fixture(scope="module")
def compared(shared_service: RunningService) -> str:
    """A prompt with two versions: the second is slower, cheaper, liked more, and fails more often."""
    name = "compared-answer"
    rng = random.Random(7)
    start = (time.time_ns() // 10**9 - 3600) * 10**9
    spans, scores = [], []
    for version in (1, 2):
        for n in range(150):
            fails = rng.random() < (0.02, 0.2)[version - 1]
            span = otlp.chat_span(
                200 if version == 1 else 120, 50,
                {
                    "gen_ai.request.model": "gpt-4o-mini" if n % 2 else "gpt-4o",
                    "gen_ai.prompt.name": name,
                    "gen_ai.prompt.version": str(version),
                    "user.id": f"user {version} {n % 50}",
                    "spanglass.reported_cost_usd": 0.02 / version,
                },
                start=start + n * 10**9,
                duration=int((1.0, 1.4)[version - 1] * rng.uniform(0.7, 1.3) * 1e9),
            )  # fmt: skip
            span.status.code = 2 if fails else 0
            spans.append(span)
            liked = rng.random() < (0.4, 0.8)[version - 1]
            scores.append({
                "name": "user_feedback", "value": float(liked), "trace_id": span.trace_id.hex(),
                "source": "user",
            })  # fmt: skip
    shared_service.send(otlp.request(*spans))
    shared_service.settle()
    assert shared_service.api("POST", "/api/v1/scores", json=scores).status_code == 201
    return name


def test_two_versions_are_compared(
    shared_service: RunningService, typed: Callable[..., Done], compared: str
) -> None:
    path = f"/api/v1/prompts/{compared}/compare"
    answer = shared_service.get(path, before="1", after="2")
    found = {(each["name"], each["statistic"]): each for each in answer["values"]}
    slower = found["duration_s", "mean"]
    assert slower["is_clear"]
    assert slower["low"] > 0
    assert slower["p"] < 0.001
    assert slower["superiority"] > 0.8
    assert found["duration_s", "p95"]["is_clear"]
    assert found["cost_usd", "mean"]["difference"] == pytest.approx(-0.01)
    assert found["input_tokens", "mean"]["difference"] == pytest.approx(-80)
    errors = found["error_rate", "share"]
    assert 0.05 < errors["difference"] < 0.35
    assert errors["is_clear"]
    liked = found["score.user_feedback", "share"]
    assert (liked["n_before"], liked["n_after"]) == (150, 150)
    assert liked["low"] > 0
    assert not found["output_tokens", "mean"]["is_clear"]
    half = shared_service.get(path, before="1", after="2", model="gpt-4o")
    assert {each["n_before"] for each in half["values"] if each["name"] == "error_rate"} == {75}
    loose = shared_service.get(path, before="1", after="2", correction="benjamini-hochberg")
    for one, two in zip(answer["values"], loose["values"], strict=True):
        assert two["p"] is None or two["p"] <= one["p"]
    assert slower["always_low"] < slower["low"]
    assert slower["always_low"] > 0
    fair = shared_service.get(path, before="1", after="2", expected_share=0.5)["sample_ratio"]
    assert (fair["units_before"], fair["units_after"], fair["is_mismatch"]) == (50, 50, False)
    broken = shared_service.get(path, before="1", after="2", expected_share=0.1)["sample_ratio"]
    assert broken["is_mismatch"]
    none = shared_service.get(path, before="1", after="3")
    assert (none["values"], "duration_s" in none["left_out"]) == ([], True)
    same = shared_service.api("GET", path, params={"before": "1", "after": "1"})
    assert same.status_code == 400
    shown = typed("prompts", "compare", compared, "1", "2", "--expected-share", "0.1")
    assert shown.returncode == 0, shown.stderr
    assert b"the split is broken" in shown.stderr
    assert b"score.user_feedback" in shown.stdout
    as_json = json.loads(typed("prompts", "compare", compared, "1", "2", "--format", "json").stdout)
    assert len(as_json["values"]) == len(answer["values"])


def test_a_split_that_does_harm_is_ended(
    shared_service: RunningService, typed: Callable[..., Done], unique: str
) -> None:
    """Slow users stay slow, so what they were like before explains much; errors end the test."""
    rng = random.Random(9)
    began = time.time_ns() - 3 * 86_400 * 10**9
    spans = []
    for n in range(400):
        version = 1 + n % 2
        like = rng.uniform(1, 5)
        for when, seen in ((began - 86_400 * 10**9, 1), (began + n * 10**9, version)):
            span = otlp.chat_span(
                100, 50,
                {"gen_ai.prompt.name": unique, "gen_ai.prompt.version": str(seen),
                 "user.id": f"user {n}"},
                start=when, duration=int((like + rng.uniform(0, 0.3) + (0.4 if seen == 2 else 0)) * 1e9),
            )  # fmt: skip
            span.status.code = 2 if seen == 2 and n % 3 == 0 else 0
            spans.append(span)
    # One saw both: who is that?
    spans.append(otlp.chat_span(1, 1, {"gen_ai.prompt.name": unique, "gen_ai.prompt.version": "1",
                                       "user.id": "user 1"}, start=began + 10**9))  # fmt: skip
    shared_service.send(otlp.request(*spans))
    for template in ("one {{x}}", "two {{x}}"):
        save(shared_service, unique, template)
    moved = shared_service.api(
        "PUT", f"/api/v1/prompts/{unique}/labels/staging", json={"version": 2}
    )
    assert moved.status_code == 200
    shared_service.settle()
    words = ("prompts", "split", unique, "1", "2", "--days", "3.01", "--expected-share", "0.5")
    held = typed(*words, "--guardrail", "error_rate=+0.9", "--stop", "staging", "--format", "json")
    assert held.returncode == 0, held.stderr
    found = json.loads(held.stdout)
    assert (found["users_before"], found["users_after"], found["users_of_both"]) == (200, 199, 1)
    assert (found["is_changed"], found["sample_ratio"]["is_mismatch"]) == (False, False)
    slower = {each["name"]: each for each in found["values"]}["duration_s"]
    assert slower["variance_saved"] > 0.9
    assert slower["low"] < 0.4 < slower["high"]
    assert slower["is_clear"]
    assert shared_service.get(f"/api/v1/prompts/{unique}")["labels"] == {"staging": 2}
    ended = typed(*words, "--guardrail", "error_rate=+0.02", "--stop", "staging", "--watch", "60")
    assert ended.returncode == 1
    assert b"staging is on version 1 again" in ended.stderr
    whole = shared_service.get(f"/api/v1/prompts/{unique}")
    assert whole["labels"] == {"staging": 1}
    assert whole["moves"][0]["message"] == "broken: error_rate=+0.02"
    power = ("prompts", "power", unique, "1", "--effect", "0.4", "--days", "5")
    done = typed(*power)
    assert (done.returncode, b"however often" in done.stdout) == (0, True), done.stderr
    for words_, said in (
        ((*words, "--guardrail", "beauty=+1"), b"there is no such value"),
        ((*words, "--guardrail", "beauty"), b"is no guardrail"),
        ((*power, "--value", "score.none"), b"0 users have score.none"),
    ):
        refused = typed(*words_)
        assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr


def test_calls_are_stored_with_their_prompt(
    shared_service: RunningService, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANGLASS_RAISE_INTERNAL_ERRORS", "1")
    monkeypatch.setattr(registry, "_FIRST_WAIT_S", 60.0)
    save(shared_service, unique, "Greet {{name}}.")
    moved = shared_service.api(
        "PUT", f"/api/v1/prompts/{unique}/labels/production", json={"version": 1}
    )
    assert moved.status_code == 200
    shared_service.dirty = True
    spanglass.init(
        shared_service.otlp,
        web_url=shared_service.web,
        service=unique,
        prompt_dir=str(tmp_path),
        timeout_s=60,
    )
    try:
        greeting = spanglass.prompt(unique)
        with spanglass.generation("gpt-4o-mini", messages=greeting.messages(name="Ada")):
            pass
        assert spanglass.flush(20)
    finally:
        spanglass.shutdown()
    query = "SELECT prompt_name, prompt_version FROM spans WHERE service = {s:String}"
    row = wait_until(lambda: shared_service.sql(query, s=unique), "the call is stored")[0]
    assert row == {"prompt_name": unique, "prompt_version": "1"}
