"""Drift's tests of two windows, against scipy and against numbers worked out by hand."""

import warnings
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from spanglass_detectors.drift import compare, compare_counts
from spanglass_detectors.drift.bins import binned, decile_edges
from spanglass_detectors.drift.categorical import (
    chi_squared,
    fisher,
    g_test,
    jensen_shannon_distance,
    pooled_rare,
    population_stability_index,
    total_variation,
)
from spanglass_detectors.drift.effects import cohens_h, moved
from spanglass_detectors.drift.numeric import (
    NUMERIC_TESTS,
    anderson_darling,
    cramer_von_mises,
    energy_distance,
    kolmogorov_smirnov,
    mann_whitney,
    smooth,
    wasserstein_distance,
)

ties = st.lists(st.integers(0, 9).map(float), min_size=2, max_size=60)


@given(ties, ties)
def test_equal_to_scipy_whatever_the_ties(one: list[float], other: list[float]) -> None:
    a, b = np.array(one), np.array(other)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ks = stats.ks_2samp(a, b)
    found = kolmogorov_smirnov(a, b)
    assert found.statistic == pytest.approx(ks.statistic, abs=1e-12)
    assert found.p == pytest.approx(ks.pvalue, abs=1e-9)
    if len({*one, *other}) > 1:
        u = stats.mannwhitneyu(a, b, use_continuity=False, method="asymptotic")
        assert mann_whitney(a, b) == pytest.approx((u.statistic, u.pvalue), abs=1e-9)
    assert wasserstein_distance(a, b) == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-9)
    assert energy_distance(a, b) == pytest.approx(stats.energy_distance(a, b), abs=1e-7)


def test_equal_to_scipy_in_large_samples() -> None:
    r = np.random.default_rng(3)
    a, b = r.lognormal(size=12_000), r.lognormal(0.02, size=11_000)
    ks = stats.ks_2samp(a, b)
    assert kolmogorov_smirnov(a, b) == pytest.approx((ks.statistic, ks.pvalue), rel=1e-9)
    few = a[:300], b[:200]
    cvm = stats.cramervonmises_2samp(*few, method="asymptotic")
    assert cramer_von_mises(*few) == pytest.approx((cvm.statistic, cvm.pvalue))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ad = stats.anderson_ksamp(few)
    assert anderson_darling(*few) == pytest.approx((ad.statistic, ad.pvalue))


def test_counts_are_tested_as_scipy_does() -> None:
    a, b = np.array([120.0, 60, 20]), np.array([90.0, 80, 35])
    chi = stats.chi2_contingency([a, b], correction=False)
    assert chi_squared(a, b) == pytest.approx((chi.statistic, chi.pvalue))
    g = stats.chi2_contingency([a, b], correction=False, lambda_="log-likelihood")
    assert g_test(a, b) == pytest.approx((g.statistic, g.pvalue))
    assert jensen_shannon_distance(a, b) == pytest.approx(jensenshannon(a, b, base=2))
    for one, other in (
        ([3, 40], [12, 31]),
        ([0, 40], [5, 300]),
        ([7, 1], [1, 900]),
        ([9, 0], [4, 2]),
    ):
        exact = stats.fisher_exact([one, other])
        found = fisher(np.array(one, dtype=float), np.array(other, dtype=float))
        assert found == pytest.approx((exact.statistic, exact.pvalue))
    with pytest.raises(ValueError, match="two categories"):
        fisher(a, b)


def test_the_first_part_of_the_default_is_mann_and_whitneys() -> None:
    # Two values leave one part: rank and place are the same then.
    a, b = np.array([0.0] * 30 + [1.0] * 70), np.array([0.0] * 50 + [1.0] * 50)
    z = (70 / 100 - 50 / 100) ** 2 / ((120 * 80 / 200**2) * 200 / 199 * (1 / 100 + 1 / 100))
    found = smooth(a, b)
    assert found.statistic == pytest.approx(z)
    assert found.p == pytest.approx(stats.chi2.sf(z, 1))


