"""What has been spent of budgets, and how much it will be if it goes on like that."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.prices.costs import PRICED_MODEL
from spanglass_store.queries.leaves import is_leaf
from spanglass_store.state.budgets import Budget, Period, Plan

#: How far back the rate of spending looks: over a week's rhythm, or a part of a day's.
_LOOK_BACK: Final = {Period.MONTH: timedelta(days=7), Period.DAY: timedelta(hours=6)}
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
#: Budgets in one query: each has its own sum and values.
_AT_ONCE: Final = 20
#: What a plan says of calls, and the SQL that it is compared with.
_FIELDS: Final = {
    "project": "project", "feature": "feature", "user": "user_id", "model": PRICED_MODEL,
}  # fmt: skip

#: US dollars by the hour in which calls began, in order.
Hours = Sequence[tuple[datetime, float]]


@dataclass(frozen=True)
class Standing:
    """How a budget stands.

    Attributes:
        period_start: first moment of the period, UTC.
        period_end: first moment of the next one.
        spent_usd: in the period, so far.
        share: of the amount: 1 is all of it.
        burn_rate_usd_per_day: over the last week of a month's, the last six hours of a day's; less
            where there were no calls before.
        forecast_usd: what the period will have cost at its end, at that rate.
        runs_out_at: when the amount was or will be spent, at that rate; None if not in the period.
    """

    period_start: datetime
    period_end: datetime
    spent_usd: float
    share: float
    burn_rate_usd_per_day: float
    forecast_usd: float
    runs_out_at: datetime | None


def period_of(period: Period, now: datetime) -> tuple[datetime, datetime]:
    """First moment of the period in which `now` lies, and of the next one."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.DAY:
        return day, day + _DAY
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def standing(plan: Plan, hours: Hours, now: datetime) -> Standing:
    """How a budget stands, from what was spent by the hour.

    Args:
        plan: the budget's.
        hours: at least those of the period and of the look back.
        now: the time.
    """
    start, end = period_of(plan.period, now)
    spent, crossed = 0.0, None
    for hour, usd in hours:
        if hour < start:
            continue
        spent += usd
        if crossed is None and spent >= plan.amount_usd:
            crossed = hour
    since = max(now - _LOOK_BACK[plan.period], hours[0][0] if hours else now)
    # An hour that lies partly before counts for the part that does not.
    recent = sum(
        usd * min(1.0, (hour + _HOUR - since) / _HOUR)
        for hour, usd in hours
        if hour + _HOUR > since
    )
    rate = recent / (max(now - since, _HOUR) / _DAY)
    left = plan.amount_usd - spent
    runs_out = crossed
    if crossed is None and rate > 0 and left / rate <= (end - now) / _DAY:
        runs_out = now + timedelta(days=left / rate)
    return Standing(
        start, end, spent, spent / plan.amount_usd, rate, spent + rate * ((end - now) / _DAY),
        runs_out,
    )  # fmt: skip


def standings(store: Store, budgets: Sequence[Budget], now: datetime) -> list[Standing]:
    """How budgets stand, in their order.

    Args:
        store: as a reader: calls of other projects than its own are not counted.
        budgets: which.
        now: the time.
    """
    found: list[Standing] = []
    for first in range(0, len(budgets), _AT_ONCE):
        some = budgets[first : first + _AT_ONCE]
        spent = _by_hour(store, [each.plan for each in some], now)
        found += [standing(each.plan, hours, now) for each, hours in zip(some, spent, strict=True)]
    return found


def _by_hour(store: Store, plans: Sequence[Plan], now: datetime) -> list[Hours]:
    since = min(
        min(period_of(plan.period, now)[0], now - _LOOK_BACK[plan.period]) for plan in plans
    )
    values: dict[str, Any] = {"start": since.replace(minute=0, second=0), "end": now}
    sums = ", ".join(
        f"sumIf(s.cost_usd * s.sample_weight, {' AND '.join(_conditions(plan, n, values))})"
        for n, plan in enumerate(plans)
    )
    rows = store.query(
        f"SELECT toUnixTimestamp(toStartOfHour(start_time)) AS hour, {sums}"
        f" FROM {store.database}.spans AS s FINAL"
        " WHERE start_time >= {start:DateTime64(6, 'UTC')}"
        " AND start_time < {end:DateTime64(6, 'UTC')}"
        f" AND {is_leaf(store.database)} GROUP BY hour ORDER BY hour",
        values,
    ).rows
    return [
        [(datetime.fromtimestamp(int(row[0]), UTC), float(row[n])) for row in rows if row[n]]
        for n in range(1, len(plans) + 1)
    ]


def _conditions(plan: Plan, number: int, values: dict[str, Any]) -> Iterable[str]:
    yield "1"
    for name, sql in _FIELDS.items():
        if value := getattr(plan, name):
            values[f"{name}_{number}"] = value
            yield f"{sql} = {{{name}_{number}:String}}"
