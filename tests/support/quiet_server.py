"""An HTTP server of tests that says nothing of what peers do to it."""

from http.server import ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    """Threads end with the process, and nobody hears of connections that break."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        return None
