"""Local receivers of alerts, over real HTTP, that check what they are sent as the real ones do."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Request:
    """What was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receivers:
    """Takes everything; `/slack` and `/pagerduty` check it.

    Attributes:
        got: requests by path, those that were refused, too.
        taken: requests by path that were answered with 2xx.
        answers: what to say at a path instead of checking; called with the number of the request.
    """

    url: str = ""
    got: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    taken: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    answers: dict[str, Callable[[int], Answer]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    slack: "SlackApi | None" = None

    def answer(self, request: Request) -> Answer:
        said = self.answers.get(request.path)
        if said is not None:
            return said(len(self.got[request.path]))
        if self.slack is not None and request.path.startswith("/api/"):
            return self.slack.answer(request)
        checks = {
            "slack": check_slack, "pagerduty": check_pagerduty,
            "pagerduty/enqueue": check_pagerduty,
            "pagerduty/change/enqueue": check_pagerduty_change,
        }  # fmt: skip
        check = checks.get(request.path.strip("/").partition("-")[0])
        if check is None:
            return 200, {}, b"{}"
        problem = check(request.json)
        if problem:
            self.problems.append(f"{request.path}: {problem}")
            return 400, {}, problem.encode()
        return (200, {}, b"ok") if check is check_slack else (202, {}, b'{"status": "success"}')


@dataclass
class SlackApi:
    """Slack's Web API as far as a bot uses it: it checks what it is sent, and keeps the messages.

    Source: Slack, "Web API": chat.postMessage, chat.update, files.getUploadURLExternal and
    files.completeUploadExternal.

    Attributes:
        token: what a bot has to bring.
        messages: by time stamp.
        files: those that are shown: the picture, and below which message.
        refuse: what to answer instead, by method; used up by being answered.
    """

    there: Receivers
    token: str
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: list[tuple[bytes, str]] = field(default_factory=list)
    refuse: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    _uploads: dict[str, bytes | int] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        method = request.path.removeprefix("/api/")
        if self.refuse[method]:
            return self.refuse[method].pop(0)
        if method.startswith("upload/"):
            name = method.removeprefix("upload/")
            if self._uploads.get(name) != len(request.body):
                return 400, {}, b"wrong length"
            self._uploads[name] = request.body
            return 200, {}, f"OK - {len(request.body)}".encode()
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _said(ok=False, error="invalid_auth")
        form = request.headers["content-type"].startswith("application/x-www-form-urlencoded")
        body = dict(parse_qsl(request.body.decode())) if form else request.json
        return _said(**self._do(method, body))

    def _do(self, method: str, body: Any) -> dict[str, Any]:
        if method in ("chat.postMessage", "chat.update"):
            problem = "" if "thread_ts" in body and "blocks" not in body else check_slack(body)
            if problem:
                self.there.problems.append(problem)
                return {"ok": False, "error": problem.partition(":")[0]}
            if method == "chat.update":
                if body["ts"] not in self.messages or body["channel"] != "C1":
                    return {"ok": False, "error": "message_not_found"}
                self.messages[body["ts"]] |= body
                return {"ok": True, "channel": "C1", "ts": body["ts"]}
            if body["channel"] not in ("#oncall", "C1"):
                return {"ok": False, "error": "channel_not_found"}
            if body.get("thread_ts", "1.0") not in {"1.0", *self.messages}:
                return {"ok": False, "error": "thread_not_found"}
            stamp = f"{1000 + len(self.messages)}.000100"
            self.messages[stamp] = dict(body)
            return {"ok": True, "channel": "C1", "ts": stamp, "message": body}
        if method == "files.getUploadURLExternal":
            if not body.get("filename") or not str(body.get("length", "")).isdigit():
                return {"ok": False, "error": "invalid_arguments"}
            name = f"F{len(self._uploads)}"
            self._uploads[name] = int(body["length"])
            url = f"{self.there.url}/api/upload/{name}"
            return {"ok": True, "file_id": name, "upload_url": url}
        if method == "files.completeUploadExternal":
            for each in body["files"]:
                content = self._uploads.get(each["id"])
                if not isinstance(content, bytes) or body["channel_id"] != "C1":
                    return {"ok": False, "error": "file_not_found"}
                self.files.append((content, body["thread_ts"]))
            return {"ok": True, "files": body["files"]}
        return {"ok": False, "error": "unknown_method"}

    def thread(self, stamp: str) -> list[str]:
        """What stands below a message."""
        return [m["text"] for m in self.messages.values() if m.get("thread_ts") == stamp]

    def roots(self) -> list[dict[str, Any]]:
        return [m for m in self.messages.values() if "thread_ts" not in m]


def _said(**body: Any) -> Answer:
    return 200, {"content-type": "application/json"}, json.dumps(body).encode()


@contextmanager
def receivers() -> Iterator[Receivers]:
    """Receivers on a free port of this machine."""
    state = Receivers()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.path, headers, body)
            state.got[self.path].append(request)
            status, more, text = state.answer(request)
            if 200 <= status < 300:
                state.taken[self.path].append(request)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def check_slack(message: Any) -> str:
    """What Slack would refuse of a message for an incoming webhook; empty if nothing.

    Source: Slack, "Block Kit", limits of each block.
    """
    if not isinstance(message.get("text"), str) or not message["text"]:
        return "no_text"
    blocks = message.get("blocks", [])
    if len(blocks) > 50:
        return "invalid_blocks: more than 50"
    for block in blocks:
        kind = block.get("type")
        if kind == "header":
            text = block["text"]
            if text["type"] != "plain_text" or not 1 <= len(text["text"]) <= 150:
                return "invalid_blocks: header"
        elif kind == "section":
            if not 1 <= len(block["text"]["text"]) <= 3000:
                return "invalid_blocks: section"
        elif kind == "context":
            if not 1 <= len(block["elements"]) <= 10:
                return "invalid_blocks: context"
            if any(not e["text"] or len(e["text"]) > 2000 for e in block["elements"]):
                return "invalid_blocks: context text"
        elif kind == "actions":
            if not 1 <= len(block["elements"]) <= 25:
                return "invalid_blocks: actions"
            if any(
                len(e["text"]["text"]) > 75 or len(e.get("url", "")) > 3000
                for e in block["elements"]
            ):
                return "invalid_blocks: button"
        else:
            return f"invalid_blocks: {kind}"
    obeyed = [message["text"], *_mrkdwn(blocks)]
    if any("<!" in text for text in obeyed):
        return "it would wake everybody"
    return ""


