"""Erasures that were asked for: queued, under way, done; and their receipts."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from spanglass_store.errors import Unknown
from spanglass_store.state.database import Base, Database, UtcTime


class ErasureRow(Base):
    """An erasure. What it selects is forgotten when it is done: the receipt has hashes of it."""

    __tablename__ = "erasures"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    requested_at: Mapped[datetime] = mapped_column(UtcTime)
    requested_by: Mapped[str] = mapped_column(String(200))
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    selection: Mapped[str] = mapped_column(Text)
    waiting_for: Mapped[str] = mapped_column(Text, default="")
    receipt: Mapped[str] = mapped_column(Text, default="")


@dataclass(frozen=True)
class Erasure:
    """An erasure as it stands.

    Attributes:
        state: `queued`, `running` or `done`.
        selection: what is to go; persons' values as hashes once it is done.
        waiting_for: what keeps it from going on; empty while nothing does.
        receipt: what was removed and what proves it; empty until it is done.
    """

    id: str
    state: str
    requested_at: datetime
    requested_by: str
    finished_at: datetime | None
    selection: dict[str, Any]
    waiting_for: str
    receipt: dict[str, Any]


class ErasureBook:
    """The erasures of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(self, selection: Mapping[str, Any], by: str) -> Erasure:
        """Writes down what is to be erased; it is done even if the service ends before."""
        with self._database.transaction() as session:
            row = ErasureRow(
                id=secrets.token_hex(6), state="queued", requested_at=datetime.now(UTC),
                requested_by=by, finished_at=None, selection=json.dumps(dict(selection)),
                waiting_for="", receipt="",
            )  # fmt: skip
            session.add(row)
            return _erasure(row)

    def get(self, erasure_id: str) -> Erasure:
        """One of them.

        Raises:
            Unknown: if there is none of that id.
        """
        with self._database.transaction() as session:
            return _erasure(_find(session, erasure_id))

    def list(self, limit: int = 100) -> list[Erasure]:
        """The latest first."""
        asked = select(ErasureRow).order_by(ErasureRow.requested_at.desc()).limit(limit)
        with self._database.transaction() as session:
            return [_erasure(row) for row in session.scalars(asked)]

    def next(self) -> Erasure | None:
        """The oldest that is not done."""
        asked = (
            select(ErasureRow)
            .where(ErasureRow.state != "done")
            .order_by(ErasureRow.requested_at)
            .limit(1)
        )
        with self._database.transaction() as session:
            row = session.scalar(asked)
            return _erasure(row) if row is not None else None

    def goes_on(self, erasure_id: str, waiting_for: str = "") -> None:
        """It is under way, or waits for something."""
        with self._database.transaction() as session:
            row = _find(session, erasure_id)
            row.state, row.waiting_for = "running", waiting_for

    def done(
        self, erasure_id: str, selection: Mapping[str, Any], receipt: Mapping[str, Any]
    ) -> Erasure:
        """It is done.

        Args:
            erasure_id: which.
            selection: without what leads to a person.
            receipt: what was removed.
        """
        with self._database.transaction() as session:
            row = _find(session, erasure_id)
            row.state, row.waiting_for, row.finished_at = "done", "", datetime.now(UTC)
            row.selection, row.receipt = json.dumps(dict(selection)), json.dumps(dict(receipt))
            return _erasure(row)


def _find(session: Session, erasure_id: str) -> ErasureRow:
    row = session.get(ErasureRow, erasure_id)
    if row is None:
        raise Unknown(f"There is no purge {erasure_id!r}. `spanglass purge --list` shows the ids.")
    return row


def _erasure(row: ErasureRow) -> Erasure:
    return Erasure(
        row.id, row.state, row.requested_at, row.requested_by, row.finished_at,
        json.loads(row.selection), row.waiting_for, json.loads(row.receipt or "{}"),
    )  # fmt: skip
