"""Answers that are recorded once and given again, and what tests check of them."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import spanglass
from spanglass.testing import Clock, Recorded, assert_json, capture

SECRET = "sk-never-written"


class Endpoint:
    """Counts, and answers with the count."""

    def __init__(self) -> None:
        self.asked = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.asked += 1
                is_bad = b"bad" in body
                data = json.dumps({"n": endpoint.asked, "key": self.headers["Authorization"] != ""})
                self.send_response(429 if is_bad else 200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(data.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    yield found
    found.server.shutdown()
    found.server.server_close()


def post(base: str, body: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{base}/chat", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_what_is_recorded_is_given_again_without_the_endpoint(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    path = tmp_path / "recorded" / "answers.json"
    asked = [{"a": 1, "b": 2}, {"a": 1, "b": 2}, {"q": "bad"}]
    with Recorded(path, record=True) as recorded:
        first = [post(recorded.url(endpoint.url), each) for each in asked]
    assert [status for status, _ in first] == [200, 200, 429]
    assert SECRET not in path.read_text()
    with Recorded(path) as recorded:
        base = recorded.url(endpoint.url)
        again = [post(base, each) for each in [{"b": 2, "a": 1}, *asked[1:]]]
        assert again == first
        # Asked once more than was recorded: the last one stays.
        assert post(base, asked[0]) == first[1]
    assert endpoint.asked == 3


def test_what_is_not_recorded_fails_and_says_how_to_record(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "x")
    status, said = post(recorded.url("http://127.0.0.1:9"), {"a": 1})
    assert (status, "not recorded" in said["error"]["message"]) == (404, True)
    with pytest.raises(AssertionError, match="--spanglass-record"):
        recorded.close()
    (tmp_path / "broken").write_text("{}")
    with pytest.raises(ValueError, match="holds no recorded answers"):
        Recorded(tmp_path / "broken")


def test_answers_have_a_form_and_take_time() -> None:
    schema = {"type": "object", "required": ["days"], "properties": {"days": {"type": "integer"}}}
    assert assert_json('{"days": 30}', schema) == {"days": 30}
    with pytest.raises(AssertionError, match="no JSON"):
        assert_json("thirty")
    with pytest.raises(AssertionError, match="days: 'x' is not of type 'integer'"):
        assert_json({"days": "x"}, schema)
    clock = Clock(step_s=0.25)
    with capture(clock=clock) as spans:
        with spanglass.span("slow"):
            clock.advance(2)
        spans.assert_faster_than(3)
        with pytest.raises(AssertionError, match=r"'slow' took 2\.500 s, not less than 2"):
            spans.assert_faster_than(2)
        with pytest.raises(AssertionError, match="no such spans"):
            spans.assert_faster_than(2, "other")
