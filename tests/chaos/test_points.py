"""Killed at the points between which something could get lost or counted twice."""

import random

import pytest

from chaos.sender import Sender
from chaos.victim import Victim, marks, rounds
from spanglass_store.migrate import migrations
from support import otlp
from support.waiting import PATIENCE_S, wait_until

pytestmark = marks(300)


@pytest.mark.parametrize("point", ["after_sync", "after_insert", "after_finish"])
def test_killed_at(point: str, victim: Victim) -> None:
    """Between sync and answer; between insert and accounts; between accounts and deletion."""
    chance = random.Random()
    with Sender(victim.door) as sender:
        for _ in range(rounds(2)):
            victim.launch(point, count=chance.randint(2, 12))
            victim.await_kill()
        victim.start()
        wait_until(sender.more_than(1), "it takes spans")
        sender.pause()
        victim.verify(sender)


def test_server_killed_between_insert_and_accounts(victim: Victim) -> None:
    with Sender(victim.door) as sender:
        victim.launch("after_insert", count=3, victim="store")
        victim.await_ready()
        wait_until(lambda: victim.restarts() > 0, "the server is started again")
        sender.pause()
        victim.verify(sender)


@pytest.mark.parametrize("killed", ["self", "store"])
def test_killed_in_a_migration(killed: str, victim: Victim) -> None:
    """Before any statement of the first start: the next start does the rest."""
    statements = sum(len(each.statements("spanglass")) for each in migrations())
    # Each takes two starts, so a few of them at a time, others each time.
    numbers = range(1 if killed == "self" else 2, statements + 1)
    for number in random.sample(numbers, min(rounds(2), len(numbers))):
        victim.launch("before_statement", count=number, victim=killed)
        if killed == "self":
            victim.await_kill()
        else:
            # The store is gone in the middle of it: this start gives up, and says so.
            assert victim.process.wait(PATIENCE_S) == 1, victim.output()
            victim.died()
        victim.start()
        victim.send(otlp.request(otlp.span()))
        assert victim.settle().stored == 1
        assert victim.one("SELECT count() AS n FROM traces")["n"] == 1
        victim.stop()
        victim.clear()
