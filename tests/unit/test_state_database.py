"""The state database: what is done at once is done one after another, and failures say what to do."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete

from spanglass_store.errors import Conflict, StoreUnavailable
from spanglass_store.state.database import Database, Project
from spanglass_store.state.views import Views


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    yield made
    made.close()


def test_a_view_that_many_make_at_once_is_there_once(database: Database) -> None:
    views = Views(database)

    def make(_: int) -> bool:
        try:
            views.create("shop", "/traces", "Slow ones", "q=x")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(make, range(32))) == 1
    assert len(views.list("shop")) == 1


def test_a_locked_database_is_said_to_be_one(database: Database, tmp_path: Path) -> None:
    views = Views(database)
    with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"database is locked\. Try again in a moment"):
            views.create("shop", "/traces", "Slow ones", "q=x")
    assert views.list("shop") == []


def test_what_is_deleted_before_it_is_written_is_a_conflict(database: Database) -> None:
    def change() -> None:
        with database.transaction() as session:
            row = session.get_one(Project, "shop")
            session.execute(delete(Project), execution_options={"synchronize_session": False})
            row.created_at = datetime(2026, 1, 1, tzinfo=UTC)

    with database.transaction() as session:
        session.add(Project(name="shop", created_at=datetime.now(UTC)))
    with pytest.raises(Conflict, match="deleted it meanwhile"):
        change()


def test_what_is_deleted_meanwhile_is_a_conflict(database: Database) -> None:
    with pytest.raises(Conflict, match="deleted it meanwhile"), database.transaction() as session:
        session.get_one(Project, "gone")
