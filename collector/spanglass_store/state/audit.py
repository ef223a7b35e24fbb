"""The audit log: who read payload, changed something or erased data, and when.

It names keys, actions and what they were about. Values that lead to a person stand there as keyed
hashes, so that the log of an erasure is none of what it erased.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Index, Integer, String, Text, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from spanglass_detectors.pii.pseudonyms import Revealed
from spanglass_detectors.pii.subjects import subject
from spanglass_store.state.database import Base, Database, UtcTime

log = logging.getLogger(__name__)

#: Days that entries are kept.
KEPT_DAYS: Final = 400
#: Entries between two looks for those that are older.
_CLEAN_EVERY: Final = 1_000


class AuditRow(Base):
    """One entry."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64))
    project: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(500))
    detail: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("audit_log_at", "at"),)


@dataclass(frozen=True)
class Entry:
    """What somebody did.

    Attributes:
        id: grows with each entry.
        actor: the key's id, or who it was on this machine.
        action: `payload.read`, `purge`, `key.create`, `PUT /api/v1/prices` and the like.
        project: whose data it was about; empty for all.
        target: what it was done to.
        detail: more about it.
    """

    id: int
    at: datetime
    actor: str
    action: str
    project: str
    target: str
    detail: dict[str, Any]


class AuditLog:
    """The audit log of an installation. Entries are added and never changed.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        actor: str,
        action: str,
        target: str = "",
        project: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes an entry; it is on disk when this returns."""
        row = AuditRow(
            at=datetime.now(UTC), actor=actor[:200], action=action[:64], project=project[:64],
            target=target[:500], detail=json.dumps(dict(detail or {}), ensure_ascii=False),
        )  # fmt: skip
        with self._database.transaction() as session:
            session.add(row)
            session.flush()
            is_time = row.id % _CLEAN_EVERY == 0
        if is_time:
            self.clean()

    def list(
        self, limit: int = 100, before: int = 0, action: str = "", actor: str = ""
    ) -> list[Entry]:
        """Entries, the latest first.

        Args:
            limit: most of them.
            before: only those with a smaller id; 0 for all.
            action: of this action, or of those that begin with it.
            actor: of this actor alone.
        """
        asked = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        if before:
            asked = asked.where(AuditRow.id < before)
        if action:
            asked = asked.where(AuditRow.action.startswith(action, autoescape=True))
        if actor:
            asked = asked.where(AuditRow.actor == actor)
        with self._database.transaction() as session:
            return [_entry(row) for row in session.scalars(asked)]

    def clean(self, now: datetime | None = None) -> None:
        """Forgets entries that are older than they are kept."""
        oldest = (now or datetime.now(UTC)) - timedelta(days=KEPT_DAYS)
        with self._database.transaction() as session:
            session.execute(delete(AuditRow).where(AuditRow.at < oldest))


def _entry(row: AuditRow) -> Entry:
    return Entry(
        row.id, row.at, row.actor, row.action, row.project, row.target, json.loads(row.detail)
    )


def write_reveal(
    audit: AuditLog, actor: str, project: str, reason: str, found: Revealed, subject_key: bytes
) -> None:
    """Writes down that a pseudonym was turned back; to be called before the value is shown.

    Args:
        audit: where to.
        actor: who did.
        project: whose pseudonym it was.
        reason: why, in their words.
        found: what it stands for. The log has the keyed hash of the value, as `pii_findings` has.
        subject_key: what is hashed with.
    """
    whose = subject(subject_key, found.entity, found.value)
    audit.add(actor, "pii.reveal", project, f"{found.entity}:{whose}", {"reason": reason})
