"""Drift of vectors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from spanglass_detectors.drift.embeddings import (
    VectorResult,
    classifier,
    energy,
    frechet,
    hotelling,
    mmd,
    mmd_features,
    novelty,
    region_terms,
)
from spanglass_detectors.drift.embeddings.hotelling import combined

TESTS: list[Callable[..., VectorResult]] = [
    hotelling, mmd, mmd_features, energy, frechet, classifier, novelty,
]  # fmt: skip


def vectors(n: int, seed: int, shift: float = 0.0, dimensions: int = 24) -> Any:
    found = np.random.default_rng(seed).normal(size=(n, dimensions))
    found[:, :5] += shift
    return found


@pytest.mark.parametrize("test", TESTS)
def test_a_shift_is_seen_and_nothing_else(test: Callable[..., VectorResult]) -> None:
    reference = vectors(300, 1)
    moved = test(reference, vectors(200, 2, 1.5))
    assert moved.p is not None
    assert moved.p <= 0.01, str(moved)
    same = test(reference, vectors(200, 3))
    assert same.p is not None
    assert same.p > 0.02, str(same)
    assert same.effect is not None
    assert moved.effect is not None
    assert moved.effect > same.effect


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize(
    ("reference", "current", "reason"),
    [
        ([], vectors(50, 1), "the reference is no table of numbers"),
        (vectors(50, 1), vectors(3, 1), "the current window has 3 vectors of 20"),
        (vectors(50, 1), vectors(50, 1, dimensions=7), "vectors of 24 and of 7 numbers"),
        (np.full((50, 4), np.nan), vectors(50, 1), "the reference has 0 vectors"),
        ([["a"]] * 50, vectors(50, 1), "no table of numbers"),
    ],
)  # fmt: skip
def test_bad_vectors_are_not_tested(
    test: Callable[..., VectorResult], reference: Any, current: Any, reason: str
) -> None:
    found = test(reference, current)
    assert found.p is None
    assert reason in found.reason
    assert "not tested, because" in str(found)


@pytest.mark.parametrize("test", [hotelling, mmd, mmd_features, energy, classifier, novelty])
def test_what_moved_most_is_named(test: Callable[..., VectorResult]) -> None:
    current = vectors(200, 2)
    current[40:70] += 3
    found = test(vectors(300, 1), current)
    assert found.moved
    assert set(found.moved) <= set(range(40, 70)), str(found)


def test_equal_vectors_do_not_differ() -> None:
    same = np.ones((60, 8))
    for test in (hotelling, mmd, mmd_features, energy, classifier):
        found = test(same, same)
        assert found.p is not None
        assert found.p > 0.3, str(found)


def test_mmd_by_hand() -> None:
    # Unbiased but for the diagonal: two clusters at distance d, width the median of distances.
    reference, current = np.zeros((20, 1)), np.full((20, 1), 2.0)
    found = mmd(reference, current)
    # k(d) = exp(-4 / 8); 19/20 + 19/20 - 2 exp(-0.5)
    assert found.statistic == pytest.approx(2 * 19 / 20 - 2 * np.exp(-0.5), abs=1e-5)


def test_hotelling_by_hand() -> None:
    # One number a row: T² is the square of Student's t, and its p is that of the t test.
    reference, current = vectors(60, 4, dimensions=1), vectors(40, 5, 0.5, dimensions=1)
    found = hotelling(reference, current)
    t = stats.ttest_ind(reference[:, 0], current[:, 0])
    assert found.statistic == pytest.approx(t.statistic**2, rel=1e-3)
    # Spread and shape are tested, too.
    assert t.pvalue < (found.p or 0) <= 3 * t.pvalue


def test_hotelling_sees_a_spread_and_a_turn() -> None:
    r = np.random.default_rng(6)
    narrow, wide = r.normal(size=(400, 16)), r.normal(size=(300, 16)) * 1.4
    assert (hotelling(narrow, wide).p or 1.0) < 1e-4
    assert combined(np.array([0.03, 0.03, 0.03])) == pytest.approx(0.03)
    assert combined(np.array([1e-200, 1.0])) == pytest.approx(2e-200)


def test_a_region_has_its_words() -> None:
    texts = ["where is my order and when does it come"] * 30
    texts += ["my tent has a broken zip", "the zip of the tent is broken, again"] * 5
    assert set(region_terms(texts, range(30, 40))) >= {"zip", "tent", "broken"}
    assert "my" not in region_terms(texts, range(30, 40))
    assert region_terms(["a b"], []) == []
