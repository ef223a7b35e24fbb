"""What may be taken of a project, and what it may take from the others."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.quotas import OverQuota, Quota, Quotas, read_quotas
from spanglass_collector.ingest.shares import Shares
from spanglass_collector.ingest.signals import RESOURCE, TRACES
from spanglass_collector.ingest.spool import Spool, SpoolFull, SpoolLimits


class Clock:
    """Seconds, as they are told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def wait(quotas: Quotas, project: str) -> int:
    """Seconds that a project is told to wait; 0 if it need not."""
    try:
        quotas.check(project)
    except OverQuota as over:
        return over.retry_after_s
    return 0


def test_a_rate_holds_over_time_and_a_burst_passes() -> None:
    clock = Clock()
    quotas = Quotas({"a": Quota(items_per_s=100)}, clock)
    taken = 0
    for _ in range(600):
        clock.now += 0.1
        for _ in range(5):
            if not wait(quotas, "a"):
                quotas.charge("a", 50, 1)
                taken += 50
    # Ten seconds' worth at once, then the rate.
    assert 100 * 60 <= taken <= 100 * 70 + 50
    assert quotas.refused["a"] > 0


def test_one_that_is_larger_than_all_passes_and_is_paid_for() -> None:
    clock = Clock()
    quotas = Quotas({"a": Quota(bytes_per_s=10)}, clock)
    assert wait(quotas, "a") == 0
    quotas.charge("a", 1, 1100)
    assert wait(quotas, "a") == 100
    clock.now += 99
    assert wait(quotas, "a") >= 1
    clock.now += 2
    assert wait(quotas, "a") == 0


def test_projects_do_not_share_a_quota() -> None:
    clock = Clock()
    quotas = Quotas({"a": Quota(items_per_s=1), "*": Quota(items_per_s=2)}, clock)
    for each in ("a", "b"):
        quotas.check(each)
    quotas.charge("a", 1000, 1)
    assert wait(quotas, "a") > 0
    assert wait(quotas, "b") == 0
    quotas.charge("b", 1000, 1)
    assert wait(quotas, "c") == 0
    assert wait(Quotas({}), "anybody") == 0


def test_a_day_has_its_bytes() -> None:
    clock, wall = Clock(), Clock()
    wall.now = 86_400 * 20_000 + 86_390
    quotas = Quotas({"a": Quota(bytes_per_day=100)}, clock, wall)
    assert wait(quotas, "a") == 0
    quotas.charge("a", 1, 100)
    assert wait(quotas, "a") == 10
    wall.now += 11
    assert wait(quotas, "a") == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shop": 7}, "quotas.shop should be a table"),
        ({"shop": {"spans_per_s": 7}}, "quotas.shop.spans_per_s: there is no such setting"),
        ({"*": {"items_per_s": -1}}, "quotas.*.items_per_s"),
        ({"*": {"bytes_per_s": float("nan")}}, "quotas.*.bytes_per_s"),
    ],
)
def test_a_wrong_table_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read_quotas(given)


def test_a_share_leaves_room() -> None:
    shares = Shares()
    free = 1000
    while shares.fits("flood", 10, free):
        shares.take("flood", 10)
        free -= 10
    assert 150 < free < 250, "a fifth stays free"
    assert shares.fits("other", free, free), "whoever has nothing may have what fits"
    shares.give_back({"flood": 800})
    assert shares.fits("flood", 500, 1000)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    limits = SpoolLimits(total_bytes=100_000, free_bytes=0, segment_age_s=0.01)
    with closing(Spool(tmp_path, TRACES, limits)) as opened:
        yield opened


def fill(spool: Spool, owner: str, size: int = 1000, most: int = 1000) -> int:
    """Appends until nothing more is taken; how many were."""
    for taken in range(most):
        try:
            spool.append([wire.field(RESOURCE, b"\0" * size)], 1, owner).result(30)
        except SpoolFull:
            return taken
    return most


def test_one_that_floods_leaves_the_spool_to_others(spool: Spool) -> None:
    first = fill(spool, "flood")
    assert 70 <= first <= 85
    assert spool.refused_shares["flood"] == 1
    assert fill(spool, "other", most=3) == 3
    # What is stored counts for nobody any more.
    before = spool.size
    while spool.size > before // 4:
        segment = spool.take(lambda: False)
        assert segment is not None
        spool.drop(segment)
    assert fill(spool, "flood", most=10) == 10
