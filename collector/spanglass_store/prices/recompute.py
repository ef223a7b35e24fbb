"""Charges stored spans anew, where the book has changed since.

A span keeps the revision of the schedule that it was charged by. Those whose schedule has another
by now are written anew, a day after the other, by a mutation of their columns of cost; nothing else
waits for it. The rows of `traces` get the new cost first, as a further state: where a call is there
more than once, the latest revision counts.
"""

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.errors import StoreUnavailable
from spanglass_store.otlp.expressions import at
from spanglass_store.prices import costs

#: Seconds that inserts may go on which began before the schedules changed.
_INSERTS_END_S: Final = 300.0
_POLL_S: Final = 0.1
_WORD: Final = re.compile(r"(?<![\w.'$])[a-z_]+(?![\w(.'])")
#: What a span has to be to be charged by the book.
_CHARGED: Final = "cost_source != 'reported'"


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
) -> int:
    """Charges the spans anew whose schedule has changed since, and returns how many those were.

    Args:
        store: as the owner.
        first: first day on which they began, UTC.
        last: last day, inclusive.
        models: names of models, as spans have them; all where none is given.
        report: called after each day.

    Raises:
        StoreUnavailable: if the store can't do it right now; what is done stays done.
    """
    _await_inserts(store)
    steps = costs.steps(store.database, _CHARGED)
    named = ", ".join(f"{sql} AS {name}" for name, sql in steps.items())
    # What had no price and still has none stays as it is.
    changed = (
        f"is_charged AND price_revision != {at('entry', 'revision')}"
        " AND (is_priced OR cost_source != 'unknown')"
    )
    where, values = _range(first, last, models)
    days = store.query(
        f"WITH {named} SELECT toDate(start_time) AS day, count() FROM {store.database}.spans"
        f" WHERE {where} AND {changed} GROUP BY day ORDER BY day",
        values,
    ).rows
    total, done = sum(int(row[1]) for row in days), 0
    for day, spans in days:
        _charge_traces(store, day, named, f"{where} AND {changed}", values)
        _charge_spans(store, day, steps, changed, models)
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
        where.append("priced_model IN {models:Array(String)}")
        values["models"] = list(models)
    return " AND ".join(where), values


def _await_inserts(store: Store) -> None:
    """Until no insert is under way that may have read the schedules as they were."""
    began = time.monotonic()
    while True:
        elapsed = time.monotonic() - began
        running = store.query(
            "SELECT count() FROM system.processes WHERE query_kind = 'Insert'"
            " AND elapsed > {seconds:Float64}",
            {"seconds": elapsed},
        ).rows[0][0]
        if not running:
            return
        if elapsed > _INSERTS_END_S:
            raise StoreUnavailable("An insert does not end; try again when the store is less busy.")
        time.sleep(_POLL_S)


def _charge_traces(
    store: Store, day: date, named: str, where: str, values: Mapping[str, Any]
) -> None:
    cost = costs.charged()["cost_usd"]
    entry = (
        "(cityHash64(span_id), cityHash64(parent_span_id), ifNull(input_tokens, 0),"
        f" ifNull(output_tokens, 0), ifNull({cost}, 0), {at('entry', 'revision')})"
    )
    store.query(
        f"INSERT INTO {store.database}.traces"
        " (project, trace_id, start_time, end_time, inference, retention_days)"
        f" WITH {named} SELECT project, trace_id, start_time, end_time, [{entry}], retention_days"
        f" FROM {store.database}.spans WHERE toDate(start_time) = {{day:Date}} AND {where}",
        {**values, "day": day},
        # Few rows at a time, so that it needs little memory whatever the number of spans.
        {"max_threads": 1, "max_insert_threads": 1, "min_insert_block_size_rows": 200_000},
    )


def _charge_spans(
    store: Store, day: date, steps: Mapping[str, str], changed: str, models: Collection[str]
) -> None:
    charged = ", ".join(
        f"{name} = {_over_entry(sql, steps)}" for name, sql in costs.charged().items()
    )
    condition = changed
    if models:
        listed = ", ".join("'" + m.replace("\\", "\\\\").replace("'", "\\'") + "'" for m in models)
        condition += f" AND priced_model IN ({listed})"
    condition = _over_entry(condition, steps)
    before = _mutations(store)
    store.command(
        f"ALTER TABLE {store.database}.spans UPDATE {charged} IN PARTITION '{day}'"
        f" WHERE {condition} SETTINGS mutations_sync = 0, allow_nondeterministic_mutations = 1"
    )
    (mutation,) = _mutations(store) - before
    while True:
        ((is_done, reason),) = store.query(
            "SELECT is_done, latest_fail_reason FROM system.mutations"
            f" WHERE database = '{store.database}' AND table = 'spans'"
            " AND mutation_id = {id:String}",
            {"id": mutation},
        ).rows
        if is_done:
            return
        if reason:
            store.command(
                f"KILL MUTATION WHERE database = '{store.database}' AND table = 'spans'"
                f" AND mutation_id = '{mutation}'"
            )
            raise StoreUnavailable(f"ClickHouse could not charge {day} anew: {reason[:500]}")
        # It looks for work every few seconds only, so that an idle server is idle; this wakes it.
        store.command(f"SYSTEM START MERGES {store.database}.spans")
        time.sleep(_POLL_S)


def _mutations(store: Store) -> set[str]:
    rows = store.query(
        "SELECT mutation_id FROM system.mutations"
        f" WHERE database = '{store.database}' AND table = 'spans'"
    ).rows
    return {str(row[0]) for row in rows}


def _inlined(sql: str, steps: Mapping[str, str]) -> str:
    """An expression with its steps written out: a mutation knows no `WITH`."""
    return _WORD.sub(lambda found: _written_out(found[0], steps), sql)


def _written_out(name: str, steps: Mapping[str, str]) -> str:
    return f"({_inlined(steps[name], steps)})" if name in steps else name


def _over_entry(sql: str, steps: Mapping[str, str]) -> str:
    """The same where the entry, which is long and named often, is there once."""
    others = {name: step for name, step in steps.items() if name != "entry"}
    entry = _inlined(steps["entry"], steps)
    return f"arrayElement(arrayMap(entry -> {_inlined(sql, others)}, [{entry}]), 1)"
