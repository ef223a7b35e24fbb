"""Starts after an end that was not a good one, and ends in the middle of work."""

import random
from pathlib import Path

from chaos.sender import Sender
from chaos.victim import Victim, marks, rounds
from spanglass_collector.ingest import wire
from support import otlp
from support.running import ALL_ROLES, run_cli
from support.waiting import wait_until

pytestmark = marks(300)


def test_torn_end(tmp_path: Path) -> None:
    """Behind what was acknowledged is a part of a request, or what a disk makes of one."""
    victim = Victim(tmp_path / "data", "--segment-age-ms", "60000")
    resource = otlp.resource_spans([otlp.chat_span(), otlp.span()]).SerializeToString()
    torn = wire.field(1, resource)
    with victim, Sender(victim.door) as sender:
        for tail in (torn[: len(torn) // 2], torn[: len(torn) - 60] + bytes(60)):
            wait_until(sender.more_than(100), "it takes spans")
            victim.kill()
            # Behind it is the one that was made ahead.
            segment = min((tmp_path / "data" / "spool").glob("*.open"))
            with segment.open("ab") as file:
                file.write(tail)
            victim.start()
        sender.pause()
        victim.kill()
        victim.start()
        victim.verify(sender)
    assert victim.output().count("of a request that was not acknowledged") == 2


def test_ended_under_load(tmp_path: Path) -> None:
    chance = random.Random()
    victim = Victim(tmp_path / "data", roles=ALL_ROLES)
    victim.start()
    with Sender(victim.door) as sender:
        for _ in range(rounds(3)):
            wait_until(sender.more_than(chance.randint(1, 1500)), "it takes spans")
            victim.end_in_time()
            assert not victim.servers()
            assert not (victim.data_dir / "service.json").exists()
            victim.start()
        sender.pause()
        victim.verify(sender)
    victim.stop()


def test_clock_jumps(victim: Victim) -> None:
    """Between starts: within what is kept nothing is lost; beyond it the sender is told."""
    day = 86_400.0
    with Sender(victim.door) as sender:
        for jump in (20 * day, -0.5 * day, 0):
            victim.launch(clock_s=jump)
            victim.await_ready()
            wait_until(sender.more_than(200), "it takes spans")
            victim.kill()
        victim.start()
        sender.pause()
        victim.verify(sender)
        for jump, reason in ((400 * day, "too_old"), (-3 * day, "in_future")):
            victim.kill()
            victim.launch(clock_s=jump)
            victim.await_ready()
            response = victim.post(otlp.request(otlp.span()))
            assert response.status_code == 200
            assert response.content, "the sender is told of what is not kept"
            account = victim.settle()
            assert account.reasons == {reason: 1}
            assert account.received == account.stored + 1


def test_second_process(victim: Victim) -> None:
    """A data directory has one user."""
    victim.start()
    with Sender(victim.door) as sender:
        done = run_cli(
            "serve", "--data-dir", victim.data_dir, "--otlp-grpc", "127.0.0.1:0",
            "--otlp-http", "127.0.0.1:0", "--web", "127.0.0.1:0", cwd=victim.data_dir.parent,
        )  # fmt: skip
        assert done.returncode == 1
        lines = done.stderr.decode().splitlines()
        assert len(lines) == 1, lines
        assert "in use by another process" in lines[0]
        assert "--data-dir" in lines[0]
        # Commands ask the one that has it.
        done = victim.cli("dead-letters", "replay")
        assert done.returncode == 0, done
        wait_until(sender.more_than(1), "the first one takes spans")
        sender.pause()
        victim.verify(sender)


def test_address_of_a_killed_service(tmp_path: Path) -> None:
    """Another service has its port by now: commands do not ask that one instead."""
    first, second = Victim(tmp_path / "first"), Victim(tmp_path / "second")
    with first:
        first.send(otlp.request(otlp.span(), otlp.span(), otlp.span()))
        first.settle()
        web = first.addresses["web"]
        first.kill()
        assert (tmp_path / "first" / "service.json").exists()
        second = Victim(tmp_path / "second", "--web", web)
        with second:
            done = first.cli("sql", "SELECT count() AS n FROM spans", "--format", "csv")
            assert done.stdout.decode().split() == ["n", "3"], done
            assert not (tmp_path / "first" / "service.json").exists()
            done = second.cli("sql", "SELECT count() AS n FROM spans", "--format", "csv")
            assert done.stdout.decode().split() == ["n", "0"], done
