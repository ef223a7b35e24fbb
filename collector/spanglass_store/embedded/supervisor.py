"""Starts the embedded server, watches it, starts it again, and takes it along when we go."""

import errno
import json
import logging
import secrets
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final, Self

from spanglass_store.data_directory import DataDirectory, write_private
from spanglass_store.embedded.config import USERS, Limits, config_xml, users_xml
from spanglass_store.endpoint import Endpoint, Role
from spanglass_store.errors import StoreError, StoreUnavailable
from spanglass_store.priority import SERVER, give_way

log = logging.getLogger(__name__)

_CHILD: Final = Path(__file__).with_name("child.py")
#: Seconds that a server has to answer a ping, twice. A busy machine is no reason to kill it.
_PING_S: Final = 5.0
#: Errors that say of us, not of the server, that something is used up.
_OUR_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
#: Pauses between starts of a server that keeps dying, in seconds.
_BACKOFF: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)


#: Where a bound socket that does not listen reserves its port and takes no connections.
_RESERVES: Final = sys.platform == "linux"


def _reserve_ports(count: int) -> list[socket.socket]:
    """Sockets bound to free ports.

    While they are open nobody else gets the ports, also when the server is down for a moment:
    neither another server, who would be sent our password and our data, nor a connection, as
    whose own end the system would hand them out.
    """
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        if _RESERVES:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        each.bind(("127.0.0.1", 0))
    return sockets


class EmbeddedServer:
    """A ClickHouse server on random loopback ports, over the `store` of a data directory.

    The ports stay the same for as long as this object lives, also when the server is started
    again, so that an `Endpoint` stays valid.

    Args:
        directory: an open data directory.
        limits: what the server may use.
        database: the one the collector owns.
        start_timeout_s: how long one start may take before it counts as failed, in seconds.
            Loading a large store takes longer than an empty one.
        backups: the folder of backups; that of the data directory where none is given.
    """

    def __init__(
        self,
        directory: DataDirectory,
        limits: Limits | None = None,
        database: str = "spanglass",
        start_timeout_s: float = 60.0,
        backups: Path | None = None,
    ) -> None:
        self._folder = directory.store
        self._backups = backups or directory.backups
        self._credentials = directory.credentials
        self._limits = limits or Limits()
        self._database = database
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._ports: list[int] = []
        self._reserved: list[socket.socket] = []
        #: How often the server was started again after it had died.
        self.restarts = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Process id of the server, None while it is down."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def endpoint(self) -> Endpoint:
        """Where the server listens; valid once `start` has returned."""
        passwords = self._passwords()
        return Endpoint(
            host="127.0.0.1",
            port=self._ports[0],
            users={role: (USERS[role], passwords[role]) for role in Role},
            database=self._database,
            isolated=True,
        )

    def start(self) -> None:
        """Starts the server and returns when it answers.

        Raises:
            StoreError: if `chdb-core` is not installed or the server does not come up.
        """
        self._reserved = _reserve_ports(2)
        self._ports = [each.getsockname()[1] for each in self._reserved]
        if not _RESERVES:
            self._release_ports()
        try:
            self._launch()
            self._await_ready()
        except OSError as error:
            self.stop()
            raise StoreError(
                f"Can't start the embedded ClickHouse in {self._folder}: {error.strerror or error}."
            ) from error
        except StoreError:
            self.stop()
            raise
        self._watcher = threading.Thread(target=self._watch, name="store-watcher", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Ends the server. Nothing that was inserted is lost by it."""
        self._stopping.set()
        self._end()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
            # The watcher may have been about to start another one.
            self._end()
        self._release_ports()

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()

    def _release_ports(self) -> None:
        for each in self._reserved:
            each.close()
        self._reserved = []

    def _passwords(self) -> dict[Role, str]:
        if self._credentials.exists():
            try:
                stored = json.loads(self._credentials.read_text())
                return {role: str(stored[role]) for role in Role}
            except (ValueError, KeyError, TypeError):
                # The server reads its users at every start, so new passwords lock nobody out.
                log.warning("%s was unreadable and is made anew", self._credentials)
        passwords = {role: secrets.token_urlsafe(24) for role in Role}
        write_private(self._credentials, json.dumps(passwords))
        return passwords

    def _launch(self) -> None:
        http_port, tcp_port = self._ports
        passwords = self._passwords()
        config = config_xml(
            http_port, tcp_port, self._limits, reserved=_RESERVES, passwords=passwords,
            backups=self._backups,
        )  # fmt: skip
        write_private(self._folder / "config.xml", config)
        users = users_xml(passwords, self._database, self._limits)
        write_private(self._folder / "users.xml", users)
        with (self._folder / "process.log").open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(_CHILD), str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A Ctrl-C in the terminal is ours to handle: the store goes last.
                start_new_session=True,
            )
        give_way(SERVER, self._process.pid)

    def _answers(self, if_unasked: bool = False) -> bool:
        """Whether the server answers; `if_unasked` where we have no file left to ask it with."""
        connection = HTTPConnection("127.0.0.1", self._ports[0], timeout=_PING_S)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, HTTPException) as error:
            return if_unasked and getattr(error, "errno", None) in _OUR_SHORTAGES
        finally:
            connection.close()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise StoreUnavailable(self._why_not_started())
            if self._answers():
                return
            if self._stopping.wait(0.02):
                return
        raise StoreUnavailable(
            f"The embedded ClickHouse did not answer within {self._start_timeout_s:.0f} s."
            f" Its log is {self._folder / 'server.log'}."
        )

    def _why_not_started(self) -> str:
        output = (self._folder / "process.log").read_text(errors="replace").strip()
        if "No module named 'chdb'" in output:
            return "The embedded ClickHouse is missing: pip install 'spanglass[collector]'."
        last = output.splitlines()[-1] if output else "it printed nothing"
        return (
            f"The embedded ClickHouse ended while starting: {last}"
            f" (see {self._folder / 'process.log'} and server.err.log beside it)."
        )

    def _watch(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            process = self._process
            if process is None:
                return
            # A server whose listener was stopped by another local process is as good as dead.
            healthy = process.poll() is None and (self._answers(True) or self._answers(True))
            if self._stopping.is_set():
                return
            if healthy:
                failures = 0
                self._wait(process)
                continue
            log.error("the embedded ClickHouse is down (exit code %s): starting it", process.poll())
            process.kill()
            self._end()
            self._stopping.wait(_BACKOFF[min(failures, len(_BACKOFF) - 1)])
            failures += 1
            if self._stopping.is_set():
                return
            self.restarts += 1
            try:
                self._launch()
                self._await_ready()
            except (StoreError, OSError) as error:
                # A full disk, for one. It may pass: this is tried for ever.
                log.error("the embedded ClickHouse can't be started: %s", error)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until the process has ended, or it is time to ask whether it still listens."""
        for _ in range(100):
            if self._stopping.wait(0.05) or process.poll() is not None:
                return
