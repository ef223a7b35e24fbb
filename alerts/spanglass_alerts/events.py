"""What happened to alerts, on its way to the table `alert_events`.

It waits in the state database, in one transaction with the alerts, until ClickHouse has it. An
event that is brought twice is one row.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_alerts.alert import Alert
from spanglass_alerts.notify import words
from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.state.alerts import AlertState

log = logging.getLogger(__name__)

_COLUMNS: Final = (
    "project", "time", "alert_id", "fingerprint", "event", "rule", "severity", "labels", "value",
    "threshold", "count", "summary", "author", "note", "evidence",
)  # fmt: skip


def bring(state: AlertState, store: Store) -> None:
    """Brings what waits to ClickHouse; what it does not take waits on."""
    waiting = state.events()
    if not waiting:
        return
    rows = [
        [_moment(e["time"]) if name == "time" else e.get(name) for name in _COLUMNS]
        for _, e in waiting
    ]
    try:
        store.insert("alert_events", _COLUMNS, rows)
    except StoreError as error:
        log.warning("events of alerts have to wait: %s", error)
        return
    state.forget_events(waiting[-1][0])


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def event_of(alert: Alert, what: str, now: float) -> dict[str, Any]:
    """What happened to an alert, as it waits and as it is stored."""
    return {
        "project": alert.project, "time": now, "alert_id": alert.id,
        "fingerprint": alert.fingerprint, "event": what, "rule": alert.rule,
        "severity": alert.severity, "labels": dict(alert.labels), "value": alert.value,
        "threshold": alert.threshold, "count": alert.count, "summary": words.summary(alert),
        "author": alert.acknowledged_by, "note": alert.note,
        "evidence": json.dumps(dict(alert.evidence)) if what == "firing" else "",
    }  # fmt: skip
