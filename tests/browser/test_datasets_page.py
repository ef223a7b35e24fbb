"""Datasets: an answer is added from its trace, items are read, checked and taken out."""

import re
from typing import Any

from playwright.sync_api import expect

from browser.conftest import Open
from support import otlp
from support.running import RunningService

WORDS = "can I return the boots that I bought in your shop in the city last week"


def test_an_answer_becomes_an_example(launch: Any, built: None, visit: Open) -> None:
    running: RunningService = launch()
    page = visit(running).goto("/datasets")
    expect(page.get_by_role("status")).to_contain_text("There are no datasets yet")
    span = otlp.chat_span(12, 6, {"gen_ai.input.messages": "Where is my parcel?"})
    running.send(otlp.request(span))
    running.settle()
    items = [
        {"input": f"{WORDS}?", "split": "train", "expected": "For thirty days."},
        {"input": {"question": WORDS}, "split": "test"},
        {"input": "How much is the tent?", "split": "train"},
    ]
    body = {"items": items, "message": "by hand"}
    assert running.api("POST", "/api/v1/datasets/returns/items", json=body).status_code == 201

    watched = visit(running, width=390, scheme="dark")
    page = watched.goto(f"/traces/{span.trace_id.hex()}")
    page.get_by_role("button", name="Add to dataset").click()
    form = page.get_by_role("dialog", name="Add to dataset")
    form.get_by_role("combobox", name="Dataset").fill("returns")
    form.get_by_role("button", name="Add this trace").click()
    expect(form.get_by_role("status")).to_contain_text("Added.")
    assert watched.overflow() <= 0
    form.get_by_role("link", name="Show the dataset").click()
    expect(page.get_by_role("region", name="Items")).to_contain_text("Where is my parcel?")
    assert watched.overflow() <= 0

    watched = visit(running, width=390)
    page = watched.goto("/traces")
    expect(page.locator("[role=rowgroup] [role=row]").first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_role("button", name="Add to dataset").click()
    form = page.get_by_role("dialog", name="Add to dataset")
    form.get_by_role("combobox", name="Dataset").fill("returns")
    form.get_by_role("button", name="Add this trace").click()
    expect(form.get_by_role("status")).to_contain_text("It is there already.")
    assert watched.overflow() <= 0

    watched = visit(running)
    page = watched.goto("/datasets")
    expect(page.get_by_role("link", name="returns")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/datasets/returns"))
    page.goto(watched.web + "/datasets")
    page.get_by_role("link", name="returns").click()
    shown = page.get_by_role("region", name="Items")
    expect(shown.get_by_role("listitem")).to_have_count(4)
    page.get_by_text("train 2").click()
    expect(page).to_have_url(re.compile("split=train"))
    expect(shown.get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Look for them").click()
    found = page.get_by_role("region", name="Near-duplicates")
    expect(found.get_by_role("status")).to_contain_text("1 pair is nearly the same; 1 in different")
    shown.get_by_role("button", name=re.compile("How much is the tent")).click()
    shown.get_by_role("button", name="Remove").click()
    expect(shown.get_by_role("listitem")).to_have_count(1)
    versions = page.get_by_role("region", name="Versions")
    expect(versions.get_by_role("row").nth(1)).to_contain_text("−1")
    versions.get_by_label("Show version 1").check()
    expect(shown.get_by_role("heading")).to_have_text("Items of version 1")
    expect(shown.get_by_role("listitem")).to_have_count(2)
    page.goto(running.web + "/datasets/no-such")
    watched.tolerated.append("404")
    expect(page.get_by_role("status")).to_contain_text("Not found")
