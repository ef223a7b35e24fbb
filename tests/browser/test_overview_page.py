"""The overview: figures, charts, and the way from them to the traces."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Site, eventually
from support.running import RunningService


def tile(page: Any, name: str) -> Any:
    return page.get_by_role("region", name=name, exact=True)


def test_the_first_page_tells_how_it_goes(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/")
    expect(page).to_have_url(re.compile("/overview$"))
    requests = tile(page, "Requests")
    answer = site.running.api("GET", "/api/v1/overview").json()
    expect(requests).to_contain_text(f"{answer['total']['requests']:.0f}")
    expect(requests).to_contain_text("failed")
    expect(tile(page, "Tokens")).to_contain_text(" in, ")
    models = page.get_by_role("region", name="Models").get_by_role("row")
    expect(models).to_have_count(len(answer["models"]) + 1)
    expect(page.get_by_role("region", name="Scores")).to_contain_text("judge.tone")
    page.get_by_role("region", name="Models").get_by_role("button").first.click()
    expect(page).to_have_url(re.compile(r"/traces\?.*model="))


def test_every_chart_is_drawn(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/overview")
    expect(page.locator("figure canvas")).to_have_count(6)
    eventually(lambda: page.evaluate(_COLOURS) == [True] * 6)


#: Whether each canvas has something other than its grid on it.
_COLOURS = """() => [...document.querySelectorAll('figure canvas')].map(canvas => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let vivid = 0;
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] > 200 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 40) vivid++;
  return vivid > 20;
})"""


def test_a_part_of_a_chart_opens_its_traces(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/overview?range=1h")
    chart = tile(page, "Requests").locator(".u-over")
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + 40)
    expect(tile(page, "Requests").locator("time")).to_be_visible()
    page.mouse.move(box["x"] + 20, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 40, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"/traces\?from=.*&to="))
    expect(page.locator("[role=rowgroup] [role=row]").first).to_be_visible()


def test_what_is_shown_can_be_narrowed(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/overview?service=support-assistant")
    expect(tile(page, "Requests")).to_contain_text(re.compile(r"\d"))
    tile(page, "Requests").get_by_role("button", name="Requests").click()
    expect(page).to_have_url(re.compile(r"/traces\?.*service=support-assistant"))
    page.goto(f"{site.running.web}/overview?service=nobody")
    expect(page.get_by_role("status")).to_contain_text("Nothing in this range of time")
    page.get_by_role("button", name="Clear the filters").click()
    expect(tile(page, "Requests")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_service_without_traces_shows_how_to_send(
    launch: Any, built: None, visit: Open, width: int
) -> None:
    running: RunningService = launch()
    page = visit(running, width=width).goto("/")
    expect(page.get_by_role("heading", name="Send your first trace")).to_be_visible()


def test_an_overview_that_fails_says_why(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    watched.tolerated.append("Failed to load resource")
    body = '{"type":"about:blank","title":"Bad request","status":400,"detail":"Too long a range."}'
    watched.page.route(
        "**/api/v1/overview*",
        lambda route: route.fulfill(status=400, body=body, content_type="application/problem+json"),
    )
    page = watched.goto("/overview")
    expect(page.get_by_role("alert")).to_contain_text("Too long a range.")
    page.unroute("**/api/v1/overview*")
    page.get_by_role("button", name="Try again").click()
    expect(tile(page, "Requests")).to_be_visible()
