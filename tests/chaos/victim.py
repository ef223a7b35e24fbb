"""The services and servers that are hurt, and what has to be true of them afterwards."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, Self

import httpx
import psutil
import pytest

from chaos.sender import Sender
from spanglass_store.client import Store
from support.running import ROLES, RunningService, environment
from support.waiting import PATIENCE_S, wait_until

_FAULTY: Final = Path(__file__).with_name("faulty.py")


_ROUNDS: Final = float(os.environ.get("CHAOS_ROUNDS", "1"))


def rounds(count: int) -> int:
    """How often to do what is done `count` times by default."""
    return max(1, round(count * _ROUNDS))


def marks(seconds: float) -> list[pytest.MarkDecorator]:
    """Of a module whose tests end within so many seconds by default, also on a busy machine."""
    return [pytest.mark.chaos, pytest.mark.timeout(seconds * max(1.0, _ROUNDS))]


class Victim(RunningService):
    """A service that can be killed and started again, with or without a fault inside.

    Args:
        data_dir: its data directory.
        flags: further flags and their values.
        roles: what it does.
    """

    def __init__(self, data_dir: Path, *flags: str | Path, roles: str = ROLES) -> None:
        super().__init__(data_dir, *flags, env={"SPANGLASS_ROLES": roles})
        self._alive = False
        self._asked: list[HTTPConnection] = []

    def door(self, name: str) -> str:
        """The address of a door; empty while the service is away."""
        return self.addresses[name] if self._alive else ""

    def launch(
        self, point: str = "none", count: int = 1, victim: str = "self", clock_s: float = 0
    ) -> None:
        """Starts the process; see `faulty` for the arguments."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        flags = {
            "data-dir": str(self.data_dir), "otlp-grpc": "127.0.0.1:0",
            "otlp-http": "127.0.0.1:0", "web": "127.0.0.1:0",
            "segment-age-ms": "250", "min-free-bytes": "1000000", "log-level": "info",
        }  # fmt: skip
        given = [str(flag) for flag in self._flags]
        flags |= {n.removeprefix("--"): v for n, v in zip(given[::2], given[1::2], strict=True)}
        faults = (point, str(count), victim, str(clock_s))
        arguments = [text for name, value in flags.items() for text in (f"--{name}", value)]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(_FAULTY), *faults, *arguments],
                cwd=self.data_dir.parent,
                env=environment(**self._env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start(self) -> Self:
        self.launch()
        self.await_ready()
        return self

    def await_ready(self) -> None:
        """Until the service says where it is.

        Raises:
            AssertionError: if it ends instead.
        """
        document = wait_until(self._announced, "the service announces itself")
        assert document is not None
        self.addresses = document["addresses"]
        self.token = document["token"]
        self._client = httpx.Client(timeout=PATIENCE_S)
        self._alive = True

    def kill(self) -> None:
        """SIGKILL, without a chance to tidy up."""
        self._alive = False
        super().kill()

    def await_kill(self) -> None:
        """Until the fault inside has killed it, which may be before it is ready."""
        with contextlib.suppress(AssertionError, psutil.NoSuchProcess):
            self.await_ready()
        assert self._process is not None
        assert self._process.wait(PATIENCE_S) == -signal.SIGKILL, self.output()[-2000:]
        self.died()

    def died(self) -> None:
        """The process has ended; whoever started it has noticed."""
        self._alive = False
        self._disconnect()

    def stop(self) -> None:
        self._alive = False
        super().stop()

    def clear(self) -> None:
        """Begins anew with an empty data directory."""
        shutil.rmtree(self.data_dir)

    def end_in_time(self) -> None:
        """SIGTERM, and at most ten seconds; a few more on a busy machine."""
        assert self._process is not None
        self._process.terminate()
        self._alive = False
        try:
            code = self._process.wait(15)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end in time: {self.output()[-3000:]}") from None
        assert code == 0, self.output()[-3000:]
        self._disconnect()

    def ask_without_waiting(self, query: str) -> None:
        """Sends a query whose answer nobody waits for."""
        asked = json.dumps({"query": query})
        host, _, port = self.addresses["web"].rpartition(":")
        connection = HTTPConnection(host, int(port))
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        connection.request("POST", "/api/v1/sql", asked, headers)
        self._asked.append(connection)

    def restarts(self) -> int:
        """How often the service started its embedded server again."""
        return int(self.metrics()["spanglass_store_restarts_total"][()])

    def retries(self) -> int:
        """How many inserts failed and were tried again."""
        return int(self.metrics()["spanglass_insert_retries_total"][(("signal", "traces"),)])

    # -- the embedded server ---------------------------------------------------------------------

    def servers(self) -> list[psutil.Process]:
        """Every embedded server over this data directory, whoever its parent is."""
        folder = str(self.data_dir / "store")
        found = []
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if folder in line and any(part.endswith("child.py") for part in line):
                found.append(process)
        return found

    def kill_server(self) -> None:
        for process in self.servers():
            process.kill()

    def inserting(self) -> bool:
        """Whether a part is being written right now."""
        return any((self.data_dir / "store" / "data" / "store").glob("*/*/tmp_insert_*"))

    # -- the verdict -----------------------------------------------------------------------------

    def verify(self, sender: Sender, store: Store | None = None) -> None:
        """What was acknowledged is stored, once, and nothing that was never sent.

        Args:
            sender: paused.
            store: where it is stored, as its owner; the embedded server unless given.
        """
        assert not sender.wrong, sender.wrong[:5]
        account = wait_until(self._settled_again, "everything accepted is stored", 90)
        wait_until(lambda: self.api("GET", "/readyz").status_code == 200, "the store is back")
        owner = store or self.owner()
        try:
            check_stored(owner, sender)
            (rows,) = owner.query(f"SELECT count() FROM {owner.database}.spans FINAL").rows[0]
        finally:
            if store is None:
                owner.close()
        assert account.holds, account
        assert account.stored == account.received == rows, account
        if store is None:
            assert len(self.servers()) == 1
        spool = self.data_dir / "spool"
        wait_until(lambda: not list(spool.glob("*.traces")), "what is stored is deleted")

    def _settled_again(self) -> Any:
        """The accounts when nothing is spooled; they are asked of a service that may restart."""
        assert self.returncode is None, self.output()[-3000:]
        account = self.account()
        assert account.holds, account
        return account if account.spooled == 0 else None


def check_stored(owner: Store, sender: Sender) -> None:
    """The sets: acknowledged ⊆ stored ⊆ sent, each once; and traces that agree with the spans."""
    spans, traces = f"{owner.database}.spans", f"{owner.database}.traces"
    packed = owner.text(f"SELECT toFixedString(unhex(span_id), 8) FROM {spans} FINAL", "RowBinary")
    stored = [packed[at : at + 8] for at in range(0, len(packed), 8)]
    unique = set(stored)
    assert len(unique) == len(stored), "a span is there twice, under FINAL"
    lost = sender.acknowledged - unique
    assert not lost, f"{len(lost)} of {len(sender.acknowledged)} acknowledged spans are lost"
    assert not unique - sender.sent, "spans are stored that nobody sent"
    differing = owner.query(
        f"SELECT count() FROM (SELECT trace_id, uniqExact(span_id) AS n FROM {spans}"
        " GROUP BY trace_id) AS s FULL JOIN"
        f" (SELECT trace_id, length(groupUniqArrayArray(span_ids)) AS n FROM {traces}"
        " GROUP BY trace_id) AS t USING trace_id WHERE s.n != t.n"
    ).rows[0][0]
    assert differing == 0, f"{differing} traces do not agree with their spans"
