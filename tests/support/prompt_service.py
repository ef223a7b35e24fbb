"""The registry of prompts alone: the real API over a state database, without a store."""

import socket
import threading
from pathlib import Path
from typing import Self

import uvicorn

from spanglass_dashboards.app import create_app
from spanglass_dashboards.context import Context
from spanglass_store.access import Gate
from spanglass_store.endpoint import Endpoint
from spanglass_store.state.database import Database
from spanglass_store.state.keys import Keys
from spanglass_store.state.prompts import PromptBook
from support.waiting import wait_until


class PromptService:
    """The API on a port that stays the same when it is stopped and started again.

    Attributes:
        book: what it serves.
        keys: who may ask; everybody on this machine while there are none.
    """

    def __init__(self, folder: Path) -> None:
        self._database = Database(f"sqlite:///{folder / 'prompts.sqlite3'}")
        self.book = PromptBook(self._database)
        self.keys = Keys(self._database)
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Self:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", self._port))
        self._port = bound.getsockname()[1]
        context = Context(
            Endpoint("127.0.0.1", 9, {}), Gate(self.keys, "token"), metrics=lambda: b"",
            is_ready=lambda: "", prompts=self.book,
        )  # fmt: skip
        config = uvicorn.Config(create_app(context), log_level="error", lifespan="off")
        server = self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=server.run, args=([bound],))
        self._thread.start()
        wait_until(lambda: server.started, "the registry is up")
        return self

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = None

    def close(self) -> None:
        self.stop()
        self._database.close()
