"""Alerts end to end: spans over OTLP, messages over HTTP to receivers that check them."""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from support import otlp
from support.commands import Commands
from support.receivers import Receivers, receivers
from support.running import Launch, RunningService
from support.waiting import wait_until as wait_until_true

RULES = """
rules:
  - name: errors-high
    metric: error_rate
    condition: "> 20%"
    group_by: [service]
    window: 5m
    min_count: 5
    severity: critical
    for: 1s
    summary: "{{service}} fails: {{value}}"
channels:
  - {{name: chat, type: slack, url: {{env: TEST_SLACK_URL}}, rate: 50}}
  - {{name: pager, type: pagerduty, routing_key: {{file: {folder}/pager.key}}, url: "{url}/pagerduty", rate: 50}}
  - {{name: hook, type: webhook, url: "{url}/hook", secret: {{env: TEST_HOOK_SECRET}}, rate: 50}}
  - {{name: dead, type: webhook, url: "{url}/dead", rate: 50}}
routes:
  - {{match: {{rule: errors-high}}, channels: [chat, pager, hook, dead], group_by: [rule], group_interval: 0s, continue: true}}
heartbeat: {{url: "{url}/heart", every: 1s}}
"""
SECRET = "between us"
T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str) -> T:
    """What is waited for here takes seconds, and each look at it is a request."""
    return wait_until_true(condition, what, every_s=0.25)


@pytest.fixture(scope="module")
def there() -> Iterator[Receivers]:
    with receivers() as found:
        yield found


def serve(launch: Launch, there: Receivers, folder: Path, rules: str = RULES) -> RunningService:
    (folder / "pager.key").write_text("0123456789abcdef0123456789abcdef\n")
    (folder / "alerts.yaml").write_text(rules.format(url=there.url, folder=folder))
    return launch(
        "--alerts", folder / "alerts.yaml", "--alerts-interval-s", "1",
        "--alerts-private-networks", "127.0.0.1/32", "--public-url", "http://pages.example",
        TEST_SLACK_URL=f"{there.url}/slack", TEST_HOOK_SECRET=SECRET,
    )  # fmt: skip


def send(
    service: RunningService, name: str, failed: int, well: int, region: str = "", **attrs: str
) -> list[str]:
    spans = [
        otlp.chat_span(
            error="boom" if i < failed else None, attrs=attrs, start=time.time_ns() - 10**8
        )
        for i in range(failed + well)
    ]
    where = {"cloud.region": region} if region else {}
    service.send(otlp.request(*spans, service=name, resource=where))
    return [span.trace_id.hex() for span in spans[:failed]]


def events(there: Receivers) -> list[str]:
    """What the webhook heard of the rule, in order."""
    said = [request.json for request in there.taken["/hook"]]
    return [each["event"] for each in said if each["group_labels"]["rule"] == "errors-high"]


