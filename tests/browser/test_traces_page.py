"""The list of traces."""

import re
from typing import Any

from playwright.sync_api import expect

from browser import sample_traces
from browser.conftest import Open, Site, eventually, new_profile
from browser.otlp import Trace
from support.running import Launch

ROWS = "[role=rowgroup] [role=row]"


def test_a_trace_is_found_opened_read_and_shared(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces")
    expect(page.get_by_label("Search traces")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(site.answered.id)
    expect(page.locator(ROWS)).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("POST /v1/ask")
    answer = page.get_by_role("article", name="Answer")
    expect(answer).to_contain_text("Zips on our own packs are repaired free of charge")
    expect(page.get_by_role("article", name="User")).to_contain_text(
        "The zip on my Fjell pack broke"
    )

    page.get_by_role("treeitem").filter(has_text="execute_tool").click()
    expect(page.get_by_role("region", name="Result")).to_contain_text("delivered_on")
    page.get_by_role("tab", name="Attributes").click()
    page.get_by_role("button", name="Copy a link to this view").click()
    shared = page.url
    eventually(lambda: page.evaluate("navigator.clipboard.readText()") == shared, "it is copied")

    other = visit(site.running)
    other.page.goto(shared)
    expect(other.page.get_by_role("treeitem", selected=True)).to_contain_text("execute_tool")
    expect(other.page.get_by_role("tab", name="Attributes")).to_have_attribute(
        "aria-selected", "true"
    )
    expect(other.page.get_by_text("gen_ai.tool.name")).to_be_visible()


def test_rows_say_what_one_wants_to_know(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces?q={site.answered.id}")
    row = page.locator(ROWS).first
    expect(row).to_contain_text("POST /v1/ask")
    expect(row).to_contain_text("support-assistant")
    expect(row).to_contain_text("3.84 s")
    expect(row).to_contain_text("1,767 → 164")
    expect(row).to_contain_text("session-4117 · user-0823")
    moment = row.locator("time")
    expect(moment).to_contain_text(re.compile("ago|now"))
    assert moment.get_attribute("datetime").endswith("Z")


def test_filters_narrow_the_list_and_stand_in_the_address(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces")
    page.get_by_role("button", name="Errors", exact=True).click()
    page.get_by_role("button", name="Service", exact=True).click()
    page.get_by_role("option", name="support-assistant").click()
    expect(page.get_by_label("Search traces")).to_have_value(
        "status:error service:support-assistant"
    )
    expect(page).to_have_url(re.compile(r"q=status%3Aerror\+service%3Asupport-assistant"))
    rows = page.locator(ROWS)
    expect(rows.filter(has_not=page.get_by_label("Error", exact=True))).to_have_count(0)
    expect(rows.filter(has_not_text="support-assistant")).to_have_count(0)
    expect(rows.first).to_be_visible()
    page.go_back()
    expect(page).not_to_have_url(re.compile("service"))
    page.get_by_role("button", name="Clear all").click()
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


def test_amounts_and_sample_data_can_be_filtered(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces")
    page.get_by_role("button", name="Filters", exact=True).click()
    page.get_by_label("Tokens from").fill("900000")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_role("button", name="Clear all").click()
    page.get_by_role("button", name="Filters", exact=True).click()
    page.get_by_text("Only", exact=True).click()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_label("Search traces")).to_have_value("sample:yes")
    expect(page.locator(ROWS).first).to_contain_text("sample")


def test_columns_sort_and_pages_follow_while_scrolling(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces")
    page.get_by_role("button", name="Duration").click()
    expect(page.get_by_role("columnheader", name="Duration")).to_have_attribute(
        "aria-sort", "descending"
    )
    expect(page.locator(ROWS).first).to_contain_text("index corpus")
    table = page.get_by_role("table", name="Traces")
    status = page.locator("footer")

    def everything() -> bool:
        table.evaluate("table => { table.scrollTop = table.scrollHeight }")
        return f"{site.count} traces" in status.inner_text()

    eventually(everything, "all pages are loaded")
    assert page.locator(ROWS).count() < 80
    page.get_by_role("button", name="Duration").click()
    expect(page).to_have_url(re.compile("order=asc"))


def test_an_absolute_range_shows_what_lies_in_it(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces")
    page.get_by_role("button", name="Range of time").click()
    page.get_by_label("From").fill("2020-01-01T00:00")
    page.get_by_label("To", exact=True).fill("2019-01-01T00:00")
    expect(page.get_by_text("The end has to lie after the beginning.")).to_be_visible()
    page.get_by_label("To", exact=True).fill("2020-01-02T00:00")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("No traces in this range of time")).to_be_visible()
    page.get_by_role("button", name="Look at the last 90 days").click()
    expect(page.locator(ROWS).first).to_be_visible()


def test_nonsense_in_the_address_is_left_out(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(
        "/traces?min_ms=soon&sort=colour&status=maybe&range=eon&min_tokens=-1"
    )
    expect(page.locator(ROWS).first).to_be_visible()
    expect(page.get_by_role("button", name="Range of time: Last 24 hours")).to_be_visible()


def test_the_keyboard_moves_through_the_list_and_helps(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces")
    expect(page.locator(ROWS).first).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    for key in ("j", "j", "ArrowDown", "k"):
        page.keyboard.press(key)
    expect(page.locator(f"{ROWS}[data-current]")).to_have_attribute("aria-rowindex", "3")
    page.keyboard.press("Escape")
    expect(page.locator(f"{ROWS}[data-current]")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_label("Search traces")).to_be_focused()


def test_the_theme_is_chosen_and_kept(site: Site, visit: Open, chromium: Any) -> None:
    page = visit(site.running, own=new_profile(chromium)).goto("/traces")
    root = page.locator("html")
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("menuitem", name="Dark").click()
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("menuitem", name="As the system").click()
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")


def test_the_first_trace_turns_the_light_green_and_live_shows_the_next(
    built: None, launch: Launch, visit: Open
) -> None:
    running = launch()
    page = visit(running).goto("/traces")
    expect(page.get_by_role("heading", name="Send your first trace")).to_be_visible()
    lines = page.locator("pre")
    expect(lines).to_contain_text(
        f'OTEL_EXPORTER_OTLP_ENDPOINT="http://{running.addresses["otlp_http"]}"'
    )
    expect(page.get_by_text("Waiting for the first span")).to_be_visible()
    # The light is green for a moment only, so the page itself keeps an eye on it.
    page.evaluate(_WATCH, "Your first trace is here")
    running.send(sample_traces.answered().request())
    page.evaluate("window.seen")
    expect(page.locator(ROWS)).to_have_count(1)

    page.get_by_role("switch", name="Live").click()
    expect(page).to_have_url(re.compile("live=1"))
    late = Trace("latecomer", ago_s=0.5)
    late.span("GET /news", 0, 12, kind="server")
    running.send(late.request())
    expect(page.locator(ROWS).first).to_contain_text("latecomer")
    expect(page.locator(ROWS)).to_have_count(2)


#: Keeps a promise that a text appears, however briefly.
_WATCH = """text => {
  window.seen = new Promise(done => {
    const look = () => { if (document.body.innerText.includes(text)) done(true); };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}"""
