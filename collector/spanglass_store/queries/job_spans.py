"""Reading spans for jobs: what has come since, in order, page by page.

A window is either of arrival (live) or of when spans began (backfill). In it spans are ordered by
the table's own key, so that a page costs what it holds, and a job that was cut off goes on behind
the last span that it judged.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spanglass_store.client import Store

#: Microseconds by which windows end before what is certainly there: servers of a cluster.
_MARGIN_US: Final = 200_000
#: Seconds after which an insert under way is not waited for any more.
_STUCK_S: Final = 300
_KEY: Final = "project, toStartOfMinute(start_time), trace_id, span_id"
#: How the parts of a span that have other names in the table are read.
_AS: Final = {
    "payload_event_names": "payload_events.name",
    "payload_event_attributes": "payload_events.attributes",
    "event_names": "events.name",
    "event_attributes": "events.attributes",
}
#: What jobs need of every span, beside what a detector reads.
ALWAYS: Final = (
    "project", "trace_id", "span_id", "parent_span_id", "name", "operation", "service",
    "environment", "start_time", "session_id", "sample_data", "retention_days",
)  # fmt: skip


@dataclass(frozen=True)
class Window:
    """Which spans, before any filter. Times are microseconds since 1970.

    Attributes:
        column: `ingested_at`, of spans behind `start` up to `end`; or `start_time`, of spans from
            `start` and before `end`.
    """

    column: str
    start: int
    end: int

    @property
    def condition(self) -> str:
        first, last = (">", "<=") if self.column == "ingested_at" else (">=", "<")
        return (
            f"{self.column} {first} fromUnixTimestamp64Micro({{window_start:Int64}}, 'UTC') AND"
            f" {self.column} {last} fromUnixTimestamp64Micro({{window_end:Int64}}, 'UTC')"
        )

    @property
    def values(self) -> dict[str, int]:
        return {"window_start": self.start, "window_end": self.end}


@dataclass(frozen=True)
class SpanFilter:
    """Which spans a job judges; everything that is given has to hold.

    Attributes:
        where: a condition of ClickHouse's SQL over the columns of `spans`, by the operator.
        sample: the share of traces that is judged, from 0 to 1; the same traces each time.
    """

    projects: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    where: str = ""
    sample: float = 1.0

    @property
    def condition(self) -> str:
        parts = [
            f"{column} IN {{{name}:Array(String)}}"
            for name, column in (
                ("projects", "project"), ("services", "service"), ("operations", "operation"),
            )
            if getattr(self, name)
        ]  # fmt: skip
        if self.where:
            parts.append(f"({self.where})")
        if self.sample < 1:
            parts.append(f"cityHash64(trace_id) % 1000000 < {round(self.sample * 1_000_000)}")
        return " AND ".join(parts) or "1"

    @property
    def values(self) -> dict[str, Any]:
        names = ("projects", "services", "operations")
        return {name: list(getattr(self, name)) for name in names if getattr(self, name)}


@dataclass(frozen=True)
class Key:
    """A span's place in the table: project, minute (seconds since 1970), trace and span."""

    project: str
    minute: int
    trace_id: str
    span_id: str

    def text(self) -> str:
        return json.dumps([self.project, self.minute, self.trace_id, self.span_id])

    @classmethod
    def of_text(cls, text: str) -> "Key":
        project, minute, trace_id, span_id = json.loads(text)
        return cls(project, minute, trace_id, span_id)


