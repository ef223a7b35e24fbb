"""Every page, in both themes and at both widths: nothing overflows, everything has a name."""

import re
from typing import Any, Final

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Site

PAGES: Final = (
    "/overview", "/traces", "/traces?view=chart&by=service", "/traces/{answered}", "/compare?a={answered}&b={failed}",
    "/conversations", "/users", "/cost", "/cost?view=savings", "/prompts", "/datasets", "/quality", "/gpus", "/drift", "/privacy",
    "/alerts", "/sql", "/dashboards", "/settings", "/no-such-page",
)  # fmt: skip


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_every_page_keeps_to_the_window_and_names_its_controls(
    site: Site, visit: Open, width: int, scheme: str
) -> None:
    watched = visit(site.running, width, 844, scheme)
    ids = {"answered": site.answered.id, "failed": site.failed.id}
    wrong: list[Any] = []
    for path in PAGES:
        page = watched.goto(path.format(**ids))
        expect(page.locator("main header").first).to_contain_text(re.compile(r"\w"))
        page.wait_for_load_state("networkidle")
        wrong += [(path, each) for each in page.evaluate(_WRONG)]
        if (over := watched.overflow()) > 0:
            wrong.append((path, f"{over} pixels too wide"))
    assert wrong == []


#: What is wrong by rules that a browser can check. Source: WCAG 2.2, 1.1.1, 1.3.1, 2.4.2, 4.1.2.
_WRONG = """() => {
  const wrong = [];
  const shown = element => element.checkVisibility();
  const text = element => (element?.textContent ?? '').trim();
  const by = (element, attribute) => (element.getAttribute(attribute) ?? '').split(/\\s+/).map(id => text(document.getElementById(id))).join('');
  const named = e => e.getAttribute('aria-label')?.trim() || by(e, 'aria-labelledby') || text(e) || e.title
    || [...(e.labels ?? [])].map(text).join('') || e.querySelector('[aria-label], title, img[alt]') || e.alt;
  for (const e of document.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea, [role=button], [role=switch], [role=tab], table[aria-label], dialog, [role=dialog], [role=group], nav'))
    if (shown(e) && !named(e)) wrong.push('no name: ' + e.outerHTML.slice(0, 120));
  for (const e of document.querySelectorAll('a[href]'))
    if (e.querySelector('button, a, input')) wrong.push('a control within a link: ' + e.outerHTML.slice(0, 120));
  for (const e of document.querySelectorAll('[aria-controls], [aria-labelledby], [aria-describedby]'))
    for (const attribute of ['aria-labelledby', 'aria-describedby'])
      for (const id of (e.getAttribute(attribute) ?? '').split(/\\s+/).filter(Boolean))
        if (!document.getElementById(id)) wrong.push(attribute + ' names nothing: ' + id);
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) wrong.push('an id twice: ' + id);
  if (document.querySelectorAll('main').length !== 1) wrong.push('main is not there once');
  if (document.querySelectorAll('h1').length !== 1) wrong.push('h1 is not there once: ' + document.querySelectorAll('h1').length);
  if (!/\\w.*Spanglass/.test(document.title) && document.title !== 'Spanglass') wrong.push('title: ' + document.title);
  let last = 1;
  for (const h of document.querySelectorAll('main h1, main h2, main h3, main h4, main h5')) {
    const level = Number(h.tagName[1]); if (!shown(h)) continue;
    if (level > last + 1) wrong.push('heading skips a level: ' + text(h).slice(0, 60)); last = level;
  }
  for (const box of document.querySelectorAll('main *')) {
    const style = getComputedStyle(box);
    if (/auto|scroll/.test(style.overflowX + style.overflowY) && shown(box) && (box.scrollHeight > box.clientHeight + 2 || box.scrollWidth > box.clientWidth + 2)
        && box.tabIndex < 0 && !box.querySelector('a, button, input, select, textarea, [tabindex="0"]')) wrong.push('scrolls, but not by keyboard: ' + box.outerHTML.slice(0, 100));
  }
  return wrong;
}"""
