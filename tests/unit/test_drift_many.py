"""Many tests at once, tests that never end, persistence, blocks, segments."""

import numpy as np
import pytest
from scipy import stats

from spanglass_detectors.drift import (
    EProcess,
    OnlineFdr,
    Persistence,
    benjamini_hochberg,
    compare,
    e_benjamini_hochberg,
    judge,
)
from spanglass_detectors.drift.blocks import design_effect, share_design_effect
from spanglass_detectors.drift.many import e_value
from spanglass_detectors.drift.pooled import Cell, pooled
from spanglass_detectors.drift.segments import Slice, explain


def test_corrected_as_scipy_does() -> None:
    p = np.random.default_rng(0).random(40) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    assert benjamini_hochberg([]).tolist() == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg([0.1, float("nan")])


def test_verdicts_count_with_all_the_others() -> None:
    r = np.random.default_rng(8)
    reference = r.normal(size=400)
    changed = compare(reference, r.normal(0.35, 1, 100))
    assert changed.is_drift
    others = [compare(reference, r.normal(size=100), interval=False) for _ in range(99)]
    untested = compare([], [])
    judged = judge([changed, *others, untested], 0.001)
    assert judged[0].p_corrected is not None
    assert changed.p is not None
    assert judged[0].p_corrected > changed.p
    assert judged[-1].verdict == "not tested"
    assert not any(each.is_drift for each in judged[1:])


def test_online_levels_are_spent_and_earned() -> None:
    quiet = OnlineFdr(0.05)
    levels = []
    for _ in range(2_000):
        levels.append(quiet.level())
        quiet.test(1.0)
    assert sum(levels) < 0.05
    assert levels[5] > levels[50] > levels[500]
    lucky = OnlineFdr(0.05)
    for _ in range(100):
        lucky.test(1.0)
    before = lucky.level()
    assert lucky.test(0.0)
    assert lucky.level() > 5 * before


def test_evidence_is_a_fair_bet() -> None:
    p = (np.arange(200_000) + 0.5) / 200_000
    assert float(np.mean([e_value(each) for each in p[::10]])) == pytest.approx(1, abs=0.05)
    process = EProcess()
    for _ in range(5):
        process.update(0.01)
    assert process.value > 100
    assert EProcess().update(1.0) == pytest.approx(0.5)
    with pytest.raises(ValueError):
        process.update(1.5)
    assert e_benjamini_hochberg([100.0, 1.0, 45.0, 0.2], 0.05) == [0, 2]
    assert e_benjamini_hochberg([], 0.05) == []


def test_a_finding_opens_and_closes_after_some_windows() -> None:
    state = Persistence(opens=2, closes=2)
    seen = []
    for verdict in ("drift", "not tested", "drift", "same", "drift", "small", "same", "drift"):
        state = state.after(verdict)  # type: ignore[arg-type]
        seen.append(state.state)
    assert seen == ["pending", "pending", "open", "open", "open", "open", "quiet", "pending"]


def test_values_that_resemble_each_other_count_for_less() -> None:
    r = np.random.default_rng(4)
    blocks = np.repeat(np.arange(40), 25)
    levels = r.normal(0, 0.5, 40)
    alike = levels[blocks] + r.normal(size=1000)
    # Kish: 1 + (25 - 1) * 0.25 / 1.25 = 5.8
    assert design_effect(alike, alike[:500], blocks, blocks[:500]) == pytest.approx(5.8, rel=0.4)
    free = r.normal(size=1000)
    assert design_effect(free, free[:500], blocks, blocks[:500]) < 1.6
    # Too few blocks to tell.
    assert design_effect(free, free, blocks * 0, blocks * 0) == 1.0
    table = r.multinomial(50, [0.5, 0.3, 0.2], 30).astype(float)
    assert share_design_effect([table]) < 1.5
    moving = np.array([r.multinomial(50, s) for s in r.dirichlet([5, 3, 2], 30)], dtype=float)
    assert share_design_effect([moving]) == pytest.approx(1 + 49 / 11, rel=0.4)


def _slice(dimension: str, value: str, reference: list[float], current: list[float]) -> Slice:
    return Slice(dimension, value, np.array(reference), np.array(current))


def test_the_part_that_changed_is_named() -> None:
    slices = [
        _slice("model", "a", [400, 400], [200, 600]),
        _slice("model", "b", [2000, 2000], [2010, 1990]),
        _slice("model", "c", [1000, 1000], [990, 1010]),
        _slice("feature", "x", [1700, 1700], [1600, 1800]),
        _slice("feature", "y", [1700, 1700], [1600, 1800]),
    ]
    found = explain(slices)
    assert [(each.dimension, each.value, each.how) for each in found] == [("model", "a", "changed")]
    assert found[0].explains > 0.9
    assert found[0].words() == "model a: 12% of the traffic, explains 100% of the change"


def test_a_mix_that_changed_is_named() -> None:
    # Neither changed, but there is more of the one now.
    found = explain([
        _slice("model", "short", [800, 100], [400, 50]),
        _slice("model", "long", [20, 80], [200, 800]),
    ])  # fmt: skip
    assert {(each.value, each.how) for each in found} == {("short", "shrank"), ("long", "grew")}
    assert explain([]) == []
    assert explain([_slice("model", "a", [5, 5], [5, 5])]) == []


def test_many_small_cells_are_as_wide_as_one_large_one() -> None:
    """Of a cell that gives one value it must not always be the middle one."""
    r = np.random.default_rng(3)
    small = [
        Cell("s", f"m{n % 5}", n // 5, "numeric", 16, np.sort(r.normal(size=16)))
        for n in range(840)
    ]
    found = pooled(small, 900)
    assert found is not None
    assert 830 <= len(found.values) <= 910
    assert np.std(found.values) == pytest.approx(1.0, abs=0.08)
    assert np.quantile(found.values, [0.05, 0.95]) == pytest.approx([-1.645, 1.645], abs=0.2)
    assert set(found.hours.tolist()) == set(range(168))
    # Where all fit, all are there; empty cells and those without values do not matter.
    whole = pooled([*small[:3], Cell("s", "", 9, "numeric", 0, np.empty(0))])
    assert whole is not None
    assert sorted(whole.values) == sorted(np.concatenate([cell.sample for cell in small[:3]]))
    # In proportion to what there was: a cell of ten times the traffic gives ten times as many.
    busy = Cell("s", "", 1, "numeric", 1000, np.sort(r.normal(size=500)))
    quiet = Cell("s", "", 2, "numeric", 100, np.sort(r.normal(size=100)))
    mixed = pooled([busy, quiet])
    assert mixed is not None
    assert np.bincount(mixed.hours)[1:].tolist() == [500, 50]
