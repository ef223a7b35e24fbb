"""The query bar: completed from what there is, in step with the buttons, broken ones explained."""

import re

from playwright.sync_api import expect

from browser.conftest import Open, Site

ROWS = "[role=rowgroup] [role=row]"
BAR = "Search traces"


def test_a_query_is_written_with_completions_by_keyboard_alone(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces")
    expect(page.locator(ROWS).first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("score.ground")
    expect(page.get_by_role("option", name="score.groundedness:")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_label(BAR)).to_have_value("score.groundedness:")
    page.keyboard.type("<0.9 serv")
    expect(page.get_by_role("option", name="service:")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option", name="support-assistant")).to_be_visible()
    page.keyboard.type("support-a")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_label(BAR)).to_have_value(
        "score.groundedness:<0.9 service:support-assistant "
    )
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=score.groundedness"))
    expect(page.get_by_role("button", name="Service support-assistant")).to_be_visible()
    # Detectors may have judged more of them by now.
    expect(page.locator(ROWS).filter(has_not_text="support-assistant")).to_have_count(0)
    expect(page.locator(ROWS).first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/traces/[0-9a-f]{32}"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_buttons_and_links_change_the_same_text(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces?service=support-assistant&min_ms=3000&q=-status:error")
    bar = page.get_by_label(BAR)
    expect(bar).to_have_value("-status:error service:support-assistant latency:>=3000ms")
    page.get_by_role("button", name="Clear Service").click()
    expect(bar).to_have_value("-status:error latency:>=3000ms")
    page.get_by_role("button", name="Filters").click()
    expect(page.get_by_label("Duration from")).to_have_value("3000 ms")
    page.get_by_label("User").fill("user-0823")
    page.get_by_role("button", name="Apply").click()
    expect(bar).to_have_value("-status:error latency:>=3000ms user:user-0823")
    expect(page.locator(ROWS)).to_have_count(1)
    page.go_back()
    expect(bar).to_have_value("-status:error latency:>=3000ms")


def test_a_broken_query_says_where_while_it_is_written_and_from_a_link(
    site: Site, visit: Open
) -> None:
    watched = visit(site.running)
    page = watched.goto("/traces")
    expect(page.locator(ROWS).first).to_be_visible()
    page.get_by_label(BAR).fill("latency:soon")
    line = page.locator("#query-problem")
    expect(line).to_contain_text("A duration like 2s, 150ms or 5m is expected, not 'soon'.")
    expect(line.locator("mark")).to_have_text("soon")
    expect(page.locator(ROWS).first).to_be_visible()
    watched.tolerated.append("Failed to load resource")
    page = watched.goto("/traces?q=modle:gpt-4o")
    expect(page.get_by_role("heading", name="The query can't be read")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("character 1: there is no field 'modle'")
    page.get_by_role("button", name="Clear the query").click()
    expect(page.locator(ROWS).first).to_be_visible()


def test_words_that_no_name_has_are_looked_for_in_messages(site: Site, visit: Open) -> None:
    page = visit(site.running).goto('/traces?q="prepaid label" operation:retrieval')
    page.get_by_role("button", name="Search in messages instead").click()
    expect(page.get_by_label(BAR)).to_have_value('operation:retrieval content:"prepaid label"')
    expect(page.locator(ROWS).first).to_contain_text("POST /v1/ask")
