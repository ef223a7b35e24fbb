"""A purge removes rows and bytes from everywhere, and from nobody else; the receipt proves it."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar

from spanglass_store.queries.scores import Score, add_scores
from support import otlp, otlp_signals
from support.commands import Commands
from support.refusing import refusing
from support.running import RunningService
from support.waiting import wait_until


@pytest.fixture(scope="module")
def purged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with RunningService(tmp_path_factory.mktemp("purge") / "data") as running:
        yield running


def mark() -> str:
    """A name that no compression shortens."""
    return secrets.token_hex(24)


def files_with(folder: Path, what: str) -> list[str]:
    """Every file of a data directory in which these bytes stand."""
    found = []
    for path in folder.rglob("*"):
        # A part that is merged away may be gone by now.
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        if what.encode() in content or bytes.fromhex(what) in content:
            found.append(str(path.relative_to(folder)))
    return found


def send(service: RunningService, message: Message, **options: str) -> None:
    """Sends with a key, which another test may have made a need."""
    options.setdefault("authorization", f"Bearer {service.token}")
    service.send(message, **options)


def send_everything(service: RunningService, user: str, text: str, trace: bytes) -> None:
    """A trace of a user with all that can hang on it."""
    root = otlp.span("ask", trace=trace, attrs={"user.id": user, "session.id": f"s{user}"})
    call = otlp.chat_span(
        trace=trace, parent=root.span_id, attrs={"input.value": text, "gen_ai.response.id": user}
    )
    send(service, otlp.request(root, call))
    log = otlp_signals.record(text, {"user.id": user}, trace_id=trace)
    alone = otlp_signals.record("alone", {"user.id": user, "said": text})
    send(service, otlp_signals.logs(log, alone), path="/v1/logs")
    point = otlp_signals.point(1.0, {"of": "nobody"})
    point.exemplars.append(
        Exemplar(trace_id=trace, span_id=call.span_id, time_unix_nano=1, as_double=1.0)
    )
    own = otlp_signals.point(2.0, {"user.id": user})
    send(
        service,
        otlp_signals.metrics(
            otlp_signals.gauge("shared", [point]), otlp_signals.gauge("own", [own])
        ),
        path="/v1/metrics",
    )
    service.settle()
    for score in (
        {"name": "by_trace", "trace_id": trace.hex(), "value": 1, "explanation": text},
        {"name": "by_session", "session_id": f"s{user}", "value": 1, "explanation": text},
    ):
        answer = service.api("POST", "/api/v1/scores", json=score)
        assert answer.is_success, answer.text
    by_answer = Score("default", "by_answer", 1.0, response_id=user, explanation=text)
    with closing(service.owner()) as store:
        add_scores(store, [by_answer])


def rows_of(service: RunningService) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables that telemetry is in."""
    columns = {
        "spans": "trace_id, span_id, user_id, input", "traces": "trace_id, user_id, spans",
        "logs": "trace_id, user_id, body", "scores": "name, explanation",
        "metrics": "name, attributes, exemplars.trace_id AS e",
    }  # fmt: skip
    return {
        table: service.sql(f"SELECT {each} FROM {table} ORDER BY ALL")
        for table, each in columns.items()
    }


