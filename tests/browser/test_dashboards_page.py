"""Saved queries, their charts, and dashboards made of them."""

import re
from urllib.parse import quote

from playwright.sync_api import expect

from browser.conftest import Open, Site

SERVICES = "SELECT service, count() AS spans FROM spans GROUP BY service ORDER BY spans DESC"


def test_a_query_is_saved_as_a_chart_and_put_on_a_dashboard(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/sql?query={quote(SERVICES)}")
    shown = page.get_by_role("group", name="How to show it")
    shown.get_by_role("button", name="Chart").click()
    expect(
        page.get_by_role("list", name="Answer: spans").get_by_role("listitem").first
    ).to_be_visible()
    page.get_by_role("button", name="Saved queries").click()
    menu = page.get_by_role("dialog", name="Saved queries")
    menu.get_by_label("Name of this query").fill("Spans by service")
    menu.get_by_role("button", name="Save").click()
    expect(menu.get_by_role("link", name="Spans by service")).to_be_visible()

    page.goto(f"{site.running.web}/dashboards")
    expect(page.get_by_role("heading", name="There are no dashboards yet")).to_be_visible()
    page.get_by_label("Name of a new dashboard").fill("Operations")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="This dashboard is empty")).to_be_visible()
    page.get_by_label("Add a saved query").select_option("Spans by service")
    tile = page.get_by_role("region", name="Spans by service")
    expect(tile.get_by_role("listitem").first).to_be_visible()
    expect(page).to_have_url(re.compile("board=[0-9a-f]+"))

    other = visit(site.running, 390, 844)
    other.page.goto(page.url)
    expect(other.page.get_by_role("region", name="Spans by service")).to_be_visible()
    assert other.overflow() <= 0

    tile.get_by_role("button", name="Take Spans by service off").click()
    expect(page.get_by_role("heading", name="This dashboard is empty")).to_be_visible()
    page.get_by_role("button", name="Delete Operations").click()
    expect(page.get_by_role("heading", name="There are no dashboards yet")).to_be_visible()
    page.goto(f"{site.running.web}/sql")
    page.get_by_role("button", name="Saved queries").click()
    page.get_by_role("button", name="Delete Spans by service").click()
    expect(page.get_by_role("dialog")).to_contain_text("None yet")


def test_a_dashboard_that_is_gone_is_said(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/dashboards?board=beef")
    expect(page.get_by_role("heading", name="There is no such dashboard")).to_be_visible()


def test_the_list_of_traces_as_a_chart(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces?range=6h")
    expect(page.locator("[role=rowgroup] [role=row]").first).to_be_visible()
    page.keyboard.press("v")
    expect(page.get_by_role("figure", name="Traces over time")).to_be_visible()
    page.get_by_label("Told apart by").select_option("status")
    ranking = page.get_by_role("region", name="Ranking by status")
    expect(ranking.get_by_role("row").nth(1)).to_be_visible()
    page.get_by_role("button", name="Duration p95").click()
    expect(page.get_by_role("figure", name="Duration p95 by status, over time")).to_be_visible()
    expect(page).to_have_url(re.compile("(?=.*view=chart)(?=.*metric=duration_p95).*by=status"))
    ranking.get_by_role("button", name="error").click()
    expect(page.get_by_label("Search traces")).to_have_value("status:error")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Chart").click()
    expect(page.locator("[role=rowgroup] [role=row]").first).to_be_visible()
