"""Calls that nobody waits for, at the price of a batch."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from spanglass_detectors.savings.findings import CantSay, Evidence, Finding, Level, is_material
from spanglass_detectors.savings.monthly import FEWEST_DAYS, per_month
from spanglass_store.advice.duplicates import EXAMPLES, MOST_FINDINGS, segment_sql
from spanglass_store.advice.rates import Book
from spanglass_store.advice.scope import Scope
from spanglass_store.advice.traffic import SEGMENT_HASH, Segment, Traffic
from spanglass_store.client import Store
from spanglass_store.prices.costs import PRICED_MODEL

KIND: Final = "batch_price"
#: Calls that have to look as if nobody waited for them, and of a day those in its fullest hours.
_FEWEST: Final = 60
_ALONE: Final = 0.99
_AT_ONCE: Final = 0.8
_HOURS: Final = 3


def batches(store: Store, scope: Scope, traffic: Traffic) -> list[Finding | CantSay]:
    """Calls that a timer makes: no user, no session, no stream, at the same hours each day.

    Args:
        store: as a reader.
        scope: which; from the first day with a call.
        traffic: of the same range.
    """
    rows: dict[tuple[int, str, str], list[dict[str, Any]]] = defaultdict(list)
    for number, day in enumerate(scope.each_day()):
        for row in _hours(store, day):
            key = int(row["key"]), str(row["provider"]), str(row["model"])
            rows[key].append({**row, "day": number})
    book = Book(store, scope)
    found: list[Finding | CantSay] = []
    for segment in traffic.segments:
        mine = rows.get((segment.key, segment.provider, segment.model), [])
        if segment.calls >= _FEWEST and _is_timed(mine):
            finding = _finding(scope, traffic, segment, mine, book)
            if finding is not None:
                found.append(finding)
    return found[:MOST_FINDINGS]


def _hours(store: Store, day: Scope) -> list[dict[str, Any]]:
    return store.query(
        f"SELECT {SEGMENT_HASH} AS key, provider, {PRICED_MODEL} AS model,"
        " toHour(start_time) AS hour, sum(s.sample_weight) AS calls,"
        " sum(s.input_cost_usd * s.sample_weight) AS input_usd,"
        " sum(s.output_cost_usd * s.sample_weight) AS output_usd,"
        " sumIf(s.sample_weight, user_id != '' OR session_id != ''"
        " OR s.time_to_first_token_s IS NOT NULL) AS attended,"
        f" groupArray({EXAMPLES})(trace_id) AS traces"
        f" FROM {day.calls(store.database)} AND service_tier NOT IN ('batch', 'flex')"
        " GROUP BY key, provider, model, hour ORDER BY calls DESC LIMIT 20000",
        day.values(),
    ).dicts()


def _is_timed(rows: list[dict[str, Any]]) -> bool:
    """Whether calls look like those of a timer."""
    calls = sum(float(row["calls"]) for row in rows)
    if sum(float(row["attended"]) for row in rows) > (1 - _ALONE) * calls:
        return False
    by_hour: dict[int, float] = defaultdict(float)
    for row in rows:
        by_hour[int(row["hour"])] += float(row["calls"])
    fullest = sorted(by_hour, key=lambda hour: -by_hour[hour])[:_HOURS]
    days = {row["day"] for row in rows if int(row["hour"]) in fullest}
    return len(days) >= FEWEST_DAYS and sum(by_hour[h] for h in fullest) >= _AT_ONCE * calls


def _finding(
    scope: Scope, traffic: Traffic, segment: Segment, rows: list[dict[str, Any]], book: Book
) -> Finding | None:
    usual, batch = book.usual(segment), book.usual(segment, "batch")
    if usual is None or batch is None:
        return None
    less = {
        side: 1 - batch[side] / usual[side] if usual[side] else 0.0 for side in ("input", "output")
    }
    days = [0.0] * scope.days
    for row in rows:
        days[row["day"]] += sum(
            float(row[f"{side}_usd"] or 0) * part for side, part in less.items()
        )
    saving = per_month(days)
    if saving is None or not is_material(saving, traffic.usd_month):
        return None
    hours = sorted({int(row["hour"]) for row in rows})
    return Finding(
        kind=KIND,
        title=f"Nobody seems to wait for {segment.title}: it could go at the price of a batch",
        project=segment.project,
        scope={**segment.scope, "model": segment.model},
        saving=saving,
        risk=Level.LOW,
        risk_note="The same model answers, within a day instead of seconds. Only you know whether"
        " that is soon enough.",
        evidence=Evidence(
            {
                "calls": segment.calls,
                "hours_utc": ", ".join(map(str, hours[:8])),
                "usual_input_usd": usual["input"],
                "batch_input_usd": batch["input"],
                "usd": sum(days),
            },
            tuple(dict.fromkeys(str(t) for row in rows for t in row["traces"]))[:EXAMPLES],
            "SELECT toDate(start_time) AS day, toHour(start_time) AS hour, count() AS calls,"
            f" sum(cost_usd) AS usd\nFROM spans WHERE {scope.literal()}\n"
            f"  AND {segment_sql(segment)}\nGROUP BY day, hour ORDER BY day, hour LIMIT 500",
        ),
        method="Calls without user, session and stream, four fifths of which come in the same three"
        " hours of the day; the saving is the batch's price of the book against the usual one.",
        confidence=Level.LOW,
        next_step="Ask who reads these answers; if tomorrow is soon enough, send them as a batch.",
    )
