"""The embedded ClickHouse: one for the peer, with Spanglass's settings, and Spanglass's own."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil

from spanglass_store.data_directory import DataDirectory
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.endpoint import Role


@dataclass(frozen=True)
class Store:
    """A ClickHouse server that answers over HTTP."""

    host: str
    port: int
    user: str
    password: str
    stop: Callable[[], None]
    """Ends the server, if it is ours to end."""

    def query(self, sql: str, timeout: float = 120.0, **settings: str | int) -> list[list[Any]]:
        """The rows of a query; of a statement that has none, an empty list. `timeout` in s."""
        body = self.raw(sql, "JSONCompact", timeout, **settings)
        rows: list[list[Any]] = json.loads(body)["data"] if body else []
        return rows

    def raw(self, sql: str, fmt: str, timeout: float = 120.0, **settings: str | int) -> bytes:
        """The answer in one of ClickHouse's formats. `timeout` in s."""
        asked = urllib.parse.urlencode({"default_format": fmt, **settings})
        request = urllib.request.Request(
            f"http://{self.host}:{self.port}/?{asked}",
            data=sql.encode(),
            headers={"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                body: bytes = answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode(errors="replace")[:2000]) from None
        return body

    def number(self, sql: str) -> int:
        """The first cell of a query's answer, as an integer."""
        return int(self.query(sql)[0][0])

    def processes(self) -> list[psutil.Process]:
        """The server's process, found by the port it listens on among our descendants."""
        return [
            child
            for child in psutil.Process().children(recursive=True)
            if any(c.laddr.port == self.port for c in child.net_connections("tcp"))
            and any("_chdb" in m.path for m in child.memory_maps())
        ]


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_store(folder: Path) -> Store:
    """Start an embedded server in `folder`, exactly as Spanglass starts its own."""
    directory = DataDirectory(folder).open()
    server = EmbeddedServer(directory)

    def stop() -> None:
        server.stop()
        directory.close()

    try:
        server.start()
    except BaseException:
        directory.close()
        raise
    endpoint = server.endpoint
    user, password = endpoint.user(Role.OWNER)
    return Store(endpoint.host, endpoint.port, user, password, stop)


def store_of(data_directory: Path) -> Store:
    """The embedded server of a Spanglass service that runs on `data_directory`, as its owner.

    Counting through it costs next to nothing, where people's SQL, which shows a span that came
    twice only once, has to merge the rows first.
    """
    directory = DataDirectory(data_directory)
    passwords = json.loads(directory.credentials.read_text())
    config = ElementTree.parse(directory.store / "config.xml")
    port = int(config.findtext("http_port", "0"))
    return Store("127.0.0.1", port, "spanglass", passwords[Role.OWNER], lambda: None)
