"""What the API and commands do about alerts: list, take, silence, rules, previews, channels."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from pydantic import ValidationError

from spanglass_alerts import playbook
from spanglass_alerts.alert import Alert
from spanglass_alerts.book import Shelf
from spanglass_alerts.delivery.courier import Courier, test_message
from spanglass_alerts.delivery.outgoing import Outgoing
from spanglass_alerts.delivery.send import send
from spanglass_alerts.engine import Engine
from spanglass_alerts.evaluate.live import Evaluator
from spanglass_alerts.notify.hold import Silence, held
from spanglass_alerts.notify.words import summary
from spanglass_alerts.preview import preview
from spanglass_alerts.rules.book import schema
from spanglass_alerts.rules.draft import of_rule, of_yaml
from spanglass_alerts.rules.model import Rule, document, rule
from spanglass_store.client import Store
from spanglass_store.errors import QueryRefused, Unknown
from spanglass_store.state.alerts import AlertState

#: Rules that can be made through the API, and silences that can be there at a time.
MOST_RULES: Final = 5000
MOST_SILENCES: Final = 1000
_Projects = Sequence[str] | None


class Desk:
    """One installation's alerts, for whoever asks.

    Args:
        shelf: the rules.
        state: what is kept.
        evaluator: asks the store.
        outgoing: how receivers are reached.
        engine: of this process; None where it does not evaluate.
        courier: of this process; None where it sends nothing.
        places: files and folders of rules, beside which playbooks are.
    """

    def __init__(
        self,
        shelf: Shelf,
        state: AlertState,
        evaluator: Evaluator,
        outgoing: Outgoing,
        engine: Engine | None = None,
        courier: Courier | None = None,
        places: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._shelf = shelf
        self._state = state
        self._evaluator = evaluator
        self._outgoing = outgoing
        self._engine = engine
        self._courier = courier
        self._places = places
        self._clock = clock

    # -- alerts ------------------------------------------------------------------------------

    def alerts(
        self, projects: _Projects, state: str = "", rule_name: str = ""
    ) -> list[dict[str, Any]]:
        """Alerts, what fires first.

        Args:
            projects: that are shown; None for all.
            state: only this one; those that are not resolved unless given.
            rule_name: only of this rule.
        """
        found = [Alert.from_document(each) for each in self._state.alerts()]
        shown = [
            alert
            for alert in found
            if _is_of(alert.project, projects)
            and (alert.state == state if state else alert.state != "resolved")
            and (not rule_name or alert.rule == rule_name)
        ]
        reasons = self._held([alert for alert in shown if alert.is_active])
        order = {"firing": 0, "acknowledged": 1, "pending": 2, "resolved": 3}
        shown.sort(key=lambda a: (order[a.state], -a.fired_at, -a.since, a.fingerprint))
        return [_shown(alert, reasons.get(alert.fingerprint, "")) for alert in shown]

    def alert(self, projects: _Projects, alert_id: str) -> dict[str, Any]:
        """One alert.

        Raises:
            Unknown: if there is none of that id.
        """
        alert = self._find(projects, alert_id)
        return _shown(alert, self._held([alert]).get(alert.fingerprint, ""))

    def acknowledge(self, projects: _Projects, alert_id: str, by: str, note: str) -> dict[str, Any]:
        """Takes an alert; it counts with the next evaluation.

        Raises:
            Unknown: if there is none of that id.
            QueryRefused: if it does not fire.
        """
        alert = self._find(projects, alert_id)
        if alert.state == "acknowledged":
            return self.alert(projects, alert_id)
        if alert.state != "firing":
            raise QueryRefused(f"The alert is {alert.state}: only one that fires can be taken.")
        self._state.put("ack", alert.id, {"by": by, "note": note, "at": self._clock()})
        return self.alert(projects, alert_id) | {"acknowledged_by": by, "state": "acknowledged"}

    def _find(self, projects: _Projects, alert_id: str) -> Alert:
        fingerprint, _, _ = alert_id.rpartition("-")
        kept = self._state.alert(fingerprint or alert_id)
        alert = Alert.from_document(kept) if kept else None
        is_meant = alert is not None and alert_id in (alert.id, alert.fingerprint)
        if alert is None or not is_meant or not _is_of(alert.project, projects):
            raise Unknown("There is no such alert now. `alert_events` has those of the past.")
        return alert

    def _held(self, alerts: Sequence[Alert]) -> dict[str, str]:
        book = self._shelf.book
        silences = [Silence.from_document(d) for d in self._state.documents("silence").values()]
        return held(alerts, silences, book.maintenance, book.inhibit, self._clock())

    # -- silences ----------------------------------------------------------------------------

    def silences(self) -> list[dict[str, Any]]:
        """Silences that hold or are to come; those that are over are forgotten."""
        now, found = self._clock(), []
        for name, each in self._state.documents("silence").items():
            if each["end"] < now - 86400:
                self._state.put("silence", name, None)
            elif each["end"] > now:
                found.append(each)
        return sorted(found, key=lambda each: (each["start"], each["id"]))

    def silence(
        self, match: Mapping[str, Any], start: float, end: float, author: str, comment: str,
        project: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        """Silences alerts for a while.

        Raises:
            QueryRefused: if it ends before it starts, or nothing is matched.
        """
        if end <= max(start, self._clock()):
            raise QueryRefused("A silence has to end in the future, after it starts.")
        if not match:
            raise QueryRefused("Say which alerts: match names at least one label.")
        if len(self.silences()) >= MOST_SILENCES:
            raise QueryRefused(f"There are {MOST_SILENCES} silences. Delete some first.")
        made: dict[str, Any] = {
            "id": uuid.uuid4().hex[:12], "match": dict(match), "start": start, "end": end,
            "author": author, "comment": comment, "project": project,
        }  # fmt: skip
        self._state.put("silence", made["id"], made)
        return made

    def unsilence(self, silence_id: str) -> None:
        """Ends a silence.

        Raises:
            Unknown: if there is none.
        """
        if not self._state.put("silence", silence_id, None):
            raise Unknown("There is no such silence.")

    # -- rules -------------------------------------------------------------------------------

    def rules(self) -> list[dict[str, Any]]:
        """All rules, with where they are from and why they fail, if they do."""
        self._shelf.refresh()
        errors = self._engine.errors if self._engine else {}
        known = self.playbooks()
        return [
            {
                "rule": document(each),
                "origin": origin,
                "error": errors.get(name, ""),
                "notice": playbook.notice(each.playbook, known),
            }
            for name, (each, origin) in sorted(self._shelf.origin().items())
        ]

    def rule(self, name: str) -> dict[str, Any]:
        """One rule.

        Raises:
            Unknown: if there is none.
        """
        for each in self.rules():
            if each["rule"]["name"] == name:
                return each
        raise Unknown("There is no such rule.")

    def put_rule(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Makes or changes a rule; it goes before one of a file with the same name.

        Raises:
            QueryRefused: if it is none.
        """
        made = read_rule(dict(body) | {"name": name})
        if len(self._state.documents("rule")) >= MOST_RULES:
            raise QueryRefused(f"There are {MOST_RULES} rules. Write them into a file: --alerts.")
        self._state.put("rule", name, document(made))
        return self.rule(name)

    def delete_rule(self, name: str) -> None:
        """Deletes a rule that was made here.

        Raises:
            Unknown: if there is none.
            QueryRefused: if it is in a file.
        """
        if self._state.put("rule", name, None):
            return
        if any(each.name == name for each in self._shelf.book.rules):
            raise QueryRefused(
                "The rule is in a file. Take it out of there, or write `enabled: false`."
            )
        raise Unknown("There is no such rule.")

    def preview(
        self, body: Mapping[str, Any], start: float, end: float, step_s: float = 0
    ) -> dict[str, Any]:
        """When a rule would have fired.

        Raises:
            QueryRefused: if it is none.
        """
        made = read_rule(body)
        return preview(self._evaluator, made, start, end, step_s).document()

    def draft(self, text: str | None, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """A rule while it is written, as YAML or as its values: both, and what is wrong."""
        found = of_yaml(text) if text is not None else of_rule(body or {})
        return asdict(found)

    def schema(self) -> dict[str, Any]:
        """The JSON schema of files of rules."""
        return schema()

    # -- channels ----------------------------------------------------------------------------

    def channels(self) -> list[dict[str, Any]]:
        """Channels and how they do; of secrets, where they are."""
        health = self._courier.health() if self._courier else {}
        waiting = self._state.waiting()
        found = []
        for each in self._shelf.book.channels:
            known = health.get(each.name)
            found.append({
                "name": each.name, "type": each.type, "waiting": waiting.get(each.name, 0),
                "fails": bool(known and known.fails), "reason": known.reason if known else "",
            })  # fmt: skip
        return found

    def test_channel(self, name: str) -> dict[str, Any]:
        """Sends a test message now.

        Raises:
            Unknown: if there is no such channel.
        """
        channel = next((each for each in self._shelf.book.channels if each.name == name), None)
        if channel is None:
            known = ", ".join(each.name for each in self._shelf.book.channels) or "none"
            raise Unknown(f"There is no channel {name!r}. There are: {known}.")
        result = send(channel, test_message(name, self._clock()), self._outgoing)
        return {"sent": result.sent, "reason": result.reason}

    def deliveries(self, limit: int, before: int = 0) -> list[dict[str, Any]]:
        """The log of delivery, the latest first."""
        return self._state.messages(limit, before)

    # -- playbooks ---------------------------------------------------------------------------

    def playbooks(self) -> list[str]:
        return playbook.names(self._places)

    def playbook(
        self, name: str, store: Store, projects: _Projects, alert_id: str = ""
    ) -> dict[str, Any]:
        """A playbook with the answers of its checks.

        Args:
            name: which.
            store: as the reader who asks.
            projects: of the reader.
            alert_id: the alert whose labels and time are filled in; the last hour unless given.
        """
        template = playbook.text(self._places, name)
        labels: Mapping[str, str] = {}
        start, end = self._clock() - 3600, self._clock()
        if alert_id:
            alert = self._find(projects, alert_id)
            labels = alert.labels
            start, end = alert.since - 1800, min(end, (alert.resolved_at or end) + 600)
        blocks = playbook.answered(template, store, labels, start, end)
        return {
            "name": name, "text": playbook.markdown(blocks), "blocks": [vars(b) for b in blocks],
        }  # fmt: skip


def read_rule(body: Mapping[str, Any]) -> Rule:
    """A rule from a document.

    Raises:
        QueryRefused: if it is none; the message names the field.
    """
    try:
        return rule({"kind": "threshold"} | dict(body))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        said = str(first["msg"]).removeprefix("Value error, ")
        raise QueryRefused(f"{place}: {said}" if place else said) from error


def _is_of(project: str, projects: _Projects) -> bool:
    return projects is None or project in projects


def _shown(alert: Alert, reason: str) -> dict[str, Any]:
    kept = alert.document() | {"id": alert.id, "summary": summary(alert), "held": reason}
    return {name: value for name, value in kept.items() if name not in ("fired", "episode")}
