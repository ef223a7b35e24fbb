"""Hourly samples: made from spans inside ClickHouse, read as cells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

import numpy as np

from spanglass_detectors.drift.pooled import Cell
from spanglass_store.client import Store
from spanglass_store.drift.metrics import COLUMNS, LABELLED, MODEL, SCORE, WATCHED, Metric
from spanglass_store.queries.leaves import is_leaf

#: Columns of a row of samples, as they are written.
SAMPLE_COLUMNS: Final = (
    "project", "hour", "service", "model", "metric", "kind", "count", "sample", "categories",
    "updated_at",
)  # fmt: skip
#: Values of a metric that are kept of an hour, by service and model.
SAMPLE: Final = 500
#: Categories that are kept of it.
_CATEGORIES: Final = 200
#: Hours that are made at once: a day is a partition of spans.
_AT_ONCE: Final = 24
#: Services and models of an hour and a project that are told apart; the others are left out.
_CELLS: Final = 400
#: So that a statement fits in memory that others need, too.
_SETTINGS: Final = {"max_threads": 2, "max_bytes_before_external_group_by": 256 << 20}


def dirty_hours(
    store: Store, after: int, until: int, first: datetime, seen: datetime, before: datetime
) -> dict[str, list[datetime]]:
    """Whole hours whose samples have to be made, by project.

    Those of which spans or scores have arrived, and those that were not over at the last look.

    Args:
        store: as the owner.
        after: arrivals behind this, in microseconds since 1970.
        until: up to this.
        first: the earliest hour that is of interest.
        seen: where the first hour begins that was not over at the last look.
        before: where the first hour begins that is not over now.
    """
    values = {"after": after, "until": until, "first": first, "seen": seen, "before": before}
    came = (
        "(ingested_at > fromUnixTimestamp64Micro({after:Int64}, 'UTC')"
        " AND ingested_at <= fromUnixTimestamp64Micro({until:Int64}, 'UTC'))"
    )
    sources = (
        ("spans", "start_time", ""),
        # A conversation is over half an hour after its last answer, in the next hour perhaps.
        ("spans", "start_time + INTERVAL 30 MINUTE", " AND session_id != ''"),
        ("scores", "created_at", " AND (value IS NOT NULL OR label != '')"),
    )
    found = store.query(
        " UNION DISTINCT ".join(
            f"SELECT DISTINCT project, toStartOfHour({time}) AS hour FROM {store.database}.{table}"
            f" WHERE {time} >= {{first:DateTime64(6, 'UTC')}}"
            f" AND {time} < {{before:DateTime64(6, 'UTC')}}"
            f" AND ({came} OR {time} >= {{seen:DateTime64(6, 'UTC')}}){more}"
            for table, time, more in sources
        ),
        values,
    ).rows
    hours: dict[str, list[datetime]] = {}
    for project, hour in sorted((str(row[0]), row[1]) for row in found):
        hours.setdefault(project, []).append(hour.replace(tzinfo=UTC))
    return hours


def make_samples(store: Store, hours: Sequence[datetime]) -> None:
    """Makes the samples of hours anew; the same again replaces what was there.

    Args:
        store: as the owner.
        hours: where they begin.
    """
    for _, of_day in groupby(sorted(hours), key=lambda hour: hour.date()):
        day = list(of_day)
        for at in range(0, len(day), _AT_ONCE):
            _make(store, day[at : at + _AT_ONCE])


def _make(store: Store, hours: Sequence[datetime]) -> None:
    values = {
        "start": hours[0], "end": hours[-1] + timedelta(hours=1), "hours": list(hours),
        "most": SAMPLE,
    }  # fmt: skip
    target = f"INSERT INTO {store.database}.drift_samples ({', '.join(SAMPLE_COLUMNS)})"
    settings = ", ".join(f"{name} = {value}" for name, value in _SETTINGS.items())
    store.command(f"{target} {_of_spans(store.database)} SETTINGS {settings}", values)
    store.command(f"{target} {_of_scores(store.database)} SETTINGS {settings}", values)


def _of_spans(database: str) -> str:
    aggregates, parts = [], []
    for n, metric in enumerate(WATCHED):
        aggregates += [f"{sql} AS {name}{n}" for name, sql in _aggregates(metric).items()]
        numeric = metric.kind == "numeric"
        parts.append(
            f"('{metric.name}', '{metric.kind}', c{n},"
            f" {f'arraySort(s{n})' if numeric else 'emptyArrayFloat64()'},"
            f" {_NO_CATEGORIES if numeric else _map_of(metric, n)})"
        )
    return (
        "SELECT project, hour, service, model, m.1, m.2, m.3, m.4, m.5, now64(6) FROM ("
        "SELECT project, toStartOfHour(start_time) AS hour, service,"
        f" if(is_leaf, {MODEL}, '') AS model, count() AS spans, {', '.join(aggregates)}"
        f" FROM (SELECT {COLUMNS}, ({is_leaf(database)}) AS is_leaf FROM {database}.spans FINAL"
        " WHERE start_time >= {start:DateTime64(6, 'UTC')} AND start_time <"
        " {end:DateTime64(6, 'UTC')}"
        " AND has({hours:Array(DateTime('UTC'))}, toStartOfHour(start_time)))"
        " GROUP BY project, hour, service, model"
        f" ORDER BY spans DESC LIMIT {_CELLS} BY project, hour)"
        f" ARRAY JOIN [{', '.join(parts)}] AS m WHERE m.3 > 0"
    )


_NO_CATEGORIES: Final = "CAST(map(), 'Map(String, UInt64)')"


def _aggregates(metric: Metric) -> dict[str, str]:
    condition = metric.condition
    if metric.kind == "numeric":
        finite = f"{condition} AND isFinite({metric.value})"
        return {
            "c": f"countIf({finite})",
            "s": f"groupArraySampleIf({SAMPLE}, 7)(toFloat64({metric.value}), {finite})",
        }
    if metric.kind == "boolean":
        return {"c": f"countIf({condition})", "s": f"countIf({condition} AND {metric.value})"}
    return {
        "c": f"countIf({condition})",
        "s": f"sumMapIf(map({metric.value}, toUInt64(1)), {condition})",
    }


def _map_of(metric: Metric, n: int) -> str:
    if metric.kind == "boolean":
        return f"CAST(map('true', s{n}, 'false', c{n} - s{n}), 'Map(String, UInt64)')"
    return (
        f"CAST(mapFromArrays(arraySlice(mapKeys(s{n}), 1, {_CATEGORIES}),"
        f" arraySlice(mapValues(s{n}), 1, {_CATEGORIES})), 'Map(String, UInt64)')"
    )


def _of_scores(database: str) -> str:
    """Scores belong to the service that their trace's root is of.

    Those without a value, such as an answer's language, are what their label says.
    """
    number = "value IS NOT NULL AND isFinite(assumeNotNull(value))"
    labels = "sumMapIf(map(label, toUInt64(1)), NOT is_number)"
    return (
        f"SELECT project, hour, service, '', metric, if(c > 0, 'numeric', 'categorical'),"
        f" if(c > 0, c, others), arraySort(numbers), if(c > 0, {_NO_CATEGORIES},"
        f" CAST(mapFromArrays(arraySlice(mapKeys(words), 1, {_CATEGORIES}),"
        f" arraySlice(mapValues(words), 1, {_CATEGORIES})), 'Map(String, UInt64)')), now64(6)"
        " FROM (SELECT s.project AS project, hour, t.root_service AS service,"
        f" concat('{SCORE}', name) AS metric, countIf(is_number) AS c, countIf(NOT is_number) AS"
        f" others, groupArraySampleIf({SAMPLE}, 7)(number, is_number) AS numbers,"
        f" {labels} AS words FROM (SELECT project, trace_id,"
        " toStartOfHour(created_at) AS hour, toString(name) AS name,"
        f" {number} AS is_number, ifNull(value, 0) AS number, toString(label) AS label"
        f" FROM {database}.scores FINAL WHERE created_at >= {{start:DateTime64(6, 'UTC')}}"
        f" AND created_at < {{end:DateTime64(6, 'UTC')}} AND (({number}) OR ({LABELLED}))"
        " AND has({hours:Array(DateTime('UTC'))}, toStartOfHour(created_at))) AS s"
        f" LEFT ANY JOIN (SELECT project, trace_id, root_service FROM {database}.traces FINAL"
        " WHERE start_time >= {start:DateTime64(6, 'UTC')} - INTERVAL 1 DAY"
        " AND start_time < {end:DateTime64(6, 'UTC')}"
        f" AND trace_id IN (SELECT trace_id FROM {database}.scores WHERE created_at >="
        " {start:DateTime64(6, 'UTC')} AND created_at < {end:DateTime64(6, 'UTC')})) AS t"
        " USING (project, trace_id) GROUP BY project, hour, service, metric"
        f" ORDER BY count() DESC LIMIT {_CELLS} BY project, hour)"
    )


def sampled_metrics(store: Store, start: datetime, end: datetime) -> list[tuple[str, str]]:
    """Projects and metrics of which there are samples."""
    found = store.query(
        f"SELECT DISTINCT project, metric FROM {store.database}.drift_samples"
        " WHERE hour >= {start:DateTime('UTC')} AND hour < {end:DateTime('UTC')}"
        " ORDER BY project, metric",
        {"start": start, "end": end},
    ).rows
    return [(str(project), str(metric)) for project, metric in found]


def read_cells(
    store: Store,
    project: str,
    metrics: Sequence[str],
    start: datetime,
    end: datetime,
    hours: Sequence[int] | None = None,
) -> dict[str, list[Cell]]:
    """The cells of metrics that have some, by metric, in the order of time.

    Args:
        store: as the owner.
        project: whose.
        metrics: by name.
        start: earliest hour.
        end: latest hour, exclusive.
        hours: those that are wanted, since 1970; all unless given.
    """
    wanted = "" if hours is None else " AND has({hours:Array(UInt32)}, toUnixTimestamp(hour))"
    rows = store.query(
        "SELECT metric, service, model, toUnixTimestamp(hour), toString(kind), count, sample,"
        f" categories FROM {store.database}.drift_samples FINAL WHERE project = {{project:String}}"
        " AND metric IN {metrics:Array(String)} AND hour >= {start:DateTime('UTC')}"
        " AND hour < {end:DateTime('UTC')}" + wanted + " ORDER BY metric, hour, service, model",
        {
            "project": project,
            "metrics": list(metrics),
            "start": start,
            "end": end,
            **({} if hours is None else {"hours": [hour * 3600 for hour in hours]}),
        },
    ).rows
    found: dict[str, list[Cell]] = {}
    for metric, *row in rows:
        found.setdefault(str(metric), []).append(_cell(row))
    return found


def read_by_service(
    store: Store, metric: str, start: datetime, end: datetime, project: str = "", service: str = ""
) -> list[Cell]:
    """The cells of one metric, of all projects and services unless some are given.

    Args:
        store: as a reader.
        metric: by name.
        start: earliest hour.
        end: latest hour, exclusive.
        project: of this one alone.
        service: of this one alone.
    """
    given = {name: value for name, value in (("project", project), ("service", service)) if value}
    rows = store.query(
        "SELECT service, model, toUnixTimestamp(hour), toString(kind), count, sample, categories"
        f" FROM {store.database}.drift_samples FINAL WHERE metric = {{metric:String}}"
        " AND hour >= {start:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}"
        f"{''.join(f' AND {name} = {{{name}:String}}' for name in given)}"
        " ORDER BY hour, service, model LIMIT 50000",
        {"metric": metric, "start": start, "end": end, **given},
    ).rows
    return [_cell(row) for row in rows]


def _cell(row: Sequence[Any]) -> Cell:
    service, model, hour, kind, count, sample, categories = row
    return Cell(
        str(service), str(model), int(hour) // 3600, kind, int(count),
        np.asarray(sample, dtype=float),
        {str(name): float(value) for name, value in categories.items()},
    )  # fmt: skip
