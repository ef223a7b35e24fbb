"""ClickHouse's own BACKUP and RESTORE, and how many rows a backup has.

Files are written once each (`deduplicate_files = 0`): so every part has its `count.txt`, and the
rows of a backup are known without opening it.

Source: ClickHouse's documentation, "Backup and restore".
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from spanglass_store.client import Store
from spanglass_store.errors import StoreError, StoreUnavailable

#: Seconds between looks at a copy that is under way.
_LOOK_S: Final = 0.1
_ENDED: Final = ("BACKUP_CREATED", "RESTORED")
_UNDER_WAY: Final = ("CREATING_BACKUP", "RESTORING")
#: Working tables of purges and previews: those that go on make them anew.
_WORKING: Final = "erasure_%"


def back_up(store: Store, folder: Path, pause: Callable[[float], None] = time.sleep) -> None:
    """Copies the database into a folder that is not there yet.

    Args:
        store: the embedded server, as the owner; it has to be allowed to write there.
        folder: where.
        pause: waits so many seconds; may raise to end the waiting.

    Raises:
        StoreError: if ClickHouse can't do it: a full disk, for one.
    """
    rows = store.query(
        "SELECT name FROM system.tables WHERE database = {database:String}"
        " AND name LIKE {like:String}",
        {"database": store.database, "like": _WORKING},
    ).rows
    working = ", ".join(f"{store.database}.{row[0]}" for row in rows)
    left_out = f" EXCEPT TABLES {working}" if working else ""
    _run(
        store,
        f"BACKUP DATABASE {store.database}{left_out} TO {_file(folder)}"
        " SETTINGS deduplicate_files = 0",
        pause,
    )


def restore(
    store: Store,
    folder: Path,
    wanted: Mapping[str, int],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Brings the database back from a folder, into a server that has none.

    Args:
        store: the server, as the owner; it has to be allowed to read there.
        folder: where.
        wanted: rows by table that have to come back.
        pause: waits so many seconds; may raise to end the waiting.

    Raises:
        StoreError: if ClickHouse can't do it, or rows are missing.
    """
    database = store.database
    _run(
        store,
        f"RESTORE DATABASE {database} FROM {_file(folder)} SETTINGS structure_only = 1",
        pause,
    )
    # A merge makes one of two rows of a span: while rows are counted there is none.
    store.command("SYSTEM STOP MERGES")
    _run(store, f"RESTORE DATABASE {database} FROM {_file(folder)}", pause)
    found = {
        str(table): int(rows)
        for table, rows in store.query(
            "SELECT table, sum(rows) FROM system.parts WHERE active"
            " AND database = {database:String} GROUP BY table",
            {"database": database},
        ).rows
    }
    missing = {table: rows - found.get(table, 0) for table, rows in wanted.items()}
    missing = {table: rows for table, rows in missing.items() if rows}
    store.command("SYSTEM START MERGES")
    if missing:
        told = ", ".join(f"{rows:,} of {table}" for table, rows in missing.items())
        raise StoreError(f"Rows of the backup did not come back: {told}. Restore another backup.")


def even_out(store: Store, since: datetime) -> None:
    """Makes `traces` say of the last traces of a copy what `spans` says.

    Tables are copied one after another: what was stored meanwhile can be in one and not in the
    other.

    Args:
        store: as the owner, with the schema of this version.
        since: a time before the copy began.
    """
    database = store.database
    (view,) = store.row(
        "SELECT as_select FROM system.tables WHERE database = {database:String}"
        " AND name = 'traces_from_spans'",
        {"database": database},
    )
    head, group, tail = str(view).rpartition(" GROUP BY ")
    came = "ingested_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
    late = f"SELECT project, trace_id FROM {database}.spans WHERE {came}"
    values = {"since": round(since.timestamp() * 1e6)}
    store.command(
        f"DELETE FROM {database}.traces WHERE (project, trace_id) IN ({late})"
        " OR (toDate(start_time) >= toDate(fromUnixTimestamp64Micro({since:Int64}, 'UTC')) - 1"
        f" AND (project, trace_id) NOT IN (SELECT project, trace_id FROM {database}.spans))"
        " SETTINGS lightweight_deletes_sync = 2",
        values,
    )
    store.command(
        f"INSERT INTO {database}.traces {head} WHERE (s.project, s.trace_id) IN ({late})"
        f"{group}{tail}",
        values,
    )


def rows_in(folder: Path, database: str) -> dict[str, int]:
    """Rows of a copy, by table.

    Raises:
        StoreError: if a part's count can't be read.
    """
    found: Counter[str] = Counter()
    for path in (folder / "data" / database).glob("*/*/count.txt"):
        try:
            found[path.parent.parent.name] += int(path.read_text())
        except (OSError, ValueError) as error:
            raise StoreError(f"{path} of the backup can't be read: {error}.") from error
    return dict(sorted(found.items()))


def _file(folder: Path) -> str:
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return f"File('{quoted}')"


def _run(store: Store, statement: str, pause: Callable[[float], None]) -> None:
    """Runs it to its end. Not in one request: that would have to last as long as the copy."""
    asynchronous = f"{statement}, async = 1" if " SETTINGS " in statement else f"{statement} ASYNC"
    copy_id = str(store.row(asynchronous)[0])
    while True:
        rows = store.query(
            "SELECT status, error FROM system.backups WHERE id = {id:String}", {"id": copy_id}
        ).rows
        if not rows:
            raise StoreUnavailable("ClickHouse was started anew in the middle. Try again.")
        status, error = str(rows[0][0]), str(rows[0][1])
        if status in _ENDED:
            return
        if status not in _UNDER_WAY:
            said = error.partition(", Stack trace")[0].partition("DB::Exception: ")
            raise StoreError(f"ClickHouse could not finish: {said[2] or said[0]}"[:800])
        pause(_LOOK_S)
