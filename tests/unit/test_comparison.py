"""Differences with their intervals, and what holds an engine back."""

import numpy as np
import pytest
from scipy import stats

from spanglass_detectors.comparison import (
    Moments,
    benjamini_hochberg,
    counts,
    holm,
    means,
    moments,
    paired,
    quantiles,
    shares,
    shift,
)
from spanglass_detectors.saturation import Load, right_size, saturation


def test_means_are_welch() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(10, 1, 50), rng.normal(11, 3, 80)
    found = means(a, [*b, float("nan")])
    assert found is not None
    test = stats.ttest_ind(b, a, equal_var=False)
    assert found.p == pytest.approx(test.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval()))
    assert found.difference == pytest.approx(b.mean() - a.mean())
    assert (found.n_before, found.n_after) == (50, 80)
    assert means([1, 2, 3], b) is None
    same = means([2] * 9, [3] * 9)
    assert same is not None
    assert (same.difference, same.is_clear) == (1, True)


def test_sums_compare_like_the_values_that_they_are_of() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(1, 1, 30), rng.normal(1.2, 2, 44)
    of = [Moments(len(each), float(each.mean()), float(each.var(ddof=1))) for each in (a, b)]
    assert moments(*of) == means(a, b)
    assert moments(Moments(4, 1, 1), of[1]) is None
    truths = [int(each) for each in a > 1], [int(each) for each in b > 1]
    assert counts(*((sum(each), len(each)) for each in truths)) == shares(*truths)
    assert counts((1, 4), (1, 40)) is None


def test_intervals_hold_what_they_promise() -> None:
    """Of 200 comparisons of one law with itself, about a twentieth may look different."""
    rng = np.random.default_rng(2)
    clear = {"mean": 0, "p95": 0}
    for n in range(200):
        a, b = rng.lognormal(0, 0.6, 200), rng.lognormal(0, 0.6, 150)
        mean, tail = means(a, b), quantiles(a, b, 0.95, seed=n)
        assert mean is not None
        assert tail is not None
        clear["mean"] += mean.is_clear
        clear["p95"] += tail.is_clear
    assert clear["mean"] <= 20
    assert clear["p95"] <= 24
    shifted = quantiles(rng.lognormal(0, 0.6, 300), rng.lognormal(0.5, 0.6, 300), 0.95)
    assert shifted is not None
    assert shifted.low > 0


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@pytest.mark.parametrize(
    ("load", "binds"),
    [
        (Load(), "unknown"),
        (Load(running=3, waiting=0, kv_usage=0.2, utilization=0.4), "none"),
        (Load(running=30, waiting=5, kv_usage=0.95), "kv_cache"),
        (Load(running=30, waiting=0, kv_usage=0.7, preemptions=3), "kv_cache"),
        (Load(running=32, waiting=5, kv_usage=0.5, batch_limit=32), "batch_limit"),
        (Load(running=8, waiting=5, kv_usage=0.5, throttled=0.4), "power"),
        (Load(running=8, waiting=0, kv_usage=0.5, bandwidth=0.8), "memory_bandwidth"),
        (Load(running=8, waiting=2, kv_usage=0.5, tensor_active=0.7), "compute"),
        (Load(running=8, waiting=2, kv_usage=0.5, utilization=0.99), "compute"),
        (Load(running=8, waiting=2, kv_usage=0.5, utilization=0.5), "queue"),
    ],
)
def test_what_binds(load: Load, binds: str) -> None:
    found = saturation(load)
    assert found.binds == binds
    assert bool(found.evidence) == (binds != "unknown")


def test_the_right_size() -> None:
    def verdict(**numbers: float) -> str:
        return right_size(Load(**numbers)).verdict

    assert verdict(utilization=0.1, kv_peak=0.2, waiting=0) == "too large"
    assert verdict(utilization=0.6, kv_peak=0.8, waiting=0) == "right"
    assert verdict(utilization=0.9, kv_peak=1, kv_usage=0.95, waiting=4) == "too small"
    assert verdict(utilization=0.9) == "unknown"


def test_shares_hold_what_they_promise_and_are_exact_where_few_are() -> None:
    found = shares([0] * 40 + [1] * 10, [0] * 20 + [1] * 30)
    assert found is not None
    assert (found.before, found.after, found.is_clear) == (0.2, 0.6, True)
    # Newcombe (1998), table II, 56/70 and 48/80 the other way round: 0.0524 to 0.3339.
    published = shares([1] * 48 + [0] * 32, [1] * 56 + [0] * 14)
    assert published is not None
    assert (published.low, published.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    rare = shares([0] * 50, [1] * 3 + [0] * 47)
    assert rare is not None
    assert rare.p == pytest.approx(stats.fisher_exact([[0, 50], [3, 47]])[1])
    none = shares([0] * 9, [0] * 9)
    assert none is not None
    assert (none.p, none.is_clear) == (1, False)
    rng = np.random.default_rng(4)
    false = sum(
        shares(rng.random(80) < 0.3, rng.random(120) < 0.3).is_clear  # type: ignore[union-attr]
        for _ in range(200)
    )
    assert false <= 20


def test_a_shift_is_seen_behind_a_few_huge_values() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.lognormal(0, 0.5, 100), rng.lognormal(0.5, 0.5, 100)
    a[:2] = 1e6
    found = shift(a, b)
    assert found is not None
    assert found.p < 0.001
    assert found.superiority == pytest.approx(
        np.mean(b[:, None] > a[None, :]) + np.mean(b[:, None] == a[None, :]) / 2
    )
    same = shift([1] * 9, [1] * 9)
    assert same is not None
    assert (same.superiority, same.p) == (0.5, 1)
    assert shift([1, 2], a) is None


def test_the_false_discovery_rate_is_as_scipy_says() -> None:
    ps = [0.001, 0.04, 0.03, 0.2, 0.9]
    assert benjamini_hochberg(ps) == pytest.approx(list(stats.false_discovery_control(ps)))


def test_pairs_are_compared_with_themselves() -> None:
    before = [float(n) for n in range(20)]
    after = [each + 0.1 + 0.01 * (n % 3) for n, each in enumerate(before)]
    found = paired(before, after)
    assert found is not None
    # Two samples could not tell: the spread is a hundred times the step.
    apart = means(before, after)
    assert found.is_clear
    assert apart is not None
    assert not apart.is_clear
    expected = stats.ttest_rel(after, before)
    assert found.p == pytest.approx(expected.pvalue)
    truths = paired([0, 0, 0, 0, 0, 0, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 1, 1, 1, 0])
    assert truths is not None
    # Six of six discordant pairs went one way: 2 / 2^6.
    assert truths.p == pytest.approx(2 / 64)
    assert (truths.difference, truths.is_clear) == (pytest.approx(0.6), True)
    same = paired([1.0] * 5, [1.0] * 5)
    assert same is not None
    assert (same.p, same.is_clear) == (1.0, False)
    assert paired([1, 2], [1, 2]) is None
    with pytest.raises(ValueError, match="no pairs"):
        paired([1], [1, 2])