def _mrkdwn(part: Any) -> Iterator[str]:
    """The texts in which Slack obeys what stands in angle brackets."""
    if isinstance(part, list):
        for each in part:
            yield from _mrkdwn(each)
    elif isinstance(part, dict):
        if part.get("type") == "mrkdwn":
            yield part["text"]
        for each in part.values():
            yield from _mrkdwn(each)


_SEVERITIES = {"critical", "error", "warning", "info"}


def check_pagerduty(event: Any) -> str:
    """What PagerDuty would refuse of an event; empty if nothing.

    Source: PagerDuty, "Events API v2", "Send an alert event".
    """
    if len(event.get("routing_key", "")) != 32:
        return "routing_key"
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        return "event_action"
    if not 1 <= len(event.get("dedup_key", "")) <= 255:
        return "dedup_key"
    if len(json.dumps(event)) > 512 << 10:
        return "too large"
    if event["event_action"] != "trigger":
        return ""
    payload = event.get("payload", {})
    if not 1 <= len(payload.get("summary", "")) <= 1024:
        return "payload.summary"
    if not payload.get("source") or payload.get("severity") not in _SEVERITIES:
        return "payload.source or severity"
    datetime.fromisoformat(payload["timestamp"])
    for link in event.get("links", ()):
        if not link.get("href", "").startswith("http"):
            return "links"
    return ""


def check_pagerduty_change(event: Any) -> str:
    """What PagerDuty would refuse of a change event; empty if nothing.

    Source: PagerDuty, "Events API v2", "Send a Change Event".
    """
    if len(event.get("routing_key", "")) != 32:
        return "routing_key"
    if extra := set(event) - {"routing_key", "payload", "links"}:
        return f"not of a change event: {', '.join(sorted(extra))}"
    payload = event.get("payload", {})
    if extra := set(payload) - {"summary", "source", "timestamp", "custom_details"}:
        return f"not of a change's payload: {', '.join(sorted(extra))}"
    if not 1 <= len(payload.get("summary", "")) <= 1024:
        return "payload.summary"
    if datetime.fromisoformat(payload["timestamp"]).tzinfo is None:
        return "payload.timestamp"
    if not isinstance(payload.get("custom_details", {}), dict):
        return "payload.custom_details"
    if len(json.dumps(event)) > 512 << 10:
        return "too large"
    for link in event.get("links", ()):
        if not link.get("href", "").startswith("http"):
            return "links"
    return ""
