"""Settings: how to send, keys, storage, jobs."""

import re
from typing import Any

from playwright.sync_api import expect

from browser import sample_traces
from browser.conftest import Open, Site, eventually, new_profile
from support.running import Launch


def test_data_is_sent_and_the_first_keys_are_made_and_revoked(
    built: None, launch: Launch, visit: Open, chromium: Any
) -> None:
    running = launch()
    watched = visit(running, own=new_profile(chromium))
    page = watched.goto("/cost")
    expect(page.get_by_role("heading", name="Send your first trace")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press(",")
    sending = page.get_by_role("region", name="Send data here")
    expect(sending.locator("pre")).to_contain_text(
        f'OTEL_EXPORTER_OTLP_ENDPOINT="http://{running.addresses["otlp_http"]}"'
    )
    sending.get_by_text("curl", exact=True).click()
    expect(sending.locator("pre")).to_contain_text("/v1/traces -H")
    expect(sending.get_by_text("No span began in the last 15 minutes")).to_be_visible()
    running.send(sample_traces.answered().request())
    expect(sending.get_by_text("Data arrives")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_role("region", name="Storage").get_by_role("cell").first).to_be_visible()

    keys = page.get_by_role("region", name="Keys")
    keys.get_by_label("Name").fill("on call")
    keys.get_by_role("button", name="Make the first key").click()
    expect(keys.get_by_text(re.compile("sg_admin_"))).to_be_visible()
    expect(keys.get_by_role("row").filter(has_text="on call")).to_contain_text("admin")
    expect(sending.get_by_text("YOUR_INGEST_KEY").first).to_be_visible()
    keys.get_by_label("Name").fill("checkout")
    keys.get_by_role("button", name="Make a key").click()
    expect(keys.get_by_text(re.compile("sg_ingest_"))).to_be_visible()
    secret = re.search(r"sg_ingest_[\w-]+", keys.inner_text())
    assert secret is not None
    assert running.api("GET", "/api/v1/keys", secret[0]).status_code == 403
    keys.get_by_role("button", name="Revoke checkout").click()
    keys.get_by_role("button", name="Revoke for good").click()
    expect(keys.get_by_role("row").filter(has_text="checkout")).to_contain_text("revoked")
    eventually(
        lambda: running.api("GET", "/api/v1/keys", secret[0]).status_code == 401, "it is refused"
    )
    page.reload()
    expect(page.get_by_role("region", name="Keys")).to_contain_text("on call")
    assert "sg_" not in page.locator("main").inner_text()


def test_parts_of_the_service_are_shown_or_why_they_are_not(site: Site, visit: Open) -> None:
    for width, scheme in ((1440, "light"), (390, "dark")):
        watched = visit(site.running, width, 900, scheme)
        page = watched.goto("/settings")
        for name in (
            "Keys",
            "Projects",
            "Storage",
            "Jobs and detectors",
            "Alert channels",
            "Prices",
        ):
            region = page.get_by_role("region", name=name)
            expect(region).to_contain_text(re.compile(r"\w{3}"))
            expect(region.get_by_text("Loading")).to_have_count(0)
            expect(region.get_by_role("alert")).to_have_count(0)
        assert watched.overflow() <= 0
