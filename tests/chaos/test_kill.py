"""`kill -9` at any moment: what was acknowledged is stored, once, and the accounts are right."""

import random
import time
from functools import partial

import psutil

from chaos.sender import Sender
from chaos.victim import Victim, marks, rounds
from support.waiting import wait_until

pytestmark = marks(600)


def all_ended(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() for process in processes)


def test_random_kills(victim: Victim) -> None:
    chance = random.Random()
    kinds = ["collector", "server", "both"] * 7
    victim.start()
    with Sender(victim.door) as sender:
        for number in range(rounds(8)):
            sender.resume()
            time.sleep(chance.uniform(0.2, 1.2))
            kind = kinds[number % len(kinds)]
            orphans = victim.servers()
            if kind in ("server", "both"):
                victim.kill_server()
            if kind in ("collector", "both"):
                victim.kill()
                victim.launch()
                if number % 5 == 0:
                    # Once more, somewhere in its start.
                    time.sleep(chance.uniform(0, 2))
                    victim.kill()
                    victim.launch()
                victim.await_ready()
                wait_until(partial(all_ended, orphans), "the orphan ends")
            if number % 3 == 2:
                time.sleep(chance.uniform(0, 0.5))
                sender.pause()
                victim.verify(sender)
        sender.pause()
        victim.verify(sender)
    assert sender.errors, "no request was cut off: the load was too light"


def test_orphan_in_the_way(victim: Victim) -> None:
    """The server of a killed service takes its time to go; the next one waits for it."""
    victim.start()
    with Sender(victim.door) as sender:
        wait_until(sender.more_than(500), "it takes spans")
        (orphan,) = victim.servers()
        orphan.suspend()
        victim.kill()
        victim.launch()
        wait_until(lambda: len(victim.servers()) == 2, "the next one is there")
        time.sleep(2)
        assert victim.returncode is None, victim.output()
        orphan.resume()
        victim.await_ready()
        sender.pause()
        victim.verify(sender)


def test_server_killed_while_it_inserts(victim: Victim) -> None:
    """Between the parts of an insert, of which each covers several days and tables."""
    chance = random.Random()
    victim.start()
    with Sender(victim.door, traces=60, rate=10_000, filler=400) as sender:
        for _ in range(rounds(6)):
            sender.resume()
            wait_until(victim.inserting, "a part is being written", every_s=0.0005)
            time.sleep(chance.choice((0, chance.uniform(0, 0.06))))
            victim.kill_server()
            sender.pause()
            victim.verify(sender)
