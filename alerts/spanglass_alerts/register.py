"""All alerts of an installation, in memory, and what observations and people make of them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from spanglass_alerts.alert import Alert, Observation, fingerprint
from spanglass_alerts.decide import Decision, Policy, acknowledge, decide

#: Something that happened to an alert: the alert as it is then, and what.
Event = tuple[Alert, str]


class Register:
    """Alerts by fingerprint. Not for several threads.

    Args:
        alerts: those that there are.
    """

    def __init__(self, alerts: Iterable[Alert] = ()) -> None:
        self._alerts = {alert.fingerprint: alert for alert in alerts}
        self._by_rule: dict[str, set[str]] = {}
        self._before: dict[str, Alert] = {}
        self.begin()

    def __len__(self) -> int:
        return len(self._alerts)

    def __iter__(self) -> Iterator[Alert]:
        return iter(self._alerts.values())

    def get(self, key: str) -> Alert | None:
        return self._alerts.get(key)

    def put(self, alert: Alert) -> None:
        self._alerts[alert.fingerprint] = alert
        self._by_rule.setdefault(alert.rule, set()).add(alert.fingerprint)

    # -- one evaluation ------------------------------------------------------------------------

    def begin(self) -> None:
        """From here on changes are counted."""
        self._before = dict(self._alerts)
        self._by_rule = {}
        for key, alert in self._alerts.items():
            self._by_rule.setdefault(alert.rule, set()).add(key)

    def changed(self) -> list[Alert]:
        """Those that have to be kept anew."""
        return [a for key, a in self._alerts.items() if _differs(self._before.get(key), a)]

    def gone(self) -> list[str]:
        """Fingerprints of those that are no more."""
        return [key for key in self._before if key not in self._alerts]

    # -- what changes them ---------------------------------------------------------------------

    def observe(
        self, policy: Policy, observations: Iterable[Observation], now: float
    ) -> list[Event]:
        """What an evaluation of a rule found, of all its groups."""
        events: list[Event] = []
        left = {key for key in self._by_rule.get(policy.rule, ()) if key in self._alerts}
        for observed in observations:
            # The fingerprint is of the group; asking for it costs less than making an alert.
            if not observed.breached and not left and observed.breached is not None:
                continue
            key = fingerprint(policy.rule, observed.labels)
            left.discard(key)
            events += self._set(key, decide(self._alerts.get(key), observed, policy, now))
        for key in left:
            events += self._set(key, decide(self._alerts[key], None, policy, now))
        return events

    def _set(self, key: str, decision: Decision) -> list[Event]:
        if decision.alert is None:
            self._alerts.pop(key, None)
            return []
        self.put(decision.alert)
        return [(decision.alert, decision.event)] if decision.event else []

    def acknowledge(self, said: Mapping[str, Mapping[str, Any]], now: float) -> list[Event]:
        """What people have said of alerts, by id."""
        events: list[Event] = []
        for alert_id, each in said.items():
            alert = self._alerts.get(alert_id.rpartition("-")[0])
            if alert is not None and alert.id == alert_id:
                decision = acknowledge(alert, each.get("by", ""), each.get("note", ""), now)
                events += self._set(alert.fingerprint, decision) if decision.event else []
        return events

    def join(self, said: Mapping[str, Mapping[str, Any]]) -> None:
        """Marks alerts that people have put into an incident, by id."""
        for alert_id, each in said.items():
            alert = self._alerts.get(alert_id.rpartition("-")[0])
            if alert is not None and alert.id == alert_id:
                self.put(alert.with_(incident=int(each["incident"])))

    def forget_rules(self, names: Collection[str], now: float) -> list[Event]:
        """Ends what belongs to rules that are no more; `names` are those that there are."""
        events: list[Event] = []
        for key, alert in list(self._alerts.items()):
            if alert.rule not in names:
                if alert.is_active:
                    events.append((alert.with_(state="resolved", resolved_at=now), "resolved"))
                del self._alerts[key]
        return events

    def turn_back(self, now: float) -> None:
        """The clock was set back: nothing has happened later than now."""
        self._alerts = {
            key: alert.with_(
                since=min(alert.since, now), well_since=min(alert.well_since, now),
                fired_at=min(alert.fired_at, now), resolved_at=min(alert.resolved_at, now),
                fired=tuple(min(at, now) for at in alert.fired), seen_at=min(alert.seen_at, now),
            )
            for key, alert in self._alerts.items()
        }  # fmt: skip


def _differs(before: Alert | None, after: Alert) -> bool:
    """Whether an alert has to be kept anew; that it was seen again is no reason."""
    if before is None:
        return True
    unimportant: dict[str, Any] = {"seen_at": 0.0, "value": None, "count": 0.0, "detail": {}}
    return before.with_(**unimportant) != after.with_(**unimportant)
