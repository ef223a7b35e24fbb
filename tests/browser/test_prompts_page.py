"""Prompts: the list, versions side by side, labels that are moved, what a change did."""

import random
import re
import time
from typing import Any

from playwright.sync_api import expect

from browser.conftest import Open
from support import otlp
from support.running import RunningService

OLD = [
    {"role": "system", "content": "You work for an outdoor shop.\nAnswer in detail."},
    {"role": "user", "content": "{{question}}"},
]
NEW = [
    {"role": "system", "content": "You work for an outdoor shop.\nAnswer in one sentence."},
    {"placeholder": "history"},
    {"role": "user", "content": "{{question}}"},
]


def fill(running: RunningService, name: str) -> None:
    """A prompt with two versions, and calls with both: the second is quicker and better liked."""
    for template, message in ((OLD, "first"), (NEW, "one sentence is enough")):
        body = {"definition": {"template": template, "model": {"name": "gpt-4o-mini"}},
                "message": message, "author": "ada"}  # fmt: skip
        answer = running.api("POST", f"/api/v1/prompts/{name}/versions", json=body)
        assert answer.status_code == 201, answer.text
    body = {"version": 1, "message": "go"}
    assert running.api("PUT", f"/api/v1/prompts/{name}/labels/production", json=body).is_success
    rng = random.Random(1)
    spans, scores = [], []
    for n in range(120):
        version = 1 + n % 2
        span = otlp.chat_span(
            400, 200 // version,
            {"gen_ai.prompt.name": name, "gen_ai.prompt.version": str(version)},
            start=time.time_ns() - (n + 60) * 10**9,
            duration=int(2e9 / version * rng.uniform(0.8, 1.2)),
        )  # fmt: skip
        spans.append(span)
        liked = float(rng.random() < 0.45 * version)
        scores.append({"name": "user_feedback", "value": liked, "trace_id": span.trace_id.hex()})
    running.send(otlp.request(*spans, service="shop"))
    running.settle()
    assert running.api("POST", "/api/v1/scores", json=scores).status_code == 201


def test_prompts_are_read_compared_and_released(launch: Any, built: None, visit: Open) -> None:
    running = launch()
    page = visit(running).goto("/prompts")
    expect(page.get_by_role("status")).to_contain_text("There are no prompts yet")
    fill(running, "shop-answer")
    for width, scheme in ((390, "dark"), (1440, "light")):
        watched = visit(running, width=width, scheme=scheme)
        page = watched.goto("/prompts")
        row = page.get_by_role("row", name=re.compile("shop-answer"))
        expect(row).to_contain_text("production 1")
        assert watched.overflow() <= 0
        row.get_by_role("link").click()
        expect(page.get_by_role("region", name="Versions")).to_contain_text(
            "one sentence is enough"
        )
        changes = page.get_by_role("region", name="What it says")
        expect(changes.get_by_role("heading")).to_have_text("From version 1 to 2")
        expect(changes.locator("[data-kind=removed]").first).to_contain_text("Answer in detail.")
        expect(changes.locator("[data-kind=added]").first).to_contain_text(
            "Answer in one sentence."
        )
        did = page.get_by_role("region", name="What it did")
        expect(did.get_by_role("row", name=re.compile("Duration mean"))).to_contain_text(
            re.compile(r"1\.\d\d s")
        )
        quicker = did.get_by_role("row", name=re.compile("Duration mean")).locator("[data-verdict]")
        expect(quicker).to_have_attribute("data-verdict", "better")
        expect(did.get_by_role("row", name=re.compile("user_feedback"))).to_contain_text("pp")
        assert watched.overflow() <= 0
    page.get_by_label("Version 2 before").check()
    expect(page).to_have_url(re.compile("before=2"))
    expect(changes.get_by_role("heading")).to_have_text("Version 2")
    expect(changes.locator("pre")).to_contain_text("[messages: history]")
    page.get_by_label("Version 1 before").check()
    # Somebody else has moved it since the page was read.
    body = {"version": 2, "message": "meanwhile"}
    assert running.api("PUT", "/api/v1/prompts/shop-answer/labels/production", json=body).is_success
    watched.tolerated.append("409")
    page.get_by_role("button", name="Label version 2").click()
    page.get_by_role("menuitem", name="Move production from 1 to here").click()
    expect(page.get_by_role("alert")).to_contain_text("moved it meanwhile")
    page.get_by_role("button", name="Label version 1").click()
    page.get_by_role("menuitem", name="Move production from 2 to here").click()
    moves = page.get_by_role("region", name="Moves of labels")
    expect(moves.get_by_role("listitem").first).to_contain_text("production from 2 to 1")
    page.goto(running.web + "/prompts/no-such")
    watched.tolerated.append("404")
    expect(page.get_by_role("status")).to_contain_text("Not found")