def test_from_a_breach_to_its_end_over_a_restart(
    launch: Launch, there: Receivers, tmp_path: Path
) -> None:
    there.answers["/dead"] = lambda _: (500, {}, b"no")
    service = serve(launch, there, tmp_path)
    failed = send(service, "shop", 8, 2, "eu-west-1", **{"gen_ai.request.model": "bad-model"})
    send(service, "shop", 0, 10)
    failed += send(service, "cart", 6, 0)
    wait_until(lambda: len(there.taken["/slack"]), "Slack hears")
    wait_until(lambda: len(there.taken["/pagerduty"]), "PagerDuty hears")
    wait_until(lambda: events(there), "the webhook hears")

    def deaf() -> bool:
        # Later messages about the same group take the place of this one, and its reason.
        log = service.get("/api/v1/alerts/deliveries", limit=1000)
        return any("500" in each["reason"] for each in log if each["channel"] == "dead")

    wait_until(deaf, "the log says why a dead receiver has not got it")

    # One message for both, with what explains it.
    (first,) = there.taken["/hook"]
    assert {alert["labels"]["service"] for alert in first.json["alerts"]} <= {"shop", "cart"}
    listed = wait_until(
        lambda: [a for a in service.get("/api/v1/alerts")["items"] if a["rule"] == "errors-high"]
        if len(service.get("/api/v1/alerts", state="firing")["items"]) >= 2 else None,
        "both are listed",
    )  # fmt: skip
    shop = next(alert for alert in listed if alert["labels"]["service"] == "shop")
    assert shop["state"] == "firing"
    assert shop["summary"].startswith("shop fails: 0.")
    explained = shop["evidence"]["explained"]
    about = {(each["dimension"], each["value"]) for each in explained}
    assert about >= {("model", "bad-model"), ("region", "eu-west-1")}
    assert {trace["trace_id"] for trace in shop["evidence"]["traces"]} <= set(failed)
    assert shop["evidence"]["traces"]

    # Signed, so that the receiver knows who sent it.
    stamp, _, digest = first.headers["x-spanglass-signature"].partition(",v1=")
    signed = stamp.removeprefix("t=").encode() + b"." + first.body
    assert digest == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert first.headers["idempotency-key"] == first.json["id"]
    link = first.json["alerts"][0]["link"]
    assert link.startswith("http://pages.example/traces?service=")

    # The receiver that is dead is reported to others, and delays nobody.
    wait_until(
        lambda: [
            a
            for a in service.get("/api/v1/alerts")["items"]
            if a["rule"] == "spanglass.receiver-fails"
        ],
        "the dead receiver is an alert",
    )
    listed_channels = {each["name"]: each for each in service.get("/api/v1/alerts/channels")}
    assert listed_channels["dead"]["fails"]
    assert "500: no" in listed_channels["dead"]["reason"]
    assert not listed_channels["chat"]["fails"]

    # A restart in between: nobody hears it again.
    told = len([e for e in events(there) if e == "firing"])
    service.restart()
    for alert in service.get("/api/v1/alerts", rule="errors-high")["items"]:
        path = f"/api/v1/alerts/{alert['id']}/acknowledge"
        assert service.api("POST", path, json={"by": "me", "note": "on it"}).status_code == 200
    wait_until(lambda: "acknowledged" in events(there), "the webhook hears who takes it")
    send(service, "shop", 0, 200)
    send(service, "cart", 0, 200)
    wait_until(lambda: "resolved" in events(there), "the webhook hears the end")
    mine = [
        r.json for r in there.taken["/hook"] if r.json["group_labels"] == {"rule": "errors-high"}
    ]
    assert len({each["group"] for each in mine}) == 1
    assert [each["event"] for each in mine].count("resolved") == 1
    assert [each["event"] for each in mine].count("acknowledged") == 1
    assert len([each for each in mine if each["event"] == "firing"]) <= told + 1
    key = there.taken["/pagerduty"][0].json["dedup_key"]

    def actions() -> list[str]:
        sent = [r.json for r in there.taken["/pagerduty"]]
        return [each["event_action"] for each in sent if each["dedup_key"] == key]

    wait_until(lambda: actions()[-1] == "resolve", "PagerDuty hears the end")
    assert actions()[0] == "trigger"
    assert "acknowledge" in actions()
    assert there.problems == []
    assert there.taken["/heart"]

    # What happened is there for SQL and for the log.
    def stored() -> list[str]:
        query = "SELECT event FROM alert_events WHERE rule = 'errors-high' AND labels['service'] = 'shop' ORDER BY time"
        return [row["event"] for row in service.sql(query)]

    wait_until(
        lambda: stored() == ["pending", "firing", "acknowledged", "resolved"], "events are stored"
    )

    def log() -> list[dict[str, Any]]:
        return list(service.get("/api/v1/alerts/deliveries", limit=1000))

    # Each channel hears in its own time, and then it is written down.
    wait_until(
        lambda: {each["status"] for each in log() if each["channel"] == "chat"} == {"sent"},
        "the log says that all was sent",
    )
    text = service.output() + str(log()) + str(listed_channels)
    assert SECRET not in text
    assert "0123456789abcdef" not in text
    assert "Traceback" not in service.output()


