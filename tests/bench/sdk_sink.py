"""Takes whatever is posted, in a process of its own, and counts a text in it: prints its port.

`GET /counted` says how often the text has come since it was asked last. Each answer that is
recorded has the text once or more, however its SDK writes spans, so that it shows whether what is
measured has arrived.
"""

import gzip
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_lock = threading.Lock()
_seen = 0
_unread = 0


def unpacked(body: bytes, encoding: str) -> bytes:
    """A request's body as it was before it was compressed."""
    if encoding == "gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == "deflate" else body


class Handler(BaseHTTPRequestHandler):
    """Answers 200 to everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        global _seen, _unread
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with _lock:
            _unread += 1
        # Answered first: nobody waits for the count.
        self._answer(b"" if self.path.endswith("/v1/traces") else b"{}")
        found = unpacked(body, self.headers.get("Content-Encoding", "")).count(MARK)
        with _lock:
            _seen += found
            _unread -= 1

    def do_GET(self) -> None:
        global _seen
        if self.path != "/counted":
            self._answer(b"{}")
            return
        with _lock:
            found = -1 if _unread else _seen
            if found >= 0:
                _seen = 0
        self._answer(str(found).encode())

    do_PUT = do_PATCH = do_POST  # noqa: N815 - http.server's names

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return None


if __name__ == "__main__":
    MARK = sys.argv[1].encode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
