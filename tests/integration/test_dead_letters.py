"""What ClickHouse refuses for ever: kept, shown, and stored when it is replayed."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from spanglass_store.client import Store
from spanglass_store.embedded.config import USERS
from spanglass_store.endpoint import Endpoint, Role
from support import otlp
from support.commands import Commands
from support.running import Launch, RunningService


@contextmanager
def owner(service: RunningService) -> Iterator[Store]:
    """The service's ClickHouse, as its owner: with the password of the data directory."""
    config = (service.data_dir / "store" / "config.xml").read_text()
    port = re.search(r"<http_port>(\d+)</http_port>", config)
    assert port is not None
    passwords = json.loads((service.data_dir / "credentials.json").read_text())
    users = {Role.OWNER: (USERS[Role.OWNER], passwords[Role.OWNER])}
    store = Store(Endpoint("127.0.0.1", int(port[1]), users))
    yield store
    store.close()


def names(service: RunningService) -> set[str]:
    return {row["name"] for row in service.sql("SELECT name FROM spans")}


def test_a_refused_span_is_kept_and_can_be_replayed(launch: Launch, cli: Commands) -> None:
    service = launch()
    with owner(service) as store:
        store.command("ALTER TABLE spanglass.spans ADD CONSTRAINT no_bad CHECK name != 'bad'")
    good = [otlp.span(f"good {n}") for n in range(99)]
    bad = otlp.span("bad", attrs={"why": "because"})
    about = {"resource": "kept"}
    service.send(otlp.request(*good[:50], bad, *good[50:], service="shop", resource=about))
    account = service.settle()
    assert (account.stored, account.dead_lettered) == (99, 1)
    assert names(service) == {one.name for one in good}

    run = cli.on(service.data_dir)
    listed = run("dead-letters", "list").stdout.decode()
    assert "no_bad" in listed
    (name,) = re.findall(r"\d{8}T\d{6}-\d{12}-\d+", listed)
    # The service has the folder: replaying has to wait.
    assert b"in use by another process" in run("dead-letters", "replay").stderr

    # Still refused: it comes back as a dead letter, and nothing is counted twice.
    service.stop()
    done = run("dead-letters", "replay", name)
    assert "1 spans are in the spool again" in done.stdout.decode()
    assert b"There is no dead letter" in run("dead-letters", "replay", name).stderr
    service.start()
    account = service.settle()
    assert (account.received, account.stored, account.dead_lettered) == (100, 99, 1)

    with owner(service) as store:
        store.command("ALTER TABLE spanglass.spans DROP CONSTRAINT no_bad")
    service.stop()
    assert run("dead-letters", "replay").returncode == 0
    assert b"There are no dead letters." in run("dead-letters", "replay").stderr
    service.start()
    account = service.settle()
    assert (account.received, account.stored, account.dead_lettered) == (100, 100, 0)
    (shown,) = service.trace(bad.trace_id)
    assert (shown["name"], shown["attributes"], shown["service"]) == (
        "bad", {"why": "because"}, "shop",
    )  # fmt: skip
    assert shown["resource"]["resource"] == "kept"
    assert shown["project"] == "default"
