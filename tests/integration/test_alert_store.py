"""Rules against a real store: values, many ticks at once, evidence, playbooks, failures, two collectors."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spanglass.prompts import read as read_prompt
from spanglass_alerts.alert import Alert
from spanglass_alerts.announce import Announcer
from spanglass_alerts.book import Shelf
from spanglass_alerts.delivery.courier import Courier
from spanglass_alerts.delivery.outgoing import Outgoing, networks
from spanglass_alerts.engine import Engine
from spanglass_alerts.evaluate import live
from spanglass_alerts.evaluate.live import Evaluator
from spanglass_alerts.evaluate.measure import Ticks
from spanglass_alerts.evidence import gather
from spanglass_alerts.playbook import answered, names, text
from spanglass_alerts.rules.files import read
from spanglass_alerts.rules.model import rule
from spanglass_store.erasure.holders import Scope, erase_alerts
from spanglass_store.erasure.selection import Selection
from spanglass_store.queries.scores import Score, add_scores
from spanglass_store.state.alerts import AlertState, ErasedMeanwhile
from spanglass_store.state.database import Database
from spanglass_store.state.prompts import PromptBook
from support import otlp
from support.costs import insert
from support.embedded import EmbeddedStore
from support.receivers import Receivers, receivers
from support.waiting import wait_until

NOW = float(int(time.time()))


def call(at: float, model: str = "m", failed: bool = False, **attrs: Any) -> Any:
    about = {"gen_ai.request.model": model} | attrs
    error = "boom" if failed else None
    return otlp.chat_span(10, 5, about, start=int((at - 1) * 1e9), duration=10**9, error=error)


@pytest.fixture
def evaluator(embedded_store: EmbeddedStore) -> Iterator[Evaluator]:
    made = Evaluator(embedded_store.server.endpoint)
    yield made
    made.close()


def values(
    evaluator: Evaluator, body: dict[str, Any], ticks: Ticks, **fields: Any
) -> list[dict[tuple[str, ...], float | None]]:
    made = rule({"name": "x", "condition": "> 0", "kind": "threshold"} | body | fields)
    found = evaluator.evaluate([made], ticks)
    assert found.errors == {}
    return [{tuple(o.labels.values()): o.value for o in each} for each in found.observations["x"]]


def test_values_are_those_of_the_window(
    embedded_store: EmbeddedStore, evaluator: Evaluator, unique: str
) -> None:
    # A call each 10 s, those of one model fail; the end of a call is when it counts.
    spans = [call(NOW - 10 * i, f"m{i % 2}", failed=i % 2 == 1) for i in range(12)]
    # What repeats a call's tokens is none.
    parent = call(NOW - 5, "parent")
    child = call(NOW - 5, "m0")
    child.trace_id, child.parent_span_id = parent.trace_id, parent.span_id
    insert(embedded_store.owner, unique, [*spans, parent, child], unique)
    # Sent twice is once.
    insert(embedded_store.owner, unique, spans[:3], unique + "again")
    last = Ticks(NOW + 1)
    project = {"project": unique, "window": "60s"}
    assert values(evaluator, project | {"metric": "requests"}, last) == [{(): 7.0}]
    by = project | {"metric": "error_rate", "group_by": ["model"]}
    assert values(evaluator, by, last) == [{("m0",): 0.0, ("m1",): 1.0}]
    some = project | {"metric": "requests", "where": {"model": ["m*", "!m0"], "status": "error"}}
    assert values(evaluator, some, last) == [{(): 3.0}]
    tokens = {"numerator": {"metric": "tokens"}, "denominator": {"metric": "requests"}}
    body = {"name": "x", "kind": "ratio", "condition": "> 0"} | project | tokens
    (found,) = evaluator.evaluate([rule(body)], last).observations["x"]
    assert found[0].value == 15.0
    # Many ticks at once are the same as each by itself.
    ticks = Ticks(NOW - 120, 25, 6)
    counted = by | {"metric": "requests"}
    together = values(evaluator, counted, ticks)
    apart = [values(evaluator, counted, Ticks(at))[0] for at in ticks]
    assert together == apart
    assert together[0] != together[-1]


def test_budgets_scores_and_sql(
    embedded_store: EmbeddedStore, evaluator: Evaluator, unique: str
) -> None:
    # The tests before may have taken longer than a window.
    now = time.time()
    spans = [call(now - 2, **{"spanglass.reported_cost_usd": 0.5}) for _ in range(4)]
    insert(embedded_store.owner, unique, spans, unique)
    scores = [
        Score(unique, "groundedness", 0.1 * i, trace_id=span.trace_id.hex())
        for i, span in enumerate(spans)
    ]
    add_scores(embedded_store.owner, scores)
    at = Ticks(time.time() + 2)
    project = {"project": unique}
    budget = {"kind": "budget", "limit": 1, "period": "month", **project}
    made = rule({"name": "x"} | budget)
    (found,) = evaluator.evaluate([made], at).observations["x"]
    assert (found[0].value, found[0].breached) == (2.0, True)
    score = project | {"kind": "score", "score": "groundedness"}
    assert values(evaluator, score | {"group_by": ["model"]}, at) == [{("m",): pytest.approx(0.15)}]
    share = {"statistic": "share_below", "bound": 0.15}
    assert values(evaluator, score | share, at) == [{(): 0.5}]
    sql = "SELECT service, count() AS value FROM spans WHERE end_time >= {start:DateTime64(6)} GROUP BY service"
    asked = project | {"kind": "sql", "query": sql, "group_by": ["service"]}
    assert values(evaluator, asked, at) == [{("tests",): 4.0}]
    nothing = asked | {"query": sql.replace("GROUP BY", "AND 0 GROUP BY")}
    assert values(evaluator, nothing, at) == [{}]


def test_one_rule_that_fails_fails_alone(
    embedded_store: EmbeddedStore, evaluator: Evaluator, unique: str
) -> None:
    insert(embedded_store.owner, unique, [call(NOW)], unique)
    good = rule(
        {
            "name": "good",
            "kind": "threshold",
            "metric": "requests",
            "condition": "> 0",
            "project": unique,
        }
    )
    bad = [
        rule({"name": name, "kind": "sql", "query": sql, "condition": "> 0"})
        for name, sql in (
            ("wrong", "SELEC 1"),
            ("no-value", "SELECT 1 AS x"),
            ("writes", "DROP TABLE spans"),
            ("other", "SELECT count() AS value FROM system.users"),
        )
    ]
    half = {"kind": "threshold", "metric": "spans", "group_by": ["attributes.\ud800"]}
    bad.append(rule({"name": "half-a-character", "condition": "> 0", **half}))
    found = evaluator.evaluate([*bad, good], Ticks(NOW + 1))
    assert set(found.errors) == {"wrong", "no-value", "writes", "other", "half-a-character"}
    assert "no column 'value'" in found.errors["no-value"]
    assert found.observations["good"][0][0].breached


def test_a_query_that_is_slow_keeps_nobody_waiting(
    embedded_store: EmbeddedStore,
    evaluator: Evaluator,
    unique: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "SQL_S", 0.05)
    is_over, select = threading.Event(), evaluator._select

    def late(*asked: Any) -> Any:
        is_over.wait(60)
        return select(*asked)

    # However slow this machine is, they are slower.
    monkeypatch.setattr(evaluator, "_select", late)
    insert(embedded_store.owner, unique, [call(NOW)], unique)
    sql = {"kind": "sql", "condition": "> 0"}
    slow = [rule({"name": f"slow{i}", "query": "SELECT 1 AS value"} | sql) for i in (0, 1)]
    good = rule(
        {
            "name": "good",
            "kind": "threshold",
            "metric": "requests",
            "condition": "> 0",
            "project": unique,
        }
    )
    ticks = Ticks(NOW + 1)
    found = evaluator.evaluate([*slow, good], ticks)
    assert set(found.errors) == {"slow0", "slow1"}
    assert "takes longer" in found.errors["slow0"]
    assert found.observations["good"]
    # It is not asked again while it runs, and it is when it has ended.
    assert "slow1" in evaluator.evaluate(slow, ticks).errors
    monkeypatch.setattr(live, "SQL_S", 20.0)
    is_over.set()
    wait_until(lambda: not evaluator.evaluate(slow, ticks).errors, "they are quick enough")


def test_every_shipped_rule_and_playbook_can_be_asked(
    embedded_store: EmbeddedStore, evaluator: Evaluator
) -> None:
    rules = [each for each in read(["shipped"]).rules if each.kind != "collector"]
    found = evaluator.evaluate(rules, Ticks(NOW, 60, 3))
    assert found.errors == {}
    # Many rules are few queries.
    assert found.queries < len(rules) * 2
    for name in names([]):
        reader = embedded_store.reader(False)
        blocks = answered(text([], name), reader, {}, NOW - 3600, NOW)
        assert [each.error for each in blocks if each.error] == [], name
        assert any(each.sql for each in blocks), name
        assert not any("sql check" in each.text for each in blocks)


def test_personal_data_and_drift_that_were_found(
    embedded_store: EmbeddedStore, evaluator: Evaluator, unique: str
) -> None:
    def at(ago_s: float) -> datetime:
        return datetime.fromtimestamp(NOW - ago_s, UTC).replace(tzinfo=None)

    columns = ("project", "trace_id", "span_id", "service", "start_time", "entity", "field",
               "role", "count", "found_at", "retention_days")  # fmt: skip
    found = [
        (unique, letter * 32, "b" * 16, "shop", at(ago), entity, "input", "user", count, at(5), 30)
        for letter, entity, count, ago in (
            ("a", "CREDIT_CARD", 2, 60), ("b", "CREDIT_CARD", 1, 90), ("b", "EMAIL_ADDRESS", 1, 90),
            # A backfill has found it, in what came long ago.
            ("c", "CREDIT_CARD", 9, 3 * 86400),
        )
    ]  # fmt: skip
    embedded_store.owner.insert("pii_findings", columns, [list(each) for each in found])
    cards = {"metric": "pii_findings", "project": unique, "where": {"entity": "CREDIT_*"}}
    ticks = Ticks(NOW)
    assert values(evaluator, cards, ticks, group_by=["entity"]) == [{("CREDIT_CARD",): 3.0}]
    assert values(evaluator, cards, ticks, metric="pii_traces") == [{(): 2.0}]
    made = rule({"name": "x", "kind": "threshold", "condition": "> 0"} | cards)
    alert = Alert("f", "x", "error", {}, "firing", NOW, NOW, 3.0, 0.0, episode=1, project=unique)
    evidence = gather(embedded_store.owner, made, alert, NOW)
    assert [each["trace_id"][0] for each in evidence["traces"]] == ["a", "b"]

    columns = ("project", "window_start", "window_end", "metric", "service", "verdict", "effect",
               "finding_id", "updated_at")  # fmt: skip
    results = [
        (unique, at(7200), at(3600), metric, service, verdict, effect, finding, at(60))
        for metric, service, verdict, effect, finding in (
            ("output_tokens", "shop", "drift", 0.4, "one"), ("cost_usd", "shop", "drift", -0.7, "one"),
            ("error", "cart", "drift", 0.2, "two"), ("duration_s", "cart", "same", 0.9, ""),
        )
    ]  # fmt: skip
    embedded_store.owner.insert("drift_results", columns, [list(each) for each in results])
    drift = {"metric": "drift_findings", "project": unique, "group_by": ["service"]}
    one = {("shop",): 1.0, ("cart",): 1.0}
    assert values(evaluator, drift, ticks) == [one]
    assert values(evaluator, drift, ticks, metric="drift_effect") == [
        {("shop",): 0.7, ("cart",): 0.2}
    ]


RULES = """
rules:
  - {{name: errors, metric: errors, condition: "> 2", window: 60s, group_by: [service], project: {project}}}
