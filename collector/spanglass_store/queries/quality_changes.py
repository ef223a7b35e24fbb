"""Scores of a range of time beside those of the range before it: sums, series, distributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.queries.overview import range_before, step_of
from spanglass_store.queries.quality import FLAGGED, QualityFilter, QualityGroup, column, judged

#: Bins of a distribution, and labels that are told apart.
BINS: Final = 20
MOST_LABELS: Final = 12
_IS_NOW: Final = "s.created_at >= {middle:DateTime64(6)}"
# `varSampStable`: a long row of nearly equal values has a variance of rounding otherwise.
_SUMS: Final = (
    "count() AS n, count(s.value) AS n_values, avg(s.value) AS mean,"
    " varSampStable(s.value) AS variance, countIf(s.value = 1) AS ones,"
    f" countIf(s.value = 0) AS zeros, countIf({FLAGGED}) AS flagged,"
    " arraySort(groupUniqArray(toString(s.source))) AS sources"
)


@dataclass(frozen=True)
class Sums:
    """What a set of scores comes to.

    Attributes:
        n: scores.
        n_values: those of them that have a value.
        mean: of the values; None without any.
        variance: of the values, with n - 1 below; None below two.
        ones: values that are 1.
        zeros: values that are 0.
        flagged: in which a detector found something.
    """

    n: int = 0
    n_values: int = 0
    mean: float | None = None
    variance: float | None = None
    ones: int = 0
    zeros: int = 0
    flagged: int = 0


@dataclass(frozen=True)
class Change:
    """Scores of one name and group, now and before; steps are those of `Changes`."""

    name: str
    group: Mapping[str, str]
    before: Sums
    after: Sums
    sources: Sequence[str]
    counts: Sequence[int] = ()
    means: Sequence[float | None] = ()
    flagged: Sequence[int] = ()


@dataclass(frozen=True)
class Changes:
    """All of them.

    Attributes:
        step_s: seconds a step.
        times: where the steps begin, in seconds since 1970.
    """

    step_s: int
    times: Sequence[int]
    rows: Sequence[Change] = field(default_factory=list)


def changes(
    store: Store, which: QualityFilter, group_by: Sequence[QualityGroup] = (), limit: int = 100
) -> Changes:
    """Scores by name and group, beside the range before; those that were given most first.

    Args:
        store: as a reader.
        which: conditions; its range is the present one.
        group_by: further columns beside the name.
        limit: most rows.
    """
    step = step_of(which.start, which.end)
    first = int(which.start.timestamp()) // step * step
    times = range(first, max(first + 1, int(which.end.timestamp())), step)
    source, values = judged(store, _both(which), group_by)
    values |= {"middle": _naive(which.start), "limit": limit, "step": step}
    columns = "".join(f", toString({column(each)}) AS {each}_" for each in group_by)
    names = ", ".join(["name_", *(f"{each}_" for each in group_by)])
    found: dict[tuple[str, ...], dict[bool, Mapping[str, Any]]] = {}
    rows = store.query(
        f"SELECT toString(s.name) AS name_{columns}, {_IS_NOW} AS is_now, {_SUMS} FROM {source}"
        f" GROUP BY {names}, is_now ORDER BY n DESC, {names} LIMIT {{limit:UInt32}} * 2",
        values,
    ).dicts()
    for row in rows:
        found.setdefault(_key(row, group_by), {})[bool(row["is_now"])] = row
    kept = sorted(found.items(), key=lambda each: (-_count(each[1]), each[0]))[:limit]
    steps = _steps(store, source, values, columns, names, group_by) if kept else {}
    return Changes(
        step,
        list(times),
        [
            Change(
                key[0],
                dict(zip(group_by, key[1:], strict=True)),
                _sums(sides.get(False)),
                _sums(sides.get(True)),
                sorted({source for side in sides.values() for source in side["sources"]}),
                [int(its[at]["n"]) if at in its else 0 for at in times],
                [its[at]["mean"] if at in its else None for at in times],
                [int(its[at]["flagged"]) if at in its else 0 for at in times],
            )
            for key, sides in kept
            for its in [steps.get(key, {})]
        ],
    )


def _steps(
    store: Store, source: str, values: Mapping[str, Any], columns: str, names: str,
    group_by: Sequence[QualityGroup],
) -> dict[tuple[str, ...], dict[int, Mapping[str, Any]]]:  # fmt: skip
    rows = store.query(
        f"SELECT toString(s.name) AS name_{columns}, toUnixTimestamp(toStartOfInterval("
        "s.created_at, toIntervalSecond({step:UInt32}))) AS time, count() AS n,"
        f" avg(s.value) AS mean, countIf({FLAGGED}) AS flagged"
        f" FROM {source} AND {_IS_NOW} GROUP BY {names}, time LIMIT 100000",
        values,
    ).dicts()
    found: dict[tuple[str, ...], dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(_key(row, group_by), {})[int(row["time"])] = row
    return found


@dataclass(frozen=True)
class Distribution:
    """How values, or labels where there are no values, are spread: as shares.

    Attributes:
        edges: of the bins, one more than there are bins; empty for labels.
        labels: names of bins, or the labels.
        reference: shares of the range before.
        current: shares of the range.
        n_reference: scores of the range before.
        n_current: scores of the range.
    """

    edges: Sequence[float]
    labels: Sequence[str]
    reference: Sequence[float]
    current: Sequence[float]
    n_reference: int
    n_current: int


def distributions(store: Store, which: QualityFilter) -> tuple[Distribution, Distribution]:
    """Of one name: how its values are spread, and its labels; either may have no bins.

    Args:
        store: as a reader.
        which: conditions, a name among them.
    """
    source, values = judged(store, _both(which))
    values["middle"] = _naive(which.start)
    range_of = store.named_row(
        f"SELECT count(s.value) AS n, min(s.value) AS low, max(s.value) AS high FROM {source}",
        values,
    )
    edges: list[float] = []
    bins: dict[int, tuple[int, int]] = {}
    if range_of["n"]:
        low, high = float(range_of["low"]), float(range_of["high"])
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
        width = (high - low) / BINS or 1.0
        edges = [low + width * n for n in range(BINS + 1)]
        rows = store.query(
            "SELECT toInt32(least({last:Int32}, greatest(0, floor((assumeNotNull(s.value)"
            " - {low:Float64}) / {width:Float64})))) AS bin,"
            f" countIf(NOT ({_IS_NOW})) AS past,"
            f" countIf({_IS_NOW}) AS now FROM {source} AND s.value IS NOT NULL GROUP BY bin",
            {**values, "low": low, "width": width, "last": BINS - 1},
        ).dicts()
        bins = {int(row["bin"]): (int(row["past"]), int(row["now"])) for row in rows}
    # `label` alone would be the column, whose type has no order that people know.
    labels = store.query(
        f"SELECT toString(s.label) AS label_, countIf(NOT ({_IS_NOW})) AS past,"
        f" countIf({_IS_NOW}) AS now FROM {source} GROUP BY label_"
        " ORDER BY past + now DESC, label_ LIMIT {most:UInt32}",
        {**values, "most": MOST_LABELS},
    ).dicts()
    some = [row for row in labels if row["label_"]]
    return (
        _distribution(
            edges,
            [f"{edge:g}" for edge in edges[:-1]],
            [bins.get(n, (0, 0)) for n in range(BINS)] if edges else [],
        ),
        _distribution(
            [],
            [row["label_"] for row in labels] if some else [],
            [(int(row["past"]), int(row["now"])) for row in labels] if some else [],
        ),
    )


def _distribution(
    edges: Sequence[float], labels: Sequence[str], found: Sequence[tuple[int, int]]
) -> Distribution:
    past, now = sum(each[0] for each in found), sum(each[1] for each in found)
    return Distribution(
        edges,
        labels,
        [each[0] / past if past else 0 for each in found],
        [each[1] / now if now else 0 for each in found],
        past,
        now,
    )


def _both(which: QualityFilter) -> QualityFilter:
    return replace(which, start=range_before(which.start, which.end))


def _key(row: Mapping[str, Any], group_by: Sequence[QualityGroup]) -> tuple[str, ...]:
    return row["name_"], *(row[f"{each}_"] for each in group_by)


def _count(sides: Mapping[bool, Mapping[str, Any]]) -> int:
    return sum(int(side["n"]) for side in sides.values())


def _sums(row: Mapping[str, Any] | None) -> Sums:
    if row is None:
        return Sums()
    variance = row["variance"]
    return Sums(
        int(row["n"]), int(row["n_values"]), row["mean"],
        None if variance is None or variance != variance else float(variance),
        int(row["ones"]), int(row["zeros"]), int(row["flagged"]),
    )  # fmt: skip


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
