"""What people do about incidents: look, take, write down, resolve, export."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from spanglass_alerts.alert import Alert
from spanglass_alerts.incidents.gather import RANK, key_of, snapshot
from spanglass_alerts.incidents.postmortem import postmortem
from spanglass_store.errors import QueryRefused, Unknown
from spanglass_store.state.alerts import AlertState
from spanglass_store.state.incidents import Change, Entry

#: Messages are looked for so long after the end of an incident, in seconds.
_AFTER_S: Final = 3600.0
_Projects = Sequence[str] | None


class IncidentOffice:
    """Incidents, for whoever asks.

    Args:
        state: what is kept of alerts.
        base: address of the pages, for links; may be empty.
        clock: seconds since 1970.
    """

    def __init__(
        self, state: AlertState, base: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self._state = state
        self._incidents = state.incidents
        self._base = base
        self._clock = clock

    # -- looking -----------------------------------------------------------------------------

    def incidents(
        self, projects: _Projects, state: str = "", before: int = 0, limit: int = 50
    ) -> list[dict[str, Any]]:
        """Incidents, the latest first; see `IncidentState.incidents`."""
        return self._incidents.incidents(projects, state, before, limit)

    def incident(self, projects: _Projects, number: int) -> dict[str, Any]:
        """One incident: its alerts as they are now, and its timeline with what was told to whom.

        Raises:
            Unknown: if there is none of that number.
        """
        found = self._find(projects, number)
        now = self._state.some([each["fingerprint"] for each in found["gathered"]])
        gathered = [_current(each, now.get(each["fingerprint"])) for each in found["gathered"]]
        gathered.sort(key=lambda a: (a["state"] == "resolved", RANK.get(a["severity"], 9),
                                     a["fired_at"], a["id"]))  # fmt: skip
        until = (found["resolved_at"] or self._clock()) + _AFTER_S
        told = self._state.told({a["id"] for a in gathered}, found["opened_at"] - 60, until)
        entries = [
            *found["entries"],
            *(
                {"at": each["at"], "kind": "told", "author": each["channel"], "text": each["event"]}
                for each in told
            ),
        ]
        entries.sort(key=lambda each: each["at"])
        return found | {"gathered": gathered, "entries": entries}

    def postmortem(self, projects: _Projects, number: int) -> str:
        """A draft of a post-mortem, in Markdown.

        Raises:
            Unknown: if there is no such incident.
        """
        return postmortem(self.incident(projects, number), self._base, self._clock())

    # -- doing -------------------------------------------------------------------------------

    def open(
        self, projects: _Projects, project: str, title: str, severity: str, by: str,
        alert_ids: Sequence[str] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """Begins an incident by hand.

        Raises:
            Unknown: if one of the alerts is not there.
            QueryRefused: if one of them belongs to another incident or project.
        """
        now = self._clock()
        first = self._state.alert(alert_ids[0].rpartition("-")[0]) if alert_ids else None
        if not project and projects is None and first is not None:
            project = str(first["project"])
        alerts = [self._free(projects, each, project) for each in dict.fromkeys(alert_ids)]
        for alert in alerts:
            if RANK.get(alert.severity, 9) < RANK.get(severity, 9):
                severity = alert.severity
        # A key that no alert has: what people begin gathers what people put into it.
        key = key_of(project, {"": f"{now} {by} {title}"})
        number = self._incidents.open(project, key, {}, title, severity, by, now, by)
        self._join(number, alerts, by, now)
        return self.incident(projects, number)

    def add(
        self, projects: _Projects, number: int, alert_ids: Sequence[str], by: str
    ) -> dict[str, Any]:
        """Puts alerts into an incident.

        Raises:
            Unknown: if there is no such incident or alert.
            QueryRefused: if an alert belongs to another incident or project.
        """
        found = self._find(projects, number)
        known = {each["id"] for each in found["gathered"]}
        wanted = [each for each in dict.fromkeys(alert_ids) if each not in known]
        alerts = [self._free(projects, each, found["project"]) for each in wanted]
        self._join(number, alerts, by, self._clock())
        return self.incident(projects, number)

    def acknowledge(
        self, projects: _Projects, number: int, by: str, note: str = ""
    ) -> dict[str, Any]:
        """Takes an incident and every alert of it that fires: nothing is repeated or escalates.

        Raises:
            Unknown: if there is no such incident.
            QueryRefused: if it is over.
        """
        found, now = self._find(projects, number), self._clock()
        if found["state"] == "resolved":
            raise QueryRefused("The incident is resolved: only one that is not can be taken.")
        for alert in self._firing(number):
            self._state.put("ack", alert.id, {"by": by, "note": note, "at": now})
        if found["state"] == "open":
            fields = {"state": "acknowledged", "acknowledged_at": now, "acknowledged_by": by}
            fields |= {} if found["owner"] else {"owner": by}
            self._say(number, Entry(now, "acknowledged", note, by), fields)
        elif note:
            self._say(number, Entry(now, "note", note, by))
        return self.incident(projects, number)

    def resolve(self, projects: _Projects, number: int, by: str, note: str = "") -> dict[str, Any]:
        """Ends an incident, whatever its alerts do.

        Raises:
            Unknown: if there is no such incident.
            QueryRefused: if it is over.
        """
        found, now = self._find(projects, number), self._clock()
        if found["state"] == "resolved":
            raise QueryRefused("The incident is resolved already.")
        fields = {"state": "resolved", "resolved_at": now, "resolved_by": by, "well_since": 0.0}
        self._say(number, Entry(now, "resolved", note, by), fields)
        return self.incident(projects, number)

    def note(self, projects: _Projects, number: int, by: str, text: str) -> dict[str, Any]:
        """Writes something down, also after the end.

        Raises:
            Unknown: if there is no such incident.
            QueryRefused: if there are too many notes.
        """
        self._find(projects, number)
        self._say(number, Entry(self._clock(), "note", text, by))
        return self.incident(projects, number)

    def change(
        self, projects: _Projects, number: int, by: str, fields: Mapping[str, str]
    ) -> dict[str, Any]:
        """Changes title, severity or owner.

        Raises:
            Unknown: if there is no such incident.
        """
        found, now = self._find(projects, number), self._clock()
        for name, value in fields.items():
            if value != found[name]:
                self._say(number, Entry(now, name, value, by), {name: value})
        return self.incident(projects, number)

    # -- parts -------------------------------------------------------------------------------

    def _find(self, projects: _Projects, number: int) -> dict[str, Any]:
        found = self._incidents.incident(number)
        if found is None or (projects is not None and found["project"] not in projects):
            raise Unknown("There is no such incident.")
        return found

    def _free(self, projects: _Projects, alert_id: str, project: str) -> Alert:
        kept = self._state.alert(alert_id.rpartition("-")[0])
        alert = Alert.from_document(kept) if kept else None
        hidden = projects is not None and alert is not None and alert.project not in projects
        if alert is None or alert.id != alert_id or hidden:
            raise Unknown(f"There is no alert {alert_id} now. `spanglass alerts list` shows them.")
        put = self._state.document("join", alert_id)
        if taken := alert.incident or (put and put["incident"]):
            raise QueryRefused(f"The alert {alert_id} is in incident {taken} already.")
        if alert.project != project:
            raise QueryRefused(f"The alert {alert_id} is of another project than the incident.")
        return alert

    def _join(self, number: int, alerts: Sequence[Alert], by: str, now: float) -> None:
        if not alerts:
            return
        change = Change(number, joined=len(alerts))
        for alert in alerts:
            change.alerts[alert.id] = snapshot(alert)
            change.entries.append(Entry(now, "fired", f"{alert.rule} was put here.", by))
        self._incidents.apply(change)
        for alert in alerts:
            # The evaluation goes on from here: alerts are its own.
            self._state.put("join", alert.id, {"incident": number})

    def _firing(self, number: int) -> list[Alert]:
        found = (Alert.from_document(each) for each in self._state.alerts())
        return [alert for alert in found if alert.incident == number and alert.state == "firing"]

    def _say(self, number: int, entry: Entry, fields: Mapping[str, Any] | None = None) -> None:
        self._incidents.apply(Change(number, dict(fields or {}), entries=[entry]))


def _current(kept: dict[str, Any], document: dict[str, Any] | None) -> dict[str, Any]:
    """An alert as it is now, where it is still the same one."""
    alert = Alert.from_document(document) if document else None
    return snapshot(alert) if alert is not None and alert.id == kept["id"] else kept
