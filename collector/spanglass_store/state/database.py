"""The state database: its tables and its sessions."""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import (
    Boolean,
    DateTime,
    Engine,
    ForeignKey,
    String,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import (
    InterfaceError,
    NoResultFound,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.types import TypeDecorator

from spanglass_store.errors import Conflict, StoreError, StoreUnavailable

#: Names the lock of whoever has to be alone, among PostgreSQL's.
_ALONE: Final = 0x5350414E


class UtcTime(TypeDecorator[datetime]):
    """A point in time, in UTC; SQLite forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """Common base of the tables."""


class Project(Base):
    """Whose data a row is. Every fact carries a project's name."""

    __tablename__ = "projects"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Key(Base):
    """A key: what it may do and in which project. The secret itself is not kept."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(128))
    project: Mapped[str] = mapped_column(ForeignKey("projects.name"))
    scope: Mapped[str] = mapped_column(String(16))
    payload: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    replaced_by: Mapped[str | None] = mapped_column(String(16))


class Database:
    """Sessions on the state database.

    Args:
        url: SQLAlchemy's address of it.

    Raises:
        StoreError: if it can't be opened.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = create_engine(url)
            if self._engine.dialect.name == "sqlite":
                event.listen(self._engine, "connect", _prepare_sqlite)
            Base.metadata.create_all(self._engine)
            _add_missing_columns(self._engine)
        except (SQLAlchemyError, ImportError) as error:
            said = str(error).partition("\n")[0]
            raise StoreError(
                f"Can't open the state database: {said}. Check the address given with --state."
            ) from error
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose changes are committed at the end, or undone by an exception.

        Raises:
            StoreUnavailable: if the database is locked, can't be written or can't be reached.
            Conflict: if somebody else has deleted meanwhile what was to be changed.
        """
        try:
            with self._sessions.begin() as session:
                yield session
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            said = str(getattr(error, "orig", None) or error).partition("\n")[0]
            raise StoreUnavailable(
                f"The state database can't do that now: {said}. Try again in a moment; if it goes"
                " on, see that nothing else keeps it locked and that its disk is not full."
            ) from error
        except (NoResultFound, StaleDataError) as error:
            raise Conflict(
                "Somebody has deleted it meanwhile. Look at what there is, then decide."
            ) from error

    @contextmanager
    def alone(self) -> Iterator[Session]:
        """A transaction before which nobody else's is open: what it reads stays true to its end.

        For what looks whether there is room, or no such thing yet, and then adds it.
        """
        with self.transaction() as session:
            if self._engine.dialect.name == "sqlite":
                session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            elif self._engine.dialect.name == "postgresql":
                session.execute(select(func.pg_advisory_xact_lock(_ALONE)))
            yield session

    def settle(self) -> bool:
        """Leaves no earlier content of changed rows in SQLite's log; False while somebody reads."""
        if self._engine.dialect.name != "sqlite":
            return True
        with self._engine.connect() as connection:
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
        return not busy

    def copy_to(self, path: Path) -> bool:
        """Writes what is there at one moment into a file; False where it is on another server.

        Raises:
            OSError: if the disk does not take it.
        """
        if self._engine.dialect.name != "sqlite":
            return False
        connection = self._engine.raw_connection()
        try:
            with contextlib.closing(sqlite3.connect(path)) as copy:
                path.chmod(0o600)
                # In one go: page by page it begins anew whenever somebody writes.
                cast("sqlite3.Connection", connection.driver_connection).backup(copy)
        except sqlite3.Error as error:
            raise OSError(f"the state database can't be copied: {error}") from error
        finally:
            connection.close()
        return True

    def close(self) -> None:
        self._engine.dispose()


def _add_missing_columns(engine: Engine) -> None:
    """Gives tables of an earlier version the columns that came since; they are empty at first.

    Where two processes do it at once, the second finds them there.
    """
    inspector = inspect(engine)
    for table in Base.metadata.sorted_tables:
        present = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name in present:
                continue
            kind = column.type.compile(engine.dialect)
            try:
                with engine.begin() as connection:
                    connection.execute(
                        text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")
                    )
            except (OperationalError, ProgrammingError):
                if column.name not in {
                    each["name"] for each in inspect(engine).get_columns(table.name)
                }:
                    raise


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten: an erasure is one of bytes.
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()
