"""A collector that is away: what could not be sent waits on disk, and a later process sends it.

    spanglass serve &
    python examples/spill_to_disk.py

Two processes of the same program. Between them and the collector is a door, so that it can be
away on purpose: closed while the first one runs, open for the second one, which sends what it
finds.
"""

import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import spanglass

COLLECTOR = urlsplit(os.environ.get("SPANGLASS_ENDPOINT", "http://127.0.0.1:4318"))


class Door(BaseHTTPRequestHandler):
    """Passes requests on to the collector, or says that it is away."""

    is_open = False

    def do_POST(self) -> None:
        """One request of the SDK."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = 503, b""
        if Door.is_open:
            connection = http.client.HTTPConnection(COLLECTOR.netloc, timeout=5)
            try:
                connection.request("POST", self.path, body, dict(self.headers))
                response = connection.getresponse()
                status, answer = response.status, response.read()
            except OSError:
                print("(nobody is behind the door: run `spanglass serve`)", end=" ", flush=True)
            finally:
                connection.close()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        """Nobody needs to know of each request."""


def work(folder: str, endpoint: str) -> None:
    """The program: two spans, and then what an earlier run has left."""
    spanglass.init(endpoint, service="spill", spill_dir=folder, exit_timeout_s=2)
    for name in ("first", "second"):
        with spanglass.span(name):
            pass
    spanglass.flush(timeout_s=1)
    until = time.monotonic() + 10
    while spanglass.stats().last_error == "" and spanglass.status().spill_bytes:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    stats = spanglass.stats()
    print(f"{stats.sent} sent, {stats.spilled} put on disk, {stats.resent} sent from disk")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        work(*sys.argv[1:])
        sys.exit()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        for round_, Door.is_open in ((1, False), (2, True)):
            print(f"run {round_}:", end=" ", flush=True)
            subprocess.run([sys.executable, __file__, folder, address], check=True)
    server.shutdown()
