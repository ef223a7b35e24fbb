"""Chances from scores: equal to a published rule and worked values, and honest about little."""

import numpy as np
import pytest

from spanglass_detectors.review.calibration import calibrate


def drawn(n: int, seed: int = 3) -> tuple[list[float], list[bool]]:
    """Scores of which the chance of yes is known: 1 / (1 + e^(4 - 8 x)), one half at 0.5."""
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    return list(x), list(rng.random(n) < 1 / (1 + np.exp(4 - 8 * x)))


def test_a_known_curve_is_found() -> None:
    found = calibrate(*drawn(2_000))
    assert found is not None
    for score in (0.1, 0.3, 0.5, 0.7, 0.9):
        assert found.chance(score) == pytest.approx(1 / (1 + np.exp(4 - 8 * score)), abs=0.05)
    assert found.threshold == pytest.approx(0.5, abs=0.03)
    assert found.threshold_low is not None
    assert found.threshold_high is not None
    assert found.threshold_low < 0.5 < found.threshold_high
    assert found.brier < found.brier_plain - 0.05
    assert sum(each.n for each in found.groups) == 2_000
    inside = [each.low <= each.calibrated <= each.high for each in found.groups]
    assert sum(inside) >= 8
    assert calibrate(*drawn(2_000)) == found


def test_steps_are_found_where_no_curve_fits() -> None:
    rng = np.random.default_rng(1)
    x = rng.random(3_000)
    found = calibrate(list(x), list(rng.random(3_000) < np.where(x < 0.8, 0.3, 0.9)))
    assert found is not None
    assert found.method == "isotonic"
    assert found.threshold == pytest.approx(0.8, abs=0.03)
    assert found.chance(0.4) == pytest.approx(0.3, abs=0.08)


def test_isotonic_and_auc_by_hand() -> None:
    # Three labels of a judge: shares 20/100, 10/100 and 90/100. The first two have to be pooled.
    scores = [0.0] * 100 + [0.5] * 100 + [1.0] * 100
    yes = [True] * 20 + [False] * 80 + [True] * 10 + [False] * 90 + [True] * 90 + [False] * 10
    found = calibrate(scores, yes)
    assert found is not None
    assert found.method == "isotonic"
    assert found.chance(0.0) == found.chance(0.5) == pytest.approx(0.15)
    assert found.chance(1.0) == pytest.approx(0.9)
    # Half way from 0.15 to 0.9 is where it passes one half: 0.5 + 0.5 * 0.35 / 0.75.
    assert found.threshold == pytest.approx(0.5 + 0.5 * 0.35 / 0.75)
    # Pairs of a yes and a no: 90 yes at 1 beat 80 + 90, tie with 10, and so on.
    pairs = 90 * (80 + 90 + 5) + 10 * (80 + 45) + 20 * 40
    assert found.auc == pytest.approx(pairs / (120 * 180))
    assert [(each.score, each.n, each.share) for each in found.groups] == [
        (0.0, 100, 0.2), (0.5, 100, 0.1), (1.0, 100, 0.9),
    ]  # fmt: skip


def test_scores_that_part_answers_wholly_stay_finite() -> None:
    found = calibrate([0.1] * 12 + [0.9] * 12, [False] * 12 + [True] * 12)
    assert found is not None
    # Platt's targets for 12 of each: 13/14 and 1/14.
    assert found.chance(0.9) == pytest.approx(13 / 14, abs=1e-3)
    assert found.chance(0.1) == pytest.approx(1 / 14, abs=1e-3)
    assert (found.auc, found.threshold) == (1.0, pytest.approx(0.5, abs=1e-3))


def test_scores_that_say_nothing_have_no_threshold() -> None:
    rng = np.random.default_rng(9)
    found = calibrate(list(rng.random(400)), list(rng.random(400) < 0.15))
    assert found is not None
    assert found.threshold is None
    assert found.auc_low < 0.5 < found.auc_high
    turned = calibrate([1 - x for x in drawn(500)[0]], drawn(500)[1])
    assert turned is not None
    assert turned.threshold is None
    assert turned.auc < 0.3


def test_too_little_is_not_calibrated() -> None:
    assert calibrate([0.1, 0.9] * 20, [False] * 35 + [True] * 5) is None
    assert calibrate([0.5] * 40, [False, True] * 20) is None
    assert calibrate([], []) is None
    with pytest.raises(ValueError, match="beside"):
        calibrate([0.5], [])
    with pytest.raises(ValueError, match="finite"):
        calibrate([float("nan")], [True])
