"""A backup that is taken while telemetry comes is brought back whole, into an empty folder alone."""

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spanglass_store.backups.catalog import MANIFEST, Catalog
from support import otlp, otlp_signals
from support.commands import Commands
from support.refusing import refusing
from support.running import RunningService
from support.waiting import wait_until


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with something in every place."""
    with RunningService(tmp_path_factory.mktemp("backup") / "data") as running:
        spans = [
            otlp.chat_span(attrs={"user.id": f"u{n}", "input.value": f"q{n}"}) for n in range(9)
        ]
        running.send(otlp.request(*spans))
        # Twice: one row, once it is merged.
        running.send(otlp.request(*spans[:3]))
        running.send(otlp_signals.logs(otlp_signals.record("said", {})), path="/v1/logs")
        gauge = otlp_signals.gauge("load", [otlp_signals.point(1.0, {})])
        running.send(otlp_signals.metrics(gauge), path="/v1/metrics")
        budget = {"name": "monthly", "amount_usd": 5}
        assert running.api("POST", "/api/v1/budgets", json=budget).status_code == 201
        with refusing(running):
            running.send(otlp.request(otlp.span("bad"), otlp.span("bad")))
            assert running.settle().dead_lettered == 2
        yield running


def rows_of(service: RunningService) -> dict[str, list[dict[str, Any]]]:
    return {
        table: service.sql(f"SELECT * FROM {table} ORDER BY ALL")
        for table in ("spans", "logs", "metrics", "scores")
    }


def backups(service: RunningService) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = service.get("/api/v1/backups")["items"]
    return items


def folder_of(stdout: bytes) -> Path:
    return Path(stdout.decode().strip())


def test_it_comes_back_whole(kept: RunningService, cli: Commands, tmp_path: Path) -> None:
    run = cli.on(kept.data_dir)
    before = rows_of(kept)
    sent: list[str] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            kept.send(otlp.request(otlp.span(f"later{len(sent)}")))
            sent.append(f"later{len(sent)}")

    sender = threading.Thread(target=send)
    sender.start()
    wait_until(lambda: len(sent) > 3)
    acknowledged = list(sent)
    done = run("backup", "--keep-days", "7")
    stop.set()
    sender.join()
    assert done.returncode == 0, done.stderr
    folder = folder_of(done.stdout)
    (listed,) = backups(kept)
    assert (listed["state"], listed["path"]) == ("done", str(folder))
    began, expires = (datetime.fromisoformat(listed[n]) for n in ("began_at", "expires_at"))
    assert expires - began == timedelta(days=7)
    shown = run("backup", "--list")
    assert listed["expires_at"][:10].encode() in shown.stdout
    assert oct(folder.stat().st_mode)[-3:] == "700"

    # What is erased now is in the backup: the receipt says so, and until when.
    receipt = tmp_path / "receipt.json"
    assert run("purge", "--user", "u1", "--receipt", receipt).returncode == 0
    told = json.loads(receipt.read_text())
    assert told["backups"] == [
        {"name": listed["name"], "began_at": began.isoformat(), "expires_at": expires.isoformat()}
    ]
    assert backups(kept)[0]["purges_since"] == [told["id"]]

    target = tmp_path / "restored"
    done = cli("restore", folder, "--data-dir", target)
    assert done.returncode == 0, done.stderr
    assert told["id"].encode() in done.stderr, "what was erased is back, and that is said"
    again = cli("restore", folder, "--data-dir", target)
    assert again.returncode == 1
    assert b"not empty" in again.stderr
    unasked = {"SPANGLASS_BACKUP_EVERY_HOURS": "1", "SPANGLASS_BACKUP_KEEP_DAYS": "3"}
    with RunningService(target, env=unasked) as restored:
        after = rows_of(restored)
        later = {row["name"] for row in after["spans"] if row["name"].startswith("later")}
        assert set(acknowledged) <= later, "what was acknowledged before is in it"
        after["spans"] = [row for row in after["spans"] if not row["name"].startswith("later")]
        assert after == before
        traces = restored.one("SELECT count() AS n, sum(spans) AS s FROM traces")
        assert traces["n"] == traces["s"] == 9 + len(later)
        account = restored.account()
        assert account.holds
        assert (account.dead_lettered, account.spooled) == (2, 0)
        assert account.stored >= 12 + len(acknowledged)
        assert [each["name"] for each in restored.get("/api/v1/budgets")] == ["monthly"]
        letters = restored.get("/api/v1/dead-letters")["items"]
        assert sum(each["items"] for each in letters) == 2
        # It goes on as any other: what was refused is stored, and more is taken.
        replay = restored.api("POST", "/api/v1/dead-letters/replay", json={"names": []})
        assert replay.is_success, replay.text
        restored.send(otlp.request(otlp.span("new")))
        assert restored.settle().dead_lettered == 0
        names = {row["name"] for row in restored.sql("SELECT name FROM spans")}
        assert {"bad", "new"} <= names
        # It has none yet, so one is due.
        own = wait_until(lambda: [one for one in backups(restored) if one["state"] == "done"])
        began, expires = (datetime.fromisoformat(own[0][n]) for n in ("began_at", "expires_at"))
        assert expires - began == timedelta(days=3)
        # Killed: what waits in its spool is in a backup all the same, and what was cut off is not.
        restored.send(otlp.request(otlp.span("waiting")))
        restored.kill()
    left = Catalog(target / "backups", target).begin(1)
    done = cli.on(target)("backup", "--keep-days", "0")
    assert done.returncode == 0, done.stderr
    assert b"It stays." in done.stderr
    second = folder_of(done.stdout)
    listed_then = cli.on(target)("backup", "--list").stdout
    assert second.name.encode() in listed_then
    assert left.name.encode() not in listed_then
    third = tmp_path / "third"
    (third / "store").mkdir(parents=True)
    (third / "restoring").write_text("")
    done = cli("restore", second, "--data-dir", third)
    assert done.returncode == 0, "what was cut off begins anew"
    found = cli.on(third)("sql", "SELECT name FROM spans WHERE name = 'waiting'", "--format", "csv")
    assert b"waiting" in found.stdout, found.stderr
    with sqlite3.connect(third / "state.sqlite3") as state:
        assert state.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_half_of_one_is_noticed(kept: RunningService, cli: Commands, tmp_path: Path) -> None:
    """Rows or files that are missing, and backups that are none."""
    kept.settle()
    done = cli.on(kept.data_dir)("backup")
    assert done.returncode == 0, done.stderr
    folder = folder_of(done.stdout)
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["rows"]["logs"] == manifest["rows"]["metrics"] == 1
    assert manifest["rows"]["spans"] >= 8
    wrong = tmp_path / "wrong"
    (folder / MANIFEST).write_text(json.dumps(manifest | {"rows": manifest["rows"] | {"logs": 2}}))
    done = cli("restore", folder, "--data-dir", wrong)
    assert done.returncode == 1
    assert b"did not come back: 1 of logs." in done.stderr
    # Half of a backup is nothing to serve.
    done = cli.on(wrong)("sql", "SELECT 1")
    assert done.returncode == 1
    assert b"not there whole" in done.stderr
    for state, said in (("running", b"not whole"), ("failed", b"not whole")):
        (folder / MANIFEST).write_text(json.dumps(manifest | {"state": state}))
        assert said in cli("restore", folder, "--data-dir", wrong).stderr
    for change in ({"format": 9}, {"schema": 9999}):
        (folder / MANIFEST).write_text(json.dumps(manifest | change))
        assert b"newer Spanglass" in cli("restore", folder, "--data-dir", wrong).stderr
    assert cli.on(kept.data_dir)("backup", "--delete", folder.name).returncode == 0
    assert not folder.exists()


def test_one_at_a_time_and_those_that_fail(kept: RunningService, cli: Commands) -> None:
    run = cli.on(kept.data_dir)
    answers = [kept.api("POST", "/api/v1/backups", json={}) for _ in range(3)]
    assert answers[0].status_code == 202
    assert {each.status_code for each in answers[1:]} <= {202, 409}
    wait_until(lambda: all(each["state"] != "running" for each in backups(kept)))
    assert {each["state"] for each in backups(kept)} == {"done"}
    place = kept.data_dir / "backups"
    shutil.rmtree(place)
    place.write_text("no folder")
    done = run("backup")
    assert done.returncode == 1
    assert b"--backup-dir" in done.stderr
    place.unlink()
    for name in ("20260102T030405", "...", "20260102T030405/../../store"):
        done = run("backup", "--delete", name)
        assert done.returncode == 1, name
    assert (kept.data_dir / "store").is_dir()
    assert run("backup", "--list", "--delete", "x").returncode == 1
    key = kept.key("read")
    for method in ("GET", "POST"):
        assert kept.api(method, "/api/v1/backups", key, json={}).status_code == 403
    done = cli("restore", place, "--data-dir", kept.data_dir.parent / "none")
    assert done.returncode == 1
    assert b"is no backup" in done.stderr
    assert cli("restore", place).returncode == 1


def test_what_has_expired_goes(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "backups", tmp_path)
    assert catalog.list() == []
    kept, gone, stays = (catalog.begin(days) for days in (30, 1, 0))
    failed = catalog.fail(catalog.begin(30), "the disk is full")
    for each in (kept, gone, stays):
        catalog.finish(each, {"spans": 3}, 1, has_state=False)
    now = datetime.now(UTC)
    assert catalog.delete_expired(now) == []
    held = catalog.note_purge("p1")
    assert {each["name"] for each in held} == {kept.name, gone.name, stays.name}
    assert catalog.get(failed.name).error == "the disk is full"
    # In time order, whatever the folder's order: a name that is taken gets a number.
    assert set(catalog.delete_expired(now + timedelta(days=2))) == {gone.name, failed.name}
    assert {each.name for each in catalog.list()} == {kept.name, stays.name}
    assert catalog.get(stays.name).rows == {"spans": 3}
    assert catalog.get(stays.name).purges_since == ("p1",)
    assert catalog.get(stays.name).expires_at is None
    # Of another installation that has the same folder, nothing is cleared away.
    other = Catalog(tmp_path / "backups", tmp_path / "other")
    running = other.begin(0)
    assert catalog.clear_unfinished() == []
    assert other.clear_unfinished() == [running.name]
    (tmp_path / "backups" / stays.name / MANIFEST).write_text("{")
    assert [each.name for each in catalog.list()] == [kept.name]
    assert replace(catalog.get(kept.name), bytes=0) == replace(catalog.list()[0], bytes=0)
