"""Sides of a comparison, from words."""

from datetime import UTC, datetime, timedelta

import pytest

from spanglass_detectors.drift.sides import Side, parse_sides

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_windows_versions_and_golden_sets() -> None:
    assert parse_sides("8d..1d", "24h", NOW) == (
        Side(NOW - 8 * DAY, NOW - DAY),
        Side(NOW - DAY, NOW),
    )
    then, now = parse_sides("release:2.3.0", "release: 2.4.0", NOW)
    assert (then.version, now.version) == (("release", "2.3.0"), ("release", "2.4.0"))
    assert then.window == now.window == (NOW - 14 * DAY, NOW)
    then, now = parse_sides("prompt:greeting 3 in 8d..7d", "24h", NOW)
    assert then == Side(NOW - 8 * DAY, NOW - 7 * DAY, ("prompt", "greeting 3"))
    then, now = parse_sides("dataset:golden@3", "24h", NOW)
    assert (then.dataset, then.dataset_version) == ("golden", 3)


def test_a_version_is_compared_with_what_came_behind_it() -> None:
    then, now = parse_sides("release:2.3.0", "24h", NOW)
    assert then.window == (NOW - 15 * DAY, NOW - DAY)
    assert now.window == (NOW - DAY, NOW)


@pytest.mark.parametrize(
    ("reference", "current", "said"),
    [
        ("colour:red", "24h", "a side can't be of 'colour'; choose from release"),
        ("24h", "dataset:golden", "a dataset can only be the reference"),
        ("dataset:a@b", "24h", "should look like dataset:NAME"),
        ("release:", "24h", "should look like 24h"),
        ("soon", "24h", "'soon' should look like 24h"),
        ("release:1 in soon", "24h", "'soon' should look like 24h"),
    ],
)
def test_what_is_none(reference: str, current: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_sides(reference, current, NOW)
