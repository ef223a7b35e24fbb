"""Gathers alerts into incidents: which begin one, which join, and when it is over.

An alert that fires and is held back (silence, maintenance, inhibition) wakes nobody and begins
nothing. What joins an incident belongs to it until the alert ends.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from spanglass_alerts.alert import Alert
from spanglass_alerts.notify.words import cut, number, summary
from spanglass_alerts.register import Event, Register
from spanglass_alerts.rules.model import Rule
from spanglass_alerts.rules.routing import Gathering
from spanglass_alerts.rules.values import selects
from spanglass_store.state.incidents import Change, Entry, IncidentState

#: Incidents of a project that begin by themselves at a time; what is more is gathered into one.
MOST_OPEN: Final = 50
#: Entries of one kind that one evaluation makes of an incident; more are one line.
_MOST_LINES: Final = 5
MANY: Final = "many at once"
RANK: Final = {"critical": 0, "error": 1, "warning": 2, "info": 3}
_WORDS: Final = {"fired": "alerts fired", "well": "alerts are well again", "taken": "alerts taken"}


def key_of(project: str, labels: Mapping[str, str]) -> str:
    """The same for alerts that are one incident."""
    text = json.dumps([project, sorted(labels.items())], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def snapshot(alert: Alert) -> dict[str, Any]:
    """An alert as an incident keeps it."""
    return {
        "id": alert.id, "fingerprint": alert.fingerprint, "rule": alert.rule,
        "severity": alert.severity, "state": alert.state, "labels": dict(alert.labels),
        "summary": cut(summary(alert)), "value": alert.value, "threshold": alert.threshold,
        "count": alert.count, "since": alert.since, "fired_at": alert.fired_at,
        "resolved_at": alert.resolved_at, "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by, "note": alert.note, "no_data": alert.no_data,
        "playbook": alert.playbook, "evidence": dict(alert.evidence),
    }  # fmt: skip


class Gatherer:
    """Keeps incidents up with alerts. Not for several threads.

    Args:
        state: where incidents are kept.
    """

    def __init__(self, state: IncidentState) -> None:
        self._state = state
        self._is_quiet = False

    @property
    def is_busy(self) -> bool:
        """Whether an incident may be open, which has to end in its time."""
        return not self._is_quiet

    def gather(
        self,
        alerts: Register,
        events: Iterable[Event],
        held: Mapping[str, str],
        settings: Gathering | None,
        rules: Mapping[str, Rule],
        now: float,
    ) -> list[Change]:
        """What becomes of incidents; alerts that join one are marked with it.

        Args:
            alerts: all there are.
            events: what has just happened to them.
            held: alerts that nobody hears of, by fingerprint.
            settings: which alerts begin one; the defaults where None.
            rules: by name.
            now: seconds since 1970.
        """
        chosen = settings or Gathering.model_validate({})
        fresh = [
            alert for alert in alerts
            if alert.is_active and not alert.incident and alert.fingerprint not in held
        ] if chosen.enabled else []  # fmt: skip
        told = [(a, what) for a, what in events if a.incident and what != "firing"]
        if self._is_quiet and not fresh and not told:
            return []
        known = self._state.current(now - chosen.reopen)
        changes: dict[int, Change] = {}
        lines: dict[int, list[tuple[str, Alert]]] = {}
        incidents = {each["id"]: each for each in known}

        def change(of: int) -> Change:
            state = incidents.get(of, {}).get("state", "")
            return changes.setdefault(of, Change(of, expected=state))

        for alert in sorted(fresh, key=lambda a: (RANK.get(a.severity, 9), a.fired_at, a.id)):
            place = self._place(alert, incidents, chosen, rules.get(alert.rule), now)
            if place is None:
                continue
            joined = alert.with_(incident=place)
            alerts.put(joined)
            mine = change(place)
            mine.alerts[joined.id] = snapshot(joined)
            mine.joined += 1
            lines.setdefault(place, []).append(("fired", joined))
            _raise(incidents[place], mine, joined, now)
        for alert, what in told:
            mine = change(alert.incident)
            mine.alerts[alert.id] = snapshot(alert)
            lines.setdefault(alert.incident, []).append(
                ("well" if what == "resolved" else "taken", alert)
            )
        for number_, some in lines.items():
            changes[number_].entries += _entries(some, now)
        active: dict[int, list[Alert]] = {}
        for alert in alerts:
            if alert.is_active and alert.incident:
                active.setdefault(alert.incident, []).append(alert)
        for each in incidents.values():
            fields = _advanced(each, active.get(each["id"], []), chosen, now)
            if fields:
                mine = change(each["id"])
                mine.fields |= fields
                if fields.get("state") == "resolved":
                    mine.entries.append(Entry(now, "resolved", "All of its alerts are well."))
                elif fields.get("state") == "acknowledged":
                    by = fields["acknowledged_by"]
                    mine.entries.append(Entry(now, "acknowledged", "", by))
        self._is_quiet = not any(each["state"] != "resolved" for each in incidents.values())
        return list(changes.values())

    def keep(self, changes: Sequence[Change], session: Session) -> None:
        """Keeps what `gather` has made, within the transaction of the evaluation."""
        self._state.write(session, changes)

    def _place(
        self, alert: Alert, incidents: dict[int, dict[str, Any]], chosen: Gathering,
        rule: Rule | None, now: float,
    ) -> int | None:  # fmt: skip
        """The incident of an alert; None where it belongs to none."""
        labels = {name: alert.labels.get(name, "") for name in chosen.group_by}
        key = key_of(alert.project, labels)
        # The latest of its kind is the one that goes on.
        same = [each for each in incidents.values() if each["key"] == key]
        begins = selects(chosen.match, alert.labels)
        if same and (same[-1]["state"] != "resolved" or begins):
            return int(same[-1]["id"])
        if not begins:
            return None
        current = [
            each for each in incidents.values()
            if each["project"] == alert.project and each["state"] != "resolved"
        ]  # fmt: skip
        title = cut(summary(alert))
        if len(current) >= MOST_OPEN:
            labels, title = {}, f"More than {MOST_OPEN} incidents at once"
            key = key_of(alert.project, {"": MANY})
        number_ = self._state.open(
            alert.project, key, labels, title, alert.severity, rule.owner if rule else "", now
        )
        incidents.setdefault(number_, {
            "id": number_, "project": alert.project, "key": key, "state": "open",
            "severity": alert.severity, "well_since": 0.0, "opened_by": "", "alerts": 0,
        })  # fmt: skip
        return number_


def _raise(incident: dict[str, Any], change: Change, alert: Alert, now: float) -> None:
    """What an alert that joins does to its incident."""
    if incident["state"] == "resolved":
        change.fields |= {"state": "open", "resolved_at": 0.0, "resolved_by": "",
                          "acknowledged_at": 0.0, "acknowledged_by": ""}  # fmt: skip
        change.entries.append(Entry(now, "reopened", "It fires again."))
        incident["state"] = "open"
    if RANK.get(alert.severity, 9) < RANK.get(incident["severity"], 9):
        incident["severity"] = change.fields["severity"] = alert.severity


def _advanced(
    incident: Mapping[str, Any], active: Sequence[Alert], chosen: Gathering, now: float
) -> dict[str, Any]:
    """Columns that change because of how its alerts are."""
    if incident["state"] == "resolved":
        return {}
    if active:
        fields: dict[str, Any] = {"well_since": 0.0} if incident["well_since"] else {}
        if incident["state"] == "open" and all(a.state == "acknowledged" for a in active):
            last = max(active, key=lambda a: a.acknowledged_at)
            fields |= {
                "state": "acknowledged", "acknowledged_at": now,
                "acknowledged_by": last.acknowledged_by,
            }  # fmt: skip
        return fields
    # What people have opened without an alert, people resolve.
    if incident.get("opened_by") and not incident.get("alerts"):
        return {}
    if not incident["well_since"]:
        return {"well_since": now}
    if now - incident["well_since"] < chosen.settle:
        return {}
    return {"state": "resolved", "resolved_at": now, "resolved_by": "", "well_since": 0.0}


def _entries(lines: Sequence[tuple[str, Alert]], now: float) -> list[Entry]:
    """Lines of a timeline; many of one kind are one."""
    entries = []
    for kind in ("fired", "taken", "well"):
        some = [alert for what, alert in lines if what == kind]
        if len(some) > _MOST_LINES:
            rules = Counter(alert.rule for alert in some).most_common(_MOST_LINES)
            of = ", ".join(f"{rule} {count:,}" for rule, count in rules)
            entries.append(Entry(now, kind, f"{len(some):,} {_WORDS[kind]}: {of}"))
            continue
        for alert in some:
            text = cut(summary(alert))
            if kind == "taken":
                text = cut(f"{alert.rule}: {alert.note}" if alert.note else alert.rule)
            elif kind == "well":
                text = f"{alert.rule} is well again, at {number(alert.value)}."
            at = alert.fired_at if kind == "fired" else now
            entries.append(Entry(at, kind, text, alert.acknowledged_by if kind == "taken" else ""))
    return entries
