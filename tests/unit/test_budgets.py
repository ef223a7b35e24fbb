"""How a budget stands: spent, rate, forecast, and when it runs out."""

from datetime import UTC, datetime, timedelta

import pytest

from spanglass_store.queries.budgets import period_of, standing
from spanglass_store.state.budgets import Period, Plan


def at(day: int, hour: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def hourly(first: datetime, last: datetime, usd: float) -> list[tuple[datetime, float]]:
    hours = int((last - first) / timedelta(hours=1))
    return [(first + timedelta(hours=n), usd) for n in range(hours)]


def test_periods_are_those_of_utc() -> None:
    new_york = datetime.fromisoformat("2026-02-28T22:30:00-05:00")
    assert period_of(Period.DAY, new_york) == (at(1), at(2))
    assert period_of(Period.MONTH, new_york) == (at(1), at(1, month=4))
    december = datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert period_of(Period.MONTH, december)[1] == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_steady_month_is_forecast_and_runs_out() -> None:
    # A dollar an hour since before the month began.
    found = standing(Plan("all", 480.0), hourly(at(20, month=2), at(11), 1.0), at(11))
    assert found.spent_usd == pytest.approx(240.0)
    assert found.share == pytest.approx(0.5)
    assert found.burn_rate_usd_per_day == pytest.approx(24.0)
    assert found.forecast_usd == pytest.approx(31 * 24.0)
    assert found.runs_out_at == at(21)


def test_what_has_changed_lately_counts_for_the_rate() -> None:
    hours = [*hourly(at(1), at(4), 10.0), *hourly(at(13), at(20), 1.0)]
    found = standing(Plan("all", 10_000.0), hours, at(20))
    assert found.burn_rate_usd_per_day == pytest.approx(24.0)
    assert found.forecast_usd == pytest.approx(720.0 + 168.0 + 12 * 24.0)
    assert found.runs_out_at is None


def test_one_that_is_spent_says_since_when() -> None:
    found = standing(Plan("all", 30.0), hourly(at(1), at(11), 1.0), at(11))
    assert found.share == pytest.approx(8.0)
    assert found.runs_out_at == at(2, 5)


def test_a_rate_begins_with_the_first_call() -> None:
    found = standing(Plan("all", 100.0), hourly(at(10), at(11), 1.0), at(11))
    assert found.burn_rate_usd_per_day == pytest.approx(24.0)
    half_past = at(10) + timedelta(minutes=30)
    found = standing(Plan("all", 100.0), [(at(10), 1.0)], half_past)
    assert found.burn_rate_usd_per_day == pytest.approx(24.0)


def test_a_day_looks_six_hours_back() -> None:
    plan = Plan("all", 100.0, Period.DAY)
    hours = [(at(10, 20), 7.0), *hourly(at(11, 0), at(11, 12), 2.0)]
    found = standing(plan, hours, at(11, 12))
    assert (found.spent_usd, found.forecast_usd) == (pytest.approx(24.0), pytest.approx(48.0))
    assert found.runs_out_at is None


def test_nothing_was_spent() -> None:
    found = standing(Plan("all", 5.0), [], at(3))
    assert (found.spent_usd, found.forecast_usd, found.runs_out_at) == (0.0, 0.0, None)
