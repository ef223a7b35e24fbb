"""Why something drifted: parts of the traffic, and series over time, from a sample of spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.segments import Slice
from spanglass_store.client import Store
from spanglass_store.drift.hours import start_of
from spanglass_store.drift.metrics import COLUMNS, MODEL, Metric
from spanglass_store.queries.leaves import is_leaf

#: What parts are told apart by.
DIMENSIONS: Final[dict[str, str]] = {
    "model": MODEL,
    "prompt": "if(prompt_name = '', '', concat(prompt_name, ' ', prompt_version))",
    "release": "release",
    "feature": "feature",
    "environment": "environment",
    "tool": "tool_name",
    "user": "user_id",
    "service": "service",
}
#: Spans that are looked at, about; of more, whole traces are drawn.
_SPANS: Final = 200_000
#: Parts of a dimension.
_PARTS: Final = 30
#: Steps of a series.
_STEPS: Final = 96


@dataclass(frozen=True)
class Place:
    """Where something drifted. Hours are since 1970.

    Attributes:
        current: hours of the window.
        reference: hours that it is compared with.
        count: spans in both, about.
        every_service: whether it is all services, not one.
    """

    project: str
    service: str
    model: str
    current: Sequence[int]
    reference: Sequence[int]
    count: int
    every_service: bool = False

    @property
    def values(self) -> dict[str, Any]:
        hours = [*self.current, *self.reference]
        return {
            "project": self.project, "service": self.service, "model": self.model,
            "start": start_of(min(hours)), "end": start_of(max(hours) + 1),
            "hours": [start_of(hour) for hour in hours], "since": start_of(min(self.current)),
            "one_of": max(1, self.count // _SPANS),
        }  # fmt: skip

    @property
    def of_service(self) -> str:
        return "" if self.every_service else " AND service = {service:String}"

    def source(self, database: str, more: str = "") -> str:
        """SQL of the spans."""
        of_model = f" AND {MODEL} = {{model:String}}" if self.model else ""
        return (
            f"(SELECT {COLUMNS}, release, feature, environment, user_id, ({is_leaf(database)}) AS"
            f" is_leaf FROM {database}.spans FINAL WHERE project = {{project:String}}"
            f"{self.of_service} AND start_time >= {{start:DateTime64(6, 'UTC')}}"
            f" AND start_time < {{end:DateTime64(6, 'UTC')}}{of_model}{more}"
            " AND cityHash64(trace_id) % {one_of:UInt64} = 0)"
        )


def slices(
    store: Store, metric: Metric, place: Place, edges: NDArray[np.float64]
) -> tuple[list[Slice], list[str]]:
    """The parts of the traffic as counts over bins or categories, and what is there only now.

    Args:
        store: as the owner.
        metric: what drifted.
        place: where.
        edges: inner bounds of the bins of a number.

    Returns:
        Parts, and words for those that were not there before: `release 2.4.0`.
    """
    bins = f"toString(arrayCount(e -> ({metric.value}) > e, {{edges:Array(Float64)}}))"
    value = bins if metric.kind == "numeric" else f"toString({metric.value})"
    finite = f" AND isFinite({metric.value})" if metric.kind == "numeric" else ""
    dimensions = ", ".join(f"('{name}', toString({sql}))" for name, sql in DIMENSIONS.items())
    within = " AND has({hours:Array(DateTime('UTC'))}, toStartOfHour(start_time))"
    rows = store.query(
        "SELECT d.1, d.2, start_time >= {since:DateTime('UTC')} AS is_now, value, count() FROM ("
        f"SELECT start_time, [{dimensions}] AS ds, {value} AS value"
        f" FROM {place.source(store.database, within)} WHERE {metric.condition}{finite})"
        " ARRAY JOIN ds AS d GROUP BY d.1, d.2, is_now, value ORDER BY count() DESC LIMIT 50000",
        {**place.values, "edges": edges.tolist()},
    ).rows
    names = sorted({str(row[3]) for row in rows})
    index = {name: n for n, name in enumerate(names)}
    tables: dict[tuple[str, str], NDArray[np.float64]] = {}
    for dimension, part, is_now, name, count in rows:
        table = tables.setdefault((str(dimension), str(part)), np.zeros((2, len(names))))
        table[int(is_now), index[str(name)]] += count
    found, new = [], []
    for dimension in DIMENSIONS:
        own = sorted(
            ((key[1], table) for key, table in tables.items() if key[0] == dimension),
            key=lambda each: -float(each[1].sum()),
        )
        sizes = [float(table[1].sum()) for _, table in own]
        if len(own) > 1 or (own and own[0][0]):
            for part, table in own:
                before, now = table.sum(axis=1)
                if part and dimension != "user" and before == 0 and now >= 0.05 * sum(sizes):
                    new.append(f"{dimension} {part}")
        # A metric's own dimension explains it by definition.
        if len(own) < 2 or dimension == metric.name:
            continue
        rest = np.sum([table for _, table in own[_PARTS:]], axis=0) if len(own) > _PARTS else None
        found += [Slice(dimension, part, table[0], table[1]) for part, table in own[:_PARTS]]
        if rest is not None:
            found.append(Slice(dimension, "(others)", rest[0], rest[1]))
    return found, new


def series(
    store: Store, metric: Metric, place: Place, category: str = ""
) -> tuple[list[datetime], NDArray[np.float64], NDArray[np.float64]]:
    """The middle of a metric over time up to the end of the window, and each step's count.

    Args:
        store: as the owner.
        metric: what drifted.
        place: where; the series begins a day before the window.
        category: whose share it is, of a metric of categories.
    """
    start, end = min(place.current) - 24, max(place.current) + 1
    step = max(300, (end - start) * 3600 // _STEPS)
    value = metric.value
    if metric.kind == "categorical":
        value = f"toString({metric.value}) = {{category:String}}"
    # A few long answers move a mean, and not the middle.
    middle = f"quantileTDigest(0.5)({value})" if metric.kind == "numeric" else f"avg({value})"
    values = {**place.values, "start": start_of(start), "end": start_of(end)}
    rows = store.query(
        f"SELECT intDiv(toUnixTimestamp(start_time) - {start * 3600}, {step}) AS step,"
        f" {middle} AS middle, count() AS n FROM {place.source(store.database)}"
        f" WHERE {metric.condition} GROUP BY step ORDER BY step",
        {**values, "category": category},
    ).rows
    count = (end - start) * 3600 // step
    found, weights = np.full(count, np.nan), np.zeros(count)
    for place_, value_at, n in rows:
        if 0 <= int(place_) < count and np.isfinite(value_at):
            found[int(place_)], weights[int(place_)] = value_at, n
    times = [start_of(start) + timedelta(seconds=step * n) for n in range(count)]
    return times, found, weights


def releases_begun(
    store: Store, place: Place, start: datetime, end: datetime
) -> tuple[list[tuple[str, datetime]], list[str]]:
    """Releases that were first seen between two moments, and the prompts that were used about then.

    Args:
        store: as the owner.
        place: where.
        start: releases that were there in the day before are none of them.
        end: exclusive.
    """
    rows = store.query(
        "SELECT release, min(start_time) AS first, groupUniqArrayIf(50)(prompt_name,"
        f" prompt_name != '') FROM {store.database}.spans WHERE project = {{project:String}}"
        f"{place.of_service} AND start_time >= {{back:DateTime64(6, 'UTC')}}"
        " AND start_time < {end:DateTime64(6, 'UTC')} GROUP BY release ORDER BY first LIMIT 1000",
        {"project": place.project, "service": place.service, "end": end,
         "back": start - timedelta(days=1)},
    ).rows  # fmt: skip
    prompts = sorted({str(name) for row in rows for name in row[2]})
    begun = [
        (str(release), first.replace(tzinfo=UTC))
        for release, first, _ in rows
        if release and first.replace(tzinfo=UTC) >= start
    ]
    # Where nothing was there before, the release did not change.
    return (begun if len(begun) < len(rows) else []), prompts
