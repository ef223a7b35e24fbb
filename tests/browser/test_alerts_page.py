"""Alerts: what fires, who takes it, and the rules."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Site
from support import otlp
from support.running import RunningService
from support.waiting import wait_until

RULES = """
rules:
  - name: errors-high
    summary: "{service}: {value%} of calls fail."
    metric: error_rate
    group_by: [service]
    window: 5m
    condition: "> 5%"
    min_count: 5
    severity: critical
    playbook: errors
"""


def test_an_alert_is_read_taken_and_silenced(
    launch: Any, built: None, visit: Open, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    running = launch("--alerts", tmp_path / "rules.yaml", "--alerts-interval-s", "1")
    calls = [
        otlp.chat_span(error="boom" if n < 4 else None, start=time.time_ns() - 10**8)
        for n in range(10)
    ]
    running.send(otlp.request(*calls, service="shop"))
    for width in (1440, 390):
        watched = visit(running, width=width)
        page = watched.goto("/alerts")
        card = page.get_by_role("listitem", name="errors-high")
        expect(card).to_contain_text("shop: 40 % of calls fail.")
        expect(card).to_contain_text("critical")
        assert watched.overflow() <= 0
    expect(card.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).first).to_be_visible()
    card.get_by_role("button", name="Playbook").click()
    playbook = card.get_by_role("article", name="Playbook errors")
    # Markdown is laid out, and a check's answer stands in its place.
    expect(playbook.get_by_role("heading", name="Calls fail")).to_be_visible()
    expect(playbook.get_by_role("cell", name="boom").first).to_be_visible()
    card.get_by_role("link", name="incident 1").click()
    expect(page.get_by_role("heading", name="shop: 40 % of calls fail.")).to_be_visible()
    page.go_back()
    card.get_by_role("button", name="Acknowledge").click()
    expect(card).to_contain_text("Acknowledged")
    card.get_by_role("button", name="Silence").click()
    expect(card).to_contain_text(re.compile("silence", re.IGNORECASE))
    card.get_by_role("link", name="Traces").click()
    expect(page).to_have_url(re.compile(r"/traces\?.*service=shop"))
    page.goto(running.web + "/alerts?show=rules")
    expect(page.get_by_role("table", name="Rules")).to_contain_text("errors-high")


EVIL = "# Look\n\n<img src=x onerror=alert(1)> ![p](https://example.org/p.png)\n\n[in](javascript:alert(1)) [out](https://status.example.org)\n"


def test_an_incident_is_read_taken_written_down_and_ended(
    launch: Any, built: None, visit: Open, tmp_path: Path
) -> None:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "own.md").write_text(EVIL)
    (tmp_path / "rules.yaml").write_text(RULES.replace("playbook: errors", "playbook: own"))
    running = launch("--alerts", tmp_path / "rules.yaml", "--alerts-interval-s", "1")
    calls = [otlp.chat_span(error="boom", start=time.time_ns() - 10**8) for _ in range(6)]
    running.send(otlp.request(*calls, service="shop"))
    wait_until(
        lambda: running.get("/api/v1/incidents/1")["gathered"]
        if running.get("/api/v1/incidents")["items"] else None,
        "the incident is there",
    )  # fmt: skip
    for width, scheme in ((1440, "light"), (390, "dark")):
        watched = visit(running, width=width, scheme=scheme)
        watched.tolerated.append("404")
        page = watched.goto("/alerts?show=incidents")
        expect(page.get_by_role("list", name="Incidents")).to_contain_text("100 % of calls fail")
        assert watched.overflow() <= 0
        page.get_by_role("link", name=re.compile("calls fail")).click()
        expect(page.get_by_role("region", name="Alerts")).to_contain_text("errors-high")
        playbook = page.get_by_role("article", name="Playbook own")
        # Nothing of a playbook is obeyed: HTML is text, no picture is fetched.
        expect(playbook).to_contain_text("<img src=x onerror=alert(1)>")
        assert playbook.locator("img").count() == 0
        expect(playbook.get_by_role("link")).to_have_count(1)
        assert watched.overflow() <= 0
    page.get_by_role("button", name="Acknowledge").click()
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline).to_contain_text("Acknowledged")
    timeline.get_by_label("Note").fill("The provider is slow.\n<b>x</b>")
    timeline.get_by_role("button", name="Add note").click()
    expect(timeline).to_contain_text("<b>x</b>")
    page.get_by_role("button", name="Change the owner").click()
    page.get_by_label("Owner", exact=True).fill("team shop")
    page.get_by_role("button", name="save").click()
    expect(page.get_by_text("team shop", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("button", name="Resolve")).to_have_count(0)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Post-mortem draft").click()
    text = saved.value.path().read_text("utf-8")
    assert "The provider is slow." in text
    page.goto(running.web + "/incidents/99")
    expect(page.get_by_text("There is no such incident.")).to_be_visible()


@pytest.fixture(scope="module")
def alone(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service whose traces and rules no other test counts."""
    with RunningService(tmp_path_factory.mktemp("rules") / "data") as running:
        yield running


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_rule_is_tried_before_it_is_saved(
    alone: RunningService, visit: Open, width: int, scheme: str
) -> None:
    """As values and as YAML, with what is wrong where it is."""
    name = f"tried-{width}"
    service = f"editor-{width}"
    now = time.time_ns()
    for ago in range(120, 900, 20):
        span = otlp.chat_span(10, 5, start=now - ago * 10**9, error="no" if ago < 400 else None)
        alone.send(otlp.request(span, service=service))
    alone.settle()
    page = (watched := visit(alone, width, 900, scheme)).goto("/alerts?show=rules")
    page.get_by_role("button", name="New rule").click()
    editor = page.get_by_role("region", name="New rule")
    editor.get_by_label("Name").fill(name)
    editor.get_by_label("Condition").fill("5")
    expect(editor).to_contain_text("should be a comparison like")
    expect(editor.get_by_role("button", name="Save")).to_be_disabled()
    editor.get_by_label("Condition").fill("> 50%")
    editor.get_by_label("Only where").fill(f"service={service}")
    tried = editor.get_by_role("group", name="What it would have done")
    expect(tried).to_contain_text("It would have fired 1 time")
    expect(tried.get_by_role("listitem")).to_contain_text(service)
    expect(tried.get_by_role("figure")).to_be_visible()
    assert watched.overflow() <= 0
    # The same object as YAML, where a mistake has its line.
    editor.get_by_text("YAML", exact=True).click()
    text = editor.get_by_label("The rule as YAML")
    expect(text).to_have_value(re.compile(rf"name: {name}\n(.*\n)*where:\n  service: {service}"))
    right = text.input_value()
    text.fill(right.replace("error_rate", "eror_rate"))
    expect(editor.get_by_role("list", name="What is wrong")).to_contain_text(
        re.compile(r"Line \d+, column \d+: .*did you mean error_rate")
    )
    assert watched.overflow() <= 0
    text.fill(right + "for: 3m\n")
    editor.get_by_text("Form", exact=True).click()
    expect(editor.get_by_label("For", exact=True)).to_have_value("3m")
    editor.get_by_role("button", name="Save").click()
    page.get_by_role("button", name=name).click()
    editor = page.get_by_role("region", name=f"Rule {name}")
    expect(editor.get_by_label("Only where")).to_have_value(f"service={service}")
    # It is deleted where it is changed, after a second look.
    editor.get_by_role("button", name="Delete", exact=True).click()
    assert watched.overflow() <= 0
    editor.get_by_role("button", name="Delete it").click()
    expect(editor).to_have_count(0)
    expect(page.get_by_role("button", name=name)).to_have_count(0)
    assert alone.api("GET", f"/api/v1/alerts/rules/{name}").status_code == 404


def test_nothing_fires_and_there_are_no_rules(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/alerts")
    expect(page.get_by_role("status")).to_contain_text("Nothing fires")
    page.get_by_role("button", name="Show the rules").click()
    expect(page.get_by_role("status")).to_contain_text("spanglass serve --alerts shipped")
    page.get_by_role("button", name="Incidents").click()
    expect(page.get_by_role("status")).to_contain_text("There was no incident")
    page.get_by_role("button", name="Resolved").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing was resolved of late")
