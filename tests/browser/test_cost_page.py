"""Cost: sums, what they are made of, and the way to the traces."""

import re

from playwright.sync_api import expect

from browser.conftest import Open, Site, eventually


def test_cost_is_told_apart(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/cost")
    total = site.running.api("GET", "/api/v1/cost").json()["total"]
    expect(page.get_by_label("Totals")).to_contain_text("A thousand tokens")
    rows = page.get_by_role("region", name="By model").get_by_role("row")
    expect(rows.filter(has_text="claude-sonnet-4-5")).to_contain_text("$")
    assert total["cost_usd"] > 0
    eventually(lambda: page.evaluate("document.querySelectorAll('figure canvas').length") == 1)
    page.get_by_role("button", name="Service", exact=True).first.click()
    expect(page).to_have_url(re.compile("by=service"))
    table = page.get_by_role("region", name="By service")
    table.get_by_role("button", name="support-assistant").click()
    expect(page).to_have_url(re.compile(r"/traces\?.*service=support-assistant.*sort=cost"))
    expect(page.locator("[role=rowgroup] [role=row]").first).to_be_visible()


def test_calls_without_a_price_are_named_with_what_prices_them(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/cost?range=24h")
    note = page.locator("details").filter(has_text="without a price")
    note.locator("summary").click()
    expect(note).to_contain_text("spanglass prices set")


def test_no_calls(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/cost?service=nobody")
    expect(page.get_by_role("status")).to_contain_text("No call of a model")
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.get_by_label("Totals")).to_be_visible()
