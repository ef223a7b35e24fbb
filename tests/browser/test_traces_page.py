"""The list of traces."""

import re

from playwright.sync_api import expect

from browser import sample_traces
from browser.conftest import Open, Site, eventually
from browser.otlp import Trace
from support.running import Launch

ROWS = "[role=rowgroup] [role=row]"


def test_a_trace_is_found_opened_read_and_shared(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces")
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
    expect(page.get_by_role("button", name="Copy a link to this view")).to_be_visible()
    shared = page.evaluate("navigator.clipboard.readText()")
    assert shared == page.url

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
    expect(page).to_have_url(re.compile("status=error"))
    expect(page).to_have_url(re.compile("service=support-assistant"))
    expect(page.locator(ROWS).first).to_be_visible()
    for row in page.locator(ROWS).all():
        expect(row.get_by_label("Error", exact=True)).to_be_visible()
        expect(row).to_contain_text("support-assistant")
    page.go_back()
    expect(page).not_to_have_url(re.compile("service="))
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
    expect(page).to_have_url(re.compile("sample=only"))
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
        return f"{len(site.all)} traces" in status.inner_text()

    eventually(everything, "all pages are loaded")
    assert page.locator(ROWS).count() < 80
    page.get_by_role("button", name="Duration").click()
    expect(page).to_have_url(re.compile("order=asc"))


def test_an_absolute_range_shows_what_lies_in_it(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces")
    page.get_by_role("button", name="Range of time").click()
    page.get_by_label("From").fill("2020-01-01T00:00")
    page.get_by_label("To").fill("2019-01-01T00:00")
    expect(page.get_by_text("The end has to lie after the beginning.")).to_be_visible()
    page.get_by_label("To").fill("2020-01-02T00:00")
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


def test_the_theme_is_chosen_and_kept(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    page = watched.goto("/traces")
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
    running.send(sample_traces.answered().request())
    expect(page.get_by_text("Your first trace is here")).to_be_visible()
    expect(page.locator(ROWS)).to_have_count(1)

    page.get_by_role("switch", name="Live").click()
    expect(page).to_have_url(re.compile("live=1"))
    late = Trace("latecomer", ago_s=0.5)
    late.span("GET /news", 0, 12, kind="server")
    running.send(late.request())
    expect(page.locator(ROWS).first).to_contain_text("latecomer")
    expect(page.locator(ROWS)).to_have_count(2)
