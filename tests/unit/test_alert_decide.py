"""`decide`: a table of lives, and properties of all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass_alerts.alert import Alert, Observation
from spanglass_alerts.decide import Policy, acknowledge, decide
from spanglass_alerts.evaluate.needs import Measured, judge
from spanglass_alerts.rules.model import rule

#: One letter an evaluation, a minute apart: `!` breached, `.` well, `?` can't be told (too few),
#: ` ` the group is not there, `a` breached and somebody takes it.
POLICIES = {
    "at once": Policy("r"),
    "for 2m": Policy("r", for_s=120),
    "kept 2m": Policy("r", keep_s=120),
    "keep": Policy("r", no_data="keep"),
    "alert": Policy("r", no_data="alert"),
    "flaps": Policy("r", flap_count=3, flap_within_s=600, flap_quiet_s=180),
    "many": Policy("r", min_count=10),
}


def observation(letter: str) -> Observation | None:
    if letter == " ":
        return None
    if letter == "?":
        return Observation({}, 1.0, 0.5, True, 1)
    return Observation({}, 1.0 if letter in "!a" else 0.0, 0.5, letter in "!a", 100)


def live(letters: str, policy: Policy) -> tuple[str, list[str]]:
    """States, a letter each (`-` none, P, F, A, R), and events with their minute."""
    alert: Alert | None = None
    states, events = "", []
    for minute, letter in enumerate(letters):
        decision = decide(alert, observation(letter), policy, 60.0 * minute + 1)
        alert = decision.alert
        if decision.event:
            events.append(f"{decision.event} {minute}")
        if letter == "a" and alert is not None:
            decision = acknowledge(alert, "me", "", 60.0 * minute + 1)
            alert = decision.alert
            events += [f"{decision.event} {minute}"] if decision.event else []
        states += alert.state[0].upper() if alert else "-"
    return states, events


@pytest.mark.parametrize(
    ("policy", "letters", "states", "events"),
    [
        ("at once", ".!!.", "-FFR", ["firing 1", "resolved 3"]),
        ("at once", "!a!.", "FAAR", ["firing 0", "acknowledged 1", "resolved 3"]),
        ("at once", "! .", "FRR", ["firing 0", "resolved 1"]),
        ("at once", "!.!.", "FRFR", ["firing 0", "resolved 1", "firing 2", "resolved 3"]),
        ("for 2m", ".!!.!!!.", "-PP-PPFR", ["pending 1", "pending 4", "firing 6", "resolved 7"]),
        ("for 2m", "!! !!!", "PP-PPF", ["pending 0", "pending 3", "firing 5"]),
        ("kept 2m", "!..!...", "FFFFFFR", ["firing 0", "resolved 6"]),
        ("keep", "!  .", "FFFR", ["firing 0", "resolved 3"]),
        ("alert", "!  .", "FFFR", ["firing 0", "resolved 3"]),
        ("flaps", "!.!.!....", "FRFRFFFFR", ["firing 0", "resolved 1", "firing 2", "resolved 3", "firing 4", "resolved 8"]),
        ("many", "?!?", "-FR", ["firing 1", "resolved 2"]),
    ],
)  # fmt: skip
def test_lives(policy: str, letters: str, states: str, events: list[str]) -> None:
    assert live(letters, POLICIES[policy]) == (states, events)


def test_an_alert_that_comes_back_is_another_time_of_the_same() -> None:
    policy, seen = POLICIES["at once"], []
    alert = None
    for minute, letter in enumerate("!.!"):
        alert = decide(alert, observation(letter), policy, 60.0 * minute).alert
        assert alert is not None
        seen.append((alert.fingerprint, alert.id))
    assert seen[0] == seen[1]
    assert seen[2][0] == seen[0][0]
    assert seen[2][1] != seen[0][1]
    assert Alert.from_document(alert.document()) == alert


@given(st.text("!.? a", max_size=60), st.sampled_from(sorted(POLICIES)))
def test_nothing_fires_twice_and_no_resolve_is_lost(letters: str, name: str) -> None:
    policy = POLICIES[name]
    alert: Alert | None = None
    heard = "resolved"
    for minute, letter in enumerate(letters):
        before = alert
        decision = decide(alert, observation(letter), policy, 60.0 * minute + 1)
        alert = decision.alert
        if decision.event == "firing":
            assert heard != "firing"
            heard = "firing"
        elif decision.event == "resolved":
            assert heard == "firing"
            assert before is not None
            assert alert is not None
            assert alert.id == before.id
            heard = "resolved"
        if letter == "a" and alert is not None:
            alert = acknowledge(alert, "me", "", 60.0 * minute + 1).alert
        # Who heard that it fires sees it fire, and the other way round.
        assert (alert is not None and alert.is_active) == (heard == "firing")
        # A kept alert is the same after a restart.
        if alert is not None:
            assert Alert.from_document(alert.document()) == alert
    for quiet in range(1, 100):
        decision = decide(alert, observation("."), policy, 60.0 * (len(letters) + quiet))
        alert = decision.alert
        heard = "resolved" if decision.event == "resolved" else heard
    assert alert is None
    assert heard == "resolved"


def measured(**values: float | None) -> dict[str, Measured]:
    return {name: Measured(value, 100) for name, value in values.items()}


@pytest.mark.parametrize(
    ("body", "values", "breached"),
    [
        ({"kind": "ratio", "numerator": {"metric": "errors"}, "denominator": {"metric": "requests"}, "condition": "> 10%"}, {"numerator": 2, "denominator": 10}, True),
        ({"kind": "ratio", "numerator": {"metric": "errors"}, "denominator": {"metric": "requests"}, "condition": "> 10%"}, {"denominator": 10}, False),
        ({"kind": "ratio", "numerator": {"metric": "errors"}, "denominator": {"metric": "requests"}, "condition": "> 10%"}, {"numerator": 2}, None),
        # Sums are compared by their rate: 50 in 5 minutes is 600 an hour.
        ({"kind": "change", "metric": "requests", "condition": "< -20%"}, {"value": 50, "baseline": 600}, False),
        ({"kind": "change", "metric": "requests", "condition": "< -20%"}, {"value": 30, "baseline": 600}, True),
        ({"kind": "change", "metric": "latency_p95", "condition": "> 50%", "min_change": 2}, {"value": 3, "baseline": 1.5}, False),
        ({"kind": "anomaly", "metric": "requests"}, {"value": 300, "past1": 100, "past2": 110, "past3": 90}, True),
        ({"kind": "anomaly", "metric": "requests", "direction": "down"}, {"value": 300, "past1": 100, "past2": 110, "past3": 90}, False),
        ({"kind": "anomaly", "metric": "requests"}, {"value": 115, "past1": 100, "past2": 110, "past3": 90}, False),
        ({"kind": "anomaly", "metric": "requests"}, {"value": 300, "past1": 100}, None),
        ({"kind": "burn_rate", "objective": 0.99}, {"long0": 0.15, "short0": 0.15, "long1": 0.01, "short1": 0}, True),
        ({"kind": "burn_rate", "objective": 0.99}, {"long0": 0.15, "short0": 0.0, "long1": 0.05, "short1": 0}, False),
        ({"kind": "burn_rate", "objective": 0.99}, {"long0": 0.05, "short0": 0.0, "long1": 0.07, "short1": 0.07}, True),
        ({"kind": "budget", "limit": 100, "period": "day", "at": 0.8}, {"value": 81}, True),
        ({"kind": "budget", "limit": 100, "period": "day"}, {"value": 81}, False),
        # At noon: twice that much would be spent by midnight.
        ({"kind": "budget", "limit": 100, "period": "day", "forecast": True}, {"value": 51}, True),
        ({"kind": "no_data"}, {"before": 5}, True),
        ({"kind": "no_data"}, {"before": 5, "value": 1}, False),
        ({"kind": "no_data"}, {}, None),
    ],
)  # fmt: skip
def test_what_the_numbers_of_each_kind_mean(
    body: dict[str, object], values: dict[str, float], breached: bool | None
) -> None:
    noon = 1_768_435_200.0 - 1_768_435_200.0 % 86400 + 43200
    found = judge(rule({"name": "x"} | body), {}, measured(**values), noon)
    assert found.breached is breached
