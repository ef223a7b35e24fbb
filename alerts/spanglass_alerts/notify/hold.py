"""Whether anybody is to hear of an alert now: silences, maintenance, inhibition."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spanglass_alerts.alert import Alert
from spanglass_alerts.rules.routing import Inhibition, Maintenance
from spanglass_alerts.rules.values import selects


@dataclass(frozen=True)
class Silence:
    """Somebody wants to hear nothing of some alerts for a while. Times are seconds since 1970."""

    id: str
    match: Mapping[str, str | list[str]]
    start: float
    end: float
    author: str = ""
    comment: str = ""
    project: str = ""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Silence":
        return cls(**{k: v for k, v in document.items() if k in cls.__dataclass_fields__})

    def holds(self, alert: Alert, now: float) -> bool:
        of_project = not self.project or alert.project == self.project
        return of_project and self.start <= now < self.end and selects(self.match, alert.labels)


def held(
    alerts: Sequence[Alert],
    silences: Iterable[Silence],
    maintenance: Iterable[Maintenance],
    inhibitions: Iterable[Inhibition],
    now: float,
) -> dict[str, str]:
    """Alerts of which nobody is to hear now, with the reason, by fingerprint.

    Args:
        alerts: those that fire.
        now: seconds since 1970.
    """
    moment = datetime.fromtimestamp(now, UTC)
    current = [each for each in silences if each.start <= now < each.end]
    under_way = [each for each in maintenance if each.holds(moment)]
    found: dict[str, str] = {}
    for alert in alerts:
        for silence in current:
            if silence.holds(alert, now):
                found[alert.fingerprint] = f"silenced by {silence.author or 'somebody'}"
                break
        else:
            for window in under_way:
                if selects(window.match, alert.labels):
                    found[alert.fingerprint] = f"maintenance: {window.name}"
                    break
    for rule in inhibitions:
        # By the labels that have to be the same: comparing each with each takes minutes of many.
        sources: dict[tuple[str, ...], set[str]] = {}
        for alert in alerts:
            if selects(rule.source, alert.labels):
                sources.setdefault(_equal(rule, alert), set()).add(alert.fingerprint)
        for alert in alerts if sources else ():
            if alert.fingerprint in found or not selects(rule.target, alert.labels):
                continue
            others = sources.get(_equal(rule, alert), set()) - {alert.fingerprint}
            # What could inhibit itself does not: two of one kind would silence each other.
            if others and not selects(rule.source, alert.labels):
                found[alert.fingerprint] = "inhibited by another alert"
    return found


def _equal(rule: Inhibition, alert: Alert) -> tuple[str, ...]:
    return tuple(alert.labels.get(name, "") for name in rule.equal)
