"""The feedback script on somebody else's page, under a strict policy, before the trace is there."""

import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.watched import PATIENCE_MS
from spanglass.feedback_token import FeedbackTarget, sign
from support import otlp
from support.running import FEEDBACK_SECRET, ROOT, RunningService
from support.waiting import wait_until


@pytest.fixture
def trace() -> tuple[bytes, bytes]:
    return secrets.token_bytes(16), secrets.token_bytes(8)


@pytest.fixture
def page_of_others(shared_service: RunningService, trace: tuple[bytes, bytes]) -> Iterator[str]:
    """The example's page, on another origin; its address."""
    target = FeedbackTarget(
        "default", trace[0].hex(), trace[1].hex(), "user_feedback", int(time.time()) + 3_600
    )
    link = f"{shared_service.web}/feedback/{sign(target, FEEDBACK_SECRET)}"
    text = (ROOT / "examples/feedback/page.html").read_text()
    body = text.replace("COLLECTOR", shared_service.web).replace('LINK"', f'{link}"').encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            # Nothing comes in from elsewhere that does not say it may.
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.end_headers()
            self.wfile.write(body if self.path == "/" else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_thumbs_and_a_comment(
    shared_service: RunningService, page_of_others: str, trace: tuple[bytes, bytes], chromium: Any
) -> None:
    served = shared_service.http.get(f"{shared_service.web}/feedback/widget.js")
    assert served.headers["content-type"].startswith("text/javascript")
    assert len(served.content) < 4_500
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(page_of_others)
    page.get_by_role("button", name="Not helpful").click()
    expect(page.get_by_role("status")).to_have_text("Thank you.")
    trace_id = trace[0].hex()

    def scores() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = shared_service.get("/api/v1/scores", trace_id=trace_id)[
            "items"
        ]
        return found

    assert [(each["label"], each["value"]) for each in scores()] == [("down", 0.0)]
    page.get_by_label("What should we know?").fill("It is thirty days.")
    page.get_by_role("button", name="Send").click()
    wait_until(lambda: scores()[0]["explanation"] == "It is thirty days.", "the comment is kept")
    assert len(scores()) == 1, "one link gives one score"
    # The browser asks for an icon that the page does not have.
    assert [each for each in problems if "404" not in each] == []
    context.close()

    # The trace comes after its feedback, and they are joined.
    span = otlp.span("answer", trace=trace[0], id=trace[1])
    shared_service.send(otlp.request(span))
    shared_service.settle()
    row = shared_service.one(
        "SELECT spans.name AS name, s.value AS value FROM spans JOIN scores AS s"
        " ON s.trace_id = spans.trace_id AND s.span_id = spans.span_id"
        " WHERE spans.trace_id = {id:String}", id=trace_id,
    )  # fmt: skip
    assert row == {"name": "answer", "value": 0.0}
