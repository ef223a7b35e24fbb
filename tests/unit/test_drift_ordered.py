"""Shortcuts over sorted values say what the long ways say."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass_detectors.drift import numeric
from spanglass_detectors.drift.bins import category_counts
from spanglass_detectors.drift.numeric import resampled_wasserstein, smooth
from spanglass_detectors.drift.ordered import (
    histogram,
    in_order,
    pooled_tails,
    quantiles,
    resampled_distance,
)

values = st.lists(st.floats(-1e6, 1e6) | st.integers(0, 5).map(float), min_size=1, max_size=80)


@given(values, values)
def test_what_numpy_says(one: list[float], other: list[float]) -> None:
    a, b = in_order(np.array(one)), in_order(np.array(other))
    assert a.tolist() == sorted(one)
    shares = [0.0, 0.1, 0.25, 0.5, 0.975, 1.0]
    assert quantiles(a, shares) == pytest.approx(np.quantile(a, shares), abs=1e-6)
    both = np.concatenate([a, b])
    for share in (0.01, 0.2):
        expected = np.quantile(both, [share, 1 - share])
        assert pooled_tails(a, b, share) == pytest.approx(expected, abs=1e-6)
    edges = np.linspace(-3, 6, 10)
    counts = np.histogram(np.clip(a, -3, 6), edges)[0]
    assert histogram(a, edges) == pytest.approx(counts / len(a))


def test_ranks_in_groups_test_as_each_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    r = np.random.default_rng(30)
    pairs = [
        (r.lognormal(size=30_000), r.lognormal(0.01, size=11_000)),
        (r.standard_t(1.5, size=15_000), r.standard_t(1.5, size=15_000)),
        (r.poisson(1.5, 20_000).astype(float), r.poisson(1.52, 20_000).astype(float)),
    ]
    grouped = [smooth(*pair) for pair in pairs]
    monkeypatch.setattr(numeric, "_GROUPED", 1 << 40)
    for found, pair in zip(grouped, pairs, strict=True):
        assert found == pytest.approx(smooth(*pair), rel=0.02)


@pytest.mark.parametrize("kind", ["normal", "lognormal", "counts"])
def test_resamples_that_are_counted_are_spread_like_those_that_are_drawn(kind: str) -> None:
    r = np.random.default_rng(31)
    one, other = {
        "normal": lambda: (r.normal(size=2_000), r.normal(0.2, 1, 1_500)),
        "lognormal": lambda: (r.lognormal(size=2_000), r.lognormal(0.2, 1, 1_500)),
        "counts": lambda: (r.poisson(3, 2_000).astype(float), r.poisson(4, 1_500).astype(float)),
    }[kind]()
    one, other = in_order(one), in_order(other)
    drawn, counted = (f(one, other, 400) for f in (resampled_wasserstein, resampled_distance))
    assert counted.mean() == pytest.approx(drawn.mean(), rel=0.05)
    assert counted.std() == pytest.approx(drawn.std(), rel=0.2)


def test_words_are_counted_as_they_are() -> None:
    r = np.random.default_rng(32)
    for words in (
        r.choice(["a", "b", "", "äöü", "a longer one"], 5_000),
        r.integers(0, 3_000, 5_000).astype(str),
        np.array(["x" * 90, "x" * 91] * 2_000),
    ):
        names, before, now = category_counts(words, words[:100])
        counts, fewer = Counter(words.tolist()), Counter(words[:100].tolist())
        kept = [name for name in names if name != "(others)"]
        assert dict(zip(names, before, strict=True)) | {"(others)": 0} == {
            name: counts[name] for name in kept
        } | {"(others)": 0}
        assert now.sum() == 100
        assert [fewer[name] for name in kept] == now[: len(kept)].tolist()