def test_rules_silences_previews_and_playbooks_by_api(
    launch: Launch, there: Receivers, tmp_path: Path, cli: Commands
) -> None:
    service = serve(launch, there, tmp_path)
    body = {
        "metric": "requests",
        "condition": "> 3",
        "window": "60s",
        "group_by": ["service"],
        "playbook": "errors",
    }
    send(service, "api", 2, 8)
    service.settle()
    seen = service.api(
        "POST", "/api/v1/alerts/rules/draft/preview", json={"rule": body, "step_s": 10}
    )
    assert seen.status_code == 200, seen.text
    wait_until(
        lambda: [
            e["labels"]["service"]
            for e in service.api(
                "POST", "/api/v1/alerts/rules/draft/preview",
                json={"rule": body, "step_s": 10, "start": iso(-300), "end": iso(5)},
            ).json()["episodes"]
        ] == ["api"],
        "it would have fired",
    )  # fmt: skip
    # While it is written: as values and as YAML, with what is wrong at its place.
    text = "name: mine\nmetric: reqests\ncondition: '3'\nfoo: 1\n"
    for given in ({"yaml": text}, {"rule": {
        "name": "mine", "metric": "reqests", "condition": "3", "foo": 1,
    }}):  # fmt: skip
        drafted = service.api("POST", "/api/v1/alerts/rules/mine/draft", json=given).json()
        assert drafted["rule"] == {"name": "mine", "metric": "reqests", "condition": "3", "foo": 1}
        assert drafted["yaml"] == text
        assert [(p["field"], p["line"]) for p in drafted["problems"]] == [
            ("metric", 2), ("condition", 3), ("foo", 4),
        ]  # fmt: skip
        assert "did you mean requests" in drafted["problems"][0]["message"]
    right = service.api(
        "POST", "/api/v1/alerts/rules/mine/draft", json={"rule": body | {"name": "mine"}}
    )
    assert right.json()["problems"] == []
    assert yaml.safe_load(right.json()["yaml"]) == body | {"name": "mine"}
    for text in (
        "name: [",
        "",
        "- 1",
        "a: &a [1]\nb: *a",
        "!!binary x",
        "1: 2",
        "x: !!python/object:os",
    ):
        drafted = service.api("POST", "/api/v1/alerts/rules/mine/draft", json={"yaml": text})
        assert drafted.status_code == 200, drafted.text
        assert drafted.json()["problems"]
    neither = service.api("POST", "/api/v1/alerts/rules/mine/draft", json={})
    assert neither.status_code == 400
    wrong = service.api("PUT", "/api/v1/alerts/rules/mine", json=body | {"metric": "reqests"})
    assert wrong.status_code == 400
    assert "did you mean requests" in wrong.json()["detail"]
    silence = service.api(
        "POST", "/api/v1/alerts/silences", json={"match": {"rule": "mine"}, "author": "me"}
    )
    assert silence.status_code == 201, silence.text
    assert service.api("PUT", "/api/v1/alerts/rules/mine", json=body).status_code == 200
    assert service.get("/api/v1/alerts/rules/mine")["origin"] == "api"
    send(service, "api", 2, 8)
    found = wait_until(lambda: service.get("/api/v1/alerts", rule="mine")["items"], "it fires")
    assert found[0]["held"] == "silenced by me"
    page = service.get("/api/v1/alerts/playbooks/errors", alert=found[0]["id"])
    assert "| error_type |" in page["text"]
    assert "could not be made" not in page["text"]
    assert (
        service.api("DELETE", f"/api/v1/alerts/silences/{silence.json()['id']}").status_code == 204
    )
    assert service.get("/api/v1/alerts/silences") == []

    # A rule that fails fails alone, and is an alert itself.
    broken = {"kind": "sql", "query": "SELECT nothing AS value FROM spans", "condition": "> 1"}
    assert service.api("PUT", "/api/v1/alerts/rules/broken", json=broken).status_code == 200
    secret = {
        "kind": "sql",
        "query": "SELECT count() AS value FROM file('/etc/passwd')",
        "condition": "> 1",
    }
    assert service.api("PUT", "/api/v1/alerts/rules/reads-files", json=secret).status_code == 200
    wait_until(
        lambda: (
            {a["labels"].get("failing_rule") for a in service.get("/api/v1/alerts")["items"]}
            >= {"broken", "reads-files"}
        ),
        "the rules that fail are alerts",
    )
    rules = {each["rule"]["name"]: each for each in service.get("/api/v1/alerts/rules")}
    assert "nothing" in rules["broken"]["error"]
    assert rules["mine"]["error"] == ""
    for name in ("broken", "reads-files", "mine"):
        assert service.api("DELETE", f"/api/v1/alerts/rules/{name}").status_code == 204
    wait_until(lambda: service.get("/api/v1/alerts")["items"] == [], "their alerts end")
    assert service.api("DELETE", "/api/v1/alerts/rules/errors-high").status_code == 400

    # By command.
    run = cli.on(service.data_dir)
    done = run("alerts", "send-test", "chat")
    assert done.returncode == 0, done.stderr
    assert run("alerts", "send-test", "nobody").returncode == 1
    assert b"errors-high" in run("alerts", "rules").stdout
    assert run("alerts", "list").returncode == 0
    (tmp_path / "one.yaml").write_text(
        "rules: [{name: one, metric: requests, condition: '> 3', window: 60s, group_by: [service]}]"
    )
    shown = run("alerts", "test", tmp_path / "one.yaml", "--from", iso(-600))
    assert shown.returncode == 0, shown.stderr
    assert b"service=api" in shown.stdout
    who_may_do_what(service)


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def who_may_do_what(service: RunningService) -> None:
    mine, other = service.key("read", "mine"), service.key("read", "other")
    rule = {"metric": "requests", "condition": "> 0", "window": "60s", "project": "mine"}
    assert service.api("PUT", "/api/v1/alerts/rules/x", mine, json=rule).status_code == 403
    assert service.api("PUT", "/api/v1/alerts/rules/x", json=rule).status_code == 200
    ingest = service.key("ingest", "mine")
    service.send(otlp.request(otlp.chat_span()), authorization=f"Bearer {ingest}")
    found = wait_until(lambda: service.get("/api/v1/alerts", mine)["items"], "it fires")
    assert service.get("/api/v1/alerts", other)["items"] == []
    assert service.api("GET", f"/api/v1/alerts/{found[0]['id']}", other).status_code == 404
    for path in ("/api/v1/alerts/silences", "/api/v1/alerts/channels/chat/test"):
        assert service.api("POST", path, mine, json={"match": {"rule": "x"}}).status_code == 403
    foreign = service.api("POST", "/api/v1/alerts/rules/draft/preview", other, json={"rule": rule})
    assert foreign.status_code == 400