channels:
  - {{name: hook, type: webhook, url: "{url}/hook", rate: 100}}
"""


class Installation:
    """Collectors that share a state database and a clock."""

    def __init__(self, store: EmbeddedStore, there: Receivers, folder: Path, project: str) -> None:
        self.now = NOW + 10
        self.path = folder / "alerts.yaml"
        self.path.write_text(RULES.format(project=project, url=there.url))
        self._store, self._folder = store, folder
        self.engines: list[Engine] = []
        self._databases: list[Database] = []

    def start(self) -> Engine:
        database = Database(f"sqlite:///{self._folder / 'state.sqlite3'}")
        self._databases.append(database)
        state = AlertState(database)
        outgoing = Outgoing(networks("127.0.0.1/32"))
        engine = Engine(
            Shelf([str(self.path)], state), state, Evaluator(self._store.server.endpoint),
            Courier(state, outgoing, self.clock), clock=self.clock, delay_s=0,
            announcer=Announcer(
                self._store.owner, state, PromptBook(database), "http://pages.example"
            ),
        )  # fmt: skip
        self.engines.append(engine)
        return engine

    def clock(self) -> float:
        return self.now

    def close(self) -> None:
        for engine in self.engines:
            engine.stop()
        for database in self._databases:
            database.close()


@pytest.fixture
def installation(
    embedded_store: EmbeddedStore, tmp_path: Path, unique: str
) -> Iterator[tuple[Installation, Receivers]]:
    with receivers() as there:
        made = Installation(embedded_store, there, tmp_path, unique)
        yield made, there
        made.close()


def test_two_collectors_send_one_message_and_one_goes_on_alone(
    installation: tuple[Installation, Receivers], embedded_store: EmbeddedStore, unique: str
) -> None:
    made, there = installation
    insert(
        embedded_store.owner, unique, [call(made.now - 1, failed=True) for _ in range(5)], unique
    )
    first, second = made.start(), made.start()
    for _ in range(3):
        first.tick()
        second.tick()
        made.now += 1
    wait_until(lambda: there.taken["/hook"], "the receiver hears")
    assert [r.json["event"] for r in there.taken["/hook"]] == ["firing"]
    wait_until(lambda: not first._state.waiting(), "it is known that it did")
    # The first one is gone without a word; what it knew is not lost, and nobody hears it twice.
    made.now += 20
    assert not second.tick()
    made.now += 60
    assert second.tick()
    wait_until(lambda: len(there.taken["/hook"]) == 2, "the receiver hears the end")
    assert [r.json["event"] for r in there.taken["/hook"]] == ["firing", "resolved"]


@pytest.mark.parametrize("moment", ["between two evaluations", "while it evaluates"])
def test_a_name_that_is_erased_does_not_come_back_from_memory(
    installation: tuple[Installation, Receivers],
    embedded_store: EmbeddedStore,
    unique: str,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    made, _ = installation
    user = f"ana-{unique}"
    made.path.write_text(made.path.read_text().replace("[service]", "[user]"))
    spans = [call(made.now - 1, failed=True, **{"user.id": user}) for _ in range(5)]
    insert(embedded_store.owner, unique, spans, unique)
    engine = made.start()
    state = engine._state
    silence = {
        "id": "s", "match": {"user": [user, "x"]}, "start": made.now + 800,
        "end": made.now + 900, "author": "", "comment": "", "project": "",
    }  # fmt: skip
    state.put("silence", "s", silence)
    scope = Scope(Selection(user_id=user), list)

    def erase() -> None:
        with state._database.transaction() as session:
            assert erase_alerts(session, scope) > 0

    if moment == "between two evaluations":
        engine.tick()
        assert user in json.dumps(state.alerts())
        erase()
    else:
        evaluate = engine._evaluator.evaluate

        def meanwhile(rules: Any, ticks: Ticks) -> Any:
            found = evaluate(rules, ticks)
            erase()
            return found

        monkeypatch.setattr(engine._evaluator, "evaluate", meanwhile)
        with pytest.raises(ErasedMeanwhile):
            engine.tick()
        monkeypatch.undo()
        engine._lease_until = 0.0
    # Its calls are gone, too, so it is over.
    embedded_store.owner.command(
        f"DELETE FROM {embedded_store.owner.database}.spans WHERE project = '{unique}'"
    )
    for _ in range(3):
        made.now += 30
        engine.tick()
    assert {each["state"] for each in state.alerts()} <= {"resolved"}
    assert user not in json.dumps([
        state.alerts(), state.documents("group"), state.documents("silence"), state.events(),
        state.messages(),
    ], default=str)  # fmt: skip


def test_an_acknowledgement_outlives_an_evaluation_that_fails(
    installation: tuple[Installation, Receivers],
    embedded_store: EmbeddedStore,
    unique: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = installation
    spans = [call(made.now - 1, failed=True) for _ in range(5)]
    insert(embedded_store.owner, unique, spans, unique)
    engine = made.start()
    engine.tick()
    (fired,) = engine._state.alerts()
    engine._state.put("ack", f"{fired['fingerprint']}-{fired['episode']}", {"by": "me"})

    def full(**_: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(engine._state, "save", full)
        with pytest.raises(OSError, match="disk full"):
            engine.tick()
    # As the loop does: what was kept counts.
    engine._lease_until = 0
    engine.tick()
    (taken,) = engine._state.alerts()
    assert (taken["state"], taken["acknowledged_by"]) == ("acknowledged", "me")
    assert engine._state.documents("ack") == {}


def test_missed_time_is_made_up_for_and_a_clock_set_back_counts_nothing_twice(
    installation: tuple[Installation, Receivers], embedded_store: EmbeddedStore, unique: str
) -> None:
    made, _ = installation
    text = made.path.read_text()
    made.path.write_text(text.replace("window: 60s", "window: 60s, for: 5m"))
    spans = [call(made.now + 30 * i, failed=True) for i in range(40) for _ in range(2)]
    insert(embedded_store.owner, unique, spans, unique)
    engine = made.start()
    made.now += 60
    engine.tick()
    state = [a["state"] for a in engine._state.alerts()]
    assert state == ["pending"]
    # Down for ten minutes in which it went on.
    made.now += 600
    engine.tick()
    (alert,) = engine._state.alerts()
    assert alert["state"] == "firing"
    events = [e["event"] for e in rows(embedded_store, unique)]
    assert events == ["pending", "firing"]
    made.now -= 100
    assert not engine.tick()
    made.now += 101
    assert engine.tick()
    assert [e["event"] for e in rows(embedded_store, unique)] == ["pending", "firing"]
    # Set back far: the old time is believed, and the alert goes on from there.
    made.now -= 400
    assert engine.tick()
    (alert,) = engine._state.alerts()
    assert alert["state"] == "firing"


CHANGES = """
channels:
  - name: pager
    type: pagerduty
    routing_key: {{file: {key}}}
    url: "{url}/pagerduty/enqueue"
    changes: {{project: {project}}}
    rate: 100
  - {{name: deaf, type: pagerduty, routing_key: {{file: {key}}}, url: "{url}/deaf/enqueue", changes: false}}
  - {{name: other, type: pagerduty, routing_key: {{file: {key}}}, url: "{url}/other/enqueue", changes: {{project: "!{project}*", change: label}}}}
