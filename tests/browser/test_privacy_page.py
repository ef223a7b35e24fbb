"""Privacy: what personal data is where, what slipped through, and whose it is."""

import json
import re
from typing import Any

from playwright.sync_api import expect

from browser.conftest import Open
from support import otlp
from support.waiting import wait_until

MAIL = "ana.marsh@example.com"
COIN = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"


def test_what_is_where_and_what_was_missed(launch: Any, built: None, visit: Open) -> None:
    off = {name: {"enabled": False} for name in ("quality", "grounding", "safety")}
    running = launch(SPANGLASS_DETECT=json.dumps({**off, "pii_rescan": {"sample": 1.0}}))
    chat = {"gen_ai.operation.name": "chat"}
    spans = [
        otlp.span(attrs={**chat, "input.value": text})
        for text in (f"write to {MAIL}", f"pay {COIN}")
    ]
    running.send(otlp.request(*spans, service="shop"))
    wait_until(lambda: running.get("/api/v1/pii")["groups"], "it is found")
    path = "/api/v1/jobs/pii_rescan/backfills"
    running.api("POST", path, json={"start": "2026-01-01T00:00:00Z"})
    wait_until(
        lambda: running.get("/api/v1/pii/missed")["kinds"], "it is looked at again", timeout_s=180
    )
    for width in (390, 1440):
        watched = visit(running, width=width)
        page = watched.goto("/privacy")
        row = page.get_by_role("region", name="Personal data").get_by_role(
            "row", name="EMAIL_ADDRESS"
        )
        expect(row).to_contain_text("shop")
        missed = page.get_by_role("region", name="What slipped through")
        expect(missed.get_by_role("row", name="CRYPTO")).to_contain_text("CryptoRecognizer")
        expect(missed).to_contain_text("1 of 2 traces")
        assert watched.overflow() <= 0
    page.get_by_label("A value that somebody asks about").fill(MAIL.upper())
    page.get_by_role("button", name="Find traces").click()
    held = page.get_by_role("list", name="Traces that hold it")
    expect(held.get_by_role("listitem")).to_contain_text("EMAIL_ADDRESS in input")
    row.get_by_role("button", name="shop").click()
    expect(page).to_have_url(re.compile("service=shop"))
    held.get_by_role("link").click()
    expect(page).to_have_url(re.compile(spans[0].trace_id.hex()))
