"""Why calls cost more or less than before, what a month will cost, and what a thing costs."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from spanglass_detectors.savings.decompose import Decomposition, Sums, decompose
from spanglass_detectors.savings.forecast import MOST_DAYS, Forecast, month_end
from spanglass_store.client import Store
from spanglass_store.prices.costs import PRICED_MODEL, is_unpriced
from spanglass_store.queries.cost import GROUPS, CostFilter, GroupBy
from spanglass_store.queries.leaves import is_leaf

#: Groups that are told apart; what is over them is one.
_MOST_GROUPS: Final = 500
OTHERS: Final = "others"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Changes:
    """Two times compared.

    Attributes:
        parts: what changed the spend, of all of it and group by group.
        cents: the factors in cents, which add up to the change.
        unpriced: calls without a price in both times; they are in none of it.
    """

    parts: Decomposition
    cents: dict[str, int]
    unpriced: float


def changes(store: Store, before: CostFilter, after: CostFilter, group_by: GroupBy) -> Changes:
    """What changed the spend between two times, exactly.

    Args:
        store: as a reader.
        before: calls.
        after: calls.
        group_by: what parts are told apart by; within it, models always are.
    """
    first, second = (_sums(store, which, group_by) for which in (before, after))
    kept = sorted(
        {*first[0], *second[0]},
        key=lambda name: -max(time[0][name].usd for time in (first, second) if name in time[0]),
    )[:_MOST_GROUPS]
    parts = decompose(*(_cut(groups, set(kept)) for groups, _ in (first, second)))
    return Changes(parts, parts.cents(), first[1] + second[1])


def _sums(store: Store, which: CostFilter, group_by: GroupBy) -> tuple[dict[str, Sums], float]:
    """Sums of priced calls by group and model, and the number of those without a price."""
    where, values = which.conditions()
    group = f"toString({GROUPS[group_by]})"
    rows = store.query(
        f"SELECT {group} AS name, {PRICED_MODEL} AS model,"
        " sumIf(s.sample_weight, s.cost_usd IS NOT NULL) AS calls,"
        " sumIf(s.input_tokens * s.sample_weight, s.cost_usd IS NOT NULL) AS input_tokens,"
        " sumIf(s.output_tokens * s.sample_weight, s.cost_usd IS NOT NULL) AS output_tokens,"
        " sum(s.cost_usd * s.sample_weight) AS usd,"
        " sum(s.input_cost_usd * s.sample_weight) AS input_usd,"
        " sum(s.output_cost_usd * s.sample_weight) AS output_usd,"
        f" sumIf(s.sample_weight, {is_unpriced('s')}) AS unpriced"
        f" FROM {store.database}.spans AS s FINAL WHERE {' AND '.join(where)}"
        f" AND {is_leaf(store.database)} GROUP BY name, model ORDER BY usd DESC, name LIMIT 90000",
        values,
    ).dicts()
    found = {
        row["name"] if group_by == "model" else f"{row['name']}\0{row['model']}": Sums(
            *(
                float(row[name] or 0)
                for name in (
                    "calls", "input_tokens", "output_tokens", "usd", "input_usd", "output_usd",
                )
            )
        )
        for row in rows
    }  # fmt: skip
    return found, sum(float(row["unpriced"]) for row in rows)


def _cut(groups: dict[str, Sums], kept: set[str]) -> dict[str, Sums]:
    rest = [each for name, each in groups.items() if name not in kept]
    found = {name: each for name, each in groups.items() if name in kept}
    if rest:
        found[OTHERS] = Sums(
            *(sum(getattr(each, name) for each in rest) for name in Sums.__annotations__)
        )
    return found


def forecast(store: Store, which: CostFilter, now: datetime) -> Forecast | None:
    """What this month will have cost at its end.

    Args:
        store: as a reader.
        which: calls; its range is not used.
        now: the time.

    Returns:
        The forecast; None with too few whole days.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = min(today.replace(day=1), today - MOST_DAYS * _DAY)
    where, values = replace(which, start=first, end=now).conditions()
    rows = store.query(
        "SELECT toDate(start_time) AS day, sum(s.cost_usd * s.sample_weight) AS usd"
        f" FROM {store.database}.spans AS s FINAL WHERE {' AND '.join(where)}"
        f" AND {is_leaf(store.database)} GROUP BY day ORDER BY day",
        values,
    ).rows
    usd: dict[date, float] = {day: float(amount or 0) for day, amount in rows}
    if not usd:
        return None
    begun = max(min(usd), (today - MOST_DAYS * _DAY).date())
    days = [begun + n * _DAY for n in range((today.date() - begun).days)]
    # The first day of traffic is seldom a whole one.
    history = [(day, usd.get(day, 0.0)) for day in days if day > min(usd) or begun > min(usd)]
    spent = sum(amount for day, amount in usd.items() if day >= today.date().replace(day=1))
    return month_end(history, spent, today.date(), (now - today) / _DAY)


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """First moment of a month, and of the next one, UTC."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first, first + timedelta(days=monthrange(first.year, first.month)[1])


def units(store: Store, which: CostFilter) -> dict[str, Any]:
    """What a request, a user, a session, a feature, a success and an hour of a board cost.

    Args:
        store: as a reader.
        which: calls.

    Returns:
        `usd`, and the number of each unit: `requests` (traces with a call), `calls`, `users`,
        `sessions`, `features`, `thousand_tokens`, `successful_tasks` (traces whose `task_success`
        is at least a half) and `gpu_hours` (of boards that were read); None where it is not known.
    """
    where, values = which.conditions()
    source = (
        f"{store.database}.spans AS s FINAL WHERE {' AND '.join(where)}"
        f" AND {is_leaf(store.database)}"
    )
    row = store.named_row(
        "SELECT sum(s.cost_usd * s.sample_weight) AS usd, sum(s.sample_weight) AS calls,"
        " uniqExact(project, trace_id) AS requests,"
        " uniqExactIf(user_id, user_id != '') AS users,"
        " uniqExactIf(session_id, session_id != '') AS sessions,"
        " uniqExactIf(feature, feature != '') AS features,"
        " (sum(s.input_tokens * s.sample_weight) + sum(s.output_tokens * s.sample_weight)) / 1000"
        f" AS thousand_tokens, sumIf(s.sample_weight, {is_unpriced('s')}) AS unpriced"
        f" FROM {source}",
        values,
    )
    tasks = store.named_row(
        "SELECT uniqExact(project, trace_id) AS judged,"
        " uniqExactIf((project, trace_id), value >= 0.5) AS succeeded"
        f" FROM {store.database}.scores FINAL WHERE name = 'task_success'"
        " AND value IS NOT NULL AND (project, trace_id) IN ("
        f"SELECT project, trace_id FROM {source})",
        values,
    )
    boards = store.named_row(
        "SELECT uniqExact(project, attributes['hw.id'], toStartOfMinute(time)) / 60 AS hours"
        f" FROM {store.database}.metrics WHERE name = 'hw.gpu.utilization'"
        " AND time >= {start:DateTime64(6, 'UTC')} AND time < {end:DateTime64(6, 'UTC')}"
        + (" AND project = {project:String}" if which.project else ""),
        values,
    )
    row["usd"] = float(row["usd"] or 0)
    row["successful_tasks"] = int(tasks["succeeded"]) if tasks["judged"] else None
    row["gpu_hours"] = float(boards["hours"]) or None
    for name in ("users", "sessions", "features"):
        row[name] = int(row[name]) or None
    return row
