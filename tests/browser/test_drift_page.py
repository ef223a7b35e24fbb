"""Drift: what changed, since when, and both distributions."""

import json
import re
import time
from typing import Any

import numpy as np
from playwright.sync_api import expect

from browser.conftest import Open, Site
from support import otlp
from support.waiting import wait_until

DRIFT = {"interval_s": 0.5, "settle_s": 0, "scales_h": [6], "metrics": ["output_tokens", "topic"]}
HOUR = 3600


def test_a_finding_is_read(launch: Any, built: None, visit: Open) -> None:
    off = {name: {"enabled": False} for name in ("pii", "quality", "grounding", "safety")}
    running = launch(SPANGLASS_DRIFT=json.dumps(DRIFT), SPANGLASS_DETECT=json.dumps(off))
    r, last = np.random.default_rng(5), int(time.time() // HOUR) // 6 * 6
    asked = ("Where is my parcel, the courier is late", "Which jacket size fits a tall man")
    calls = [
        otlp.chat_span(
            100,
            int(r.lognormal(5, 0.4) * (2.5 if hour >= last - 6 else 1)),
            {"input.value": f"{asked[n % 2]} {n}"},
            start=int((hour * HOUR + r.uniform(0, HOUR)) * 1e9),
        )
        for hour in range(last - 54, last)
        for n in range(12)
    ]
    running.send(otlp.request(*calls, service="shop"))
    running.settle()
    wait_until(lambda: running.get("/api/v1/drift")["findings"], "the job looks", timeout_s=120)
    for width in (1440, 390):
        watched = visit(running, width=width)
        watched.tolerated.append("status of 400")  # a comparison that is refused, below
        page = watched.goto("/drift")
        card = page.get_by_role("listitem", name="shop: output_tokens")
        expect(card).to_contain_text("The median went from")
        expect(card.get_by_role("table", name="Metrics")).to_contain_text("output_tokens")
        # The first one is open: its metric over time, and what it was like then and now.
        expect(card.get_by_role("figure", name="output_tokens, hour by hour")).to_be_visible()
        expect(card.get_by_role("img", name="output_tokens, then and now")).to_be_visible()
        # What is asked, and how much of it: two subjects, half each.
        topics = page.get_by_role("table", name="shop: what is asked")
        expect(topics.get_by_role("row", name=re.compile("parcel|courier"))).to_contain_text("50")
        expect(topics.get_by_role("row", name=re.compile("jacket|tall"))).to_contain_text("50")
        assert watched.overflow() <= 0
        # Asked for by hand: the window's hours beside those before.
        form = page.get_by_role("region", name="Compare")
        form.get_by_placeholder("output_tokens").fill("output_tokens")
        moments = [
            time.strftime("%Y-%m-%dT%H:%M", time.gmtime(hour * HOUR))
            for hour in (last - 54, last - 6, last)
        ]
        form.get_by_role("textbox", name="Reference").fill(f"{moments[0]}..{moments[1]}")
        form.get_by_role("textbox", name="Current").fill(f"{moments[1]}..{moments[2]}")
        form.get_by_role("button", name="Compare").click()
        compared = form.get_by_role("list", name="Comparisons")
        expect(compared).to_contain_text("drift")
        expect(compared.get_by_role("img", name="output_tokens, then and now")).to_be_visible()
        form.get_by_role("textbox", name="Reference").fill("colour:red")
        form.get_by_role("button", name="Compare").click()
        expect(form.get_by_role("alert")).to_contain_text("A side can't be of 'colour'")
        assert watched.overflow() <= 0
    card.get_by_role("button", name="Less").click()
    expect(card.get_by_role("img", name="output_tokens, then and now")).to_have_count(0)
    card.get_by_role("link", name="Traces").click()
    expect(page).to_have_url(re.compile(r"/traces\?.*service=shop"))


def test_nothing_to_compare_yet(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/drift")
    expect(page.get_by_role("status").first).to_be_visible()
    expect(page.get_by_role("heading", name="Drift")).to_be_visible()
