"""One HTTP server on a socket that is bound already."""

import asyncio
import contextlib
import socket
from typing import Any

import uvicorn

from spanglass_collector.receivers.connections import bounded, most_connections
from spanglass_collector.tls import Certificate
from spanglass_store.errors import StoreError


class Listener:
    """One uvicorn server on a socket that is bound already, in a loop that is not its own."""

    def __init__(
        self,
        app: Any,
        bound: socket.socket,
        lifespan: str,
        certificate: Certificate | None = None,
    ) -> None:
        self._socket = bound
        config = uvicorn.Config(
            app,
            http=bounded(most_connections()),
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="on" if lifespan == "on" else "off",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=3,
            backlog=2048,
            ssl_certfile=certificate.path if certificate else None,
            ssl_keyfile=certificate.key_path if certificate else None,
        )
        self._server = uvicorn.Server(config)
        # Signals are the service's.
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise StoreError("A web server ended while starting; its log says why.")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
