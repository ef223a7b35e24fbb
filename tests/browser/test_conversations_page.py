"""Conversations: from the list to the thread, its traces and its user."""

import re

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Site


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_from_the_list_to_a_trace(site: Site, visit: Open, width: int, scheme: str) -> None:
    watched = visit(site.running, width, 900, scheme)
    page = watched.goto("/conversations?user=user-0823")
    table = page.get_by_role("region", name="Conversations")
    row = table.get_by_role("row").filter(has_text="session-4117")
    expect(row).to_contain_text("user-0823")
    expect(row.get_by_label("Disliked")).to_be_visible()
    assert watched.overflow() <= 0
    row.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/conversations/session-4117"))
    turn = page.get_by_role("listitem", name="Turn 1", exact=True)
    expect(turn.get_by_role("article", name="User")).to_contain_text(
        "The zip on my Fjell pack broke"
    )
    expect(turn.get_by_role("article", name="Answer")).to_contain_text("repaired free of charge")
    beside = turn.get_by_role("complementary")
    expect(beside).to_contain_text("It never says what I have to pay.")
    assert watched.overflow() <= 0
    beside.get_by_role("link", name="POST /v1/ask").click()
    expect(page).to_have_url(re.compile(f"/traces/{site.answered.id}"))


def test_users_lead_to_their_conversations(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/conversations?feedback=down")
    expect(page.get_by_role("region", name="Conversations").get_by_role("row")).to_have_count(2)
    page.get_by_role("navigation", name="By").get_by_role("link", name="Users").click()
    table = page.get_by_role("region", name="Users")
    table.get_by_role("button", name="Cost").click()
    expect(page).to_have_url(re.compile("sort=cost"))
    expect(table.get_by_role("columnheader", name="Cost")).to_have_attribute(
        "aria-sort", "descending"
    )
    page.get_by_role("button", name="Disliked").click()
    expect(table.get_by_role("row")).to_have_count(2)
    table.get_by_role("link", name="user-0823").click()
    expect(page).to_have_url(re.compile(r"/conversations\?.*user=user-0823"))
    expect(page.get_by_role("region", name="Conversations")).to_contain_text("session-4117")


def test_states(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    page = watched.goto("/conversations?service=nobody")
    expect(page.get_by_role("status")).to_contain_text("spanglass.context(session_id=")
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.get_by_role("region", name="Conversations")).to_be_visible()
    watched.tolerated.append("Failed to load resource")
    page.goto(f"{site.running.web}/conversations/nobody")
    expect(page.get_by_role("status")).to_contain_text("There is no session 'nobody'")
    page.goto(f"{site.running.web}/users?q=latency:>>5")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Clear the query").click()
    expect(page.get_by_role("region", name="Users")).to_be_visible()
