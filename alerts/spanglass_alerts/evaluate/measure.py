"""Measures: puts what many rules need into few queries, and runs them.

Needs of one source, window and set of dimensions are columns of one query, each with its own
condition. A query can answer several ticks (times of evaluation) at once: each row is handed to
all ticks whose window it lies in. So live evaluation, catching up, sparklines and previews are one
piece of SQL.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spanglass_alerts.evaluate.needs import Measured, Need, period
from spanglass_alerts.rules import vocabulary
from spanglass_store.client import Store
from spanglass_store.otlp.literal import quoted

#: Needs that are columns of one query. ClickHouse analyses a statement in time that grows faster
#: than its length.
MOST_COLUMNS: Final = 80
#: Ticks that one query answers.
MOST_TICKS: Final = 500
#: How long a call or span can have run before it counts in the window in which it ended, in
#: seconds: rows are found by when they began.
_LONGEST_S: Final = {
    "calls": 900,
    "spans": 3600,
    "scores": 0,
    "points": 0,
    "counters": 0,
    "pii": 86400,
    "drift": 86400,
}
_TIME: Final = {
    "calls": "end_time", "spans": "end_time", "scores": "created_at", "points": "time",
    # When it was found: what is judged later would fall into a window that is over.
    "counters": "time", "pii": "found_at", "drift": "updated_at",
}  # fmt: skip
_US: Final = 10**6

Group = tuple[str, ...]


@dataclass(frozen=True)
class Ticks:
    """Times of evaluation: `count`, `step_s` apart, from `first` on (seconds since 1970)."""

    first: float
    step_s: float = 60
    count: int = 1

    def __iter__(self) -> Any:
        return (self.first + i * self.step_s for i in range(self.count))

    @property
    def last(self) -> float:
        return self.first + (self.count - 1) * self.step_s


#: What one query answers: by tick, then by group.
Answer = list[dict[Group, Measured]]


def batches(needs: Iterable[Need]) -> list[list[Need]]:
    """Needs that can be columns of one query, together."""
    alike: dict[tuple[Any, ...], list[Need]] = defaultdict(list)
    for need in dict.fromkeys(needs):
        is_point = need.source in ("points", "counters")
        key = (
            need.source, need.group, need.window_s, need.offset_s, need.period, need.max_groups,
            need.project,
            # Points of one name lie together: reading one name is far less than reading all.
            need.names if is_point else "",
        )  # fmt: skip
        alike[key].append(need)
    return [
        group[i : i + MOST_COLUMNS]
        for group in alike.values()
        for i in range(0, len(group), MOST_COLUMNS)
    ]


def measure(
    store: Store, batch: Sequence[Need], ticks: Ticks, settings: Mapping[str, Any] | None = None
) -> list[Answer]:
    """The answers of a batch, in its order.

    Raises:
        QueryRefused: if ClickHouse refuses the statement.
        StoreUnavailable: if it can't be reached, or it took too long.
    """
    rows = store.query(statement(store.database, batch, ticks), settings=settings).rows
    width = len(batch[0].group)
    answers: list[Answer] = [[{} for _ in range(ticks.count)] for _ in batch]
    for row in rows:
        tick, group = int(row[0]), tuple(map(str, row[1 : 1 + width]))
        for i in range(len(batch)):
            value, count = row[1 + width + 2 * i], row[2 + width + 2 * i]
            if count:
                known = value is not None and not math.isnan(value) and not math.isinf(value)
                answers[i][tick][group] = Measured(float(value) if known else None, float(count))
    return answers


def statement(database: str, batch: Sequence[Need], ticks: Ticks) -> str:
    """The query of a batch."""
    one = batch[0]
    begin, end = _bounds(one, ticks)
    tick = _tick(one, ticks)
    names = [f"g{i}" for i in range(len(one.group))]
    columns = [vocabulary.dimension(one.source, name) for name in one.group]
    groups = ", ".join(
        f"toString({column}) AS {name}" for column, name in zip(columns, names, strict=True)
    )
    values = ", ".join(
        f"{each.value.replace('{c}', condition)} AS v{i}, countIf({condition}) AS n{i}"
        for i, each in enumerate(batch)
        for condition in [" AND ".join(each.where) or "1"]
    )
    keys = ", ".join(["tick", *names])
    some = " OR ".join(f"n{i} > 0" for i in range(len(batch)))
    total = " + ".join(f"n{i}" for i in range(len(batch)))
    return (
        f"SELECT {'its_tick' if one.source == 'counters' else tick} AS tick,"
        f" {groups + ', ' if groups else ''}{values}"
        f" FROM {_rows(database, one, begin, end, tick)}"
        f" GROUP BY {keys} HAVING {some}"
        f" ORDER BY tick, {total} DESC, {keys} LIMIT {one.max_groups} BY tick"
    )


def _bounds(need: Need, ticks: Ticks) -> tuple[float, float]:
    """From when to when rows count for some tick, in seconds since 1970."""
    first, last = ticks.first - need.offset_s, ticks.last - need.offset_s
    begin = period(need.period, first)[0] if need.period else first - need.window_s
    return begin, last


def _tick(need: Need, ticks: Ticks) -> str:
    """SQL of the ticks that a row counts for."""
    if ticks.count == 1:
        return "toUInt32(0)"
    at = f"toUnixTimestamp64Micro(toDateTime64({_TIME[need.source]}, 6, 'UTC'))"
    first, step = round((ticks.first - need.offset_s) * _US), round(ticks.step_s * _US)
    lowest = f"toInt64(floor(({at} - {first}) / {step})) + 1"
    if need.period:
        begins = [round(period(need.period, each)[0] * _US) for each in ticks]
        highest = f"toInt64(arrayCount(b -> b <= {at}, {begins}))"
    else:
        highest = f"toInt64(floor(({at} - {first} + {need.window_s * _US}) / {step})) + 1"
    return f"arrayJoin(range(toUInt32(greatest(0, {lowest})), toUInt32(least({ticks.count}, greatest(0, {highest})))))"  # noqa: E501


def moment(at: float) -> str:
    """A time as SQL."""
    return f"fromUnixTimestamp64Micro({round(at * _US)}, 'UTC')"


def findings(database: str, begin: float, end: float) -> str:
    """Personal data that was found in a time, as what stands behind FROM.

    A backfill finds what is old; nobody is to be woken for it.
    """
    return (
        f"{database}.pii_findings FINAL WHERE found_at >= {moment(begin)}"
        f" AND found_at < {moment(end)} AND start_time >= {moment(begin - _LONGEST_S['pii'])}"
    )


def _rows(database: str, need: Need, begin: float, end: float, tick: str) -> str:
    """The rows that count, as what stands behind FROM."""
    time = _TIME[need.source]
    within = f"{time} >= {moment(begin)} AND {time} < {moment(end)}"
    project = f" AND project = {quoted(need.project)}" if need.project else ""
    if need.source == "spans":
        return f"{spans(database, begin, end)}{project}"
    if need.source == "calls":
        return f"{calls(database, begin, end, project)}"
    if need.source == "scores":
        return _scores(database, need, within + project)
    if need.source == "pii":
        return f"{findings(database, begin, end)}{project}"
    if need.source == "drift":
        old = moment(begin - _LONGEST_S["drift"])
        return f"{database}.drift_results FINAL WHERE {within} AND window_end >= {old}{project}"
    name = f" AND name = {quoted(need.names)}" if need.names else ""
    if need.source == "points":
        return f"{database}.metrics FINAL WHERE {within}{project}{name}"
    # Cumulative counters grow; what a series grew by in a window is summed, resets left out.
    return (
        "(SELECT project, name, service, environment, any(attributes) AS attributes,"
        f" any(resource) AS resource, {tick} AS its_tick,"
        " if(any(temporality) = 'delta', sum(value), deltaSumTimestamp(value,"
        f" toUnixTimestamp64Nano(time))) AS growth FROM {database}.metrics FINAL"
        f" WHERE {within}{project}{name}"
        " GROUP BY project, name, service, environment, series, its_tick)"
    )


def spans(database: str, begin: float, end: float, longest_s: float = _LONGEST_S["spans"]) -> str:
    """Spans that ended in a range, as what stands behind FROM."""
    return (
        f"{database}.spans FINAL"
        f" WHERE start_time >= {moment(begin - longest_s)} AND start_time < {moment(end)}"
        f" AND end_time >= {moment(begin)} AND end_time < {moment(end)}"
    )


def calls(database: str, begin: float, end: float, project: str = "") -> str:
    """Calls of models that ended in a range, as what stands behind FROM.

    A call with a call below it repeats that one's numbers, so it does not count.
    """
    longest = _LONGEST_S["calls"]
    inference = vocabulary.is_inference()
    return (
        f"{spans(database, begin, end, longest)} AND {inference}{project}"
        " AND cityHash64(project, trace_id, span_id) NOT IN"
        f" (SELECT cityHash64(project, trace_id, parent_span_id) FROM {database}.spans"
        f" WHERE start_time >= {moment(begin - longest)} AND start_time < {moment(end)}"
        f" AND {inference} AND parent_span_id != ''{project})"
    )


def _scores(database: str, need: Need, within: str) -> str:
    used = [d for d in vocabulary.OF_TRACE if f"about.{d}" in " ".join((*need.where, *(
        vocabulary.dimension("scores", g) for g in need.group)))]  # fmt: skip
    scores = f"{database}.scores"
    if not used:
        return f"{scores} FINAL WHERE {within}"
    known = vocabulary.DIMENSIONS["spans"]
    columns = ", ".join(
        f"anyIf(toString({known[d]}), {vocabulary.is_inference()} OR {known[d]} != '') AS {d}"
        for d in used
    )
    return (
        f"(SELECT * FROM {scores} FINAL WHERE {within}) AS s LEFT JOIN"
        f" (SELECT project AS its_project, trace_id AS its_trace, {columns} FROM"
        f" (SELECT * FROM {database}.spans WHERE (project, trace_id) IN"
        f" (SELECT project, trace_id FROM {scores} WHERE {within}))"
        " GROUP BY its_project, its_trace) AS about"
        " ON s.project = about.its_project AND s.trace_id = about.its_trace"
    )


def is_regular(ticks: Ticks) -> bool:
    """Whether a query can answer these ticks at once."""
    return 1 <= ticks.count <= MOST_TICKS
