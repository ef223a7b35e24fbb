"""A ClickHouse that is not the service's own: an embedded server of which only the URL is told."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

import httpx

import spanglass_store.embedded as embedded
from spanglass_store.client import Store
from spanglass_store.embedded.config import USERS, Limits, config_xml, users_xml
from spanglass_store.endpoint import Endpoint, Role
from support.waiting import wait_until

_CHILD: Final = Path(embedded.__file__).with_name("child.py")


class ExternalServer:
    """The server: the test starts and stops it.

    Args:
        folder: where its data is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        sockets = [socket.socket() for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        self.port, tcp_port = (each.getsockname()[1] for each in sockets)
        for each in sockets:
            each.close()
        folder.mkdir(parents=True)
        passwords = dict.fromkeys(Role, "secret")
        (folder / "config.xml").write_text(config_xml(self.port, tcp_port, Limits()))
        (folder / "users.xml").write_text(users_xml(passwords, "spanglass", Limits()))

    @property
    def url(self) -> str:
        return f"http://{USERS[Role.OWNER]}:secret@127.0.0.1:{self.port}/spanglass"

    def owner(self) -> Store:
        return Store(Endpoint("127.0.0.1", self.port, {Role.OWNER: (USERS[Role.OWNER], "secret")}))

    def start(self) -> Self:
        with (self._folder / "process.log").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(_CHILD), str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._answers, "the other ClickHouse answers")
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "process.log").read_text()
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/ping").status_code == 200
        except httpx.HTTPError:
            return False

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
