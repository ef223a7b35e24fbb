"""Loading, empty and broken: each says what to do."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Site

ROWS = "[role=rowgroup] [role=row]"
LIST = "**/api/v1/traces?*"
FAILED = "Failed to load resource"


def problem(status: int, title: str, detail: str) -> dict[str, Any]:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return {"status": status, "content_type": "application/problem+json", "body": json.dumps(body)}


class Held:
    """Requests that wait until they are let go, and those that come after."""

    def __init__(self, page: Any, pattern: str) -> None:
        self._waiting: list[Any] = []
        self._open = False
        page.route(pattern, self._take)

    def _take(self, route: Any) -> None:
        if self._open:
            route.continue_()
        else:
            self._waiting.append(route)

    def let_go(self) -> None:
        self._open = True
        for route in self._waiting:
            route.continue_()


def test_a_list_that_takes_its_time_has_a_shape(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    held = Held(watched.page, LIST)
    page = watched.goto("/traces")
    expect(page.get_by_role("status", name="Loading traces")).to_be_visible()
    held.let_go()
    expect(page.locator(ROWS).first).to_be_visible()


def test_a_trace_that_takes_its_time_has_a_shape(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    tree, span = Held(watched.page, "**/tree"), Held(watched.page, "**/spans/*")
    page = watched.goto(f"/traces/{site.answered.id}")
    expect(page.get_by_role("status", name="Loading the trace")).to_be_visible()
    tree.let_go()
    expect(page.get_by_role("status", name="Loading the span")).to_be_visible()
    expect(page.get_by_role("treeitem")).to_have_count(9)
    span.let_go()
    expect(page.get_by_role("article", name="Answer")).to_be_visible()


def test_a_store_that_is_away_is_said_and_tried_again(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    watched.tolerated.append(FAILED)
    answer = problem(503, "Not available right now", "Can't reach ClickHouse at 127.0.0.1:1.")
    watched.page.route(LIST, lambda route: route.fulfill(**answer))
    page = watched.goto("/traces")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Not available right now")
    expect(alert).to_contain_text("Can't reach ClickHouse at 127.0.0.1:1.")
    expect(alert).to_contain_text("spanglass doctor")
    page.unroute(LIST)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(ROWS).first).to_be_visible()


def test_a_service_that_does_not_answer_is_said(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    watched.tolerated.append(FAILED)
    watched.page.route("**/api/**", lambda route: route.abort("connectionrefused"))
    page = watched.goto("/traces")
    expect(page.get_by_role("alert")).to_contain_text("Can't reach Spanglass")


def test_an_answer_that_is_not_ours_is_said(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    watched.tolerated.append(FAILED)
    watched.page.route(
        LIST,
        lambda route: route.fulfill(status=200, content_type="text/html", body="<h1>Proxy</h1>"),
    )
    page = watched.goto("/traces")
    expect(page.get_by_role("alert")).to_contain_text("Is there a proxy in between?")


def test_a_first_trace_that_comes_between_two_questions_is_shown(site: Site, visit: Open) -> None:
    # The list was asked before the first trace was stored, and whether there is any after that.
    watched = visit(site.running)

    def without_traces(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "items": [], "next": None})

    watched.page.route(LIST, without_traces, times=1)
    page = watched.goto("/traces")
    expect(page.locator(ROWS).first).to_be_visible()
    expect(page.get_by_text("No traces")).to_have_count(0)


def test_filters_that_nothing_fits_can_be_cleared(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/traces?q=no-such-name&service=nobody")
    expect(page.get_by_role("heading", name="No trace fits this query")).to_be_visible()
    page.get_by_role("button", name="Clear the query").click()
    expect(page.locator(ROWS).first).to_be_visible()


@pytest.mark.parametrize("trace_id", ["f" * 32, "not-an-id"])
def test_an_unknown_trace_leads_back_to_the_list(site: Site, visit: Open, trace_id: str) -> None:
    watched = visit(site.running)
    watched.tolerated.append(FAILED)
    page = watched.goto(f"/traces/{trace_id}")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    page.get_by_role("link", name="Back to the traces").click()
    expect(page.locator(ROWS).first).to_be_visible()


def test_an_unknown_span_is_said_and_another_shown(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.answered.id}?span=ffffffffffffffff")
    expect(page.get_by_text("This trace has no span ffffffffffffffff.")).to_be_visible()
    expect(page.get_by_role("article", name="Answer")).to_be_visible()


def test_an_unknown_page_leads_to_the_traces(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/nowhere")
    page.get_by_role("link", name="Go to the traces").click()
    expect(page.locator(ROWS).first).to_be_visible()


def test_a_span_that_can_not_be_loaded_is_said_in_its_place(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    watched.tolerated.append(FAILED)
    answer = problem(400, "ClickHouse refused the query", "Memory limit exceeded.")
    watched.page.route("**/spans/*", lambda route: route.fulfill(**answer))
    page = watched.goto(f"/traces/{site.answered.id}")
    expect(page.get_by_role("alert")).to_contain_text("Memory limit exceeded.")
    expect(page.get_by_role("treeitem")).to_have_count(9)


def test_a_service_that_comes_back_is_caught_up_with(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    watched.tolerated.append(FAILED)
    page = watched.goto(f"/traces?live=1&q={site.answered.id}")
    expect(page.locator(ROWS)).to_have_count(1)
    page.route("**/api/**", lambda route: route.abort("connectionrefused"))
    expect(page.get_by_role("alert")).to_contain_text("Not up to date")
    expect(page.locator(ROWS)).to_have_count(1)
    page.unroute("**/api/**")
    expect(page.get_by_role("alert")).to_have_count(0)
