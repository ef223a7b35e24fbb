"""Savings on the page of costs: findings with their evidence, and what can't be said."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.conftest import Open, Site
from browser.test_layout import _CONTRASTS, LEAST_CONTRAST, SIZES
from support.running import RunningService
from support.savings import Simulation, hour_s
from support.waiting import wait_until


@pytest.fixture(scope="module")
def wasteful(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that was sent a week of an application with planted waste."""
    with RunningService(tmp_path_factory.mktemp("wasteful") / "data") as running:
        Simulation(3, hour_s(0), wasteful=True).run().send(running)
        running.settle()
        wait_until(
            lambda: (
                not running.sql(
                    "SELECT 1 FROM spans WHERE operation = 'chat' AND cost_source = 'unknown' LIMIT 1"
                )
            ),
            "every call has its cost",
        )
        yield running


def test_findings_and_why_more_was_spent(wasteful: RunningService, visit: Open) -> None:
    page: Any = None
    for (width, height), scheme in zip(SIZES, ("light", "dark"), strict=True):
        watched = visit(wasteful, width, height, scheme)
        page = watched.goto("/cost?range=7d&view=savings")
        cards = page.locator("ol[aria-label=Savings] > li")
        # As many as were planted; others hang on the hour at which the week ends.
        expect(cards.nth(9)).to_be_visible()
        expect(cards.first).to_contain_text(re.compile(r"\$[\d.]+ a month\$[\d.]+ to \$[\d.]+"))
        cards.first.get_by_text("Evidence and method").click()
        expect(cards.first.locator("dl").first).to_be_visible()
        expect(page.get_by_label("What can't be said")).to_contain_text("no GPU hour")
        assert watched.overflow() <= 0
        assert page.evaluate(_CONTRASTS, LEAST_CONTRAST) == []
        page.get_by_role("button", name="Spend").click()
        parts = page.get_by_role("region", name="Against the time before")
        expect(parts).to_contain_text("Volume")
        expect(page.get_by_role("region", name="By model")).to_be_visible()
        assert watched.overflow() <= 0
        assert page.evaluate(_CONTRASTS, LEAST_CONTRAST) == []
    page.get_by_role("button", name="Savings").click()
    page.get_by_role("link", name="Show it in SQL").first.click()
    expect(page).to_have_url(re.compile(r"/sql\?query="))
    expect(page.get_by_role("table", name="Answer").get_by_role("cell").first).to_be_visible()


def test_nothing_is_claimed_of_a_day(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/cost?view=savings")
    expect(page.get_by_text("Nothing that would surely cost less")).to_be_visible()
    expect(page.get_by_label("What can't be said")).to_contain_text("a month can't be told")
