"""Keys: asked for, refused, kept for the tab, given up."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import expect

from browser import sample_traces
from browser.conftest import Open, eventually, new_profile
from support.running import Launch, RunningService
from support.waiting import wait_until

ROWS = "[role=rowgroup] [role=row]"
FAILED = "Failed to load resource"


@pytest.fixture(scope="module")
def guarded(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that wants keys."""
    with RunningService(tmp_path_factory.mktemp("guarded") / "data") as running:
        running.send(sample_traces.answered().request())
        running.settle()
        running.key("ingest")
        # The first key closes the doors within two seconds.
        wait_until(lambda: httpx.get(f"{running.web}/api/v1/traces").status_code == 401)
        yield running


def test_a_key_is_asked_for_checked_and_given_up(guarded: RunningService, visit: Open) -> None:
    watched = visit(guarded)
    watched.tolerated.append(FAILED)
    page = watched.goto("/traces?range=1h")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    field, button = page.get_by_label("Key", exact=True), page.get_by_role("button", name="Sign in")
    button.click()
    expect(page.get_by_text("Enter a key.")).to_be_visible()
    field.fill("sg_read_wrong")
    button.click()
    expect(page.get_by_text("This key is unknown or was revoked.")).to_be_visible()
    field.fill("two words")
    button.click()
    expect(page.get_by_text("That is no key")).to_be_visible()
    field.fill(guarded.key("ingest"))
    button.click()
    expect(page.get_by_text("The key is for ingest")).to_be_visible()

    field.fill(guarded.key("read"))
    page.keyboard.press("Enter")
    expect(page.locator(ROWS)).to_have_count(1)
    assert page.url.endswith("/traces?range=1h")
    assert page.evaluate("Object.values(localStorage).join().includes('sg_read')") is False
    page.reload()
    expect(page.locator(ROWS)).to_have_count(1)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_key_that_was_revoked_is_asked_for_again(guarded: RunningService, visit: Open) -> None:
    key = guarded.key("read")
    watched = visit(guarded)
    watched.tolerated.append(FAILED)
    page = watched.goto("/traces")
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    expect(page.locator(ROWS)).to_have_count(1)
    assert guarded.cli("keys", "revoke", key.split("_")[2]).returncode == 0
    eventually(
        lambda: guarded.api("GET", "/api/v1/session", key).status_code == 401,
        "the service forgets the key",
    )
    page.keyboard.press("r")
    expect(page.get_by_text("Your key does not work any more")).to_be_visible()


def test_without_the_grant_payloads_are_not_shown(guarded: RunningService, visit: Open) -> None:
    key = guarded.cli("keys", "create", "--scope", "read", "--no-payload").stdout.decode().strip()
    watched = visit(guarded)
    watched.tolerated.append(FAILED)
    page = watched.goto("/traces")
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    page.locator(ROWS).first.click()
    expect(page.get_by_text("Your key may not read prompts and answers.")).to_be_visible()
    expect(page.get_by_text("Zips on our own packs")).to_have_count(0)


def test_signing_in_with_a_provider(built: None, launch: Launch, chromium: Any) -> None:
    """There, and back to the page that was asked for; and what is said to who did not agree."""
    people = [User(sub="7", claims={"preferred_username": "mia", "groups": ["shop"]})]
    with run_server_in_thread(user_claims=people) as provider:
        running = launch(
            "--oidc-issuer", f"http://localhost:{provider.server_port}", "--oidc-client-id", "us",
            "--oidc-client-secret", "secret",
            "--oidc-name", "Example ID", "--oidc-private-networks", "127.0.0.0/8,::1/128",
            "--oidc-roles", json.dumps({"shop": {"shop": "member"}}),
        )  # fmt: skip
        page = new_profile(chromium).new_page()
        page.goto(f"{running.web}/?refused=denied")
        expect(page.get_by_role("alert")).to_contain_text("You did not agree to sign in there")
        page.goto(f"{running.web}/traces?range=1h")
        page.get_by_role("link", name="Sign in with Example ID").click()
        page.get_by_role("button", name="7", exact=True).click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        assert page.url == f"{running.web}/traces?range=1h"
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.close()
