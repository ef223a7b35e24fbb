"""Change in series: detectors of streams, change points, baselines."""

import math

import numpy as np
import pytest

from spanglass_detectors.drift.change_point import change_point
from spanglass_detectors.drift.seasonal import baseline
from spanglass_detectors.drift.streaming import Adwin, Cusum, PageHinkley, cusum_limit


@pytest.mark.parametrize(("make", "late"), [(Adwin, 400), (Cusum, 100), (PageHinkley, 200)])
def test_a_shift_is_seen_soon_and_once(make: type, late: int) -> None:
    r = np.random.default_rng(7)
    values = np.concatenate([r.normal(5, 2, 3000), r.normal(7, 2, 1000)])
    detector = make()
    alarms = [n for n, value in enumerate(values) if detector.update(value)]
    assert alarms, "it was not seen"
    assert 3000 <= alarms[0] < 3000 + late
    if make is not Adwin:
        assert len(alarms) == 1
        assert detector.direction == "up"
    else:
        assert detector.mean == pytest.approx(7, abs=0.4)


def test_cusum_says_since_when() -> None:
    r = np.random.default_rng(9)
    detector = Cusum()
    for value in r.normal(size=1000):
        assert not detector.update(value)
    for n, value in enumerate(r.normal(-1, 1, 500), 1):
        if detector.update(value):
            assert detector.direction == "down"
            assert abs(n - detector.delay) < 30
            return
    pytest.fail("it was not seen")


def test_the_limit_is_siegmunds() -> None:
    # Montgomery's table: k = 0.5, h = 5 gives 465 both ways.
    assert cusum_limit(465, 0.5) == pytest.approx(5, abs=0.05)


def test_adwin_forgets_in_logarithmic_memory() -> None:
    detector = Adwin()
    for n in range(20_000):
        detector.update(math.sin(n))
    assert detector.width == 20_000
    assert sum(map(len, detector._rows)) < 100
    assert detector._squares / detector.width == pytest.approx(0.5, abs=0.01)


def test_what_is_no_number_says_nothing() -> None:
    for detector in (Adwin(), Cusum(), PageHinkley()):
        for value in [1.0] * 100 + [math.nan, math.inf, -math.inf] * 100:
            assert not detector.update(value)
    with pytest.raises(ValueError):
        Cusum(slack=0)
    with pytest.raises(ValueError):
        PageHinkley(warm_up=1)
    with pytest.raises(ValueError):
        Adwin(delta=2)


def test_a_change_point_with_its_interval() -> None:
    r = np.random.default_rng(11)
    found = change_point(np.concatenate([r.normal(10, 1, 60), r.normal(12, 1, 40)]))
    assert found is not None
    assert found.low <= 60 <= found.high
    assert abs(found.index - 60) <= 3
    assert found.high - found.low < 15
    assert found.p <= 0.01
    assert (found.before, found.after) == pytest.approx((10, 12), abs=0.5)
    still = change_point(r.normal(size=100))
    assert still is not None
    assert still.p > 0.05


def test_a_change_point_of_little() -> None:
    assert change_point([]) is None
    assert change_point([1.0, 2, 3]) is None
    assert change_point([5.0] * 50) is None
    assert change_point([math.nan] * 50) is None
    holes = [1.0, 1.1, math.nan, 0.9, 1.0, 5.0, math.nan, 5.1, 4.9, 5.0]
    found = change_point(holes)
    assert found is not None
    assert found.index == 5
    weighed = change_point([1.0, 1.1, 9.0, 1.0, 1.1, 1, 3, 3.1, 3, 3], [9, 9, 0.01] + [9.0] * 7)
    assert weighed is not None
    assert weighed.index == 6


def test_a_baseline_knows_the_hour() -> None:
    r = np.random.default_rng(2)
    hours = np.arange(14 * 24)
    usual = 100 + 50 * np.sin(hours / 24 * 2 * np.pi)
    history = usual + r.normal(0, 5, len(hours))
    history[100] = 10_000  # one bad hour
    history[101] = math.nan
    known = baseline(history, 24)
    now = usual[:24] + 30
    z = known.z(now)
    assert (z > 3).all()
    assert np.abs(known.z(usual[:24])).max() < 2
    assert known.z(now[6:8], start=6) == pytest.approx(z[6:8])
    with pytest.raises(ValueError, match="no history"):
        baseline(np.array([math.nan]), 24)
    with pytest.raises(ValueError, match="period"):
        baseline(history, 0)
    assert np.isfinite(baseline(np.full(48, 3.0), 24).z(np.full(24, 4.0))).all()
