"""Erases rows from the store, and their bytes from its disk.

A row that is deleted is marked first (`DELETE`), then its part is written anew without it (`APPLY
DELETED MASK`). ClickHouse keeps the part that was before for eight minutes: meanwhile the bytes are
there. So parts are told to live for a second, and what they were replaced by is synced, which is
what the eight minutes are for. A table is done when every part that held such a row is gone.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from spanglass_store.client import Store
from spanglass_store.drift.samples import make_samples
from spanglass_store.erasure.selection import Selection
from spanglass_store.erasure.tables import WORK_COLUMNS, Change, Plan, Rows
from spanglass_store.errors import StoreUnavailable

log = logging.getLogger(__name__)

#: A day, and a month, of which no table has a partition: days end in 2149, times in 2262.
_NO_PARTITION: Final = "21500101"
#: Settings of a table while parts are to go at once.
_HASTE: Final = {
    "min_rows_to_fsync_after_merge": 1,
    "min_compressed_bytes_to_fsync_after_merge": 1,
    "old_parts_lifetime": 1,
}
#: Most ids of traces that a receipt lists.
MOST_LISTED: Final = 10_000
#: Seconds until parts that somebody still reads are asked for again, and at most.
_PAUSE_S: Final = 0.6
_LONGEST_S: Final = 600.0


@dataclass(frozen=True)
class Removed:
    """What went from one table.

    Attributes:
        table: its name.
        rows: how many, or how many were changed.
        parts: parts that were written anew or dropped for it.
        left: how many there were at the end, deleted ones included.
    """

    table: str
    rows: int
    parts: int
    left: int


class Eraser:
    """Erases one selection from the store.

    Args:
        store: as the owner.
        selection: what is to go.
        name: of this erasure: letters, digits and _.
        pause: waits so many seconds; may raise to end the work.
        sync: makes what is written on this machine durable; does nothing where the store is not.
    """

    def __init__(
        self,
        store: Store,
        selection: Selection,
        name: str,
        pause: Callable[[float], None] = time.sleep,
        sync: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._pause = pause
        self._sync = sync
        self.work = f"{store.database}.erasure_{name}"
        self.plan = Plan(store.database, self.work, selection, self._now())

    # -- what is meant -------------------------------------------------------------------------

    def collect(self) -> None:
        """Finds what is selected; more of it if it is called again."""
        self._store.command(f"CREATE TABLE IF NOT EXISTS {self.work} {WORK_COLUMNS}")
        for sql, values in self.plan.collect():
            self._store.command(sql, values)

    def add_traces(self, found: list[tuple[str, str]]) -> None:
        """Further traces that are to go: of what is not in the store."""
        if found:
            rows = [("trace", project, trace_id) for project, trace_id in found]
            table = self.work.rpartition(".")[2]
            self._store.insert(table, ("kind", "project", "value"), rows)

    def among(self, project: str, trace_ids: list[str]) -> set[str]:
        """Those of a project's traces that are to go."""
        rows = self._store.query(
            f"SELECT DISTINCT value FROM {self.work} WHERE kind = 'trace'"
            " AND project = {project:String} AND value IN {ids:Array(String)}",
            {"project": project, "ids": trace_ids},
        ).rows
        return {str(row[0]) for row in rows}

    def traces(self) -> Iterator[tuple[str, str]]:
        """Projects and ids of the traces that are to go, in order."""
        lines = self._store.lines(
            f"SELECT DISTINCT project, value FROM {self.work} WHERE kind = 'trace'"
            " ORDER BY project, value",
            "TSV",
        )
        for line in lines:
            # Neither holds what the format would escape.
            project, _, trace_id = line.decode().partition("\t")
            yield project, trace_id

    def counts(self) -> dict[str, int]:
        """Rows that are to go, by table."""
        found: dict[str, int] = {}
        for each in self.plan.rows():
            found[each.table] = max(found.get(each.table, 0), self._count(each))
        return {table: rows for table, rows in found.items() if rows}

    def forget(self) -> None:
        """Deletes the working table, and its bytes."""
        self._store.command(f"DROP TABLE IF EXISTS {self.work} SYNC")

    # -- erasing -------------------------------------------------------------------------------

    def erase(self, again: bool = False) -> list[Removed]:
        """Erases, and returns when neither rows nor bytes are left.

        Args:
            again: whether it was begun before and cut off: then parts may have been replaced
                already that are still there.

        Raises:
            StoreUnavailable: if ClickHouse can't do it now; doing it again goes on.
        """
        done: dict[str, tuple[Rows | Change, int, set[str]]] = {}
        plan = self.plan.everything()
        tables = {each.table for each in plan}
        with contextlib.ExitStack() as stack:
            for what in chain(plan, self._samples()):
                rows = self._count(what)
                if not rows:
                    continue
                stack.enter_context(self._in_haste(what.table))
                before = self._parts(what.table)
                self._change(what)
                # A table can come twice: by what its rows say, and by what others say of them.
                _, more, older = done.get(what.table, (what, 0, before))
                done[what.table] = what, rows + more, before | older
            if again:
                for table in tables - set(done):
                    stack.enter_context(self._in_haste(table))
            replaced = self._replaced(tables if again else set(done))
            self._await_gone(replaced)
        return [
            Removed(table, rows, len(before - self._parts(table)), self._count(what))
            for table, (what, rows, before) in done.items()
        ]

    def left(self) -> int:
        """Rows that are still there, deleted ones too."""
        return sum(self._count(each) for each in self.plan.everything())

    def _count(self, what: Rows | Change) -> int:
        # The mask hides rows that are deleted and whose bytes are still in a part.
        return int(self._store.row(
            f"SELECT count() FROM {self._store.database}.{what.table} WHERE {what.where}",
            what.values, {"apply_deleted_mask": 0},
        )[0])  # fmt: skip

    def _change(self, what: Rows | Change) -> None:
        name = f"{self._store.database}.{what.table}"
        wait = "SETTINGS mutations_sync = 2, lightweight_deletes_sync = 2"
        if isinstance(what, Change):
            sql = f"ALTER TABLE {name} UPDATE {what.update} WHERE {what.where} {wait}"
            self._store.command(sql, what.values)
            return
        self._store.command(f"DELETE FROM {name} WHERE {what.where} {wait}", what.values)
        self._store.command(f"ALTER TABLE {name} APPLY DELETED MASK {wait}")

    @contextlib.contextmanager
    def _in_haste(self, table: str) -> Iterator[None]:
        """While this lasts, parts that were replaced go at once; what replaced them is synced."""
        name = f"{self._store.database}.{table}"
        settings = ", ".join(f"{each} = {value}" for each, value in _HASTE.items())
        # What was replaced of late may not be synced yet.
        self._sync()
        self._store.command(f"ALTER TABLE {name} MODIFY SETTING {settings}")
        try:
            yield
        finally:
            self._store.command(f"ALTER TABLE {name} RESET SETTING {', '.join(_HASTE)}")

    def _parts(self, table: str, more: str = "") -> set[str]:
        rows = self._store.query(
            "SELECT name FROM system.parts WHERE database = {database:String}"
            f" AND table = {{table:String}} {more}",
            {"database": self._store.database, "table": table},
        ).rows
        return {str(row[0]) for row in rows}

    def _replaced(self, tables: set[str]) -> dict[str, set[str]]:
        """Parts that something has taken the place of, by table; what comes later holds nothing."""
        more = "AND (NOT active OR has_lightweight_delete)"
        return {table: self._parts(table, more) for table in tables}

    def _await_gone(self, replaced: dict[str, set[str]]) -> None:
        """Waits until these parts are gone."""
        waited = 0.0
        while left := [table for table, parts in replaced.items() if parts & self._parts(table)]:
            if waited > _LONGEST_S:
                raise StoreUnavailable(
                    f"Parts of {', '.join(left)} that were replaced are still read by somebody."
                )
            self._pause(_PAUSE_S)
            waited += _PAUSE_S
            for table in left:
                # Has nothing to drop, and clears what is old.
                name = f"{self._store.database}.{table}"
                self._store.command(f"ALTER TABLE {name} DROP PARTITION ID '{_NO_PARTITION}'")

    # -- samples of drift ----------------------------------------------------------------------

    def _samples(self) -> Iterator[Rows]:
        """The samples of the hours concerned; they are made anew, from what is left."""
        hours = [
            datetime.fromtimestamp(int(row[0]), UTC)
            for row in self._store.query(
                f"SELECT DISTINCT value FROM {self.work} WHERE kind = 'hour'"
            ).rows
        ]
        if not hours:
            return
        yield Rows(
            "drift_samples",
            "(project, toString(toUnixTimestamp(hour))) IN"
            f" (SELECT project, value FROM {self.work} WHERE kind = 'hour')"
            " AND updated_at < {before:DateTime64(6, 'UTC')}",
            {"before": self._now()},
        )
        make_samples(self._store, hours)

    def _now(self) -> datetime:
        """The present by the store's clock, which is what rows are stamped with."""
        now: datetime = self._store.row("SELECT now64(6, 'UTC')")[0]
        return now.replace(tzinfo=None)
