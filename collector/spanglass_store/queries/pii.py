"""What personal data is where, and which traces hold one person's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from spanglass_store.client import Store

PiiGroup = Literal["entity", "service", "field", "role", "environment", "operation"]
PiiInterval = Literal["none", "hour", "day"]

_STEPS: Final = {
    "hour": "toStartOfHour(start_time)", "day": "toStartOfDay(start_time)",
}  # fmt: skip
_SUMS: Final = (
    "uniqExact(trace_id, span_id) AS spans, uniqExact(trace_id) AS traces, sum(count) AS findings"
)


@dataclass(frozen=True)
class PiiFilter:
    """Which findings; everything that is given has to hold.

    Attributes:
        start: earliest start of the span, inclusive.
        end: latest start, exclusive.
    """

    start: datetime
    end: datetime
    project: str = ""
    service: str = ""
    environment: str = ""
    entity: str = ""
    field: str = ""
    role: str = ""


def _where(which: PiiFilter) -> tuple[str, dict[str, Any]]:
    where = ["start_time >= {start:DateTime64(6)}", "start_time < {end:DateTime64(6)}"]
    values: dict[str, Any] = {"start": _naive(which.start), "end": _naive(which.end)}
    for name in ("project", "service", "environment", "entity", "field", "role"):
        if getattr(which, name):
            where.append(f"{name} = {{{name}:String}}")
            values[name] = getattr(which, name)
    return " AND ".join(where), values


def pii(
    store: Store,
    which: PiiFilter,
    group_by: Sequence[PiiGroup],
    interval: PiiInterval = "none",
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Findings by group, the most first, each with what there was of it over time.

    Args:
        store: as a reader.
        which: conditions.
        group_by: columns; at least one.
        interval: of the series.
        limit: most groups.
    """
    where, values = _where(which)
    columns = ", ".join(f"toString({name}) AS {name}_" for name in group_by)
    names = ", ".join(f"{name}_" for name in group_by)
    rows = store.query(
        f"SELECT {columns}, {_SUMS}, min(start_time) AS first, max(start_time) AS last"
        f" FROM {store.database}.pii_findings FINAL WHERE {where}"
        f" GROUP BY {names} ORDER BY findings DESC, {names} LIMIT {{limit:UInt32}}",
        {**values, "limit": limit},
    ).dicts()
    groups = []
    for row in rows:
        group = {name: row.pop(f"{name}_") for name in group_by}
        for moment in ("first", "last"):
            row[moment] = row[moment].replace(tzinfo=UTC)
        groups.append({"group": group, **row, "series": []})
    if interval != "none" and groups:
        _add_series(store, where, values, group_by, groups, interval)
    return groups


def _add_series(
    store: Store,
    where: str,
    values: dict[str, Any],
    group_by: Sequence[PiiGroup],
    groups: list[dict[str, Any]],
    interval: PiiInterval,
) -> None:
    columns = ", ".join(f"toString({name}) AS {name}_" for name in group_by)
    names = ", ".join(f"{name}_" for name in group_by)
    rows = store.query(
        f"SELECT {columns}, {_STEPS[interval]} AS time, {_SUMS}"
        f" FROM {store.database}.pii_findings FINAL WHERE {where}"
        f" GROUP BY {names}, time ORDER BY time LIMIT 100000",
        values,
    ).dicts()
    series: dict[tuple[str, ...], list[dict[str, Any]]] = {
        tuple(each["group"].values()): each["series"] for each in groups
    }
    for row in rows:
        group = tuple(row.pop(f"{name}_") for name in group_by)
        if group in series:
            row["time"] = row["time"].replace(tzinfo=UTC)
            series[group].append(row)


def traces_of_subject(
    store: Store, subjects: Sequence[str], which: PiiFilter, limit: int
) -> list[dict[str, Any]]:
    """Traces in which a value was found, the latest first.

    Args:
        store: as a reader who may read payload.
        subjects: hashes of the value, one for each thing that it could be.
        which: conditions.
        limit: most traces.
    """
    where, values = _where(which)
    rows = store.query(
        "SELECT project, trace_id, any(service) AS service, min(start_time) AS start,"
        " groupUniqArray(span_id) AS span_ids, groupUniqArray(toString(entity)) AS entities,"
        f" groupUniqArray(toString(field)) AS fields FROM {store.database}.pii_findings FINAL"
        f" WHERE {where} AND hasAny(subjects, {{subjects:Array(String)}})"
        " GROUP BY project, trace_id ORDER BY start DESC, trace_id LIMIT {limit:UInt32}",
        {**values, "subjects": list(subjects), "limit": limit},
    ).dicts()
    for row in rows:
        row["start"] = row["start"].replace(tzinfo=UTC)
    return rows


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