def test_a_user_is_gone_from_everywhere(
    purged: RunningService, cli: Commands, tmp_path: Path
) -> None:
    service = purged
    run = cli.on(service.data_dir)
    other, others_text = mark(), mark()
    send_everything(service, other, others_text, os.urandom(16))
    before = rows_of(service)
    user, text, trace = mark(), mark(), os.urandom(16)
    send_everything(service, user, text, trace)
    letter = otlp.span("bad", trace=os.urandom(16), attrs={"user.id": user, "said": text})
    with refusing(service):
        send(service, otlp.request(letter, otlp.span("bad", attrs={"user.id": other})))
        account = service.settle()
        assert account.dead_lettered == 2
    with closing(service.owner()) as store:
        store.insert(
            "pii_findings",
            ("project", "trace_id", "span_id", "start_time", "entity", "subjects"),
            [
                [
                    "default",
                    trace.hex(),
                    "01" * 8,
                    datetime.now(UTC).replace(tzinfo=None),
                    "PERSON",
                    [text],
                ]
            ],
        )
    budget = {"name": "his", "amount_usd": 1, "user": user}
    assert service.api("POST", "/api/v1/budgets", json=budget).status_code == 201
    # So that it can fail: the text is found in all of these places.
    there = " ".join(files_with(service.data_dir, text) + files_with(service.data_dir, user))
    assert [p for p in ("store", "dead-letters", "state.sqlite3") if p not in there] == []

    done = run("purge", "--user", user, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert b"2 traces" in done.stderr
    assert len(rows_of(service)["spans"]) == 4, "a dry run changes nothing"
    path = tmp_path / "receipt.json"
    done = run("purge", "--user", user, "--receipt", path)
    assert done.returncode == 0, done.stderr

    after = rows_of(service)
    # Of what is nobody's the value stays, without its example.
    kept = [row for row in after["metrics"] if row["e"] == [""]]
    assert [(row["name"], row["attributes"]) for row in kept] == [("shared", {"of": "nobody"})]
    after["metrics"] = [row for row in after["metrics"] if row["e"] != [""]]
    assert after == before
    for what in (user, text, trace.hex()):
        # Where the purge itself is told of, ids of traces stay: they lead to nothing.
        left = files_with(service.data_dir, what)
        assert [each for each in left if "state.sqlite3" not in each or what != trace.hex()] == []
    assert files_with(service.data_dir, others_text), "others are still there"

    receipt = json.loads(path.read_text())
    removed = {each["place"]: each["rows"] for each in receipt["removed"]}
    assert {each["left"] for each in receipt["removed"]} == {0}
    assert removed["spans"] == 2
    assert removed["scores"] == 3
    assert removed["logs"] == 2
    assert removed["dead letters"] == 1
    assert removed["budgets (state)"] == 1
    assert {"traces", "metrics", "pii_findings"} <= set(removed)
    assert trace.hex() in receipt["traces"]["ids"]
    assert receipt["selection"] == {"user_id": user}
    account = service.account()
    assert account.holds
    assert (account.dead_lettered, account.reasons["erased"]) == (1, 1)
    (left,) = service.get("/api/v1/dead-letters")["items"]
    assert left["items"] == 1

    # What is kept of it names nobody.
    (kept_purge,) = service.get("/api/v1/purges")["items"]
    assert user not in json.dumps(kept_purge)
    done = run("purge", "--verify", path)
    assert done.returncode == 0, done.stderr
    assert b"Nothing of it is there." in done.stdout
    # A proof that cannot fail would be none.
    send(service, otlp.request(otlp.span("again", attrs={"user.id": user})))
    service.settle()
    done = run("purge", "--verify", path)
    assert done.returncode == 1
    assert b"come since" in done.stderr
    assert service.api("POST", "/api/v1/purges", json={"user_id": user}).status_code == 202
    wait_until(
        lambda: all(each["state"] == "done" for each in service.get("/api/v1/purges")["items"])
    )
    for letter_left in service.get("/api/v1/dead-letters")["items"]:
        service.api("POST", "/api/v1/dead-letters/discard", json={"names": [letter_left["name"]]})


def test_a_purge_of_everything_asks(purged: RunningService, cli: Commands) -> None:
    service = purged
    run = cli.on(service.data_dir)
    keys = {scope: service.key(scope, "other") for scope in ("ingest", "read")}
    mine = otlp.span("mine", attrs={"input.value": mark()})
    send(service, otlp.request(mine, service="a"))
    theirs = [otlp.span(f"s{n}", attrs={"input.value": mark()}) for n in range(3)]
    authorization = f"Bearer {keys['ingest']}"
    send(service, otlp.request(*theirs[:2], service="a"), authorization=authorization)
    send(service, otlp.request(theirs[2], service="b"), authorization=authorization)
    service.settle()

    done = run("purge", "--project", "other")
    assert done.returncode == 1
    assert b"everything of the project other" in done.stderr
    assert b"--yes" in done.stderr
    refused = service.api("POST", "/api/v1/purges", json={"project": "other"})
    assert refused.status_code == 409
    assert (
        service.api(
            "POST", "/api/v1/purges", json={"everything": True}, key=keys["read"]
        ).status_code
        == 403
    )
    assert service.one("SELECT count() AS n FROM spans WHERE project = 'other'")["n"] == 3

    # A part of it goes without asking, and nothing of another project's.
    assert run("purge", "--project", "other", "--service", "a").returncode == 0
    assert service.sql("SELECT name FROM spans WHERE project = 'other'") == [{"name": "s2"}]
    assert service.sql("SELECT name FROM spans WHERE name = 'mine'") == [{"name": "mine"}]
    # That leaves nothing, whatever it is called.
    assert run("purge", "--project", "other", "--service", "b").returncode == 1
    assert run("purge", "--project", "other", "--yes").returncode == 0
    assert service.sql("SELECT name FROM spans WHERE project = 'other'") == []
    assert service.sql("SELECT name FROM spans WHERE name = 'mine'") == [{"name": "mine"}]
    for wrong in (
        ("--trace", "12"),
        ("--start", "yesterday"),
        ("--start", "2026-02-01", "--end", "2026-01-01"),
    ):
        assert run("purge", *wrong).returncode == 1


def test_a_purge_that_is_cut_off_goes_on(purged: RunningService, cli: Commands) -> None:
    """The service is killed; without it what was asked for is done, and what waits is stored."""
    service = purged
    user, session = mark(), mark()
    send(service, otlp.request(otlp.span("stored", attrs={"user.id": user})))
    service.settle()
    asked = service.api("POST", "/api/v1/purges", json={"user_id": user, "everything": True})
    assert asked.status_code == 202
    send(service, otlp.request(otlp.span("spooled", attrs={"session.id": session})))
    service.kill()
    done = cli("purge", "--session", session, "--yes", "--data-dir", service.data_dir)
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)
    assert {each["left"] for each in receipt["removed"]} == {0}
    assert receipt["traces"]["count"] == 1
    for what in (user, session):
        assert files_with(service.data_dir, what) == []
    service.start()
    assert {each["state"] for each in service.get("/api/v1/purges")["items"]} == {"done"}
    assert service.sql("SELECT 1 FROM spans WHERE name IN ('stored', 'spooled')") == []
    assert service.settle().holds
