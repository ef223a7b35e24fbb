"""Every page at the widths and in the colours that people use."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Site

SIZES = ((1440, 900), (390, 844))
#: One for each size: colours make nothing wider.
SCHEMES = ("light", "dark")
#: Text on its ground: the least contrast that WCAG AA allows for text of this size.
LEAST_CONTRAST = 4.5


@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [(*size, scheme) for size, scheme in zip(SIZES, SCHEMES, strict=True)],
)
def test_nothing_is_wider_than_the_window_and_no_region_is_blank(
    site: Site, visit: Open, width: int, height: int, scheme: str
) -> None:
    watched = visit(site.running, width, height, scheme)
    page = watched.goto("/overview")
    expect(page.get_by_role("region", name="Cost")).to_be_visible()
    _sound(watched, ["header", "[role=search]", "section[aria-label=Requests]", "figure"])
    watched.goto("/cost")
    expect(page.get_by_role("region", name="By model")).to_be_visible()
    _sound(watched, ["header", "[role=search]", "[aria-label=Totals]", "figure", "table"])
    watched.goto("/sql?query=SELECT+name,+input_text+FROM+spans")
    expect(page.get_by_role("table", name="Answer").get_by_role("cell").first).to_be_visible()
    _sound(watched, ["header", "form", "[role=table]"])
    watched.goto("/traces")
    expect(page.locator("[role=rowgroup] [role=row]").first).to_be_visible()
    _sound(watched, ["header", "[role=search]", "[role=table]", "footer"])
    for trace in (site.answered, site.failed, site.loose, site.hostile):
        watched.goto(f"/traces/{trace.id}")
        expect(page.get_by_role("treeitem").first).to_be_visible()
        _sound(watched, ["header", "main dl", "[aria-label=Spans]"])
        if width < 900:
            page.get_by_role("treeitem", selected=True).click()
        expect(page.get_by_role("tab").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        _sound(watched, ["section[aria-label^='Span ']", "[role=tabpanel]"])


def _sound(watched: Any, regions: list[str]) -> None:
    assert watched.overflow() <= 0
    for region in regions:
        found = watched.page.locator(region).first
        expect(found).to_be_visible()
        box = found.bounding_box()
        assert box["width"] > 50
        assert box["height"] > 10
        expect(found, f"{region} is blank").to_contain_text(re.compile(r"\S"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(site: Site, visit: Open, scheme: str) -> None:
    page = visit(site.running, scheme=scheme).goto("/overview")
    expect(page.get_by_role("region", name="Cost")).to_be_visible()
    assert page.evaluate(_CONTRASTS, LEAST_CONTRAST) == []
    for path, heading in (("/cost", "Cost"), ("/sql", "SQL")):
        page.goto(site.running.web + path)
        expect(page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.evaluate(_CONTRASTS, LEAST_CONTRAST) == []
    page.goto(f"{site.running.web}/traces")
    expect(page.locator("[role=rowgroup] [role=row]").first).to_be_visible()
    assert page.evaluate(_CONTRASTS, LEAST_CONTRAST) == []
    page.goto(f"{site.running.web}/traces/{site.answered.id}")
    expect(page.get_by_role("article", name="Answer")).to_be_visible()
    assert page.evaluate(_CONTRASTS, LEAST_CONTRAST) == []
    page.goto(f"{site.running.web}/traces/{site.failed.id}")
    expect(page.get_by_role("group", name="Error")).to_be_visible()
    assert page.evaluate(_CONTRASTS, LEAST_CONTRAST) == []


#: Texts whose contrast is below the limit, with the contrast.
#: Source: WCAG 2.2, definitions of relative luminance and contrast ratio.
_CONTRASTS = """least => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const layer = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return { rgb: [r, g, b], a: a / 255 }; };
  const over = (top, below) => top.rgb.map((v, i) => v * top.a + below[i] * (1 - top.a));
  const light = rgb => { const [r, g, b] = rgb.map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = element => { const layers = [];
    for (let at = element; at; at = at.parentElement) { const found = layer(getComputedStyle(at).backgroundColor); layers.push(found); if (found.a === 1) break; }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]); };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim(); const element = node.parentElement;
    if (!text || !element.checkVisibility({ opacityProperty: true }) || element.closest('[data-piece], noscript, script, style')) continue;
    const box = element.getBoundingClientRect(); if (box.width < 2 || box.height < 2) continue;
    const below = ground(element); const above = over(layer(getComputedStyle(element).color), below);
    const [a, b] = [light(above), light(below)].sort((x, y) => y - x); const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < least) found.push(`${text.slice(0, 30)} ${contrast.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""
