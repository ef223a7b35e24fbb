"""What is reached from anywhere by keyboard: commands, pages by letter, the help."""

import re
from typing import Any

from playwright.sync_api import expect

from browser.conftest import Open, Site, new_profile

ROWS = "[role=rowgroup] [role=row]"


def test_everything_is_reached_by_keyboard_from_anywhere(
    site: Site, visit: Open, chromium: Any
) -> None:
    page = visit(site.running, own=new_profile(chromium)).goto("/cost")
    expect(page.get_by_role("region", name="By model")).to_be_visible()
    field = page.get_by_role("combobox", name="Find a command")

    def command(text: str, option: str) -> None:
        page.keyboard.press("Control+k")
        expect(field).to_be_focused()
        page.keyboard.type(text)
        expect(page.get_by_role("option", name=re.compile(option))).to_have_attribute(
            "aria-selected", "true"
        )
        page.keyboard.press("Enter")
        expect(field).to_have_count(0)

    command("last 7", "Show the last 7 days")
    expect(page).to_have_url(re.compile("/cost.*range=7d"))
    command("dark", "Theme: Dark")
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    command("service contract", "Traces of service contract-review")
    expect(page.get_by_label("Search traces")).to_have_value("service:contract-review")
    command(site.answered.id[:10], f"Open trace {site.answered.id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("POST /v1/ask")
    command("go to sql", "Go to SQL")
    expect(page.get_by_role("heading", name="SQL", level=1)).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page.locator(ROWS).first).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("o")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Go to")
