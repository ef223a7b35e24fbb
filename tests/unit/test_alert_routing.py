"""Grouping, holding back, repeating and escalating: a clock that is handed in, and properties."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass_alerts.alert import Alert
from spanglass_alerts.notify.hold import Silence, held
from spanglass_alerts.notify.plan import Message, Thread
from spanglass_alerts.notify.threads import RECEIVER_FAILS, advance
from spanglass_alerts.notify.words import MOST_SHOWN, document, summary
from spanglass_alerts.rules.routing import Inhibition, Route


def alert(name: str = "r", at: float = 0.0, state: str = "firing", **labels: str) -> Alert:
    about = {"rule": name, "severity": "critical"} | labels
    key = f"{name}{sorted(labels.items())}"
    return Alert(key, name, "critical", about, state, at, at, fired_at=at, episode=1)  # type: ignore[arg-type]


def route(**fields: Any) -> Route:
    return Route.model_validate({"channels": ["a"]} | fields)


class Told:
    """Channels that hear, over time."""

    def __init__(self, *routes: Route, channels: Sequence[str] = ("a", "b")) -> None:
        self.threads: dict[str, Thread] = {}
        self.routes = routes
        self.channels = channels

    def at(self, now: float, *alerts: Alert, quiet: dict[str, str] | None = None) -> list[Message]:
        changed, messages = advance(
            self.threads, alerts, quiet or {}, self.routes, self.channels, now
        )
        for key, thread in changed.items():
            if thread is None:
                del self.threads[key]
            else:
                self.threads[key] = Thread.from_document(thread.document())
        return messages

    def said(self, now: float, *alerts: Alert, **more: Any) -> list[str]:
        return sorted(
            f"{m.thread.channel} {m.event} {m.reason}" for m in self.at(now, *alerts, **more)
        )


def test_one_message_for_a_group_and_one_when_it_is_over() -> None:
    told = Told(route())
    many = [alert(model=f"m{i}") for i in range(3)]
    (first,) = told.at(0, *many)
    assert len(first.active) == 3
    assert told.at(10, *many) == []
    assert told.said(20) == ["a resolved resolved"]
    assert told.threads == {}
    assert told.at(30) == []


def test_groups_are_by_label() -> None:
    told = Told(route(group_by=["team"]))
    assert (
        len(told.at(0, alert(team="x", model="1"), alert(team="x", model="2"), alert(team="y")))
        == 2
    )


def test_a_new_alert_of_a_group_waits_for_the_interval() -> None:
    told = Told(route(group_interval="1m"))
    one, two = alert(model="1"), alert(model="2")
    assert told.said(0, one) == ["a firing new"]
    assert told.said(30, one, two) == []
    assert told.said(60, one, two) == ["a firing more"]


def test_a_new_group_can_wait_for_more() -> None:
    told = Told(route(group_wait="30s"))
    assert told.said(0, alert(model="1")) == []
    (message,) = told.at(30, alert(model="1"), alert(model="2"))
    assert len(message.active) == 2
    # What ended within the wait was never said, and is not taken back.
    told = Told(route(group_wait="30s"))
    assert told.said(0, alert()) == []
    assert told.said(10) == []


def test_told_again_until_somebody_takes_it() -> None:
    told = Told(route(repeat="1h"))
    one, taken = alert(), alert(state="acknowledged")
    assert told.said(0, one) == ["a firing new"]
    assert told.said(3599, one) == []
    assert told.said(3600, one) == ["a firing repeat"]
    assert told.said(3700, taken) == ["a acknowledged acknowledged"]
    assert told.said(9000, taken) == []
    assert told.said(9100) == ["a resolved resolved"]


def test_escalation_by_time() -> None:
    told = Told(route(escalate=[{"after": "15m", "channels": ["b"]}], repeat="0s"))
    one = alert()
    assert told.said(0, one) == ["a firing new"]
    assert told.said(899, one) == []
    assert told.said(900, one) == ["b firing new"]
    assert told.said(1000) == ["a resolved resolved", "b resolved resolved"]
    # Who takes it in time keeps it from the next step.
    assert told.said(2000, alert(at=2000)) == ["a firing new"]
    assert told.said(2100, alert(at=2000, state="acknowledged")) == ["a acknowledged acknowledged"]
    assert told.said(9000, alert(at=2000, state="acknowledged")) == []


def test_routes_by_label() -> None:
    told = Told(route(match={"team": "x"}), route(channels=["b"]))
    assert told.said(0, alert(team="x")) == ["a firing new"]
    assert told.said(1, alert(team="y")) == ["a resolved resolved", "b firing new"]
    both = Told(route(match={"team": "x"}, **{"continue": True}), route(channels=["b"]))
    assert both.said(0, alert(team="x")) == ["a firing new", "b firing new"]
    nobody = Told()
    assert nobody.said(0, alert()) == ["a firing new", "b firing new"]


def test_of_a_dead_receiver_the_others_hear() -> None:
    told = Told(route())
    assert told.said(0, alert(RECEIVER_FAILS, channel="a")) == ["b firing new"]


def test_silences_hold_what_is_new_and_not_its_end() -> None:
    told = Told(route())
    one = alert(service="shop")
    silence = Silence("1", {"service": "shop"}, 0, 100, "me")
    quiet = held([one], [silence], [], [], 50)
    assert quiet == {one.fingerprint: "silenced by me"}
    assert told.said(50, one, quiet=quiet) == []
    assert held([one], [silence], [], [], 100) == {}
    assert told.said(100, one) == ["a firing new"]
    # Silenced later: nothing more is said of it but that it is over.
    assert told.said(20000, one, quiet=quiet) == []
    assert told.said(20010) == ["a resolved resolved"]
    assert held([one], [Silence("1", {"service": "other"}, 0, 100)], [], [], 50) == {}


def test_inhibition() -> None:
    rule = Inhibition(source={"rule": "down"}, target={"rule": "slow"}, equal=["service"])
    down, slow, other = (
        alert("down", service="x"),
        alert("slow", service="x"),
        alert("slow", service="y"),
    )
    assert set(held([down, slow, other], [], [], [rule], 0)) == {slow.fingerprint}
    same = Inhibition(source={"severity": "critical"}, target={"severity": "critical"})
    assert held([down, slow], [], [], [same], 0) == {}


def test_ten_thousand_alerts_are_one_message_of_bounded_size() -> None:
    told = Told(route())
    many = [alert(model=f"m{i}") for i in range(10_000)]
    (message,) = told.at(0, *many)
    shown = document(message, "http://host")
    assert (shown["firing"], len(shown["alerts"])) == (10_000, MOST_SHOWN)
    assert shown["title"].endswith("and 9,999 more")


@given(
    st.lists(
        st.dictionaries(st.sampled_from("xyz"), st.sampled_from("FAS"), max_size=3), max_size=25
    ),
    st.sampled_from(["0s", "30s", "2m"]),
)
def test_whoever_heard_that_it_fires_hears_that_it_ends(
    steps: list[dict[str, str]], interval: str
) -> None:
    told = Told(route(group_interval=interval, group_wait=interval, repeat="5m"))
    last: dict[str, str] = {}
    for i, step in enumerate([*steps, {}]):
        alerts = [
            alert(model=m, state="acknowledged" if s == "A" else "firing") for m, s in step.items()
        ]
        quiet = {alert(model=m).fingerprint: "silence" for m, s in step.items() if s == "S"}
        for message in told.at(60.0 * i, *alerts, quiet=quiet):
            key = message.thread.key
            if message.event == "resolved":
                assert last.get(key) in ("firing", "acknowledged")
            new = {a.id for a in message.active} & set(quiet)
            assert not new or last.get(key)
            last[key] = message.event
    assert set(last.values()) <= {"resolved"}
    assert told.threads == {}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{value} of {service}", "0.052 of shop"),
        ("{value%} over {threshold%}", "5.2 % over 5 %"),
        ("{usual%}, {usual}, {nothing}, {service%}", "1 %, 0.01, {nothing}, {service%}"),
    ],
)
def test_a_summary_is_filled_in(template: str, said: str) -> None:
    about = alert(service="shop").with_(
        summary=template, value=0.052, threshold=0.05, detail={"usual": 0.01}
    )
    assert summary(about) == said


def test_ten_thousand_groups_at_once_are_one_message_and_end_together() -> None:
    routes = [route(channels=["a", "b"], group_by=["pod"], group_interval="0s", repeat="0s")]
    flood = [alert(pod=str(n)) for n in range(10_000)]
    threads: dict[str, Thread] = {}

    def step(active: list[Alert], now: float) -> list[Message]:
        changed, messages = advance(threads, active, {}, routes, ["a", "b"], now)
        for key, thread in changed.items():
            if thread is None:
                threads.pop(key)
            else:
                threads[key] = thread
        return messages

    told = step(flood, 0)
    assert sorted(m.thread.channel for m in told) == ["a", "b"]
    assert {len(m.active) for m in told} == {10_000}
    assert len(threads) == 2
    # The few that are left stay where they were told, and nothing is told twice.
    left = step(flood[:3], 60)
    assert {(m.event, len(m.resolved)) for m in left} == {("firing", 9_997)}
    assert step(flood[:3], 120) == []
    # What begins alone meanwhile is told alone.
    alone = step([*flood[:3], alert(pod="late")], 180)
    assert {len(m.active) for m in alone} == {1}
    over = step([], 240)
    assert {m.event for m in over} == {"resolved"}
    assert sum(len(m.resolved) for m in over) == 8
    assert threads == {}
