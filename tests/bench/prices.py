"""How long `spanglass prices recompute` takes over a week of many spans, and what it uses.

Every model that the week's calls name gets another price, so that every call is charged anew.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from bench.processes import CpuMeter, Peak
from bench.report import Report, count
from bench.week import build, opened
from spanglass_store.client import Store
from spanglass_store.prices import costs
from spanglass_store.prices.desk import PriceDesk
from spanglass_store.prices.entry import Kind, Price


def run(report: Report, work: Path, *, spans: int) -> None:
    """Builds a week of spans, gives their models other prices, and charges them anew; twice."""
    folder = work / "week"
    build(report, folder, spans)
    rows = []
    with opened(folder) as (store, server):
        there = int(store.query(f"SELECT count() FROM {store.database}.spans").rows[0][0])
        desk = PriceDesk(store)
        desk.load()
        desk.attend()
        own, child = psutil.Process(), psutil.Process(server.pid)
        for what, factor in (("every model has another price", 1.5), ("and another one", 2.0)):
            desk.set(_prices(store, factor))
            with Peak([child]) as peak:
                meter = CpuMeter({"ClickHouse": [child], "Python": [own]})
                began = time.monotonic()
                charged = desk.recompute()
                seconds = time.monotonic() - began
                usage = meter.read()
            wrong = _not_charged(store)
            if wrong:
                raise RuntimeError(f"{wrong} calls were not charged by the new prices")
            rows.append((
                what, count(there), count(charged), f"{seconds:.1f}",
                f"{usage.cpu['ClickHouse']:.1f}", f"{usage.cpu['Python']:.1f}",
                f"{peak.most.anonymous / 2**20:.0f}", f"{usage.others / usage.seconds:.2f}",
            ))  # fmt: skip
    report.table(
        "`spanglass prices recompute` over a week",
        (
            "prices", "spans", "charged anew", "seconds", "ClickHouse CPU s", "Python CPU s",
            "MiB at most", "other load",
        ),
        rows,
        caption="MiB are ClickHouse's own memory; other load is what else ran, in cores.",
    )  # fmt: skip
    report.keep(prices=[list(row) for row in rows])


def _prices(store: Store, factor: float) -> list[Price]:
    """Prices of every model that calls name."""
    models = store.query(
        f"SELECT DISTINCT {costs.PRICED_MODEL} AS model FROM {store.database}.spans"
        f" WHERE {costs.IS_INFERENCE} AND model != ''"
    ).rows
    return [
        Price(provider="", model=str(model), token_kind=kind, usd=usd * factor)
        for (model,) in models
        for kind, usd in ((Kind.INPUT, 1.0), (Kind.OUTPUT, 4.0))
    ]


def _not_charged(store: Store) -> int:
    """Calls whose schedule is another than the one that they were charged by."""
    newest = f"(SELECT max(revision) FROM {store.database}.price_schedules)"
    return int(
        store.query(
            f"SELECT count() FROM {store.database}.spans WHERE {costs.IS_INFERENCE}"
            f" AND input_tokens IS NOT NULL AND price_revision != {newest}"
        ).rows[0][0]
    )