@dataclass(frozen=True)
class SpanReader:
    """Reads the spans of one job.

    Attributes:
        store: as the owner.
        columns: what the detector reads.
        which: the job's filter.
    """

    store: Store
    columns: Sequence[str] = ()
    which: SpanFilter = field(default_factory=SpanFilter)

    @property
    def _table(self) -> str:
        return f"{self.store.database}.spans"

    def check(self) -> None:
        """Makes sure that the filter is one.

        Raises:
            QueryRefused: if it is not.
        """
        self.store.query(
            f"EXPLAIN SYNTAX SELECT 1 FROM {self._table} WHERE {self.which.condition}",
            self.which.values,
        )

    def keys(self, window: Window, behind: str, limit: int) -> list[Key]:
        """The next spans of a window, in order.

        Args:
            window: which.
            behind: the text of the key behind which they lie; empty for the first ones.
            limit: most of them.
        """
        where, values = self._where(window, behind, None)
        rows = self.store.query(
            "SELECT DISTINCT project, toUnixTimestamp(toStartOfMinute(start_time)), trace_id,"
            f" span_id FROM {self._table} WHERE {where} ORDER BY {_KEY} LIMIT {{limit:UInt32}}",
            {**values, "limit": limit},
            {"max_threads": 2},
        ).rows
        return [Key(str(a), int(b), str(c), str(d)) for a, b, c, d in rows]

    def lines(self, window: Window, behind: str, last: Key) -> Iterator[bytes]:
        """The spans of a window up to a key, as lines of JSON, in no order, each once."""
        where, values = self._where(window, behind, last)
        return self._lines(where, values)

    def of(self, keys: Sequence[Key]) -> Iterator[bytes]:
        """A few spans by their keys."""
        listed = [(key.project, key.trace_id, key.span_id) for key in keys]
        minutes = [key.minute for key in keys]
        return self._lines(
            "(project, trace_id, span_id) IN {keys:Array(Tuple(String, String, String))}"
            " AND toStartOfMinute(start_time) >= toDateTime({first:UInt32}, 'UTC')"
            " AND toStartOfMinute(start_time) <= toDateTime({last:UInt32}, 'UTC')",
            {"keys": listed, "first": min(minutes), "last": max(minutes)},
        )

    def _where(self, window: Window, behind: str, last: Key | None) -> tuple[str, dict[str, Any]]:
        where = [window.condition, self.which.condition]
        values: dict[str, Any] = {**window.values, **self.which.values}
        for name, sign, key in (
            ("after", ">", Key.of_text(behind) if behind else None), ("last", "<=", last),
        ):  # fmt: skip
            if key is None:
                continue
            where.append(
                f"({_KEY}) {sign} ({{{name}_project:String}},"
                f" toDateTime({{{name}_minute:UInt32}}, 'UTC'), {{{name}_trace:String}},"
                f" {{{name}_span:String}})"
            )
            values |= {
                f"{name}_project": key.project, f"{name}_minute": key.minute,
                f"{name}_trace": key.trace_id, f"{name}_span": key.span_id,
            }  # fmt: skip
        return " AND ".join(where), values

    def _lines(self, where: str, values: dict[str, Any]) -> Iterator[bytes]:
        wanted = dict.fromkeys((*ALWAYS, *self.columns))
        listed = ", ".join(
            f"{_AS[name]} AS {name}" if name in _AS else name
            for name in wanted
            if name != "start_time"
        )
        return self.store.lines(
            # Named otherwise than the column, which the condition is about.
            f"SELECT {listed}, toString(toDateTime64(spans.start_time, 6, 'UTC')) AS began"
            # A span can be there more than once, its messages only in the latest.
            f" FROM {self._table} WHERE {where} ORDER BY ingested_at DESC"
            " LIMIT 1 BY project, trace_id, span_id",
            "JSONEachRow",
            values,
            {
                "max_threads": 1, "output_format_json_quote_64bit_integers": 0,
                "output_format_json_escape_forward_slashes": 0, "max_block_size": 1024,
                "preferred_block_size_bytes": 1 << 20,
            },
        )  # fmt: skip


def horizon(store: Store) -> int:
    """Until when everything that came is there to be read, in microseconds since 1970.

    An insert stamps its rows when it begins, and they are there when it has ended.
    """
    now, oldest = store.row(
        "SELECT toUnixTimestamp64Micro(now64(6)),"
        f" maxIf(elapsed, query_kind IN ('Insert', 'AsyncInsertFlush') AND elapsed < {_STUCK_S})"
        " FROM system.processes"
    )
    return int(now) - int(float(oldest or 0) * 1e6) - _MARGIN_US


def first_arrival(store: Store, window: Window) -> tuple[int, int]:
    """When the first span of a window came, in microseconds since 1970, and how many did."""
    first, count = store.row(
        f"SELECT toUnixTimestamp64Micro(min(ingested_at)), count() FROM {store.database}.spans"
        f" WHERE {window.condition}",
        window.values,
        {"max_threads": 2},
    )
    return int(first), int(count)


def count_spans(store: Store) -> int:
    """How many rows `spans` has, which is read from no column: whether anything has come."""
    return int(store.row(f"SELECT count() FROM {store.database}.spans")[0])
