"""Incidents: which alerts begin one and which join, when it is over, and what is written of it."""

import re
from pathlib import Path
from typing import Any

import pytest

from spanglass_alerts.alert import Alert, fingerprint
from spanglass_alerts.incidents.gather import MOST_OPEN, Gatherer
from spanglass_alerts.incidents.office import IncidentOffice
from spanglass_alerts.register import Event, Register
from spanglass_alerts.rules.routing import Gathering
from spanglass_store.erasure.holders import HOLDERS, Scope
from spanglass_store.erasure.selection import Selection
from spanglass_store.errors import QueryRefused, Unknown
from spanglass_store.state import incidents
from spanglass_store.state.alerts import AlertState
from spanglass_store.state.database import Database
from spanglass_store.state.incidents import MOST_ALERTS


class World:
    """Alerts and incidents over a real state database, with a clock of its own."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.now = 1_000_000.0
        self.database = Database(f"sqlite:///{path / 'state.db'}")
        self.state = AlertState(self.database)
        self.alerts = Register()
        self.gatherer = Gatherer(self.state.incidents)
        self.office = IncidentOffice(self.state, "http://pages", lambda: self.now)
        self.settings = Gathering.model_validate(settings)
        self.held: dict[str, str] = {}

    def alert(self, rule: str = "r", severity: str = "critical", **labels: str) -> Alert:
        return Alert(
            fingerprint(rule, labels), rule, severity, labels | {"rule": rule, "severity": severity},
            "firing", self.now, self.now, 3.0, 1.0, 5, episode=1, fired_at=self.now,
        )  # fmt: skip

    def fire(self, *alerts: Alert) -> None:
        self.alerts.begin()
        for each in alerts:
            self.alerts.put(each)
        self._keep([(each, "firing") for each in alerts])

    def become(self, state: Any, *alerts: Alert, **more: Any) -> None:
        """Alerts are acknowledged or resolved."""
        self.alerts.begin()
        events: list[Event] = []
        for each in alerts:
            known = self.alerts.get(each.fingerprint)
            assert known is not None
            changed = known.with_(state=state, **more)
            self.alerts.put(changed)
            events.append((changed, state))
        self._keep(events)

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.alerts.begin()
        self._keep([])

    def _keep(self, events: list[Event]) -> None:
        changes = self.gatherer.gather(self.alerts, events, self.held, self.settings, {}, self.now)
        self.state.save(
            alerts=[a.document() for a in self.alerts.changed()],
            also=lambda session: self.gatherer.keep(changes, session),
        )

    def incidents(self) -> list[dict[str, Any]]:
        return self.office.incidents(None, limit=200)[::-1]

    def kinds(self, number: int = 1) -> list[str]:
        return [each["kind"] for each in self.office.incident(None, number)["entries"]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_alerts_of_one_service_are_one_incident_until_all_is_well(world: World) -> None:
    errors, slow = (
        world.alert("errors", service="shop"),
        world.alert("slow", "warning", service="shop"),
    )
    world.fire(errors)
    world.fire(slow)
    world.fire(world.alert("errors", service="cart"))
    shop, cart = world.incidents()
    assert (shop["state"], shop["alerts"], shop["labels"]["service"]) == ("open", 2, "shop")
    assert (cart["alerts"], cart["severity"]) == (1, "critical")
    world.become("resolved", errors, resolved_at=world.now)
    world.tick(400)
    assert world.incidents()[0]["state"] == "open"
    world.become("resolved", slow, resolved_at=world.now)
    world.tick(200)
    assert world.incidents()[0]["state"] == "open"
    world.tick(200)
    assert world.incidents()[0]["state"] == "resolved"
    assert world.kinds() == ["opened", "fired", "fired", "well", "well", "resolved"]
    gathered = world.office.incident(None, 1)["gathered"]
    assert [each["state"] for each in gathered] == ["resolved", "resolved"]


@pytest.mark.parametrize(
    ("severity", "held", "begins"),
    [("critical", False, True), ("warning", False, False), ("critical", True, False)],
)
def test_what_begins_an_incident(world: World, severity: str, held: bool, begins: bool) -> None:
    alert = world.alert("r", severity, service="shop")
    world.held = {alert.fingerprint: "silenced"} if held else {}
    world.fire(alert)
    assert bool(world.incidents()) is begins
    # A silence that ends while it still fires leaves it as it is: wrong.
    world.held = {}
    world.tick(10)
    assert bool(world.incidents()) is (severity == "critical")


@pytest.mark.parametrize(("later", "same"), [(600, True), (4000, False)])
def test_what_comes_back_soon_is_the_same_incident(world: World, later: float, same: bool) -> None:
    first = world.alert(service="shop")
    world.fire(first)
    world.become("resolved", first, resolved_at=world.now)
    world.tick(1)
    world.tick(400)
    world.now += later
    world.fire(world.alert(service="shop").with_(episode=2))
    found = world.incidents()
    assert [each["state"] for each in found] == (["open"] if same else ["resolved", "open"])
    assert ("reopened" in world.kinds()) is same


def test_who_takes_an_incident_takes_its_alerts_and_the_other_way(world: World) -> None:
    first, second = world.alert("a", service="shop"), world.alert("b", service="shop")
    world.fire(first, second)
    world.office.acknowledge(None, 1, "ada", "on it")
    said = world.state.documents("ack")
    assert set(said) == {first.id, second.id}
    assert said[first.id]["by"] == "ada"
    (incident,) = world.incidents()
    assert (incident["state"], incident["owner"]) == ("acknowledged", "ada")
    # The other way: an incident is taken when all of its alerts are.
    cart = world.alert("a", service="cart"), world.alert("b", service="cart")
    world.fire(*cart)
    world.become("acknowledged", cart[0], acknowledged_by="bob", acknowledged_at=world.now)
    assert world.incidents()[1]["state"] == "open"
    world.become("acknowledged", cart[1], acknowledged_by="bob", acknowledged_at=world.now)
    assert world.incidents()[1]["acknowledged_by"] == "bob"


def test_by_hand_and_what_is_refused(world: World) -> None:
    warned = world.alert("slow", "warning", service="shop")
    world.fire(warned)
    made = world.office.open(None, "", "Wrong language", "info", "ada", [warned.id])
    assert (made["severity"], made["alerts"], made["owner"]) == ("warning", 1, "ada")
    with pytest.raises(QueryRefused, match="in incident 1 already"):
        world.office.open(None, "", "Twice", "info", "bob", [warned.id])
    world.alerts.join(world.state.documents("join"))
    world.become("resolved", warned, resolved_at=world.now)
    world.tick(1)
    world.tick(400)
    assert world.incidents()[0]["state"] == "resolved"
    # One without alerts waits for people.
    world.office.open(None, "", "Odd", "info", "ada")
    world.tick(90_000)
    assert world.incidents()[1]["state"] == "open"
    world.office.note(None, 1, "bob", "We knew too late.")
    with pytest.raises(QueryRefused, match="resolved"):
        world.office.resolve(None, 1, "ada")
    with pytest.raises(QueryRefused, match="resolved"):
        world.office.acknowledge(None, 1, "ada")
    with pytest.raises(Unknown, match="no alert"):
        world.office.add(None, 2, ["0123-1"], "ada")
    with pytest.raises(Unknown, match="no such incident"):
        world.office.note(["other"], 1, "eve", "Let me in.")
    world.office.change(None, 2, "ada", {"owner": "bob", "title": "Odd"})
    assert world.kinds(2) == ["opened", "owner"]


def test_a_project_sees_its_own_alone(world: World) -> None:
    world.fire(world.alert(service="shop").with_(project="mine"))
    assert world.incidents()[0]["project"] == "mine"
    assert world.office.incidents(["other"]) == []
    with pytest.raises(Unknown):
        world.office.postmortem(["other"], 1)
    # One that is opened of an alert is of the alert's project.
    other = world.alert("slow", "warning", service="cart").with_(project="mine")
    world.fire(other)
    assert world.office.open(None, "", "Slow", "info", "ada", [other.id])["project"] == "mine"
    third = world.alert("late", "warning", service="bank").with_(project="mine")
    world.fire(third)
    with pytest.raises(QueryRefused, match="another project"):
        world.office.open(None, "theirs", "Late", "info", "ada", [third.id])


def test_a_flood_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "MOST_ENTRIES", 6)
    world.settings = Gathering.model_validate({"group_by": []})
    flood = [world.alert("r", pod=str(n)) for n in range(400)]
    world.fire(*flood)
    found = world.office.incident(None, 1)
    assert (found["alerts"], len(found["gathered"])) == (400, MOST_ALERTS)
    assert found["entries"][-1]["text"] == "400 alerts fired: r 400"
    for _ in range(8):
        world.become("acknowledged", flood[0], acknowledged_by="ada")
    assert len(world.kinds()) == 6
    # What people write is kept all the same.
    world.office.note(None, 1, "ada", "Still here.")
    assert world.kinds().count("note") == 1


def test_many_services_at_once_are_not_many_incidents(world: World) -> None:
    world.fire(*(world.alert(service=str(n)) for n in range(300)))
    found = world.incidents()
    assert len(found) == MOST_OPEN + 1
    assert (found[-1]["alerts"], found[-1]["title"]) == (
        300 - MOST_OPEN, f"More than {MOST_OPEN} incidents at once"
    )  # fmt: skip


def test_notes_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "MOST_NOTES", 3)
    world.office.open(None, "", "Odd", "info", "ada")
    for _ in range(3):
        world.office.note(None, 1, "ada", "x")
    with pytest.raises(QueryRefused, match="Export it"):
        world.office.note(None, 1, "ada", "x")


def test_a_post_mortem_is_filled_in_and_nothing_in_it_is_obeyed(world: World) -> None:
    evil = "<img src=x>](http://evil) | # h\n## Big *bold*"
    alert = world.alert("errors", service=evil).with_(
        evidence={
            "explained": [{"dimension": "model", "value": evil, "share": 0.9, "usual": 0.2}],
            "traces": [{"trace_id": "a" * 32}],
            "changes": [{"what": "release", "value": "v2", "at": world.now - 60}],
        }
    )
    world.fire(alert)
    world.now += 300
    world.office.acknowledge(None, 1, "ada")
    world.office.note(None, 1, "bob", evil)
    world.now += 600
    world.office.resolve(None, 1, "ada", "Took it back")
    text = world.office.postmortem(None, 1)
    assert "| Taken | 1970-01-12 13:51:40 by ada, after 5 min |" in text
    assert "| Resolved | 1970-01-12 14:01:40 by ada, after 15 min |" in text
    assert "release v2 is new since" in text
    assert f"[aaaaaaaa](http://pages/traces/{'a' * 32})" in text
    assert "ada: Took it back" in text
    # Headings are ours alone, and neither HTML nor a link can come from a name.
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert [line.partition(":")[0] for line in headings] == [
        "# Post-mortem of incident 1", "## Summary", "## Impact", "## Timeline",
        "## What stood out", "## Causes", "## What went well, what did not", "## Actions",
    ]  # fmt: skip
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\]\(http://evil", text)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") in (3, 4, 8) for line in tables)


def test_a_user_who_is_erased_is_in_no_incident(world: World) -> None:
    world.fire(world.alert(user="u-1", service="shop"), world.alert(user="u-10", service="shop"))
    world.office.note(None, 1, "ann", "u-1 called, not u-10")
    scope = Scope(Selection(user_id="u-1"), list)
    for holder in ("alerts (state)", "incidents (state)"):
        with world.database.transaction() as session:
            assert HOLDERS[holder](session, scope) >= 1
        with world.database.transaction() as session:
            assert HOLDERS[holder](session, scope) == 0
    shown = world.office.incident(None, 1)
    assert {each["labels"]["user"] for each in shown["gathered"]} == {"erased", "u-10"}
    assert [each["text"] for each in shown["entries"] if each["kind"] == "note"] == [
        "erased called, not u-10"
    ]
