"""Topics of services, as they are kept, and the texts that they are learned and counted from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.topics import Topic, Topics
from spanglass_detectors.span import Span
from spanglass_store.client import Store
from spanglass_store.drift.hours import start_of
from spanglass_store.drift.samples import SAMPLE_COLUMNS
from spanglass_store.queries.leaves import is_leaf

#: Questions' topics, answers' topics; the distance from the nearest behind it.
METRICS: Final = ("topic", "answer_topic")
DISTANCE: Final = "_distance"
#: Calls of an hour and service that are read, of an hour and project, and characters of one.
_CALLS: Final = 60
_OF_PROJECT: Final = 600
_LONGEST: Final = 100_000
#: Topics that were not written for so long are written again, so that they are not forgotten.
_KEEP: Final = timedelta(days=7)
_COLUMNS: Final = (
    "project", "service", "metric", "name", "terms", "centre", "distance_limit", "place", "is_new",
    "learned_at", "updated_at",
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A call of a model, with what was said in it.

    Attributes:
        hour: hours since 1970.
        author: of whose it is: the user, else the conversation, else the trace.
    """

    hour: int
    author: str
    span: Span


def read_calls(
    store: Store, project: str, hours: Sequence[int], service: str | None = None
) -> list[Call]:
    """Some calls of each hour and service, always the same ones.

    Args:
        store: as the owner.
        project: whose.
        hours: since 1970.
        service: of this one alone.
    """
    if not hours:
        return []
    of_service = "" if service is None else " AND service = {service:String}"
    within = (
        "project = {project:String} AND start_time >= {start:DateTime64(6, 'UTC')}"
        " AND start_time < {end:DateTime64(6, 'UTC')}"
        " AND has({hours:Array(UInt32)}, toUnixTimestamp(toStartOfHour(start_time)))"
    )
    rows = store.query(
        "SELECT service, toUnixTimestamp(toStartOfHour(start_time)), input, output,"
        " coalesce(nullIf(user_id, ''), nullIf(session_id, ''), trace_id)"
        f" FROM {store.database}.spans FINAL WHERE {within} AND (trace_id, span_id) IN ("
        f"SELECT trace_id, span_id FROM {store.database}.spans FINAL WHERE {within}{of_service}"
        f" AND {is_leaf(store.database)} AND (input != '' OR output != '')"
        f" AND length(input) + length(output) < {_LONGEST} AND status != 'error'"
        " ORDER BY cityHash64(trace_id, span_id)"
        f" LIMIT {_CALLS} BY service, toStartOfHour(start_time)"
        f" LIMIT {_OF_PROJECT * len(hours)}) SETTINGS max_threads = 2",
        {
            "project": project, "service": service or "", "start": start_of(min(hours)),
            "end": start_of(max(hours) + 1), "hours": [hour * 3600 for hour in hours],
        },
    ).rows  # fmt: skip
    return [
        Call(int(hour) // 3600, str(author), Span(service=str(of), input=asked, output=said))
        for of, hour, asked, said, author in rows
    ]


def read_topics(store: Store, project: str) -> dict[tuple[str, str], Topics]:
    """What is known of a project, by service and metric."""
    rows = store.query(
        f"SELECT service, metric, name, terms, centre, distance_limit FROM"
        f" {store.database}.drift_topics FINAL WHERE project = {{project:String}}"
        " ORDER BY service, metric, place",
        {"project": project},
    ).rows
    found: dict[tuple[str, str], tuple[list[Topic], float]] = {}
    for service, metric, name, terms, centre, limit in rows:
        own, _ = found.setdefault((str(service), str(metric)), ([], float(limit)))
        own.append(Topic(str(name), tuple(map(str, terms)), np.asarray(centre, np.float32)))
    return {key: Topics(tuple(own), limit) for key, (own, limit) in found.items()}


def write_topics(
    store: Store, project: str, service: str, metric: str, topics: Topics, first: int = 0
) -> None:
    """Keeps topics, from the one at a place on: those before it are kept already."""
    now = datetime.now(UTC)
    rows = [
        [project, service, metric, each.name, list(each.terms), each.centre.tolist(), topics.limit,
         place, first > 0, now, now]
        for place, each in enumerate(topics.topics)
        if place >= first
    ]  # fmt: skip
    store.insert("drift_topics", _COLUMNS, rows)


def keep_topics(store: Store, project: str) -> None:
    """Writes topics that are still counted by again, before they would be forgotten."""
    names = ", ".join(_COLUMNS[:-1])
    table = f"{store.database}.drift_topics"
    store.command(
        f"INSERT INTO {table} ({names}, updated_at) SELECT {names}, now64(6) FROM {table} FINAL"
        " WHERE project = {project:String} AND updated_at < {before:DateTime64(6, 'UTC')}",
        {"project": project, "before": datetime.now(UTC) - _KEEP},
    )


def write_topic_samples(
    store: Store,
    project: str,
    counted: Mapping[tuple[str, str, int], tuple[Sequence[str], NDArray[np.float64]]],
) -> None:
    """Keeps how many texts were of which topic, and how far they were from it.

    Args:
        store: as the owner.
        project: whose.
        counted: names and distances of texts, by service, metric and hour.
    """
    now = datetime.now(UTC)
    rows: list[list[Any]] = []
    for (service, metric, hour), (names, distances) in counted.items():
        there = [name for name in names if name]
        if not there:
            continue
        categories = {name: there.count(name) for name in sorted(set(there))}
        known = np.sort(distances[np.isfinite(distances)]).tolist()
        at = start_of(hour)
        rows += [
            [project, at, service, "", metric, "categorical", len(there), [], categories, now],
            [project, at, service, "", metric + DISTANCE, "numeric", len(known), known, {}, now],
        ]
    if rows:
        store.insert("drift_samples", SAMPLE_COLUMNS, rows)


def counted_topics(
    store: Store, project: str, start: int, end: int, name: str
) -> dict[tuple[str, str], tuple[int, int]]:
    """How many texts were counted as a topic, and how many in all, by service and metric.

    Args:
        store: as the owner.
        project: whose.
        start: earliest hour, since 1970.
        end: latest, exclusive.
        name: of the topic.
    """
    rows = store.query(
        "SELECT service, metric, sum(categories[{name:String}]), sum(count)"
        f" FROM {store.database}.drift_samples FINAL WHERE project = {{project:String}}"
        " AND metric IN {metrics:Array(String)} AND hour >= {start:DateTime('UTC')}"
        " AND hour < {end:DateTime('UTC')} GROUP BY service, metric",
        {
            "project": project, "metrics": list(METRICS), "name": name, "start": start_of(start),
            "end": start_of(end),
        },
    ).rows  # fmt: skip
    return {(str(row[0]), str(row[1])): (int(row[2]), int(row[3])) for row in rows}
