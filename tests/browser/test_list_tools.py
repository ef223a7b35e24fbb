"""Beside the list of traces: the strip of time, peeking, choosing and exporting, saved views."""

import csv
import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from browser.conftest import Open, Site

ROWS = "[role=rowgroup] [role=row]"


def test_a_range_is_dragged_over_the_strip_and_taken_back(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces?range=6h")
    strip = page.get_by_role("figure")
    everything = re.compile(f"^{site.count} traces over time")
    expect(strip).to_have_attribute("aria-label", everything)
    box = strip.locator("div").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("from=.*to="))
    expect(strip).not_to_have_attribute("aria-label", everything)
    page.go_back()
    expect(page).to_have_url(re.compile("range=6h"))
    expect(strip).to_have_attribute("aria-label", everything)


def test_traces_are_peeked_at_one_after_another_by_keyboard(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces?q=name:POST*&sort=duration")
    expect(page.locator(ROWS).first).to_be_visible()
    page.keyboard.press("p")
    panel = page.get_by_role("complementary", name="Peek")
    expect(panel.get_by_role("tab").first).to_be_visible()
    first = page.url
    page.keyboard.press("j")
    expect(page).not_to_have_url(first)
    expect(panel.get_by_role("tab").first).to_be_visible()
    second = page.url
    page.reload()
    expect(panel.get_by_role("list", name="Spans").get_by_role("button").first).to_be_visible()
    assert page.url == second
    panel.get_by_role("list", name="Spans").get_by_role("button").last.click()
    expect(panel.get_by_role("tab").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.keyboard.press("p")
    panel.get_by_role("link", name="Open").click()
    expect(page.get_by_role("treeitem").first).to_be_visible()


def test_chosen_rows_are_exported(site: Site, visit: Open, tmp_path: Path) -> None:
    page = visit(site.running).goto("/traces")
    expect(page.locator(ROWS).first).to_be_visible()
    for key in ("j", "x", "j", "j", "x"):
        page.keyboard.press(key)
    chosen = page.get_by_role("group", name="Chosen traces")
    expect(chosen).to_contain_text("2 chosen")

    def exported(button: str) -> str:
        with page.expect_download() as waiting:
            chosen.get_by_role("button", name=button).click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path.read_text("utf-8")

    lines: list[dict[str, Any]] = [
        json.loads(line) for line in exported("Export JSONL").splitlines()
    ]
    rows = list(csv.DictReader(exported("Export CSV").splitlines()))
    assert len(lines) == 2
    assert [row["trace_id"] for row in rows] == [line["trace_id"] for line in lines]
    assert set(rows[0]) == set(lines[0])
    assert {line["trace_id"] for line in lines} <= {trace.id for trace in site.all}


def test_a_view_is_saved_found_again_and_deleted(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces?q=status:error&range=7d&sort=cost&live=1")
    page.get_by_role("button", name="Views").click()
    menu = page.get_by_role("dialog", name="Saved views")
    expect(menu).to_contain_text("None yet")
    menu.get_by_label("Name of this view").fill("Failures of the week")
    menu.get_by_role("button", name="Save").click()
    expect(menu.get_by_role("link", name="Failures of the week")).to_be_visible()

    other = visit(site.running).goto("/traces")
    other.get_by_role("button", name="Views").click()
    other.get_by_role("link", name="Failures of the week").click()
    expect(other).to_have_url(re.compile(r"range=7d&q=status%3Aerror&sort=cost$|q=status%3Aerror"))
    expect(other.get_by_label("Search traces")).to_have_value("status:error")
    other.get_by_role("button", name="Views").click()
    other.get_by_role("button", name="Delete Failures of the week").click()
    expect(other.get_by_role("dialog", name="Saved views")).to_contain_text("None yet")
