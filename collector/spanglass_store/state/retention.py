"""How long what is kept: by project, and for spans, payloads and metrics apart."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from spanglass_store.errors import Unknown
from spanglass_store.retention.policy import KINDS, Retention
from spanglass_store.state.database import Base, Database, UtcTime


class RetentionRow(Base):
    """What is said of a project; what is empty is as for all."""

    __tablename__ = "retention"

    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    spans_days: Mapped[int | None]
    payload_days: Mapped[int | None]
    metrics_days: Mapped[int | None]
    changed_at: Mapped[datetime] = mapped_column(UtcTime)


class RetentionBook:
    """The retention of every project. Safe to share between threads.

    What was said here goes before what the settings say of a project, that before what they say of
    all. `of` does not ask the database: `refresh` does.

    Args:
        database: the state database.
        default: of projects of which nothing is said.
        given: what the settings say of projects, by name: some of `KINDS`.
    """

    def __init__(
        self,
        database: Database,
        default: Retention,
        given: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        self._database = database
        self.default = default
        self._given = {name: dict(each) for name, each in (given or {}).items()}
        self._lock = threading.Lock()
        self._of: dict[str, Retention] = {}
        self.refresh()

    def of(self, project: str) -> Retention:
        """What counts for a project, as of the last `refresh`."""
        return self._of.get(project, self.default)

    def all(self) -> dict[str, Retention]:
        """Projects of which something is said, by name."""
        return dict(sorted(self._of.items()))

    def refresh(self) -> None:
        """Reads what others may have said."""
        with self._lock, self._database.transaction() as session:
            said = {row.project: _said(row) for row in session.query(RetentionRow)}
            self._of = {
                name: replace(self.default, **{**self._given.get(name, {}), **said.get(name, {})})
                for name in {*self._given, *said}
            }

    def put(
        self,
        project: str,
        spans_days: int | None = None,
        payload_days: int | None = None,
        metrics_days: int | None = None,
    ) -> Retention:
        """Says how long a project's telemetry is kept; what is None stays as it was said."""
        told = {
            "spans_days": spans_days,
            "payload_days": payload_days,
            "metrics_days": metrics_days,
        }
        with self._database.transaction() as session:
            row = session.get(RetentionRow, project)
            if row is None:
                row = RetentionRow(
                    project=project, spans_days=None, payload_days=None, metrics_days=None
                )
                session.add(row)
            for name, value in told.items():
                if value is not None:
                    setattr(row, name, value)
            row.changed_at = datetime.now(UTC)
        self.refresh()
        return self.of(project)

    def delete(self, project: str) -> Retention:
        """Forgets what was said of a project here; what counts then.

        Raises:
            Unknown: if nothing was.
        """
        with self._database.transaction() as session:
            row = session.get(RetentionRow, project)
            if row is None:
                raise Unknown(
                    f"Nothing was said of the project {project!r}. `spanglass retention list` shows"
                    " of which something was."
                )
            session.delete(row)
        self.refresh()
        return self.of(project)


def _said(row: RetentionRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in KINDS}
    return {name: value for name, value in values.items() if value is not None}
