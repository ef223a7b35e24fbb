"""Splits of live traffic: who gets what, looking early, and a split that is broken."""

import numpy as np
import pytest

import spanglass
from spanglass.prompts._split import choose
from spanglass_detectors.comparison import means
from spanglass_detectors.experiment import FEWEST_TO_LOOK, always_valid, sample_ratio


def test_looking_at_every_step_is_allowed() -> None:
    """Of 150 tests of one law with itself, each looked at 24 times, a twentieth may find something."""
    rng = np.random.default_rng(11)
    looks = range(FEWEST_TO_LOOK, 1830, 75)
    found = {"always": 0, "welch": 0}
    for _ in range(150):
        a, b = rng.exponential(1.0, 1830), rng.exponential(1.0, 1830)
        found["always"] += any(_clear(always_valid(a[:n], b[:n])) for n in looks)
        found["welch"] += any(_clear(means(a[:n], b[:n])) for n in range(30, 1830, 300))
    print(f"false finds of 150: {found}")
    assert found["always"] <= 7
    # What is not made for it finds far more, even at a quarter of the looks.
    assert found["welch"] > 12


def test_what_is_there_is_found() -> None:
    rng = np.random.default_rng(12)
    power = 0
    for _ in range(100):
        a, b = rng.normal(0, 1, 2000), rng.normal(0.2, 1, 2000)
        power += any(_clear(always_valid(a[:n], b[:n])) for n in range(100, 2001, 100))
    print(f"power at 0.2 standard deviations and 2,000 values a side: {power} %")
    assert power >= 80
    assert always_valid([1.0] * 29, [2.0] * 90) is None


def _clear(found: object) -> bool:
    return bool(getattr(found, "is_clear", False))


def test_a_broken_split_is_seen_and_a_working_one_is_not() -> None:
    rng = np.random.default_rng(13)
    alarms = 0
    for _ in range(200):
        after = int(rng.binomial(2000, 0.1))
        found = sample_ratio(2000 - after, after, 0.1)
        assert found is not None
        alarms += found.is_mismatch
    assert alarms <= 2
    broken = sample_ratio(9000, 1200, 0.1)
    assert broken is not None
    assert broken.is_mismatch
    assert sample_ratio(0, 0, 0.5) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        sample_ratio(1, 1, 1.0)


def test_everybody_keeps_what_they_got_while_a_split_ramps_up() -> None:
    units = [f"u-{n}" for n in range(20_000)]
    before = None
    for share in (0.0, 0.1, 0.3, 1.0):
        split = {"production": 1 - share, "next": share}
        chosen = {unit for unit in units if choose("a", split, unit, "") == "next"}
        assert len(chosen) / len(units) == pytest.approx(share, abs=0.01)
        assert before is None or before <= chosen
        before = chosen
    other = {unit for unit in units if choose("b", {"x": 1, "next": 1}, unit, "") == "next"}
    half = {unit for unit in units if choose("a", {"x": 1, "next": 1}, unit, "") == "next"}
    # Each prompt splits by itself: half of one half is in the other's.
    assert len(other & half) / len(units) == pytest.approx(0.25, abs=0.02)


def test_a_split_goes_by_the_user_of_the_context(caplog: pytest.LogCaptureFixture) -> None:
    split = {"production": 0.5, "next": 0.5}
    by_unit = choose("a", split, "u-4", "")
    with spanglass.context(user_id="u-4", session_id="s-1"):
        assert choose("a", split, None, "") == by_unit
    with spanglass.context(session_id="u-4"):
        assert choose("a", split, None, "") == by_unit
    assert choose("no unit", split, None, "") == "production"
    assert "needs a unit" in caplog.text


@pytest.mark.parametrize("split", [{}, {"a": -1, "b": 2}, {"a": 0}, {"a": "x"}, [1], {"a": float("inf")}])  # fmt: skip
def test_a_split_that_is_none_leaves_the_label(
    split: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert choose(f"bad {split}", split, "u", "production") == "production"  # type: ignore[arg-type]
    assert "labels with shares" in caplog.text
