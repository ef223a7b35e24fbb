"""Review: items are labelled with the keyboard, taken back, decided, and become an estimate."""

import json
import re
from typing import Any

from playwright.sync_api import expect

from browser.conftest import Open
from support import otlp
from support.running import RunningService

RUBRIC: list[dict[str, Any]] = [
    {"name": "grounded", "question": "Does every sentence follow from the documents?"},
    {"name": "tone", "kind": "numeric", "low": 1, "high": 5, "required": False},
]


def said(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def queue(running: RunningService, name: str) -> list[str]:
    """A queue of three answers that two people label; ids of the traces."""
    spans = [
        otlp.chat_span(
            12, 6,
            {
                "gen_ai.input.messages": said("user", f"How long can I return boots {n}?"),
                "gen_ai.output.messages": said("assistant", "For thirty days."),
                "spanglass.feature": name,
            },
        )
        for n in range(3)
    ]  # fmt: skip
    running.send(otlp.request(*spans))
    running.settle()
    path = f"/api/v1/review/queues/{name}"
    body = {"criteria": RUBRIC, "labels_per_item": 2, "instructions": "Read the documents first."}
    assert running.api("PUT", path, json=body).status_code == 200
    ids = [span.trace_id.hex() for span in spans]
    assert running.api("POST", f"{path}/items", json={"traces": ids}).json()["added"] == 3
    return ids


def test_labelling_with_the_keyboard(
    shared_service: RunningService, built: None, visit: Open, unique: str
) -> None:
    queue(shared_service, unique)
    watched = visit(shared_service)
    page = watched.goto("/review")
    page.get_by_role("list", name="Review queues").get_by_role("link", name=unique).click()
    page.get_by_label("Your name").fill("ann")
    page.get_by_label("Your name").press("Enter")
    expect(page.get_by_role("region", name="What is judged")).to_contain_text("For thirty days.")
    rubric = page.get_by_role("region", name="Rubric")
    yes = rubric.get_by_role("button", name="Yes")
    label = rubric.get_by_role("button", name="Label")
    skip = rubric.get_by_role("button", name="Skip")
    page.keyboard.press("1")
    expect(yes).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("4")
    tone = rubric.get_by_role("group", name=re.compile("tone"))
    expect(tone.get_by_role("button").nth(3)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("k")
    page.keyboard.press("2")
    expect(yes).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Enter")
    status = page.get_by_role("status").filter(has_text="of 3 done")
    expect(status).to_contain_text("Labelled.")
    page.keyboard.press("u")
    expect(status).to_contain_text("Taken back.")
    expect(label).to_be_disabled()
    page.keyboard.press("1")
    expect(yes).to_have_attribute("aria-pressed", "true")
    expect(label).to_be_enabled()
    page.keyboard.press("Enter")
    expect(status).to_contain_text("Labelled.")
    expect(skip).to_be_enabled()
    page.keyboard.press("s")
    expect(status).to_contain_text("Skipped.")
    whole = shared_service.get(f"/api/v1/review/queues/{unique}")
    assert whole["annotators"] == [{"name": "ann", "labels": 1, "skipped": 1}]


def test_what_is_disputed_is_decided(
    shared_service: RunningService, built: None, visit: Open, unique: str
) -> None:
    queue(shared_service, unique)
    path = f"/api/v1/review/queues/{unique}"
    for who in ("ben", "eve"):
        for n in range(3):
            item = shared_service.api("POST", f"{path}/next", json={"annotator": who}).json()
            body = {"annotator": who, "answers": {"grounded": who == "eve" or n == 0}}
            place = f"{path}/items/{item['item']['id']}/label"
            assert shared_service.api("PUT", place, json=body).is_success
    watched = visit(shared_service, width=390, scheme="dark")
    page = watched.goto(f"/review/{unique}?view=disputed")
    decision = page.get_by_role("region", name="Decision")
    for words in ("2 items are disputed", "1 item is disputed"):
        expect(decision.get_by_role("heading", level=2)).to_have_text(words)
        expect(decision.get_by_role("list", name="What reviewers say")).to_contain_text("ben")
        assert watched.overflow() <= 0
        decision.get_by_role("button", name=re.compile("Yes")).click()
        decision.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("heading", name="Nothing is disputed")).to_be_visible()
    page.get_by_text("Results").click()
    expect(page.get_by_role("region", name="Draws")).to_contain_text("Nothing was drawn yet")
    expect(page.get_by_role("region", name="Estimate").get_by_role("row").nth(1)).to_contain_text(
        "33 %"
    )
    assert watched.overflow() <= 0


def test_chosen_traces_are_added(
    shared_service: RunningService, built: None, visit: Open, unique: str
) -> None:
    queue(shared_service, unique)
    watched = visit(shared_service)
    page = watched.goto(f"/traces?q=feature%3A{unique}&range=24h")
    expect(page.get_by_role("status").filter(has_text="3 traces")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_role("button", name="Add to review queue").click()
    form = page.get_by_role("dialog", name="Add to review queue")
    form.get_by_role("combobox", name="Queue").fill(unique)
    form.get_by_role("option", name=unique).click()
    form.get_by_role("button", name="Add this trace").click()
    expect(form.get_by_role("status")).to_contain_text("were there")
    watched.tolerated.append("404")
    page = watched.goto("/review/no-such")
    expect(page.get_by_role("status")).to_contain_text("Not found")
