"""Saved views: a page as somebody wants to come back to it, for everybody of a project."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from spanglass_store.errors import Conflict, StoreError, Unknown
from spanglass_store.state.database import Base, Database, UtcTime

#: Views of a project at most.
MOST_VIEWS: Final = 200


@dataclass(frozen=True)
class View:
    """A page with everything that its address says.

    Attributes:
        page: its path, `/traces`.
        search: the rest of the address, without the question mark.
    """

    id: str
    project: str
    page: str
    name: str
    search: str
    created_at: datetime


class ViewRow(Base):
    """A saved view."""

    __tablename__ = "saved_views"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    project: Mapped[str] = mapped_column(String(64), index=True)
    page: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(100))
    search: Mapped[str] = mapped_column(String(4000))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Views:
    """The views of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, project: str, page: str = "") -> list[View]:
        """A project's views, of one page or of all, by name."""
        wanted = select(ViewRow).where(ViewRow.project == project)
        if page:
            wanted = wanted.where(ViewRow.page == page)
        with self._database.transaction() as session:
            return [_view(row) for row in session.scalars(wanted.order_by(ViewRow.name))]

    def create(self, project: str, page: str, name: str, search: str) -> View:
        """Keeps a view.

        Raises:
            Conflict: if the page has one of that name.
            StoreError: if the project has too many.
        """
        with self._database.alone() as session:
            mine = select(ViewRow).where(ViewRow.project == project)
            same = mine.where(ViewRow.page == page, ViewRow.name == name)
            if session.scalar(same) is not None:
                raise Conflict(f"There is a view {name!r} already. Choose another name.")
            if (
                session.scalar(select(func.count()).select_from(mine.subquery())) or 0
            ) >= MOST_VIEWS:
                raise StoreError(
                    f"There are {MOST_VIEWS} views, as many as there can be. Delete one first."
                )
            row = ViewRow(
                id=secrets.token_hex(4), project=project, page=page, name=name, search=search,
                created_at=datetime.now(UTC),
            )  # fmt: skip
            session.add(row)
            return _view(row)

    def update(self, project: str, view_id: str, name: str, search: str) -> View:
        """Keeps a view as it is now, under the same id: links to it go on.

        Raises:
            Unknown: if the project has none of that id.
            Conflict: if the page has another of that name.
        """
        with self._database.transaction() as session:
            row = session.get(ViewRow, view_id)
            if row is None or row.project != project:
                raise Unknown(f"There is no view {view_id!r}; it may be deleted already.")
            same = select(ViewRow).where(
                ViewRow.project == project, ViewRow.page == row.page,
                ViewRow.name == name, ViewRow.id != view_id,
            )  # fmt: skip
            if session.scalar(same) is not None:
                raise Conflict(f"There is a view {name!r} already. Choose another name.")
            row.name, row.search = name, search
            return _view(row)

    def delete(self, project: str, view_id: str) -> View:
        """Forgets a view, and returns what it was.

        Raises:
            Unknown: if the project has none of that id.
        """
        with self._database.transaction() as session:
            row = session.get(ViewRow, view_id)
            if row is None or row.project != project:
                raise Unknown(f"There is no view {view_id!r}; it may be deleted already.")
            session.delete(row)
            return _view(row)


def _view(row: ViewRow) -> View:
    return View(row.id, row.project, row.page, row.name, row.search, row.created_at)
