"""Estimates from labels: equal to values worked by hand, and right over many samples."""

import math

import numpy as np
import pytest

from spanglass_detectors.review.centers import farthest, k_centers
from spanglass_detectors.review.estimate import Estimate, Stratum, estimate, labels_needed


def ones(yes: int, no: int) -> list[float]:
    return [1.0] * yes + [0.0] * no


def test_a_stratified_share_by_hand() -> None:
    # 10 of 100 drawn, 4 yes; all 20 of the uncertain ones labelled, 15 yes.
    found = estimate([Stratum(100, ones(4, 6)), Stratum(20, ones(15, 5))])
    assert found is not None
    assert found.value == pytest.approx((100 * 0.4 + 20 * 0.75) / 120)
    # Variance: (100/120)² · (1 - 10/100) · (0.24 · 10/9) / 10 = 1/60; the other one has none.
    size = found.value * (1 - found.value) / (1 / 60)
    assert found.effective == pytest.approx(size)
    z = 1.959963984540054
    middle = (found.value + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * math.sqrt(
        found.value * (1 - found.value) / size + z * z / (4 * size * size)
    )  # fmt: skip
    assert (found.low, found.high) == (pytest.approx(middle - half), pytest.approx(middle + half))
    assert (found.labels, found.population, found.covered) == (30, 120, 1.0)
    # Unweighted it would be 19 of 30: the uncertain ones are not like the others.
    assert abs(found.value - 19 / 30) > 0.15


def test_a_mean_by_hand() -> None:
    # Cochran 5.6 in small: N 10 and 20, values 1 2 3 and 4 6.
    found = estimate([Stratum(10, [1, 2, 3]), Stratum(20, [4, 6])], share=False)
    assert found is not None
    assert found.value == pytest.approx((10 * 2 + 20 * 5) / 30)
    variance = (1 / 3) ** 2 * 0.7 * 1 / 3 + (2 / 3) ** 2 * 0.9 * 2 / 2
    t = 3.182446305284263  # 97.5 % of Student's with 5 - 2 degrees of freedom
    assert found.high == pytest.approx(found.value + t * math.sqrt(variance))


@pytest.mark.parametrize(
    ("strata", "value", "low", "high"),
    [
        ([Stratum(5, ones(2, 3))], 0.4, 0.4, 0.4),
        # Wilson's interval of 0 of 10 of very many: 0 to 0.2775.
        ([Stratum(10**9, ones(0, 10))], 0.0, 0.0, 0.2775),
        ([Stratum(10**9, ones(10, 0))], 1.0, 0.7225, 1.0),
    ],
)
def test_edges(strata: list[Stratum], value: float, low: float, high: float) -> None:
    found = estimate(strata)
    assert found is not None
    assert (found.value, found.low, found.high) == (
        value, pytest.approx(low, abs=2e-3), pytest.approx(high, abs=5e-2),
    )  # fmt: skip


def test_what_has_no_label_is_not_spoken_of() -> None:
    assert estimate([]) is None
    assert estimate([Stratum(10, [])]) is None
    found = estimate([Stratum(30, ones(3, 3)), Stratum(70, [])])
    assert found == Estimate(
        0.5, found and found.low, found and found.high, 6, 30, 0.3, found.effective if found else 0
    )
    alone = estimate([Stratum(30, [2.5])], share=False)
    assert alone is not None
    assert (alone.value, alone.low) == (2.5, None)


@pytest.mark.parametrize(
    ("strata", "share"),
    [([Stratum(1, ones(1, 1))], True), ([Stratum(9, [0.5])], True)],
)
def test_impossible_labels_are_refused(strata: list[Stratum], share: bool) -> None:
    with pytest.raises(ValueError, match=r"labels of|0 and 1"):
        estimate(strata, share)


def test_intervals_hold_what_they_promise() -> None:
    """Of 400 samples, where the uncertain are wrong half of the time and others seldom."""
    rng = np.random.default_rng(5)
    sure, unsure = rng.random(1_000) < 0.08, rng.random(100) < 0.5
    truth = (sure.sum() + unsure.sum()) / 1_100
    hits, plain, middle = 0, 0, 0.0
    for _ in range(400):
        drawn = rng.choice(sure, 80, replace=False).astype(float)
        near = rng.choice(unsure, 60, replace=False).astype(float)
        found = estimate([Stratum(1_000, list(drawn)), Stratum(100, list(near))])
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
        middle += found.value / 400
        plain += abs(float(np.concatenate([drawn, near]).mean()) - truth) > 0.08
    assert 0.92 <= hits / 400 <= 0.99
    assert middle == pytest.approx(truth, abs=0.005)
    # Without the correction nearly every one would be far off.
    assert plain > 380


def test_how_many_more() -> None:
    # The textbook's: 0.5 ± 0.05 takes 385 of very many, 278 of 1,000.
    assert labels_needed([Stratum(10**9, [])], 0.05) == 385
    assert labels_needed([Stratum(1_000, [])], 0.05) == 278
    assert labels_needed([Stratum(1_000, [])], 0.05, share=False) is None
    some = [Stratum(10_000, ones(10, 90))]
    more = labels_needed(some, 0.03)
    assert more is not None
    assert 270 < more < 360
    # With so many more of the same kind the interval is as asked.
    done = estimate([Stratum(10_000, ones((100 + more) // 10, 100 + more - (100 + more) // 10))])
    assert done is not None
    assert done.high is not None
    assert done.low is not None
    assert (done.high - done.low) / 2 == pytest.approx(0.03, abs=0.003)
    assert labels_needed([Stratum(20, ones(10, 10))], 0.001) == 0
    assert labels_needed(some, 0.5) == 0
    # Numbers with standard deviation 2: (1.96 · 2 / 0.5)² = 61.5.
    assert labels_needed([Stratum(10**9, [1, 5, 1, 5, 1, 5, 1, 5, 3])], 0.5, share=False) == (
        math.ceil((1.959963984540054**2) * 4 / 0.25) - 9
    )
    with pytest.raises(ValueError, match="above 0"):
        labels_needed(some, 0)


def test_centers_are_far_from_each_other() -> None:
    # Four directions with many copies each, and one that is far from all.
    rng = np.random.default_rng(2)
    base = np.eye(5, dtype=np.float32)
    rows = np.concatenate([np.repeat(base[:4], 50, axis=0), base[4:]])
    rows += rng.normal(0, 0.01, rows.shape).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    chosen = k_centers(rows, 5)
    assert {int(np.argmax(rows[each])) for each in chosen} == {0, 1, 2, 3, 4}
    left = k_centers(rows, 2, known=rows[[0, 60, 110]])
    assert {int(np.argmax(rows[each])) for each in left} == {3, 4}
    assert farthest(rows, rows[:200], 1) == [200]
    assert k_centers(rows[:0], 3) == []
    assert len(k_centers(np.repeat(base[:1], 9, axis=0), 5)) == 1