def test_psi_and_js_by_hand() -> None:
    # (0.2-0.5) ln(0.2/0.5) + (0.8-0.5) ln(0.8/0.5) = 0.3 ln 4
    assert population_stability_index(
        np.array([50.0, 50.0]), np.array([20.0, 80.0])
    ) == pytest.approx(0.3 * np.log(4))
    # Nothing in common is one bit; an empty bin counts as 0.0001.
    assert jensen_shannon_distance(np.array([1.0, 0]), np.array([0, 1.0])) == pytest.approx(1)
    expected = 2 * (1 - 1e-4) * np.log(1e4)
    assert population_stability_index(np.array([1.0, 0]), np.array([0, 1.0])) == pytest.approx(
        expected
    )
    # Deciles of 1…100: ten bins of ten; a bound belongs to the bin below.
    reference = np.arange(1.0, 101.0)
    inner = decile_edges(reference)
    assert inner == pytest.approx([10.9 + 9.9 * n for n in range(9)])
    assert binned(reference, inner).tolist() == [10] * 10
    assert binned(np.array([-5.0, inner[0], 1000.0]), inner).tolist() == [
        2,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
    ]
    # Repeated quantiles are one bound.
    assert len(decile_edges(np.array([1.0] * 95 + [2.0] * 5))) == 1


def test_rare_categories_are_taken_together() -> None:
    a, b = pooled_rare(np.array([100.0, 3, 2, 0]), np.array([100.0, 1, 0, 1]))
    assert a.tolist() == [105]
    assert b.tolist() == [102]
    a, b = pooled_rare(np.array([100.0, 40, 8, 7]), np.array([100.0, 40, 1, 2]))
    assert a.tolist() == [100, 40, 15]
    assert a.sum() + b.sum() == 298


def test_a_new_category_is_found_while_it_is_rare() -> None:
    found = compare(["en"] * 396, ["en"] * 62 + ["de"] * 13)
    assert (found.test, found.verdict) == ("fisher", "drift")
    assert found.p == pytest.approx(stats.fisher_exact([[396, 0], [62, 13]]).pvalue, rel=1e-6)
    two = compare(["en"] * 396 + ["fr"], ["en"] * 62 + ["de"] * 6 + ["nl"] * 7)
    assert two.is_drift
    assert compare(["en"] * 396 + ["fr"] * 2, ["en"] * 75 + ["de"]).verdict == "same"


def test_effects_by_hand() -> None:
    a = np.random.default_rng(0).normal(size=3000)
    shifted = moved(a, a + 0.5)
    assert shifted.value == pytest.approx(0.5, rel=0.05)
    assert shifted.low < 0.5 < shifted.high
    assert shifted.high - shifted.low < 0.2
    # A reference that differs in its last digits only has no spread to measure by.
    noise = 0.025 + np.arange(200) * 1e-18
    assert moved(noise, np.full(100, 0.03)).value < 10
    assert cohens_h(0.25, 100, 0.5, 100).value == pytest.approx(np.pi / 6)
    assert total_variation(np.array([1.0, 1]), np.array([1.0, 3])) == pytest.approx(0.25)


def test_a_change_is_found_and_described() -> None:
    r = np.random.default_rng(1)
    found = compare(r.normal(10, 2, 3000), r.normal(12, 2, 500), metric="words")
    assert found.is_drift
    assert found.test == "smooth"
    assert found.low < 1.0 < found.high
    assert "words: drift. The median went from 9.998 to 12 (+20%)" in str(found)
    assert "n = 3000 and 500" in str(found)
    assert len(found.distribution.labels) == 24
    assert sum(found.distribution.current) == pytest.approx(1)
    assert "█" in found.distribution.plot()
    wider = compare(r.normal(0, 1, 3000), r.normal(0, 2, 500))
    assert "widened" in wider.explanation
    new = compare(["a"] * 80 + ["b"] * 20, ["a"] * 50 + ["b"] * 20 + ["c"] * 30)
    assert new.is_drift
    assert "c went from 0.0% to 30.0%" in new.explanation
    errors = compare([False] * 990 + [True] * 10, [False] * 240 + [True] * 10)
    assert (errors.kind, errors.is_drift) == ("boolean", True)
    assert "from 1.00% to 4.00%" in errors.explanation


def test_a_sure_trifle_is_small_and_a_few_values_are_the_same() -> None:
    r = np.random.default_rng(2)
    trifle = compare(r.normal(size=200_000), r.normal(0.02, 1, 200_000), interval=False)
    assert trifle.p is not None
    assert trifle.p < 1e-4
    assert trifle.verdict == "small"
    assert compare(r.normal(size=200), r.normal(size=200)).verdict == "same"
    assert compare(r.normal(size=200), r.normal(size=200), test="ks").test == "ks"


