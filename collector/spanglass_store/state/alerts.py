"""Alerts in the state database: what fires, what is held back, what has to be sent, and by whom.

Rows hold documents (JSON) beside the columns that are asked for. Who may evaluate is decided by a
lease, who may send a message by a claim: both are one `UPDATE` with a condition.
"""

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Float,
    Index,
    Integer,
    String,
    Text,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)  # fmt: skip
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from spanglass_store.errors import StoreError
from spanglass_store.state.database import Base, Database, UtcTime
from spanglass_store.state.incidents import IncidentState

#: The mark that changes when names are taken out of what is kept.
_ERASED: Final = "erased"
#: Attempts of delivery that are kept, in days.
KEPT_DAYS: Final = 30
_CHUNK: Final = 500


class LeaseRow(Base):
    """Who does what only one may do."""

    __tablename__ = "alert_leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    until: Mapped[float] = mapped_column(Float)


class AlertRow(Base):
    """An alert that is pending, fires, or was resolved of late."""

    __tablename__ = "alerts"

    fingerprint: Mapped[str] = mapped_column(String(32), primary_key=True)
    rule: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(String(16))
    project: Mapped[str] = mapped_column(String(64))
    document: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("alerts_state", "state"),)


class DocumentRow(Base):
    """Rules made through the API, silences, groups of messages, and marks, by kind and name."""

    __tablename__ = "alert_documents"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    document: Mapped[str] = mapped_column(Text)


class MessageRow(Base):
    """A message to a channel: waits, is sent, or was given up, and why."""

    __tablename__ = "alert_messages"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    channel: Mapped[str] = mapped_column(String(128))
    group: Mapped[str] = mapped_column("group_key", String(64))
    status: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[float] = mapped_column(Float)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    reason: Mapped[str] = mapped_column(Text, default="")
    document: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("alert_messages_due", "status", "channel", "due_at"),)


class EventRow(Base):
    """What happened to an alert, on its way to ClickHouse."""

    __tablename__ = "alert_event_queue"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    document: Mapped[str] = mapped_column(Text)


class ErasedMeanwhile(StoreError):
    """Names were taken out of alerts since they were read: they have to be read again."""


def note_erasure(session: Session) -> None:
    """Says that names were taken out of alerts, to whoever has them in memory."""
    _put(session, "mark", _ERASED, {"as": secrets.token_hex(8)})


