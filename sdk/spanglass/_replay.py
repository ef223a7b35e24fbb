"""Answers of a model's endpoint, recorded once and given again: tests run offline and cost nothing.

A server on this machine stands between the client and the endpoint, so it works with every client
that takes a base URL. What is kept: method, path, body of the request, and status, type and body
of the answer. Headers are not kept, so no key is in the file.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final

#: Bytes of a request's body, and of an answer's.
_MOST: Final = 32 << 20
_TIMEOUT_S: Final = 120.0
#: Headers that belong to one connection.
_OWN: Final = frozenset({"host", "content-length", "connection", "accept-encoding"})


class Recorded:
    """Records answers of endpoints, or gives recorded ones again.

        with Recorded("tests/answers.json", record=False) as recorded:
            client = OpenAI(base_url=recorded.url("https://api.openai.com/v1"))

    The same request asked again gets its answers in the order in which they were recorded, the
    last one from then on.

    Args:
        path: the file of answers.
        record: whether to ask the endpoints, and write down what they answer. Otherwise a request
            that is not in the file is answered with 404, and `close` raises.

    Raises:
        ValueError: the file holds no answers.
    """

    def __init__(self, path: Path | str, record: bool = False) -> None:
        self._path = Path(path)
        self._record = record
        self._lock = threading.Lock()
        self._answers: dict[str, list[dict[str, Any]]] = {}
        self._given: dict[str, int] = {}
        #: Requests that were not recorded, in words.
        self.missing: list[str] = []
        self._targets: dict[str, str] = {}
        if not record and self._path.exists():
            try:
                self._answers = dict(json.loads(self._path.read_text("utf-8"))["answers"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{self._path} holds no recorded answers: {error}") from error
        recorded = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                recorded._answer(self)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def url(self, endpoint: str) -> str:
        """What stands for an endpoint: the base URL to give the client."""
        name = hashlib.sha256(endpoint.rstrip("/").encode()).hexdigest()[:8]
        self._targets[name] = endpoint.rstrip("/")
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def close(self) -> None:
        """Ends the server; writes the file where it records.

        Raises:
            AssertionError: a request was not recorded.
        """
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._record:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            document = {"version": 1, "answers": dict(sorted(self._answers.items()))}
            text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
            self._path.write_text(text, "utf-8")
        elif self.missing:
            raise AssertionError(
                f"{len(self.missing)} requests are not in {self._path}, the first is"
                f" {self.missing[0]}. Record them: pytest --spanglass-record"
            )

    def __enter__(self) -> Recorded:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except AssertionError:
            # What failed before says more.
            if kind is None:
                raise

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        if not 0 <= length <= _MOST:
            _send(request, 413, "text/plain", b"too large")
            return
        body = request.rfile.read(length)
        name, _, rest = request.path.lstrip("/").partition("/")
        key = _key(request.command, name, rest, body)
        if self._record:
            found = self._asked(request, name, rest, body)
            with self._lock:
                self._answers.setdefault(key, []).append(found)
        else:
            with self._lock:
                answers = self._answers.get(key, [])
                at = self._given.get(key, 0)
                self._given[key] = at + 1
                if not answers:
                    self.missing.append(f"{request.command} /{rest}: {body[:300]!r}")
            if not answers:
                said = {"error": {"message": "not recorded: pytest --spanglass-record"}}
                _send(request, 404, "application/json", json.dumps(said).encode())
                return
            found = answers[min(at, len(answers) - 1)]
        data = found.get("text")
        sent = base64.b64decode(found["bytes"]) if data is None else str(data).encode()
        _send(request, int(found["status"]), str(found["type"]), sent)

    def _asked(
        self, request: BaseHTTPRequestHandler, name: str, rest: str, body: bytes
    ) -> dict[str, Any]:
        headers = {key: text for key, text in request.headers.items() if key.lower() not in _OWN}
        asked = urllib.request.Request(  # noqa: S310 - the test's own endpoint
            f"{self._targets.get(name, 'http://unknown.invalid')}/{rest}",
            body or None,
            headers,
            method=request.command,
        )
        try:
            with urllib.request.urlopen(asked, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                status, kind = answer.status, answer.headers.get("Content-Type", "")
                data = answer.read(_MOST)
        except urllib.error.HTTPError as error:
            status, kind = error.code, error.headers.get("Content-Type", "")
            data = error.read(_MOST)
        except OSError as error:
            status, kind = 502, "text/plain"
            data = f"the endpoint can't be reached: {error}".encode()
        found: dict[str, Any] = {"status": status, "type": kind}
        try:
            found["text"] = data.decode()
        except UnicodeDecodeError:
            found["bytes"] = base64.b64encode(data).decode()
        return found


def _key(method: str, name: str, rest: str, body: bytes) -> str:
    """The same for the same request, whatever the order of names in its JSON."""
    with contextlib.suppress(ValueError):
        body = json.dumps(json.loads(body), sort_keys=True).encode()
    digest = hashlib.sha256(b"\0".join((method.encode(), name.encode(), rest.encode(), body)))
    return f"{method} /{rest} {digest.hexdigest()[:16]}"


def _send(request: BaseHTTPRequestHandler, status: int, kind: str, body: bytes) -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind or "application/octet-stream")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