@pytest.mark.parametrize("name", [*NUMERIC_TESTS, "psi", "jensen_shannon"])
def test_every_test_by_name_sees_a_change_and_no_other(name: str) -> None:
    r = np.random.default_rng(5)
    a = r.normal(size=150)
    assert compare(a, r.normal(1, 1, 120), test=name, interval=False).is_drift
    assert not compare(a, r.normal(size=120), test=name, interval=False).is_drift


@pytest.mark.parametrize("name", ["chi_squared", "g_test", "jensen_shannon", "psi"])
def test_every_test_of_categories_by_name(name: str) -> None:
    assert compare_counts({"a": 90, "b": 10}, {"a": 60, "b": 40}, test=name).is_drift
    assert not compare_counts({"a": 90, "b": 10}, {"a": 91, "b": 9}, test=name).is_drift


@pytest.mark.parametrize(
    ("reference", "current", "reason"),
    [
        ([], [1.0] * 50, "the reference has 0 values of 30 that are needed"),
        ([1.0] * 50, [2.0], "the current window has 1 values of 30"),
        ([None] * 50, [1.0] * 50, "the reference has 0 values of 30 that are needed, 50 more"),
        ([float("inf")] * 50, [1.0, 3.0] * 50, "50 more are missing"),
        ([3.0] * 50, [3.0] * 50, "every value is 3 in both windows"),
        (["a"] * 50, ["a"] * 50, "every value is 'a' in both"),
        ([1.0, 2.0] * 50, ["a", "b"] * 50, "the reference is numeric and the current"),
        (np.zeros((5, 5)), [1.0] * 50, "not in one row"),
        ([[1, 2], [3]] * 30, [1.0] * 50, "not in one row"),
        ([10**400, 1] * 50, [1, 2] * 50, "some values are larger than a number can be"),
        ([1e308, -1e308] * 50, [1.0, 2.0] * 50, "some values are beyond 1e+100"),
        ([1 + 2j] * 50, [1 + 2j] * 50, "neither numbers nor words"),
    ],
)  # fmt: skip
def test_bad_input_is_not_tested(reference: object, current: object, reason: str) -> None:
    found = compare(reference, current)  # type: ignore[arg-type]
    assert found.verdict == "not tested"
    assert reason in found.reason
    assert found.p is None
    assert "not tested, because" in str(found)


def test_other_constants_are_a_change() -> None:
    assert compare([3.0] * 50, [4.0] * 50).is_drift
    # Zeros and ones against numbers are numbers.
    assert compare([0.0, 1.0] * 50, [0.0, 1.0, 7.0] * 50).kind == "numeric"


def test_a_test_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="there is no test 'student' of numbers; there are smooth"):
        compare([1.0, 2.0] * 50, [1.0, 2.0] * 50, test="student", kind="numeric")
    with pytest.raises(ValueError, match="no test 'ks' of categories"):
        compare(["a", "b"] * 50, ["a", "b"] * 50, test="ks")


def test_a_result_is_json() -> None:
    import json

    found = compare([1.0, 2.0] * 50, [1.0, 3.0] * 50, metric="m")
    assert json.loads(json.dumps(found.as_dict()))["metric"] == "m"


def test_a_result_is_a_picture() -> None:
    r = np.random.default_rng(8)
    numbers = compare(r.normal(0, 1, 500), r.normal(1, 1, 400), metric="<b>length")
    words = compare(["a & b"] * 60 + ["c"] * 60, ["a & b"] * 100 + ["d" * 90] * 40, metric="kind")
    for result, shapes in ((numbers, {"polygon": 2}), (words, {"rect": 2 * 3 + 2})):
        picture = ElementTree.fromstring(result.plot())
        for shape, count in shapes.items():
            assert len(picture.findall(f"{{http://www.w3.org/2000/svg}}{shape}")) == count
        page = result._repr_html_()
        ElementTree.fromstring(page)
        assert result.plot() in page
        assert "drift" in page
    assert "&lt;b&gt;length" in numbers._repr_html_()
    # The current window's area reaches farther to the right.
    halves = [
        sum(shares[: len(shares) // 2])
        for shares in (numbers.distribution.reference, numbers.distribution.current)
    ]
    assert halves[0] > halves[1]
    nothing = compare([], [], metric="x")
    assert nothing.plot() == ""
    assert "not tested, because" in nothing._repr_html_()
