"""Payloads that want more than to be read."""

from typing import Any

from playwright.sync_api import expect

from browser.conftest import Open, Site
from browser.sample_traces import RIGHT_TO_LEFT

LINES = "[role=treeitem]"


def test_markup_and_scripts_stay_text(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.hostile.id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        "<script>window.__pwned = 1</script>"
    )
    expect(page.locator(LINES)).to_have_count(7)
    for index in range(7):
        page.locator(LINES).nth(index).click()
        for tab in ("Attributes", "Events", "Resource", "Raw"):
            page.get_by_role("tab", name=tab).click()
            expect(page.get_by_role("tabpanel", name=tab)).to_be_visible()
        page.get_by_role("tab").first.click()
    _harmless(page)
    page.goto(site.running.web + "/traces")
    expect(page.get_by_text("<b>shop</b>").first).to_be_visible()
    _harmless(page)


def _harmless(page: Any) -> None:
    assert page.evaluate("window.__pwned") is None
    assert (
        page.locator("main script, main iframe, main style, main object, main embed").count() == 0
    )
    assert page.locator("a[href^='javascript:']").count() == 0
    assert page.locator("main img").count() == 0


def test_images_load_on_demand_and_addresses_never(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.hostile.id}")
    page.locator(LINES).filter(has_text="20 tok").click()
    expect(page.get_by_text("https://evil.example/pixel.png", exact=True)).to_be_visible()
    expect(page.get_by_text("Not loaded").first).to_be_visible()
    expect(page.get_by_role("link", name="evil")).to_have_count(0)
    # The SVG could hold a script, so only the PNG has a button.
    show = page.get_by_role("button", name="Show", exact=True)
    expect(show).to_have_count(1)
    show.click()
    image = page.locator("main img")
    expect(image).to_have_count(1)
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1


def test_right_to_left_text_reads_from_the_right(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.hostile.id}")
    page.locator(LINES).filter(has_text="20 tok").click()
    text = page.get_by_role("article").get_by_text(RIGHT_TO_LEFT)
    assert text.evaluate("element => getComputedStyle(element).direction") == "rtl"


def test_json_that_was_cut_is_shown_as_text_with_a_note(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.hostile.id}")
    page.locator(LINES).filter(has_text="chat truncated").click()
    expect(page.get_by_role("note")).to_have_count(2)
    expect(page.get_by_role("note").first).to_contain_text("JSON that does not end")
    expect(page.get_by_role("article").first).to_contain_text('[{"role": "user"')
    page.locator(LINES).filter(has_text="execute_tool deep").click()
    expect(page.get_by_role("region", name="Result")).to_contain_text('{"broken": [1, 2,')


def test_thousands_of_anything_are_shown_in_parts(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    page = watched.goto(f"/traces/{site.hostile.id}")
    page.locator(LINES).filter(has_text="900k tok").click()
    message = page.get_by_role("article", name="Assistant", exact=True)
    expect(message.get_by_text("crumb 29", exact=True)).to_be_visible()
    expect(message.get_by_text("crumb 30", exact=True)).to_have_count(0)
    message.get_by_role("button", name="Show 30 more parts").click()
    expect(message.get_by_text("crumb 59", exact=True)).to_be_visible()
    page.locator(LINES).filter(has_text=RIGHT_TO_LEFT).click()
    expect(page.get_by_role("button", name="Show 20 more exceptions")).to_be_visible()
    page.get_by_role("tab", name="Attributes").click()
    panel = page.get_by_role("tabpanel", name="Attributes")
    expect(panel.get_by_role("button", name="Show 100 more values")).to_be_visible()
    panel.get_by_label("Find an attribute").fill("crowd.0999")
    expect(panel.get_by_text("0999")).to_be_visible()
    page.get_by_role("tab", name="Events").click()
    expect(page.get_by_role("button", name="Show 50 more events")).to_be_visible()
    assert watched.nodes() < 4000


def test_five_megabytes_are_shown_in_pieces(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    page = watched.goto(f"/traces/{site.hostile.id}")
    page.locator(LINES).filter(has_text="900k tok").click()
    message = page.get_by_role("article", name="User")
    expect(message).to_contain_text("A line of a log")
    shown = "message => message.textContent.length"
    before = message.evaluate(shown)
    assert before < 10_000
    message.get_by_role("button", name="Show more").click()
    expect(message.get_by_role("button", name="Show less")).to_be_visible()
    assert before < message.evaluate(shown) < 100_000
    expect(message.get_by_role("button", name="Download 5.0 MB")).to_be_visible()
    assert watched.nodes() < 2500
    page.get_by_role("tab", name="Raw").click()
    expect(page.get_by_text("parent_span_id")).to_be_visible()
    assert watched.nodes() < 2500
