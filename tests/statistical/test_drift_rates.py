"""Drift: false alarms and power, by simulation. Bounds are those of the binomial at 1 in 100,000."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spanglass_detectors.drift import OnlineFdr, compare, compare_counts, judge
from spanglass_detectors.drift.embeddings import hotelling
from spanglass_detectors.drift.numeric import smooth
from spanglass_detectors.drift.pooled import Cell
from spanglass_detectors.drift.streaming import Adwin, Cusum, PageHinkley
from spanglass_detectors.drift.watch import Series, watch, weighed
from spanglass_detectors.drift.windows import HourWindow

Draw = Callable[[np.random.Generator, int], np.ndarray]

STILL: dict[str, Draw] = {
    "normal": lambda r, n: r.normal(size=n),
    "heavy-tailed": lambda r, n: r.standard_t(1.5, size=n),
    "lognormal": lambda r, n: r.lognormal(0, 2, size=n),
    "counts": lambda r, n: r.poisson(1.5, size=n).astype(float),
    "mostly zero": lambda r, n: r.poisson(0.1, size=n).astype(float),
    "rounded": lambda r, n: np.round(r.normal(size=n)),
}  # fmt: skip


def at_most(times: int, rate: float) -> int:
    """As many hits as a rate gives but once in 100,000."""
    return int(stats.binom.isf(1e-5, times, rate))


@pytest.mark.parametrize("name", STILL)
def test_no_change_is_no_alarm(name: str) -> None:
    r, times = np.random.default_rng(20), 1_000
    p = np.array([smooth(STILL[name](r, 300), STILL[name](r, 60)).p for _ in range(times)])
    for level in (0.05, 0.01, 0.001):
        # A fifth more for what chi-squared is off by in samples of sixty.
        assert (p <= level).sum() <= at_most(times, 1.2 * level), level


def _hours(r: np.random.Generator, hours: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    levels = r.normal(0, 0.4, hours)
    return np.repeat(levels, each) + r.normal(size=hours * each), np.repeat(np.arange(hours), each)


def test_values_that_follow_each_other_give_no_alarm() -> None:
    r, times, alarms, naive = np.random.default_rng(21), 200, 0, 0
    for _ in range(times):
        (a, blocks), (b, others) = _hours(r, 70, 20), _hours(r, 24, 20)
        naive += compare(a, b, alpha=0.01, interval=False).p <= 0.01  # type: ignore[operator]
        found = compare(
            a, b, alpha=0.01, interval=False, reference_blocks=blocks, current_blocks=others
        )
        assert found.p is not None
        alarms += found.p <= 0.01
    assert alarms <= at_most(times, 0.012)
    assert naive > at_most(times, 0.05), "without blocks it has to be wrong, or this shows nothing"


def test_categories_without_a_change() -> None:
    r, times, alarms = np.random.default_rng(22), 400, 0
    shares = r.dirichlet(np.ones(12) * 0.4)
    names = [str(n) for n in range(12)]
    for _ in range(times):
        sides = [
            dict(zip(names, r.multinomial(n, shares).astype(float), strict=True)) for n in (400, 80)
        ]
        found = compare_counts(sides[0], sides[1], alpha=0.01)
        alarms += found.p is not None and found.p <= 0.01
    assert alarms <= at_most(times, 0.012)


def _weeks(r: np.random.Generator, series: int) -> dict[int, list[Cell]]:
    """Two weeks of a series by hour: days look alike, hours have levels of their own."""
    draw = list(STILL.values())[series % len(STILL)]
    counted = list(STILL)[series % len(STILL)] in ("counts", "mostly zero", "rounded")
    cells: dict[int, list[Cell]] = {}
    for hour in range(14 * 24):
        n = 6 + 4 * (8 <= hour % 24 < 20)
        level = 0.0 if counted else 0.1 * np.sin(hour % 24 / 24 * 2 * np.pi) + r.normal(0, 0.05)
        cells[hour] = [Cell("s", "", hour, "numeric", n, np.sort(draw(r, n) + level))]
    return cells


def test_a_week_of_two_hundred_series_that_do_not_change() -> None:
    """The promise of the job: findings of chance are as rare as the budget says."""
    r, found, tested, budget, scales = np.random.default_rng(23), 0, 0, 1.0, 3
    simulated = {Series(f"m{n}", "s"): _weeks(r, n) for n in range(200)}
    windows = [
        HourWindow(end, end - length)
        for length in (6, 24)
        for end in range(7 * 24 + length, 14 * 24 + 1, length)
    ]
    for window in windows:
        level = budget / (168 / window.length * scales)
        seen = [
            each
            for series, by_hour in simulated.items()
            if (each := watch(series, by_hour, window, 7)) is not None
        ]
        judged = judge([each.result for each in seen], level)
        for each, result in zip(seen, judged, strict=True):
            tested += result.p is not None
            if result.is_drift:
                one = weighed(replace(each, result=result), simulated[each.series], 7)
                found += one.result.is_drift
    # A third of the budget is each scale's, and hours have too few values here to be tested.
    assert tested > 0.9 * 200 * len(windows)
    assert found <= stats.poisson.isf(1e-4, budget * 2 / 3)


def test_power_against_named_changes() -> None:
    r, times = np.random.default_rng(24), 100
    changes: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
        "mean 0.2 sd": (lambda x: x + 0.2, 0.75),
        "deviation 1.2 times": (lambda x: 1.2 * x, 0.85),
        "5 % of another kind": (lambda x: np.where(r.random(len(x)) < 0.05, x + 4, x), 0.8),
    }
    for name, (change, least) in changes.items():
        hits = sum(
            smooth(r.normal(size=3000), change(r.normal(size=500))).p <= 0.01 for _ in range(times)
        )
        assert hits >= least * times, name


def test_vectors_without_a_change_and_with_one() -> None:
    """Hotelling's, whatever vectors are like, and how many there are."""
    r, times = np.random.default_rng(27), 60
    still: dict[str, Draw] = {
        "normal": lambda r, n: r.normal(size=(n, 24)),
        "heavy-tailed": lambda r, n: r.standard_t(1.5, size=(n, 24)),
        "mostly zero": lambda r, n: r.poisson(0.1, size=(n, 24)),
        "few directions": lambda r, n: r.normal(size=(n, 3)) @ np.ones((3, 24)),
    }
    for name, draw in still.items():
        for sizes in ((200, 50), (30, 30)):
            p = [hotelling(draw(r, sizes[0]), draw(r, sizes[1])).p or 0.0 for _ in range(times)]
            assert sum(each <= 0.01 for each in p) <= at_most(times, 0.01), (name, sizes)
    topics = r.normal(size=(10, 48)) * 2
    hits = 0
    for _ in range(20):
        shares = [np.full(10, 0.1), np.array([0.2] + [0.8 / 9] * 9)]
        sides = [topics[r.choice(10, 500, p=share)] + r.normal(size=(500, 48)) for share in shares]
        hits += (hotelling(*sides).p or 1.0) <= 0.01
    assert hits >= 15


def test_online_findings_are_mostly_true() -> None:
    r, wrong, right = np.random.default_rng(25), 0, 0
    for _ in range(20):
        online = OnlineFdr(0.1)
        for n in range(400):
            is_change = n % 20 == 0
            p = stats.norm.sf(r.normal(4.5 if is_change else 0))
            if online.test(p):
                right, wrong = right + is_change, wrong + (not is_change)
    assert wrong <= 0.1 * (right + wrong) + 10
    assert right > 0.5 * 20 * 20


@pytest.mark.parametrize(
    ("make", "most"),
    [(lambda: Cusum(steps=10_000), 6), (lambda: PageHinkley(), 6), (lambda: Adwin(), 2)],
)
def test_streams_without_a_change(make: Callable[[], Adwin], most: int) -> None:
    # Two values of five follow from the one before.
    r, alarms = np.random.default_rng(26), 0
    detector, value = make(), 0.0
    for shock in r.normal(size=30_000):
        value = 0.2 * value + shock
        alarms += detector.update(value)
    assert alarms <= most
