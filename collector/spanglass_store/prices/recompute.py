"""Charges stored spans anew, where the book has changed since.

A span keeps the revision of the schedule that it was charged by. Those whose schedule has another
by now get their new cost, a day after the other, and nothing else waits for it:

1. The new costs of a day are computed once, into a table in memory, by a digest of the span.
2. The rows of `traces` get them as a further state: where a call is there more than once, the
   latest revision counts.
3. A mutation looks them up and writes the columns of cost, and no other column of a part that has
   a file for each. It computes nothing itself: ClickHouse analyses and evaluates what a mutation
   says for each column and part anew, which cost more than all the rest.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.errors import StoreUnavailable
from spanglass_store.inserts import await_inserts
from spanglass_store.otlp.expressions import at
from spanglass_store.otlp.literal import quoted
from spanglass_store.prices import costs

_POLL_S: Final = 0.1
#: How often ClickHouse is woken meanwhile: more often than a part takes.
_WAKES: Final = 10
#: What a span has to be to be charged by the book.
_CHARGED: Final = "cost_source != 'reported'"
#: Spans that are charged together: each takes about 100 bytes of memory meanwhile.
_AT_ONCE: Final = 1_500_000
#: Tells a span, and one copy of it from another.
_ID: Final = "cityHash64(project, trace_id, span_id, ingested_at)"
#: What a new cost follows from.
_READ: Final = (
    "project", "provider", "request_model", "response_model", "operation", "service_tier",
    "start_time", "duration_ns", "tokens_estimated", "cost_source", "price_revision",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
)  # fmt: skip


@dataclass(frozen=True)
class Progress:
    """How far it is.

    Attributes:
        day: that is done now.
        done: spans that are.
        total: spans whose schedule has changed.
    """

    day: date
    done: int
    total: int


def recompute(
    store: Store,
    first: date | None = None,
    last: date | None = None,
    models: Collection[str] = (),
    report: Callable[[Progress], None] = lambda progress: None,
    at_once: int = _AT_ONCE,
) -> int:
    """Charges the spans anew whose schedule has changed since, and returns how many those were.

    Args:
        store: as the owner.
        first: first day on which they began, UTC.
        last: last day, inclusive.
        models: names of models, as spans have them; all where none is given.
        report: called after each day.
        at_once: most spans whose new cost is kept in memory, about.

    Raises:
        StoreUnavailable: if the store can't do it right now; what is done stays done.
    """
    await_inserts(store)
    where, values = _range(first, last, models)
    days = store.query(
        f"SELECT toDate(start_time) AS day, count() FROM {_charged(store, where)}"
        " GROUP BY day ORDER BY day",
        values,
    ).rows
    total, done = sum(int(row[1]) for row in days), 0
    for day, spans in days:
        slices = -(-int(spans) // at_once)
        for number in range(slices):
            part = (
                f"{where} AND cityHash64(trace_id) % {slices} = {number}" if slices > 1 else where
            )
            _charge(store, day, part, values)
        done += int(spans)
        report(Progress(day, done, total))
    return total


def _range(
    first: date | None, last: date | None, models: Collection[str]
) -> tuple[str, dict[str, Any]]:
    where, values = ["1"], dict[str, Any]()
    if first is not None:
        where.append("toDate(start_time) >= {first:Date}")
        values["first"] = first
    if last is not None:
        where.append("toDate(start_time) <= {last:Date}")
        values["last"] = last
    if models:
        where.append(f"{costs.PRICED_MODEL} IN {{models:Array(String)}}")
        values["models"] = list(models)
    return " AND ".join(where), values


def _charged(store: Store, where: str) -> str:
    """A subquery: the spans whose schedule has changed, with the names that costs follow from."""
    steps = costs.entry_steps(store.database, _CHARGED)
    entries = ", ".join(f"{sql} AS {name}" for name, sql in steps.items())
    charges = ", ".join(f"{sql} AS {name}" for name, sql in costs.charge_steps().items())
    columns = f"{', '.join(_READ)}, trace_id, span_id, ingested_at"
    return (
        f"(SELECT *, {charges} FROM (SELECT {columns}, {entries}"
        f" FROM {store.database}.spans WHERE {where} AND {_CHARGED} AND {costs.IS_INFERENCE})"
        f" WHERE is_charged AND price_revision != {at('entry', 'revision')}"
        # What had no price and still has none stays as it is; what was measured, unless tokens have
        # got a price since.
        " AND (is_priced OR cost_source NOT IN ('unknown', 'measured'))"
        f" AND (cost_source != 'measured' OR ({at('entry', 'hour')} = 0"
        f" AND {at('entry', 'revision')} > price_revision)))"
    )


def _charge(store: Store, day: date, where: str, values: Mapping[str, Any]) -> None:
    """Charges some spans of a day; those that came since have the new prices already."""
    costed = f"{store.database}.new_costs"
    try:
        store.command(f"TRUNCATE TABLE {costed}")
        made = ", ".join(f"{sql} AS new_{name}" for name, sql in costs.charged().items())
        store.query(
            f"INSERT INTO {costed} (id, is_changed, {', '.join(costs.COST_COLUMNS)})"
            f" SELECT {_ID}, true, {made}"
            f" FROM {_charged(store, f'toDate(start_time) = {{day:Date}} AND {where}')}",
            {**values, "day": day},
        )
        _charge_traces(store, day)
        _charge_spans(store, day)
    finally:
        store.command(f"TRUNCATE TABLE {costed}")


def _new(store: Store, column: str) -> str:
    return f"joinGet({quoted(f'{store.database}.new_costs')}, '{column}', {_ID})"


def _charge_traces(store: Store, day: date) -> None:
    entry = (
        "(cityHash64(span_id), cityHash64(parent_span_id), ifNull(input_tokens, 0),"
        f" ifNull(output_tokens, 0), ifNull({_new(store, 'cost_usd')}, 0),"
        f" {_new(store, 'price_revision')})"
    )
    store.query(
        f"INSERT INTO {store.database}.traces"
        " (project, trace_id, start_time, end_time, inference, retention_days)"
        f" SELECT project, trace_id, start_time, end_time, [{entry}], retention_days"
        f" FROM {store.database}.spans WHERE toDate(start_time) = {{day:Date}}"
        f" AND {_new(store, 'is_changed')}",
        {"day": day},
        # Few rows at a time, so that it needs little memory whatever the number of spans.
        {"max_threads": 2, "max_insert_threads": 1, "min_insert_block_size_rows": 200_000},
    )


def _charge_spans(store: Store, day: date) -> None:
    charged = ", ".join(f"{name} = {_new(store, name)}" for name in costs.COST_COLUMNS)
    before = _mutations(store)
    store.command(
        f"ALTER TABLE {store.database}.spans UPDATE {charged} IN PARTITION '{day}'"
        f" WHERE {_new(store, 'is_changed')}"
        " SETTINGS mutations_sync = 0, allow_nondeterministic_mutations = 1"
    )
    (mutation,) = _mutations(store) - before
    while True:
        is_done, reason = store.row(
            "SELECT is_done, latest_fail_reason FROM system.mutations"
            f" WHERE database = '{store.database}' AND table = 'spans'"
            " AND mutation_id = {id:String}",
            {"id": mutation},
        )
        if is_done:
            return
        if reason:
            store.command(
                f"KILL MUTATION WHERE database = '{store.database}' AND table = 'spans'"
                f" AND mutation_id = '{mutation}'"
            )
            raise StoreUnavailable(f"ClickHouse could not charge {day} anew: {reason[:500]}")
        # It looks for work every few seconds only, so that an idle server is idle; this wakes it,
        # for one part at a time.
        for _ in range(_WAKES):
            store.command(f"SYSTEM START MERGES {store.database}.spans")
            time.sleep(_POLL_S / _WAKES)


def _mutations(store: Store) -> set[str]:
    rows = store.query(
        "SELECT mutation_id FROM system.mutations"
        f" WHERE database = '{store.database}' AND table = 'spans'"
    ).rows
    return {str(row[0]) for row in rows}
