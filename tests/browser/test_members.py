"""Accounts: the first one is made, others are, they sign in and out, and change their password."""

from typing import Any

from playwright.sync_api import expect

from browser.conftest import Open, new_profile
from support.running import Launch

PASSWORD = "correct horse battery"
FAILED = "Failed to load resource"


def test_people_are_made_and_sign_in(
    built: None, launch: Launch, visit: Open, chromium: Any
) -> None:
    running = launch()
    watched = visit(running, own=new_profile(chromium))
    watched.tolerated.append(FAILED)
    page = watched.goto("/settings")
    members = page.get_by_role("region", name="Members")
    members.get_by_label("Name").fill("ada")
    members.get_by_label("First password").fill(PASSWORD)
    members.get_by_role("button", name="Make the first account").click()
    mine = page.get_by_role("region", name="Your account")
    expect(mine).to_contain_text("signed in as ada: admin in all projects")
    form = members.get_by_role("form", name="New account")
    form.get_by_label("Name").fill("vic")
    form.get_by_label("First password").fill(PASSWORD)
    form.get_by_role("button", name="Make an account").click()
    row = members.get_by_role("row").filter(has_text="vic")
    expect(row).to_contain_text("viewer in default")
    assert watched.overflow() <= 0

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Name").fill("vic")
    page.get_by_label("Password", exact=True).fill("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Name or password is wrong.")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(mine).to_contain_text("signed in as vic: viewer in default")
    expect(members).to_have_count(0)
    assert page.evaluate("document.cookie") == "", "no script reads the cookie"
    mine.get_by_label("Present password").fill(PASSWORD)
    mine.get_by_label("New password").fill("another long password")
    mine.get_by_role("button", name="Change it").click()
    expect(mine.get_by_text("It is changed.")).to_be_visible()
    page.reload()
    expect(mine).to_contain_text("signed in as vic")
    off = running.api("PATCH", "/api/v1/accounts/vic", json={"disabled": True})
    assert off.status_code == 200
    page.keyboard.press("r")
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    page.get_by_role("button", name="Use a key instead").click()
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