class AlertState:
    """The alerts of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        #: What alerts are gathered into.
        self.incidents = IncidentState(database)

    # -- who ---------------------------------------------------------------------------------

    def lease(self, name: str, holder: str, now: float, seconds: float) -> bool:
        """Takes or renews a lease.

        Returns:
            Whether the holder has it now.
        """
        try:
            with self._database.transaction() as session:
                taken: Any = session.execute(
                    update(LeaseRow)
                    .where(
                        LeaseRow.name == name,
                        # A lease far in the future is from before a clock was set back.
                        or_(
                            LeaseRow.holder == holder,
                            LeaseRow.until < now,
                            LeaseRow.until > now + 10 * seconds,
                        ),
                    )
                    .values(holder=holder, until=now + seconds)
                )
                if taken.rowcount:
                    return True
                if session.get(LeaseRow, name) is not None:
                    return False
                session.add(LeaseRow(name=name, holder=holder, until=now + seconds))
        except IntegrityError:
            # Another one was first.
            return False
        return True

    def release(self, name: str, holder: str) -> None:
        """Gives a lease back, if the holder has it."""
        with self._database.transaction() as session:
            session.execute(
                delete(LeaseRow).where(LeaseRow.name == name, LeaseRow.holder == holder)
            )

    # -- alerts ------------------------------------------------------------------------------

    def erasures(self) -> str:
        """Differs once names were taken out of alerts."""
        return str((self.document("mark", _ERASED) or {}).get("as", ""))

    def alerts(self) -> list[dict[str, Any]]:
        """All alerts, as documents."""
        with self._database.transaction() as session:
            return [json.loads(text) for text in session.scalars(select(AlertRow.document))]

    def alert(self, fingerprint: str) -> dict[str, Any] | None:
        with self._database.transaction() as session:
            row = session.get(AlertRow, fingerprint)
            return json.loads(row.document) if row else None

    def some(self, fingerprints: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Those of some fingerprints that are there, by fingerprint."""
        found: dict[str, dict[str, Any]] = {}
        with self._database.transaction() as session:
            for i in range(0, len(fingerprints), _CHUNK):
                asked = select(AlertRow.fingerprint, AlertRow.document).where(
                    AlertRow.fingerprint.in_(fingerprints[i : i + _CHUNK])
                )
                found |= {key: json.loads(text) for key, text in session.execute(asked)}
        return found

    def save(
        self,
        alerts: Iterable[Mapping[str, Any]] = (),
        forgotten: Sequence[str] = (),
        events: Iterable[Mapping[str, Any]] = (),
        groups: Mapping[str, Mapping[str, Any] | None] | None = None,
        messages: Iterable[Mapping[str, Any]] = (),
        marks: Mapping[str, Mapping[str, Any]] | None = None,
        heard: Iterable[str] = (),
        joined: Iterable[str] = (),
        also: Callable[[Session], None] | None = None,
        erasures: str | None = None,
        documents: Mapping[str, Mapping[str, Mapping[str, Any] | None]] | None = None,
    ) -> None:
        """Keeps what an evaluation has made, all of it or nothing.

        Args:
            alerts: new and changed ones.
            forgotten: fingerprints of those that are no more.
            events: what happened, for ClickHouse.
            groups: groups of messages by key; None for those that are no more.
            messages: to send: channel, group, due_at, and what they say.
            marks: single documents by name.
            heard: ids of acknowledgements that are taken up with it.
            joined: ids of alerts that people put into an incident, taken up with it.
            also: keeps more in the same transaction.
            erasures: as they were when what this follows from was read; None for whatever.
            documents: others by kind and name; None for those that are no more.

        Raises:
            ErasedMeanwhile: if names were taken out of alerts since.
        """
        now = datetime.now(UTC)
        with self._database.transaction() as session:
            if erasures is not None:
                # An erasure changes this row, so one of the two waits for the other.
                known = session.get(DocumentRow, ("mark", _ERASED), with_for_update=True)
                if erasures != (json.loads(known.document)["as"] if known else ""):
                    raise ErasedMeanwhile("Names were erased from alerts; they are read again.")
            for each in alerts:
                row = AlertRow(
                    fingerprint=each["fingerprint"], rule=each["rule"], state=each["state"],
                    project=each["project"], document=_json(each),
                )  # fmt: skip
                session.merge(row)
            for i in range(0, len(forgotten), _CHUNK):
                some = forgotten[i : i + _CHUNK]
                session.execute(delete(AlertRow).where(AlertRow.fingerprint.in_(some)))
            session.add_all(EventRow(document=_json(each)) for each in events)
            for key, group in (groups or {}).items():
                _put(session, "group", key, group)
            for name, mark in (marks or {}).items():
                _put(session, "mark", name, mark)
            for kind, some_documents in (documents or {}).items():
                for name, document in some_documents.items():
                    _put(session, kind, name, document)
            for name in heard:
                _put(session, "ack", name, None)
            for name in joined:
                _put(session, "join", name, None)
            for each in messages:
                session.add(
                    MessageRow(
                        channel=each["channel"], group=each["group"], status="waiting", attempts=0,
                        due_at=each["due_at"], created_at=now, document=_json(each), reason="",
                    )
                )  # fmt: skip
            if also is not None:
                session.flush()
                also(session)

    # -- documents ---------------------------------------------------------------------------

    def documents(self, kind: str) -> dict[str, dict[str, Any]]:
        """All documents of a kind, by name."""
        asked = select(DocumentRow.name, DocumentRow.document).where(DocumentRow.kind == kind)
        with self._database.transaction() as session:
            return {name: json.loads(text) for name, text in session.execute(asked)}

    def document(self, kind: str, name: str) -> dict[str, Any] | None:
        """One document, or None."""
        with self._database.transaction() as session:
            row = session.get(DocumentRow, (kind, name))
            return json.loads(row.document) if row else None

    def put(self, kind: str, name: str, document: Mapping[str, Any] | None) -> bool:
        """Keeps a document, or forgets it (None).

        Returns:
            Whether there was one of that name.
        """
        with self._database.transaction() as session:
            known = session.get(DocumentRow, (kind, name)) is not None
            _put(session, kind, name, document)
            return known

    # -- messages ----------------------------------------------------------------------------

    def claim(self, channel: str, now: float, seconds: float) -> dict[str, Any] | None:
        """The next message of a channel that is due, for the one who asks.

        Args:
            channel: its name.
            now: seconds since 1970.
            seconds: after this time it is taken for not sent, and handed out again.
        """
        earlier = aliased(MessageRow)
        # Whether the end is told depends on what became of the beginning.
        is_first = ~exists().where(
            earlier.channel == channel, earlier.group == MessageRow.group,
            earlier.id < MessageRow.id, earlier.status == "sending", earlier.due_at > now,
        )  # fmt: skip
        free = and_(
            MessageRow.channel == channel,
            MessageRow.status.in_(("waiting", "sending")),
            MessageRow.due_at <= now,
            is_first,
        )
        with self._database.transaction() as session:
            found = session.scalars(select(MessageRow).where(free).order_by(MessageRow.id)).first()
            if found is None:
                return None
            due = found.due_at
            taken: Any = session.execute(
                update(MessageRow)
                .where(
                    MessageRow.id == found.id,
                    MessageRow.due_at == due,
                    MessageRow.status == found.status,
                )
                .values(status="sending", due_at=now + seconds)
                .execution_options(synchronize_session=False)
            )
            if not taken.rowcount:
                return None
            kept: dict[str, Any] = json.loads(found.document)
            return kept | {"row": found.id, "attempts": found.attempts}

    def pause(self, channel: str, until: float) -> None:
        """Lets everything that waits for a channel wait until then (seconds since 1970)."""
        with self._database.transaction() as session:
            session.execute(
                update(MessageRow)
                .where(
                    MessageRow.channel == channel, MessageRow.status == "waiting",
                    MessageRow.due_at < until,
                )
                .values(due_at=until)
                .execution_options(synchronize_session=False)
            )  # fmt: skip

    def newer(self, channel: str, group: str, message_id: int) -> bool:
        """Whether there is a later message about the same, whatever became of it."""
        later = select(MessageRow.id).where(
            MessageRow.channel == channel, MessageRow.group == group, MessageRow.id > message_id
        )
        with self._database.transaction() as session:
            return session.scalars(later.limit(1)).first() is not None

    def last_sent(self, channel: str, group: str, before_id: int) -> str:
        """The event of the last message about this that reached the channel; empty if none did."""
        sent = (
            select(MessageRow.document)
            .where(
                MessageRow.channel == channel, MessageRow.group == group,
                MessageRow.id < before_id, MessageRow.status == "sent",
            )
            .order_by(MessageRow.id.desc())
        )  # fmt: skip
        with self._database.transaction() as session:
            found = session.scalars(sent.limit(1)).first()
        return str(json.loads(found)["event"]) if found else ""

    def settle(self, message_id: int, status: str, reason: str = "", due_at: float = 0) -> None:
        """Says what became of a message: `sent`, `given_up`, `left_out`, or `waiting` again."""
        done = status not in ("waiting", "sending")
        with self._database.transaction() as session:
            row = session.get(MessageRow, message_id)
            if row is None:
                return
            if status == "left_out" and row.reason:
                # It was tried, and that it was in vain is what the log is read for.
                reason = f"{reason} Before: {row.reason}"
            row.status, row.reason, row.attempts = status, reason[:2000], row.attempts + 1
            row.due_at = due_at or row.due_at
            row.settled_at = datetime.now(UTC) if done else None

    def messages(self, limit: int = 100, before: int = 0) -> list[dict[str, Any]]:
        """The log of delivery, the latest first."""
        asked = select(MessageRow).order_by(MessageRow.id.desc()).limit(limit)
        if before:
            asked = asked.where(MessageRow.id < before)
        with self._database.transaction() as session:
            return [
                {
                    "id": row.id, "channel": row.channel, "group": row.group, "status": row.status,
                    "attempts": row.attempts, "created_at": row.created_at,
                    "settled_at": row.settled_at, "reason": row.reason,
                    "event": json.loads(row.document).get("event", ""),
                    "title": json.loads(row.document).get("title", ""),
                }
                for row in session.scalars(asked)
            ]  # fmt: skip

    def told(self, alert_ids: Collection[str], since: float, until: float) -> list[dict[str, Any]]:
        """Messages about some alerts that reached their channels: channel, event and time.

        Args:
            alert_ids: which alerts.
            since: seconds since 1970, when messages were made.
            until: the same.
        """
        asked = (
            select(MessageRow)
            .where(
                MessageRow.status == "sent",
                MessageRow.created_at >= datetime.fromtimestamp(since, UTC),
                MessageRow.created_at < datetime.fromtimestamp(until, UTC),
            )
            .order_by(MessageRow.id)
            .limit(_CHUNK)
        )
        found = []
        with self._database.transaction() as session:
            for row in session.scalars(asked):
                said = json.loads(row.document)
                about = {each["id"] for each in said.get("alerts", ())}
                if row.settled_at and about.union(said.get("resolved_ids", ())) & set(alert_ids):
                    at = row.settled_at.timestamp()
                    found.append({"at": at, "channel": row.channel, "event": said["event"]})
        return found

    def waiting(self) -> dict[str, int]:
        """How many messages wait, by channel."""
        asked = (
            select(MessageRow.channel, func.count())
            .where(MessageRow.status.in_(("waiting", "sending")))
            .group_by(MessageRow.channel)
        )
        with self._database.transaction() as session:
            return {str(channel): int(count) for channel, count in session.execute(asked)}

    def failing(self) -> dict[str, tuple[int, str]]:
        """Channels of which a message has to wait: how often it was tried, and why in vain."""
        asked = (
            select(MessageRow.channel, MessageRow.attempts, MessageRow.reason)
            .where(MessageRow.status.in_(("waiting", "sending")), MessageRow.attempts > 0)
            .order_by(MessageRow.attempts)
        )
        with self._database.transaction() as session:
            return {name: (tries, reason) for name, tries, reason in session.execute(asked)}

    def clean(self, now: datetime) -> None:
        """Forgets what became of messages long ago."""
        long_ago = now - timedelta(days=KEPT_DAYS)
        with self._database.transaction() as session:
            session.execute(delete(MessageRow).where(MessageRow.settled_at < long_ago))
        for name, each in self.documents("slack").items():
            if each.get("at", 0) < long_ago.timestamp():
                self.put("slack", name, None)

    # -- events ------------------------------------------------------------------------------

    def events(self, limit: int = 1000) -> list[tuple[int, dict[str, Any]]]:
        """What waits for ClickHouse, the oldest first."""
        asked = select(EventRow.id, EventRow.document).order_by(EventRow.id).limit(limit)
        with self._database.transaction() as session:
            return [(number, json.loads(text)) for number, text in session.execute(asked)]

    def forget_events(self, until_id: int) -> None:
        """Forgets events that are in ClickHouse."""
        with self._database.transaction() as session:
            session.execute(delete(EventRow).where(EventRow.id <= until_id))


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)


def _put(session: Session, kind: str, name: str, document: Mapping[str, Any] | None) -> None:
    if document is None:
        session.execute(
            delete(DocumentRow).where(DocumentRow.kind == kind, DocumentRow.name == name)
        )
    else:
        session.merge(DocumentRow(kind=kind, name=name, document=_json(document)))
