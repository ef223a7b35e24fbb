"""What ClickHouse refuses for ever: kept, shown, and stored when it is replayed."""

import json
import re
from collections.abc import Callable

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from support import otlp
from support.commands import Commands, Done
from support.refusing import refusing
from support.running import Launch, RunningService


def names(service: RunningService) -> set[str]:
    return {row["name"] for row in service.sql("SELECT name FROM spans")}


def text(done: Done) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def check_shown(run: Callable[..., Done], bad: Span) -> str:
    """The only dead letter's name, after what `list` and `show` say of it."""
    listed = text(run("dead-letters", "list"))
    assert "no_bad" in listed
    (name,) = re.findall(r"\d{8}T\d{6}-traces-\d{12}-\d+", listed)
    done = run("dead-letters", "show", name)
    assert b"no_bad" in done.stderr
    (shown,) = json.loads(text(done))["resourceSpans"]
    assert shown["scopeSpans"][0]["spans"][0]["traceId"] == bad.trace_id.hex()
    for command in ("show", "replay"):
        done = run("dead-letters", command, "nothing")
        assert done.returncode == 1
        assert b"There is no dead letter 'nothing'" in done.stderr
    return str(name)


def test_a_refused_span_is_kept_and_can_be_replayed(launch: Launch, cli: Commands) -> None:
    service = launch()
    run = cli.on(service.data_dir)
    good = [otlp.span(f"good {n}") for n in range(19)]
    bad = otlp.span("bad", attrs={"why": "because"})
    about = {"resource": "kept"}
    with refusing(service):
        service.send(otlp.request(*good[:10], bad, *good[10:], service="shop", resource=about))
        account = service.settle()
        assert (account.stored, account.dead_lettered) == (19, 1)
        assert names(service) == {one.name for one in good}

        # Through the service. Still refused: it comes back, and nothing is counted twice.
        name = check_shown(run, bad)
        assert "1 items are in the spool again" in text(run("dead-letters", "replay", name))
        account = service.settle()
        assert (account.received, account.stored, account.dead_lettered) == (20, 19, 1)

        # The same without it.
        service.stop()
        second = check_shown(run, bad)
        assert second != name
        done = run("dead-letters", "replay", second)
        assert "1 items are in the spool again" in text(done)
        assert b"stored when the service runs again" in done.stderr
        assert b"There are no dead letters." in run("dead-letters", "replay").stderr
        service.start()
        account = service.settle()
        assert (account.received, account.stored, account.dead_lettered) == (20, 19, 1)

    assert "1 items are in the spool again" in text(run("dead-letters", "replay"))
    account = service.settle()
    assert (account.received, account.stored, account.dead_lettered) == (20, 20, 0)
    assert b"There are no dead letters." in run("dead-letters", "replay").stderr
    (shown,) = service.trace(bad.trace_id)
    assert (shown["name"], shown["attributes"], shown["service"]) == (
        "bad", {"why": "because"}, "shop",
    )  # fmt: skip
    assert shown["resource"]["resource"] == "kept"
    assert shown["project"] == "default"


def test_what_is_shown_can_be_sent(launch: Launch) -> None:
    """Pages of dead letters, and the text of one, which any OTLP receiver takes."""
    service = launch()
    with refusing(service):
        for _ in range(3):
            service.send(otlp.request(otlp.span("bad")))
            service.settle()
    first = service.get("/api/v1/dead-letters", limit=2)
    second = service.get("/api/v1/dead-letters", limit=2, cursor=first["next"])
    assert [len(page["items"]) for page in (first, second)] == [2, 1]
    assert second["next"] == ""
    letter = service.get(f"/api/v1/dead-letters/{second['items'][0]['name']}")
    sent = service.post(json.dumps(letter["request"]).encode(), content_type="application/json")
    assert sent.status_code == 200
    assert service.settle().stored == 1
    reader = service.key("read")
    assert service.api("GET", "/api/v1/dead-letters", key=reader).status_code == 403


def test_what_nobody_wants_is_discarded(launch: Launch, cli: Commands) -> None:
    """It makes room, and stays in the accounts, as refused for good; with the service and without."""
    service = launch()
    run = cli.on(service.data_dir)
    with refusing(service):
        for _ in range(3):
            service.send(otlp.request(otlp.span("bad")))
            service.settle()
    names = [item["name"] for item in service.get("/api/v1/dead-letters")["items"]]
    for wrong in ((), (names[0], "--all")):
        done = run("dead-letters", "discard", *wrong)
        assert done.returncode == 2
        assert b"--all" in done.stderr
    assert run("dead-letters", "discard", names[0], "nothing").returncode == 1
    assert len(service.get("/api/v1/dead-letters")["items"]) == 3
    assert service.api("POST", "/api/v1/dead-letters/discard", json={"names": []}).is_client_error
    assert "1 dead letters with 1 items are gone" in text(run("dead-letters", "discard", names[0]))
    account = service.settle()
    assert (account.dead_lettered, account.reasons) == (2, {"discarded": 1})
    service.stop()
    assert "2 dead letters with 2 items are gone" in text(run("dead-letters", "discard", "--all"))
    service.start()
    account = service.account()
    assert (account.received, account.dead_lettered, account.rejected) == (3, 0, 3)
    assert account.holds
    assert not list((service.data_dir / "dead-letters").iterdir())
