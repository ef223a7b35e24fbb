"""Runs the server: in the foreground, or behind a program that needs one for a while."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn

from .app import create_app
from .settings import Settings

# Requests that hang on purpose must not keep a server that was told to stop.
_GRACE_S = 1


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that already accepts connections, so that nobody comes too early.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.

    Raises:
        OSError: The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=256)


def base_url(listener: socket.socket) -> str:
    """Return the base URL that a client of the listener uses."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/v1"


def make_server(settings: Settings, log_level: str = "warning") -> uvicorn.Server:
    """Return a server that has yet to be run.

    Args:
        settings: What it is told.
        log_level: `critical`, `error`, `warning`, `info` or `debug`.
    """
    return uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            log_level=log_level,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_S,
        )
    )


class BackgroundServer:
    """A server in a thread of this process, on a free port of the loopback address.

    Use it as a context manager, or call `stop` at the end.

    Args:
        settings: What the server is told; without them the defaults hold.

    Raises:
        OSError: No port can be had.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._listener = listen("127.0.0.1", 0)
        self.base_url = base_url(self._listener)
        """Base URL for clients, ending in `/v1`."""
        self._server = make_server(settings or Settings(), log_level="critical")
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._listener]},
            name="sample-server",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop the server and wait until it has ended; safe to call twice."""
        self._server.should_exit = True
        self._thread.join(timeout=10 * _GRACE_S)
        self._listener.close()

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()
