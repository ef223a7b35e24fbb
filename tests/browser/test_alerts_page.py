"""Alerts: what fires, who takes it, and the rules."""

import re
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from browser.conftest import Open, Site
from support import otlp

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
    expect(card.get_by_role("link").first).to_have_text(re.compile("[0-9a-f]{8}"))
    card.get_by_role("button", name="Playbook").click()
    expect(card.locator("pre")).to_contain_text(re.compile(r"\w{20}|# "))
    card.get_by_role("button", name="Acknowledge").click()
    expect(card).to_contain_text("Acknowledged")
    card.get_by_role("button", name="Silence").click()
    expect(card).to_contain_text(re.compile("silence", re.IGNORECASE))
    card.get_by_role("link", name="Traces").click()
    expect(page).to_have_url(re.compile(r"/traces\?.*service=shop"))
    page.goto(running.web + "/alerts?show=rules")
    expect(page.get_by_role("table", name="Rules")).to_contain_text("errors-high")


def test_nothing_fires_and_there_are_no_rules(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/alerts")
    expect(page.get_by_role("status")).to_contain_text("Nothing fires")
    page.get_by_role("button", name="Show the rules").click()
    expect(page.get_by_role("status")).to_contain_text("spanglass serve --alerts shipped")
    page.get_by_role("button", name="Resolved").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing was resolved of late")
