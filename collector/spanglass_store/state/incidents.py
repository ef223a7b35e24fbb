"""Incidents in the state database: what they gathered, who has them, and their timeline.

Each is bounded: so many alerts are kept whole, so many entries; what is more is counted. Times are
seconds since 1970.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Float, Index, Integer, String, Text, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from spanglass_store.errors import QueryRefused, Unknown
from spanglass_store.state.database import Base, Database

#: Alerts that an incident keeps whole, entries that are made by themselves, and people's.
MOST_ALERTS: Final = 200
MOST_ENTRIES: Final = 500
MOST_NOTES: Final = 1000
#: How long an incident is kept after its end, in days.
KEPT_DAYS: Final = 400
#: Entries that people make; they do not count among those that are made by themselves.
BY_PEOPLE: Final = ("note", "owner", "title", "severity")


class IncidentRow(Base):
    """Something that is wrong, and somebody sees to."""

    __tablename__ = "incidents"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column("group_key", String(64))
    labels: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(String(200), default="")
    opened_at: Mapped[float] = mapped_column(Float)
    opened_by: Mapped[str] = mapped_column(String(200), default="")
    acknowledged_at: Mapped[float] = mapped_column(Float, default=0.0)
    acknowledged_by: Mapped[str] = mapped_column(String(200), default="")
    resolved_at: Mapped[float] = mapped_column(Float, default=0.0)
    resolved_by: Mapped[str] = mapped_column(String(200), default="")
    well_since: Mapped[float] = mapped_column(Float, default=0.0)
    alerts: Mapped[int] = mapped_column("alert_count", Integer, default=0)

    __table_args__ = (Index("incidents_state", "state"),)


class IncidentAlertRow(Base):
    """An alert of an incident, as it was last seen."""

    __tablename__ = "incident_alerts"

    incident: Mapped[int] = mapped_column("incident_id", Integer, primary_key=True)
    alert: Mapped[str] = mapped_column("alert_id", String(64), primary_key=True)
    document: Mapped[str] = mapped_column(Text)


class IncidentEntryRow(Base):
    """Something that happened, or that somebody wrote down."""

    __tablename__ = "incident_entries"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    incident: Mapped[int] = mapped_column("incident_id", Integer)
    at: Mapped[float] = mapped_column(Float)
    kind: Mapped[str] = mapped_column(String(16))
    author: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("incident_entries_of", "incident_id"),)


@dataclass(frozen=True)
class Entry:
    """One line of a timeline: `opened`, `fired`, `note`, … and who or what it is about."""

    at: float
    kind: str
    text: str = ""
    author: str = ""


@dataclass
class Change:
    """What becomes of one incident.

    Attributes:
        fields: columns that change.
        alerts: alerts as they are now, by id.
        joined: how many of them are new.
        entries: of the timeline.
        expected: the state that the fields are for; they are left as they are if it is another.
    """

    incident: int
    fields: dict[str, Any] = field(default_factory=dict)
    alerts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    joined: int = 0
    entries: list[Entry] = field(default_factory=list)
    expected: str = ""


class IncidentState:
    """The incidents of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- making and changing -----------------------------------------------------------------

    def open(
        self, project: str, key: str, labels: Mapping[str, str], title: str, severity: str,
        owner: str, now: float, by: str = "",
    ) -> int:  # fmt: skip
        """Begins an incident; the number of the one that is open already where its key is known."""
        with self._database.transaction() as session:
            known = session.scalars(
                select(IncidentRow.id).where(
                    IncidentRow.project == project, IncidentRow.key == key,
                    IncidentRow.state != "resolved",
                )
            ).first()  # fmt: skip
            if known is not None:
                return known
            row = IncidentRow(
                project=project, key=key, labels=_json(labels), title=title, severity=severity,
                state="open", owner=owner, opened_at=now, opened_by=by, alerts=0,
            )  # fmt: skip
            session.add(row)
            session.flush()
            session.add(_entry(row.id, Entry(now, "opened", title, by)))
            return row.id

    def write(self, session: Session, changes: Iterable[Change]) -> None:
        """Keeps changes within somebody's transaction. An incident that is no more is left out."""
        for change in changes:
            row = session.get(IncidentRow, change.incident)
            if row is None:
                continue
            if change.expected in ("", row.state):
                for name, value in change.fields.items():
                    setattr(row, name, value)
            row.alerts += change.joined
            kept = {
                each.alert: each
                for each in session.scalars(
                    select(IncidentAlertRow).where(IncidentAlertRow.incident == row.id)
                )
            }
            for alert_id, document in change.alerts.items():
                if alert_id in kept:
                    kept[alert_id].document = _json(document)
                elif len(kept) < MOST_ALERTS:
                    made = IncidentAlertRow(
                        incident=row.id, alert=alert_id, document=_json(document)
                    )
                    session.add(made)
                    kept[alert_id] = made
            room = MOST_ENTRIES - _count(session, row.id, people=False)
            session.add_all(_entry(row.id, each) for each in change.entries[: max(0, room)])

    def apply(self, change: Change) -> None:
        """Keeps one change that people make.

        Raises:
            Unknown: if there is no such incident.
            QueryRefused: if it has as many notes as can be.
        """
        with self._database.transaction() as session:
            # The write comes first: a transaction that reads first can lose to another writer.
            touched: Any = session.execute(
                update(IncidentRow)
                .where(IncidentRow.id == change.incident)
                .values(change.fields or {"id": change.incident})
            )
            if not touched.rowcount:
                raise Unknown("There is no such incident.")
            theirs = [each for each in change.entries if each.kind in BY_PEOPLE]
            if theirs and _count(session, change.incident, people=True) >= MOST_NOTES:
                raise QueryRefused(
                    f"The incident has {MOST_NOTES} notes. Export it, and begin another one."
                )
            # What people do is kept even where alerts have filled the timeline.
            session.add_all(_entry(change.incident, each) for each in change.entries)
            rest = Change(change.incident, alerts=change.alerts, joined=change.joined)
            self.write(session, [rest])

    def clean(self, now: float) -> None:
        """Forgets incidents that ended long ago."""
        old = select(IncidentRow.id).where(
            IncidentRow.state == "resolved", IncidentRow.resolved_at < now - KEPT_DAYS * 86400
        )
        with self._database.transaction() as session:
            ids = list(session.scalars(old.limit(500)))
            if not ids:
                return
            session.execute(delete(IncidentEntryRow).where(IncidentEntryRow.incident.in_(ids)))
            session.execute(delete(IncidentAlertRow).where(IncidentAlertRow.incident.in_(ids)))
            session.execute(delete(IncidentRow).where(IncidentRow.id.in_(ids)))

    # -- reading -----------------------------------------------------------------------------

    def current(self, resolved_since: float) -> list[dict[str, Any]]:
        """Incidents that are open, or were resolved since then; the latest last."""
        asked = (
            select(IncidentRow)
            .where(or_(IncidentRow.state != "resolved", IncidentRow.resolved_at >= resolved_since))
            .order_by(IncidentRow.id)
        )
        with self._database.transaction() as session:
            return [_shown(row) for row in session.scalars(asked)]

    def incidents(
        self, projects: Sequence[str] | None, state: str = "", before: int = 0, limit: int = 50
    ) -> list[dict[str, Any]]:
        """Incidents, the latest first.

        Args:
            projects: whose; None for all.
            state: `open`, `acknowledged` or `resolved`; `active` for the first two; all if empty.
            before: only with smaller numbers.
            limit: most of them.
        """
        asked = select(IncidentRow).order_by(IncidentRow.id.desc()).limit(limit)
        if projects is not None:
            asked = asked.where(IncidentRow.project.in_(projects))
        if state == "active":
            asked = asked.where(IncidentRow.state != "resolved")
        elif state:
            asked = asked.where(IncidentRow.state == state)
        if before:
            asked = asked.where(IncidentRow.id < before)
        with self._database.transaction() as session:
            return [_shown(row) for row in session.scalars(asked)]

    def incident(self, number: int) -> dict[str, Any] | None:
        """One incident with its alerts and timeline, or None."""
        with self._database.transaction() as session:
            row = session.get(IncidentRow, number)
            if row is None:
                return None
            alerts = session.scalars(
                select(IncidentAlertRow.document).where(IncidentAlertRow.incident == number)
            )
            entries = session.scalars(
                select(IncidentEntryRow)
                .where(IncidentEntryRow.incident == number)
                .order_by(IncidentEntryRow.at, IncidentEntryRow.id)
            )
            return _shown(row) | {
                "gathered": [json.loads(text) for text in alerts],
                "entries": [
                    {"at": e.at, "kind": e.kind, "author": e.author, "text": e.text}
                    for e in entries
                ],
            }


def _count(session: Session, incident: int, people: bool) -> int:
    kind = IncidentEntryRow.kind
    asked = select(func.count()).where(
        IncidentEntryRow.incident == incident,
        kind.in_(BY_PEOPLE) if people else kind.not_in(BY_PEOPLE),
    )
    return int(session.scalar(asked) or 0)


def _entry(incident: int, entry: Entry) -> IncidentEntryRow:
    return IncidentEntryRow(
        incident=incident, at=entry.at, kind=entry.kind, author=entry.author, text=entry.text
    )


def _shown(row: IncidentRow) -> dict[str, Any]:
    return {
        "id": row.id, "project": row.project, "key": row.key, "labels": json.loads(row.labels),
        "title": row.title, "severity": row.severity, "state": row.state, "owner": row.owner,
        "opened_at": row.opened_at, "opened_by": row.opened_by,
        "acknowledged_at": row.acknowledged_at, "acknowledged_by": row.acknowledged_by,
        "resolved_at": row.resolved_at, "resolved_by": row.resolved_by,
        "well_since": row.well_since, "alerts": row.alerts,
    }  # fmt: skip


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(dict(document), ensure_ascii=False, separators=(",", ":"))
