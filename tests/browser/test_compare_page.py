"""Two traces side by side: chosen in the list or from a trace, their steps and texts compared."""

import re

from playwright.sync_api import expect

from browser.conftest import Open, Site

ROWS = "[role=rowgroup] [role=row]"


def test_two_chosen_traces_are_compared_step_by_step(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    page = watched.goto("/traces?q=name:POST*&sort=duration")
    expect(page.locator(ROWS).nth(1)).to_be_visible()
    for key in ("j", "x"):
        page.keyboard.press(key)
    chosen = page.get_by_role("group", name="Chosen traces")
    expect(chosen.get_by_role("link", name="Compare")).to_have_count(0)
    for key in ("j", "x"):
        page.keyboard.press(key)
    chosen.get_by_role("link", name="Compare").click()
    expect(page).to_have_url(re.compile("/compare\\?a=[0-9a-f]{32}&b=[0-9a-f]{32}"))
    totals = page.get_by_role("region", name="Totals")
    expect(totals.get_by_role("row", name=re.compile("^Duration"))).to_be_visible()
    steps = page.get_by_role("region", name="Steps", exact=True)
    first = steps.get_by_role("button").first
    expect(first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/traces\\?"))


def test_a_step_is_shown_with_what_differs_in_it(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    page = watched.goto(f"/compare?a={site.answered.id}&b={site.failed.id}")
    steps = page.get_by_role("region", name="Steps", exact=True)
    expect(steps.get_by_role("button", pressed=True)).to_be_visible()
    steps.get_by_role("button", name=re.compile("chat gpt-4o.*only in B")).first.click()
    given = page.get_by_role("group", name="Given: lines that differ")
    expect(given).to_contain_text("Do you ship to Iceland?")
    page.keyboard.press("k")
    expect(given).to_have_count(0)
    expect(page).to_have_url(re.compile("step=\\d+"))
    here = page.url
    page.reload()
    expect(steps.get_by_role("button", pressed=True)).to_be_visible()
    assert page.url == here
    page.get_by_role("button", name="Swap the two").click()
    expect(page).to_have_url(re.compile(f"a={site.failed.id}&b={site.answered.id}"))


def test_the_same_trace_twice_differs_in_nothing(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/compare?a={site.answered.id}&b={site.answered.id}")
    steps = page.get_by_role("region", name="Steps", exact=True)
    expect(steps).to_contain_text("9 steps in both")
    steps.get_by_label("Only what differs").check()
    expect(steps.get_by_role("button")).to_have_count(0)
    expect(page.get_by_text("the same in both").first).to_be_visible()


def test_what_is_missing_is_asked_for(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    page = watched.goto("/compare")
    expect(page.get_by_role("heading", name="Which two?")).to_be_visible()
    watched.tolerated.append("Failed to load resource")
    watched.goto(f"/compare?a={site.answered.id}&b={'0' * 31}1")
    expect(page.get_by_role("link", name="Back to the traces")).to_be_visible()
    watched.goto(f"/traces/{site.many[0].id}")
    page.get_by_role("link", name="Compare with another trace").click()
    offered = page.get_by_role("region", name="Traces to compare with")
    offered.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page.get_by_role("region", name="Steps", exact=True)).to_be_visible()


def test_the_graph_of_a_trace_shows_who_calls_whom(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.answered.id}")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.keyboard.press("v")
    graph = page.get_by_role("region", name="Graph")
    nodes = graph.get_by_role("button")
    expect(nodes.first).to_be_visible()
    expect(page).to_have_url(re.compile("shape=graph"))
    nodes.last.click()
    expect(page).to_have_url(re.compile("span=[0-9a-f]{16}"))
    expect(page.get_by_role("tab").first).to_be_visible()
    page.get_by_role("button", name="Graph").click()
    expect(page.get_by_role("treeitem").first).to_be_visible()
