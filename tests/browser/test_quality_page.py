"""Quality: from the list of scores to the sentence that nothing supports, and to its trace."""

import re

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Site
from support import otlp

FAILED = "Failed to load resource"

#: As the job of groundedness writes it.
EVIDENCE = (
    "0.17 (nothing like it says 2024): “I looked up your order HO-10482: it was delivered on 12 May"
    " 2024, and a prepaid label is on its way to you by email.”\n"
    "    nearest, from tool: “order id HO-10482 status delivered”"
)


@pytest.fixture(scope="module")
def judged(site: Site) -> Site:
    """The site, with a detector and a reviewer who have judged the same answers."""
    scores = []
    for n, trace in enumerate(site.many[:12]):
        call = otlp.all_spans(trace.request())[-1]
        of = {"trace_id": trace.id, "span_id": call.span_id.hex(), "name": "groundedness"}
        bad = n % 3 == 0
        scores += [
            {**of, "value": 0.2 if bad else 0.9, "label": "ungrounded" if bad else "",
             "source": "detector", "evaluator": "grounding@1", "explanation": EVIDENCE},
            {**of, "value": float(not bad or n == 0), "source": "human", "evaluator": "reviewer-1"},
        ]  # fmt: skip
    assert site.running.api("POST", "/api/v1/scores", json=scores).status_code == 201
    return site


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_from_a_score_to_its_trace(judged: Site, visit: Open, width: int, scheme: str) -> None:
    watched = visit(judged.running, width, 900, scheme)
    page = watched.goto("/quality?range=7d")
    row = (
        page.get_by_role("region", name="Scores").get_by_role("row").filter(has_text="groundedness")
    )
    expect(row.filter(has_text="detector")).to_contain_text("%")
    agreement = page.get_by_role("region", name="Agreement with people")
    expect(agreement.get_by_role("row").filter(has_text="grounding@1")).to_contain_text(
        "12 by 1 person"
    )
    assert watched.overflow() <= 0
    row.filter(has_text="detector").get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/quality/groundedness\?.*source=detector"))
    expect(page.get_by_label("In short")).to_contain_text("Found")
    expect(page.get_by_role("figure", name="groundedness over time")).to_be_visible()
    expect(page.get_by_role("img", name="Values of groundedness, then and now")).to_be_visible()
    apart = page.get_by_role("list", name="Where people and grounding@1 differ most")
    expect(apart.get_by_role("listitem").first).to_contain_text(
        "People say 1, grounding@1 says 0.2"
    )
    first = page.get_by_role("region", name="Examples").get_by_role("listitem").first
    expect(first).to_contain_text("ungrounded")
    expect(first.locator("mark")).to_contain_text("delivered on 12 May 2024")
    expect(first).to_contain_text("order id HO-10482 status delivered")
    assert watched.overflow() <= 0
    first.get_by_role("link", name="Open the trace").click()
    expect(page).to_have_url(re.compile(r"/traces/[0-9a-f]{32}\?span=[0-9a-f]{16}&tab=scores"))
    expect(page.get_by_role("list", name="Evidence").locator("mark")).to_be_visible()
    page.get_by_role("tab", name="Messages").click()
    mark = page.get_by_role("article", name="Answer").locator("mark")
    expect(mark).to_contain_text("it was delivered on 12 May 2024")


def test_a_score_is_told_apart_and_narrowed(judged: Site, visit: Open) -> None:
    page = visit(judged.running).goto("/quality/judge.tone?range=7d")
    page.get_by_role("button", name="Source", exact=True).click()
    table = page.get_by_role("region", name="By source")
    expect(table.get_by_role("row").filter(has_text="judge")).to_contain_text("4")
    table.get_by_role("button", name="human").click()
    expect(page.get_by_label("In short")).to_contain_text("Mean5")
    page.get_by_role("button", name="Clear Source").first.click()
    expect(page.get_by_label("In short")).to_contain_text("Mean4.5")


def test_states(judged: Site, visit: Open) -> None:
    watched = visit(judged.running)
    page = watched.goto("/quality?service=nobody")
    expect(page.get_by_role("status")).to_contain_text("spanglass detect status")
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.get_by_role("region", name="Scores")).to_be_visible()
    watched.tolerated.append(FAILED)
    pattern = "**/api/v1/quality/changes*"
    page.route(pattern, lambda route: route.abort("connectionrefused"))
    page.goto(f"{judged.running.web}/quality/groundedness")
    expect(page.get_by_role("alert").first).to_contain_text("Can't reach Spanglass")
    page.unroute(pattern)
    page.get_by_role("button", name="Try again").first.click()
    expect(page.get_by_label("In short")).to_be_visible()
