"""GPUs: from what boards and engines did to what was asked of them then."""

import random
import re
import time

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Site, eventually
from demo.node import Node, send
from support import otlp

FAILED = "Failed to load resource"
NOTHING = "/gpus?from=2020-01-01T00:00:00Z&to=2020-01-01T01:00:00Z"


@pytest.fixture(scope="module")
def watched_node(site: Site) -> Site:
    """The site, with a node's last forty minutes."""
    now = time.time()
    node = Node(now - 2400, random.Random(3))
    resources = [each for n in range(1, 40) for each in node.metrics(now - 2400 + n * 60, 60)]
    assert send(site.running.otlp, resources)
    site.running.settle()
    return site


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_from_boards_and_engines_to_traces(
    watched_node: Site, visit: Open, width: int, scheme: str
) -> None:
    watched = visit(watched_node.running, width, 900, scheme)
    page = watched.goto("/gpus")
    boards = page.get_by_role("list", name="GPUs of gpu-node-sample").get_by_role("listitem")
    expect(boards).to_have_count(2)
    expect(boards.first).to_contain_text("Sample 80GB")
    expect(boards.first).to_contain_text(re.compile(r"Power\d+ W"))
    expect(boards.first.locator("rect").first).to_be_attached()
    page.get_by_role("radiogroup", name="What the cells show").get_by_text("Memory").click()
    expect(boards.first.locator("[data-shown=memory_bytes] rect").first).to_be_attached()
    engine = page.get_by_role("region", name="Engine gpu-node-sample:8000")
    expect(engine).to_contain_text("vllm · sample/shop-8b")
    expect(engine.get_by_role("group", name="What binds")).to_contain_text(re.compile("bind|queue"))
    expect(engine.get_by_role("figure")).to_have_count(6)
    assert watched.overflow() <= 0
    boards.first.get_by_role("button").click()
    expect(page).to_have_url(re.compile(r"/traces\?from=.*&to="))
    page.go_back()
    chart = engine.get_by_role("figure", name=re.compile("^Time to first token")).locator(".u-over")
    chart.click()
    expect(page).to_have_url(re.compile(r"/traces\?from=.*&to="))


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_call_shows_what_its_engine_did(
    watched_node: Site, visit: Open, width: int, scheme: str
) -> None:
    call = otlp.chat_span(
        200, 80, {"gen_ai.request.model": "sample/shop-8b", "server.address": "gpu-node-sample"},
        start=time.time_ns() - 1_200 * 10**9, duration=4 * 10**9,
    )  # fmt: skip
    watched_node.running.send(otlp.request(call))
    watched_node.further.append(call.trace_id.hex())
    watched_node.running.settle()
    watched = visit(watched_node.running, width, 900, scheme)
    page = watched.goto(f"/traces/{call.trace_id.hex()}?span={call.span_id.hex()}")
    facts = page.get_by_role("region", name=re.compile("^Span ")).get_by_role("list").first
    expect(facts).to_contain_text(re.compile(r"[\d.,]+ (J|Wh)"))
    page.get_by_role("tab", name="Engine").click()
    engine = page.get_by_role("region", name="Engine gpu-node-sample:8000")
    expect(engine).to_contain_text(re.compile(r"Waiting[\d.]+ most"))
    expect(page.get_by_role("region", name=re.compile("^GPU GPU-5a3b"))).to_have_count(2)
    assert watched.overflow() <= 0


def test_states(watched_node: Site, visit: Open) -> None:
    watched = visit(watched_node.running, 390)
    page = watched.goto(NOTHING)
    lines = page.get_by_role("region", name="Start the agent").locator("pre")
    expect(lines).to_contain_text("pip install 'spanglass[gpu]'")
    address = watched_node.running.otlp.removeprefix("http://")
    expect(lines).to_contain_text(f"spanglass agent --endpoint http://{address} --engine http://")
    assert watched.overflow() <= 0
    page.get_by_role("button", name="Look at the last 30 days").click()
    expect(page.get_by_role("region", name="GPUs", exact=True)).to_be_visible()
    watched.tolerated.append(FAILED)
    pattern = "**/api/v1/gpus/series*"
    page.route(pattern, lambda route: route.abort("connectionrefused"))
    page.goto(f"{watched_node.running.web}/gpus?range=6h")
    expect(page.get_by_role("alert").first).to_contain_text("Can't reach Spanglass")
    page.unroute(pattern)
    page.get_by_role("button", name="Try again").first.click()
    eventually(lambda: page.get_by_role("figure").count() >= 6, "the charts are there")
