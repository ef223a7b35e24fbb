"""ClickHouse hangs or is away for a while; the spool bridges it as far as it reaches."""

import re
import signal
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from chaos.sender import Sender
from chaos.victim import Victim, marks, rounds
from support.external import ExternalServer
from support.running import ALL_ROLES
from support.waiting import wait_until

pytestmark = marks(300)


def test_ports_are_kept(victim: Victim) -> None:
    """While the server is down, nobody else gets its port, our password and our data."""
    victim.start()
    config = (victim.data_dir / "store" / "config.xml").read_text()
    ports = [int(port) for port in re.findall(r"<(?:http|tcp)_port>(\d+)<", config)]
    assert len(ports) == 2
    for _ in range(rounds(3)):
        before = victim.restarts()
        victim.kill_server()
        while victim.restarts() == before or not victim.servers():
            for port in ports:
                with socket.socket() as other, pytest.raises(OSError, match="in use"):
                    other.bind(("127.0.0.1", port))
        wait_until(lambda: victim.api("GET", "/readyz").status_code == 200, "it is back")


def test_embedded_server_hangs(victim: Victim) -> None:
    """Stopped, not killed: it is noticed, and senders notice nothing."""
    victim.start()
    with Sender(victim.door) as sender:
        time.sleep(1)
        for process in victim.servers():
            process.suspend()
        wait_until(lambda: victim.restarts() > 0, "the server that hangs is replaced")
        time.sleep(1)
        sender.pause()
        victim.verify(sender)
        assert set(sender.answers) == {200}, sender.answers


@pytest.fixture
def external(tmp_path: Path) -> ExternalServer:
    return ExternalServer(tmp_path / "external")


def test_other_clickhouse_away(tmp_path: Path, external: ExternalServer) -> None:
    """It hangs for a while, then it is gone for a while, then it is back."""
    seconds = rounds(5)
    with external, closing(external.owner()) as owner:
        victim = Victim(tmp_path / "data", "--clickhouse", external.url)
        with victim, Sender(victim.door, rate=2000) as sender:
            time.sleep(1)
            external.signal(signal.SIGSTOP)
            time.sleep(seconds)
            assert victim.api("GET", "/healthz").status_code == 200
            assert victim.api("GET", "/readyz").status_code == 503
            external.signal(signal.SIGCONT)
            time.sleep(1)
            external.stop()
            time.sleep(seconds)
            external.start()
            sender.pause()
            victim.verify(sender, owner)
            assert set(sender.answers) == {200}, sender.answers


def test_spool_is_full(tmp_path: Path, external: ExternalServer) -> None:
    """Senders get 503 and when to come again; what was taken before is stored later."""
    with external, closing(external.owner()) as owner:
        victim = Victim(
            tmp_path / "data", "--clickhouse", external.url, "--spool-bytes", str(1 << 20)
        )
        with victim, Sender(victim.door) as sender:
            wait_until(sender.more_than(1), "it takes spans")
            external.stop()
            wait_until(lambda: sender.count(503) >= 20, "the spool is full")
            external.start()
            wait_until(sender.more_than(500), "it takes spans again")
            sender.pause()
            victim.verify(sender, owner)
            assert set(sender.answers) == {200, 503}, sender.answers


def test_end_while_the_store_hangs(tmp_path: Path, external: ExternalServer) -> None:
    """SIGTERM ends it in time, with what it could not store in the spool."""
    with external, closing(external.owner()) as owner:
        victim = Victim(tmp_path / "data", "--clickhouse", external.url, roles=ALL_ROLES)
        with victim, Sender(victim.door) as sender:
            wait_until(sender.more_than(1), "it takes spans")
            external.signal(signal.SIGSTOP)
            for _ in range(8):
                victim.ask_without_waiting("SELECT count() FROM spans")
            time.sleep(1)
            victim.end_in_time()
            assert list((tmp_path / "data" / "spool").glob("*.traces"))
            external.signal(signal.SIGCONT)
            victim.start()
            sender.pause()
            victim.verify(sender, owner)
