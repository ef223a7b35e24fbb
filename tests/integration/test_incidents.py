"""Incidents in a running service: from spans over OTLP to the draft of a post-mortem."""

import time
from pathlib import Path
from typing import Any

from support import otlp
from support.commands import Commands
from support.running import Launch, RunningService
from support.waiting import wait_until

RULES = """
incidents: {settle: 0s, group_by: [service]}
rules:
  - {name: no-playbook, metric: errors, condition: "> 1000", playbook: nowhere}
"""
RULE = {
    "summary": "{service}: {value%} of calls fail.", "metric": "error_rate", "condition": "> 20%",
    "group_by": ["service"], "min_count": 5, "severity": "critical", "owner": "team shop",
    "playbook": "errors",
}  # fmt: skip
PATH = "/api/v1/incidents"


def send(service: RunningService, release: str, failed: bool, ago_s: float) -> None:
    start = time.time_ns() - int(ago_s * 1e9)
    prompt = {"gen_ai.prompt.name": "greeting"}
    spans = [
        otlp.chat_span(attrs=prompt, error="boom" if failed else None, start=start)
        for _ in range(6)
    ]
    about = {"service.version": release}
    service.send(otlp.request(*spans, service="shop", resource=about))


def test_from_an_alert_to_a_post_mortem(launch: Launch, tmp_path: Path, cli: Commands) -> None:
    (tmp_path / "alerts.yaml").write_text(RULES)
    service = launch("--alerts", tmp_path / "alerts.yaml", "--alerts-interval-s", "1")
    for prompt, version in (("greeting", 1), ("greeting", 2), ("unused", 1)):
        path = f"/api/v1/prompts/{prompt}"
        service.api(
            "POST",
            f"{path}/versions",
            json={"definition": {"template": f"Hello {version}"}, "base": version - 1},
        ).raise_for_status()
        moved = service.api("PUT", f"{path}/labels/production", json={"version": version})
        moved.raise_for_status()
    send(service, "v1", failed=False, ago_s=3000)
    # Not before the labels were moved: an alert's changes end where its window does.
    send(service, "v2", failed=True, ago_s=0)
    assert service.api("PUT", "/api/v1/alerts/rules/errors-high", json=RULE).status_code == 200

    def opened() -> Any:
        return service.get(PATH, state="active")["items"]

    (incident,) = wait_until(opened, "an incident is opened")
    assert (incident["owner"], incident["labels"], incident["opened_by"]) == (
        "team shop", {"service": "shop"}, ""
    )  # fmt: skip
    number = incident["id"]
    (alert,) = wait_until(
        lambda: service.get(f"{PATH}/{number}")["gathered"], "its alert is gathered"
    )
    # What was new, beside what explains it.
    new = {(each["what"], each["value"]) for each in alert["evidence"]["changes"]}
    assert {("release", "v2"), ("label", "production of prompt greeting moved to version 2")} <= new
    assert not any("unused" in value for _, value in new)
    assert "v1" not in {each["value"] for each in alert["evidence"]["changes"]}
    listed = service.get("/api/v1/alerts")["items"]
    assert {each["incident"] for each in listed if each["rule"] == "errors-high"} == {number}

    # The playbook, with answers of its checks.
    page = service.get("/api/v1/alerts/playbooks/errors", alert=alert["id"])
    checks = [block for block in page["blocks"] if block["sql"]]
    assert checks[0]["columns"][0] == "error_type"
    assert checks[0]["rows"]
    assert [block["error"] for block in checks if block["error"]] == []
    rules = {each["rule"]["name"]: each["notice"] for each in service.get("/api/v1/alerts/rules")}
    assert "no playbook 'nowhere'" in rules["no-playbook"]
    assert rules["errors-high"] == ""

    # By command: taken, written down, handed on.
    run = cli.on(service.data_dir)
    assert b"calls fail" in run("alerts", "incidents", "list").stdout
    for words in (
        ("ack", str(number), "--by", "ada", "--note", "on it"),
        ("note", str(number), "The provider is slow.", "--by", "bob"),
        ("owner", str(number), "bob", "--by", "ada"),
    ):
        done = run("alerts", "incidents", *words)
        assert done.returncode == 0, done.stderr
    wait_until(
        lambda: service.get(f"/api/v1/alerts/{alert['id']}")["acknowledged_by"] == "ada",
        "its alert is taken, too",
    )
    shown = run("alerts", "incidents", "show", str(number)).stdout.decode()
    assert "owner bob" in shown
    assert "The provider is slow." in shown

    # It ends when its alerts do.
    assert service.api("DELETE", "/api/v1/alerts/rules/errors-high").status_code == 204
    wait_until(lambda: not opened(), "it is resolved")
    kinds = [each["kind"] for each in service.get(f"{PATH}/{number}")["entries"]]
    assert kinds[0] == "opened"
    assert {"fired", "acknowledged", "note", "owner", "well", "resolved"} <= set(kinds)
    draft = tmp_path / "draft.md"
    done = run("alerts", "incidents", "postmortem", str(number), "-o", draft)
    assert done.returncode == 0, done.stderr
    text = draft.read_text("utf-8")
    for part in (
        "by ada",
        "bob: The provider is slow.",
        "release v2 is new since",
        "label production of prompt greeting moved to version 2 at 20",
        "## Actions",
    ):
        assert part in text, text
    _by_hand(service)
    _refused(service, number)


def _by_hand(service: RunningService) -> None:
    made = service.api("POST", PATH, json={"title": "Wrong language", "by": "ada"})
    assert made.status_code == 201, made.text
    number = made.json()["id"]
    ended = service.api("POST", f"{PATH}/{number}/resolve", json={"by": "ada", "note": "Fixed"})
    assert (ended.json()["state"], ended.json()["resolved_by"]) == ("resolved", "ada")
    page = service.get(PATH, limit=1)
    assert page["next"] == page["items"][0]["id"] == number
    assert service.get(PATH, before=number)["next"] is None


def _refused(service: RunningService, number: int) -> None:
    """What nobody may, cannot, or has mistyped; and other projects see nothing."""
    for method, path, body, status in (
        ("POST", f"{PATH}/{number}/resolve", {}, 400),
        ("POST", f"{PATH}/{number}/acknowledge", {}, 400),
        ("POST", f"{PATH}/{number}/notes", {"text": ""}, 422),
        ("POST", f"{PATH}/{number}/alerts", {"alerts": ["0123-1"]}, 404),
        ("POST", f"{PATH}/999999/notes", {"text": "x"}, 404),
        ("PATCH", f"{PATH}/{number}", {"severity": "huge"}, 422),
        ("POST", PATH, {"title": "x" * 501}, 422),
        ("POST", PATH, {"title": "x", "alerts": ["not an id"]}, 422),
        ("GET", f"{PATH}/0", None, 422),
    ):
        assert service.api(method, path, json=body).status_code == status, (path, body)
    mine, other = service.key("read", "mine"), service.key("read", "other")
    made = service.api("POST", PATH, mine, json={"title": "Of mine"}).json()
    assert made["project"] == "mine"
    assert service.api("GET", f"{PATH}/{made['id']}", other).status_code == 404
    assert service.api("GET", f"{PATH}/{made['id']}/postmortem", other).status_code == 404
    assert service.get(PATH, other)["items"] == []
    foreign = {"title": "x", "project": "mine"}
    assert service.api("POST", PATH, other, json=foreign).status_code == 400
    ingest = service.key("ingest", "mine")
    assert service.api("GET", PATH, ingest).status_code == 403