"""


def test_what_changes_is_told_once_as_change_events(
    installation: tuple[Installation, Receivers], embedded_store: EmbeddedStore, unique: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    made, there = installation
    key = tmp_path / "pager.key"
    key.write_text("0123456789abcdef0123456789abcdef")
    made.path.write_text(CHANGES.format(project=unique, url=there.url, key=key))

    def arrives(at: float, model: str, prompt: str = "") -> None:
        about = {"gen_ai.prompt.name": prompt} if prompt else {}
        insert(embedded_store.owner, unique, [call(at, model, **about)], f"{unique}-{at}-{model}")

    def said() -> list[str]:
        sent = [r.json for r in there.taken["/pagerduty/change/enqueue"]]
        return sorted(each["payload"]["summary"] for each in sent)

    def turn(engine: Engine, seconds: float = 61) -> None:
        made.now += seconds
        engine.tick()
        wait_until(lambda: not engine._state.waiting(), "everything is sent")

    book = PromptBook(Database(f"sqlite:///{tmp_path / 'state.sqlite3'}"))
    for template in ("one", "two"):
        book.save(unique, "greeting", read_prompt({"template": template}))
    book.move(unique, "greeting", "production", 1)
    # When a label is moved is not for the test to say.
    made.now = time.time()
    first = made.start()
    # What a service begins with, and what was before anybody looked, is no change.
    arrives(made.now - 3600, "a")
    arrives(made.now - 60, "a")
    turn(first, 1)
    assert said() == []
    arrives(made.now, "b", "greeting")
    book.move(unique, "greeting", "production", 2)
    turn(first)
    told = ["Label production of prompt greeting moved to version 2 from version 1",
            "Model b in tests"]  # fmt: skip
    assert said() == told
    sent = {r.json["payload"]["summary"]: r.json for r in there.taken["/pagerduty/change/enqueue"]}
    details = sent["Model b in tests"]["payload"]["custom_details"]
    assert details == {"change": "model", "value": "b", "project": unique, "service": "tests"}
    assert sent["Model b in tests"]["links"][0]["href"].startswith("http://pages.example/traces?")
    moved = sent[told[0]]["payload"]["custom_details"]
    assert (moved["prompt"], moved["before"], moved["after"]) == ("greeting", "1", "2")
    # Told once: not by the next look, not after a restart, not by another collector.
    turn(first)
    second = made.start()
    made.now += 120
    arrives(made.now, "b")
    turn(second)
    assert said() == told
    # What changed while nobody looked, what came late, and what replaced it are told.
    made.now += 7200
    arrives(made.now - 3600, "c")
    arrives(made.now, "c")
    turn(made.start())
    arrives(made.now - 1800, "d")
    arrives(made.now, "d")
    turn(made.engines[-1])
    assert said() == sorted([*told, "Model c in tests", "Model d in tests"])
    # What is another one each time is no version.
    for i in range(25):
        arrives(made.now, f"random-{i}")
    turn(made.engines[-1])
    assert len(said()) == 4
    assert there.problems == []
    assert not there.got["/deaf/change/enqueue"]
    assert not there.got["/other/change/enqueue"]


def rows(store: EmbeddedStore, project: str) -> list[dict[str, Any]]:
    return store.owner.query(
        "SELECT event, labels FROM spanglass.alert_events FINAL WHERE project = {p:String} ORDER BY time",
        {"p": project},
    ).dicts()


def test_rules_change_while_it_runs_and_wrong_files_change_nothing(
    installation: tuple[Installation, Receivers], embedded_store: EmbeddedStore, unique: str
) -> None:
    made, there = installation
    insert(
        embedded_store.owner, unique, [call(made.now - 1, failed=True) for _ in range(5)], unique
    )
    engine = made.start()
    engine.tick()
    wait_until(lambda: there.taken["/hook"], "the receiver hears")
    good = made.path.read_text()
    made.path.write_text("rules: [")
    made.now += 1
    engine.tick()
    assert engine.shelf.problem
    assert len(engine.shelf.rules) == 1
    made.path.write_text(good.replace("name: errors", "name: renamed"))
    made.now += 1
    engine.tick()
    assert engine.shelf.problem == ""
    wait_until(lambda: len(there.taken["/hook"]) >= 3, "the old one ends, the new one begins")
    said = {(r.json["event"], r.json["group_labels"]["rule"]) for r in there.taken["/hook"]}
    assert said == {("firing", "errors"), ("resolved", "errors"), ("firing", "renamed")}
