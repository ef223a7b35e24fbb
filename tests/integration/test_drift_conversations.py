"""What users do in conversations is watched: they ask again, they give up; tools that are offered."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from spanglass_collector.drift.config import read_drift
from spanglass_collector.drift.run import run_pass
from spanglass_store.client import Store
from spanglass_store.drift.ad_hoc import Asked, compare_windows
from spanglass_store.drift.hours import start_of
from spanglass_store.drift.metrics import OFFERED_TOOLS_USED, TOOLS_OFFERED
from spanglass_store.drift.samples import read_by_service
from spanglass_store.errors import StoreError
from spanglass_store.queries.drift import DriftFilter, findings
from support.embedded import EmbeddedStore

PROJECT = "drift-conversations"
COLUMNS = (
    "project", "trace_id", "span_id", "operation", "service", "start_time", "end_time", "duration_ns",
    "status", "request_model", "session_id", "input", "output", "sample_weight", "ingested_at",
)  # fmt: skip
#: Whole hours that are long over, so that nothing of the present is in the way.
LAST = int((datetime.now(UTC) - timedelta(hours=30)).timestamp() // 3600) // 6 * 6
THINGS = ("jacket", "parcel", "invoice", "password", "voucher")
SINCE = LAST - 6
#: Before what a pass leaves to the next one: arrivals of the very last moment.
ARRIVED = datetime.now(UTC) - timedelta(minutes=1)


def conversations(last: int) -> list[list[Any]]:
    """Twelve an hour, of two turns; from `SINCE` on most ask again, and get no answer."""
    r = np.random.default_rng(3)
    rows = []
    for hour in range(LAST - 4 * 24, last):
        for n in range(12):
            is_bad = r.random() < (0.7 if hour >= SINCE else 0.05)
            thing = THINGS[n % len(THINGS)]
            at = start_of(hour) + timedelta(minutes=float(r.uniform(0, 55)))
            second = (
                f"How can I return my blue {thing}?" if is_bad else "Which sizes are there now?"
            )
            asked = (f"How do I return the blue {thing}?", second)
            for turn, question in enumerate(asked):
                began = at + timedelta(minutes=2 * turn)
                said = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
                told = "" if is_bad and turn else "Send it back to us."
                rows.append(
                    [PROJECT, f"{hour:x}{n:x}{turn:x}".zfill(32), f"{hour:x}{n:x}{turn:x}".zfill(16),
                     "chat", "shop", began, began + timedelta(seconds=2), 2_000_000_000, "ok", "small",
                     f"s{hour}-{n}", json.dumps(said), told, 1.0, ARRIVED]
                )  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def store(embedded_store: EmbeddedStore) -> Store:
    owner = embedded_store.owner
    by_day: dict[Any, list[list[Any]]] = {}
    for row in conversations(LAST):
        by_day.setdefault(row[5].date(), []).append(row)
    for rows in by_day.values():
        owner.insert("spans", COLUMNS, rows)
    settings = read_drift({"metrics": ["rephrased", "abandoned"], "scales_h": [6]})
    run_pass(owner, settings, 0, 0, start_of(LAST) + timedelta(seconds=400))
    return owner


def test_each_question_and_each_end_counts_once(store: Store) -> None:
    spans = conversations(LAST)
    cells = {
        metric: read_by_service(store, metric, start_of(LAST - 96), start_of(LAST), PROJECT)
        for metric in ("rephrased", "abandoned")
    }
    # A second question a conversation; an end each, but for those that are not known to be over.
    assert sum(cell.count for cell in cells["rephrased"]) == len(spans) // 2
    over = sum(
        n % 2 == 1 and row[6] + timedelta(minutes=30) < start_of(LAST)
        for n, row in enumerate(spans)
    )
    assert sum(cell.count for cell in cells["abandoned"]) == over
    before, now = (
        [cell for cell in cells["abandoned"] if (cell.hour > SINCE) == is_now]
        for is_now in (False, True)
    )
    shares = [
        sum(cell.categories["true"] for cell in side) / sum(cell.count for cell in side)
        for side in (before, now)
    ]
    assert shares[0] < 0.15 < 0.5 < shares[1]


def test_users_who_ask_again_and_give_up_are_a_finding(store: Store) -> None:
    which = DriftFilter(start_of(LAST - 24), start_of(LAST), PROJECT)
    (found,) = findings(store, which)
    assert {row["metric"] for row in found["metrics"]} == {"rephrased", "abandoned"}
    assert found["service"] == "shop"


def test_they_are_compared_like_others(store: Store) -> None:
    windows = (start_of(LAST - 48), start_of(SINCE)), (start_of(SINCE), start_of(LAST))
    (whole,) = compare_windows(store, Asked("abandoned", *windows, ("service",), PROJECT))
    assert whole.is_drift
    assert (whole.kind, whole.group) == ("boolean", {"service": "shop"})
    with pytest.raises(
        StoreError, match="abandoned is counted by service alone, and can't be told"
    ):
        compare_windows(store, Asked("abandoned", *windows, ("model",), PROJECT))


@pytest.mark.parametrize(
    ("offered", "said", "expected"),
    [
        ([{"type": "function", "name": "look"}, {"type": "function", "name": "buy"}], "look", (2, 0.5)),
        ([{"type": "function", "function": {"name": "look", "parameters": {"properties": {"name": {
            "type": "string"}}}}}], "look", (1, 1)),
        ([json.dumps({"name": "look"}), json.dumps({"name": "buy"})], "", (2, 0)),
    ],
)  # fmt: skip
def test_tools_that_are_offered(
    embedded_store: EmbeddedStore, offered: list[Any], said: str, expected: tuple[float, float]
) -> None:
    part = {"type": "tool_call", "name": said, "arguments": "{}"}
    (row,) = embedded_store.owner.query(
        f"SELECT {TOOLS_OFFERED}, {OFFERED_TOOLS_USED} FROM (SELECT {{defined:String}} AS"
        " tool_definitions, {output:String} AS output)",
        {"defined": json.dumps(offered), "output": json.dumps([{"parts": [part]}])},
    ).rows
    assert row == expected
