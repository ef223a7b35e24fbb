"""Deletes what is older than its retention, a day at a time.

A row says how long it is kept, counted from its own day, as it was when it came. ClickHouse's TTL
drops a part when all rows of it are over. Projects share partitions, so that alone would keep the
rows of one as long as those of another: here a partition is dropped when all of it is over, and
otherwise written anew without what is. Where a project's retention was made shorter, that counts
for what is there, too: from the day of its arrival for what was imported late. Payload is emptied
in its place.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.retention.policy import Retention
from spanglass_store.schema import PAYLOAD_COLUMNS

log = logging.getLogger(__name__)

#: Days that nothing reaches: stands for "for ever".
_EVER: Final = 100_000
_SYNC: Final = "SETTINGS mutations_sync = 2"


@dataclass(frozen=True)
class _Table:
    """A table with daily partitions.

    Attributes:
        time: column whose day is that of the partition.
        signal: whose retention counts.
        payload: what empties its payload: column and value.
    """

    name: str
    time: str
    signal: str = "traces"
    payload: Mapping[str, str] | None = None


_EMPTY: Final = {
    "input": "''", "output": "''", "payload_body": "''", "payload_attributes": "map()",
    "payload_events.attributes":
        "arrayMap(each -> CAST(map(), 'Map(LowCardinality(String), String)'),"
        " `payload_events.attributes`)",
    "explanation": "''", "correction": "''", "reason": "''",
}  # fmt: skip
_HAS: Final = {
    "payload_attributes": "notEmpty(payload_attributes)",
    "payload_events.attributes": "arrayExists(each -> notEmpty(each), `payload_events.attributes`)",
}


def _payload(table: str) -> dict[str, str]:
    return {name: _EMPTY[name] for name in PAYLOAD_COLUMNS[table] if name in _EMPTY}


DAILY: Final = (
    _Table("spans", "start_time", payload=_payload("spans")),
    _Table("logs", "time", payload=_payload("logs")),
    _Table("metrics", "time", "metrics"),
)
#: What hangs on spans, and goes with the last of a trace's: the time by which it is found.
HANGING: Final = {
    "traces": "start_time",
    "pii_findings": "start_time",
    "job_failures": "start_time",
}
#: What quotes payload and stays without it: the time from which it counts.
QUOTING: Final = {"scores": "created_at", "job_failures": "start_time"}


@dataclass(frozen=True)
class Swept:
    """What went from a table.

    Attributes:
        rows: how many were deleted.
        partitions: how many were dropped whole.
        emptied: rows that lost their payload.
    """

    table: str
    rows: int = 0
    partitions: int = 0
    emptied: int = 0


def sweep(
    store: Store,
    default: Retention,
    projects: Mapping[str, Retention],
    today: date | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> list[Swept]:
    """Deletes what is over by now.

    Args:
        store: as the owner.
        default: of projects that are not in the next.
        projects: by name.
        today: the present day, UTC.
        pause: called between two changes; may raise to end the work.

    Raises:
        StoreError: if ClickHouse can't do it now; the next sweep goes on.
    """
    policy = _Policy(default, projects, today or datetime.now(UTC).date())
    done = [_sweep_daily(store, policy, table, pause) for table in DAILY]
    done += [_sweep_hanging(store, policy, name, column) for name, column in HANGING.items()]
    done += [_sweep_quoting(store, policy, name, column) for name, column in QUOTING.items()]
    return [each for each in done if each.rows or each.emptied]


@dataclass(frozen=True)
class _Policy:
    """Conditions in SQL, with their values."""

    default: Retention
    projects: Mapping[str, Retention]
    today: date

    def values(self, days: Callable[[Retention], int]) -> dict[str, Any]:
        """Values of the conditions below."""
        return {
            "names": list(self.projects),
            "days": [days(each) or _EVER for each in self.projects.values()],
            "else": days(self.default) or _EVER,
            "today": self.today,
        }

    @staticmethod
    def over(time_column: str, stamp: str, arrival: str = "") -> str:
        """Whether a row is over: by what it says itself, or by what counts for its project now."""
        said = "transform(project, {names:Array(String)}, {days:Array(UInt32)}, {else:UInt32})"
        # What came late was promised its days from then on.
        late = f" + greatest(0, toDate({arrival}) - toDate({time_column}))" if arrival else ""
        own = f"if({stamp} = 0, {_EVER}, toInt64({stamp}))" if stamp else str(_EVER)
        return f"toInt64({{today:Date}} - toDate({time_column})) >= least({own}, {said}{late})"


def _sweep_daily(
    store: Store, policy: _Policy, table: _Table, pause: Callable[[float], None]
) -> Swept:
    name = f"{store.database}.{table.name}"
    over = policy.over(table.time, "retention_days", "ingested_at")
    values = policy.values(lambda each: each.days(table.signal))
    rows = partitions = emptied = 0
    # A row's own word may be shorter than what counts for its project now: every day is looked at.
    for partition in _partitions(store, table.name, policy.today):
        where = "_partition_id = {partition:String}"
        those = {**values, "partition": partition}
        total, gone = store.row(f"SELECT count(), countIf({over}) FROM {name} WHERE {where}", those)
        if gone:
            pause(0)
            if gone == total:
                store.command(f"ALTER TABLE {name} DROP PARTITION ID '{partition}'")
                partitions += 1
            else:
                store.command(
                    f"ALTER TABLE {name} DELETE IN PARTITION ID '{partition}' WHERE {over} {_SYNC}",
                    values,
                )
            rows += int(gone)
        if table.payload and gone != total:
            emptied += _empty_daily(store, policy, table, partition, pause)
    return Swept(table.name, rows, partitions, emptied)


def _empty_daily(
    store: Store, policy: _Policy, table: _Table, partition: str, pause: Callable[[float], None]
) -> int:
    assert table.payload is not None
    name = f"{store.database}.{table.name}"
    values = policy.values(lambda each: each.payload_days)
    over = policy.over(table.time, "payload_retention_days", "ingested_at")
    has = _has(table.payload)
    # What is large is read of rows alone that are over.
    found = store.row(
        f"SELECT count() FROM {name} PREWHERE {over}"
        f" WHERE _partition_id = {{partition:String}} AND ({has})",
        {**values, "partition": partition},
    )[0]
    if found:
        pause(0)
        store.command(
            f"ALTER TABLE {name} UPDATE {_emptied(table.payload)}"
            f" IN PARTITION ID '{partition}' WHERE {over} AND ({has}) {_SYNC}",
            values,
        )
    return int(found)


def _sweep_hanging(store: Store, policy: _Policy, table: str, column: str) -> Swept:
    """Rows of traces of which no span is left."""
    name = f"{store.database}.{table}"
    values = policy.values(lambda each: each.spans_days)
    over = policy.over(column, "retention_days")
    if not store.row(f"SELECT count() FROM {name} WHERE {over}", values)[0]:
        return Swept(table)
    where = f"{over} AND (project, trace_id) NOT IN ({_spans(store)})"
    found = store.row(f"SELECT count() FROM {name} WHERE {where}", values)[0]
    if found:
        store.command(f"ALTER TABLE {name} DELETE WHERE {where} {_SYNC}", values)
    return Swept(table, int(found))


def _spans(store: Store) -> str:
    """Traces that there is a span of."""
    return f"SELECT project, trace_id FROM {store.database}.spans WHERE start_time < {{today:Date}}"


def _sweep_quoting(store: Store, policy: _Policy, table: str, column: str) -> Swept:
    """What was said of a span quotes it."""
    name = f"{store.database}.{table}"
    values = policy.values(lambda each: each.payload_days)
    columns = _payload(table)
    over, has = policy.over(column, ""), _has(columns)
    asked = f"SELECT count() FROM {name} PREWHERE {over} WHERE {has}"
    found = store.row(asked, values)[0]
    if found:
        where = f"{over} AND ({has})"
        store.command(
            f"ALTER TABLE {name} UPDATE {_emptied(columns)} WHERE {where} {_SYNC}", values
        )
    return Swept(table, emptied=int(found))


def _partitions(store: Store, table: str, today: date) -> Iterator[str]:
    """Ids of the partitions of days that are over, the oldest first."""
    rows = store.query(
        "SELECT DISTINCT partition_id FROM system.parts WHERE active"
        " AND database = {database:String} AND table = {table:String}"
        " AND toDateOrNull(partition) < {today:Date} ORDER BY partition_id",
        {"database": store.database, "table": table, "today": today},
    ).rows
    return (str(row[0]) for row in rows)


def _has(columns: Mapping[str, str]) -> str:
    return " OR ".join(_HAS.get(name, f"{name} != ''") for name in columns)


def _emptied(columns: Mapping[str, str]) -> str:
    return ", ".join(f"`{name}` = {value}" for name, value in columns.items())
