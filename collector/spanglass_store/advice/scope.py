"""The part of the traffic that is looked at, in whole days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.queries.leaves import is_leaf

DAY: Final = timedelta(days=1)
#: The longest range, in days.
MOST_DAYS: Final = 31
#: How a row of numbers comes: an unsigned key, a signed time in ns, or a double.
_TYPES: Final = {"u": ("toUInt64", "<u8"), "i": ("toInt64", "<i8"), "f": ("toFloat64", "<f8")}
#: Rows of a query at most: a reader gets 100,000.
MOST_ROWS: Final = 90_000


@dataclass(frozen=True)
class Scope:
    """Which calls are looked at.

    Attributes:
        start: inclusive.
        end: exclusive; whole days behind the start.
        project: whose; all that may be seen where empty.
    """

    start: datetime
    end: datetime
    project: str = ""

    @property
    def days(self) -> int:
        return round((self.end - self.start) / DAY)

    @property
    def first_s(self) -> float:
        """The start, in seconds since 1970."""
        return self.start.timestamp()

    @property
    def first_day(self) -> str:
        """SQL: the number of a span's day."""
        return "intDiv(toUnixTimestamp64Nano(start_time) - {first_ns:Int64}, 86400000000000)"

    def values(self) -> dict[str, Any]:
        """Parameters of queries."""
        return {
            "start": self.start, "end": self.end, "project": self.project,
            "first_ns": round(self.first_s) * 10**9,
        }  # fmt: skip

    def where(self) -> str:
        """SQL that is true for spans of the range and the project."""
        of_project = " AND project = {project:String}" if self.project else ""
        return (
            "start_time >= {start:DateTime64(6, 'UTC')} AND start_time < {end:DateTime64(6, 'UTC')}"
            + of_project
        )

    def calls(self, database: str) -> str:
        """SQL behind `FROM`: calls of models, each once."""
        return f"{database}.spans AS s FINAL WHERE {self.where()} AND {is_leaf(database)}"

    def each_day(self) -> Iterator[Scope]:
        """The days, one by one: what reads prompts and answers reads a day at a time."""
        for n in range(self.days):
            yield Scope(self.start + n * DAY, self.start + (n + 1) * DAY, self.project)

    def literal(self) -> str:
        """The condition `where` with its values written in, for people to run."""
        of_project = f" AND project = '{quote(self.project)}'" if self.project else ""
        return (
            f"start_time >= '{self.start:%Y-%m-%d %H:%M:%S}'"
            f" AND start_time < '{self.end:%Y-%m-%d %H:%M:%S}'{of_project}"
        )


def scope_of(start: datetime, end: datetime, project: str = "") -> Scope:
    """The whole days of a range, the last of which ends where it does.

    Raises:
        StoreError: if it ends before it begins, or is too long.
    """
    if end <= start:
        raise StoreError("The range of time ends before it begins.")
    days = int((end - start + timedelta(minutes=5)) / DAY)
    if days > MOST_DAYS:
        raise StoreError(f"Advice looks at {MOST_DAYS} days at most: give a shorter range of time.")
    end = end.replace(microsecond=0)
    return Scope(end - days * DAY, end, project)


def quote(text: str) -> str:
    """A text within quotes of SQL."""
    return text.replace("\\", "\\\\").replace("'", "\\'")


def numbers(
    store: Store, columns: dict[str, tuple[str, str]], source: str, values: dict[str, Any]
) -> dict[str, NDArray[Any]]:
    """Rows of numbers as arrays, without a Python object for each.

    Args:
        store: as a reader.
        columns: name, and type (`u`, `i` or `f`) with SQL; nothing is 0.
        source: what stands behind `FROM`.
        values: parameters.
    """
    # A null would be a byte more.
    listed = ", ".join(f"{_TYPES[kind][0]}(ifNull({sql}, 0))" for kind, sql in columns.values())
    raw = store.text(f"SELECT {listed} FROM {source}", "RowBinary", values)
    row = np.dtype([(name, _TYPES[kind][1]) for name, (kind, _) in columns.items()])
    found = np.frombuffer(raw, row)
    return {name: found[name] for name in columns}
