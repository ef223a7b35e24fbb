"""What scores say of an application: by name, and by day, service or model, with examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from spanglass_store.client import Store

QualityGroup = Literal[
    "service", "environment", "model", "prompt_version", "evaluator", "source", "label"
]
QualityInterval = Literal["none", "hour", "day"]

#: Columns of the span that is judged; those of the score itself have their own names.
_OF_SPAN: Final = {
    "service": "t.service", "environment": "t.environment", "model": "t.model",
    "prompt_version": "t.prompt_version",
}  # fmt: skip
_STEPS: Final = {"hour": "toStartOfHour(s.created_at)", "day": "toStartOfDay(s.created_at)"}
#: A detector gives a label where it found something; a language always has one.
FLAGGED: Final = "s.source = 'detector' AND s.label != '' AND s.name != 'language'"
_SUMS: Final = (
    f"count() AS count, avg(s.value) AS mean, min(s.value) AS least, max(s.value) AS most,"
    f" quantilesTDigest(0.1, 0.5, 0.9)(s.value) AS quantiles, countIf({FLAGGED}) AS flagged"
)
_EXAMPLES: Final = 5


@dataclass(frozen=True)
class QualityFilter:
    """Which scores; everything that is given has to hold.

    Attributes:
        start: earliest time, inclusive: a detector's score has its span's.
        end: latest time, exclusive.
        name: of the score.
        model: that was asked for.
        prompt_version: name and version of the prompt, as `name:version`.
    """

    start: datetime
    end: datetime
    project: str = ""
    name: str = ""
    source: str = ""
    service: str = ""
    environment: str = ""
    model: str = ""
    prompt_version: str = ""


def quality(
    store: Store,
    which: QualityFilter,
    group_by: Sequence[QualityGroup] = (),
    interval: QualityInterval = "none",
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Scores by name and group, those that were given most first.

    Args:
        store: as a reader.
        which: conditions.
        group_by: further columns beside the name.
        interval: of the series.
        limit: most groups.

    Returns:
        Of each group: `name`, `group`, `count`, `mean`, `least`, `most`, `p10`, `p50`, `p90` (None
        where only labels are given), `flagged`, `examples` (places of flagged ones), `series`.
    """
    source, values = judged(store, which, group_by)
    columns = "".join(f", toString({column(each)}) AS {each}_" for each in group_by)
    names = ", ".join(["name_", *(f"{each}_" for each in group_by)])
    # The columns of one list: `name` alone would be the score's.
    places = (
        f"groupArrayIf({_EXAMPLES})((s.project, s.trace_id, s.span_id, s.created_at, s.value,"
        f" toString(s.label)), {FLAGGED})"
    )
    rows = store.query(
        f"SELECT toString(s.name) AS name_{columns}, {_SUMS}, {places} AS examples FROM {source}"
        f" GROUP BY {names} ORDER BY count DESC, {names} LIMIT {{limit:UInt32}}",
        {**values, "limit": limit},
    ).dicts()
    groups = [_group(row, group_by) for row in rows]
    if interval != "none" and groups:
        series = {(each["name"], *each["group"].values()): each["series"] for each in groups}
        steps = store.query(
            f"SELECT toString(s.name) AS name_{columns}, {_STEPS[interval]} AS time, {_SUMS}"
            f" FROM {source} GROUP BY {names}, time ORDER BY time LIMIT 100000",
            values,
        ).dicts()
        for row in steps:
            key = (row["name_"], *(row[f"{each}_"] for each in group_by))
            if key in series:
                series[key].append({"time": row["time"].replace(tzinfo=UTC), **_sums(row)})
    return groups


def column(name: str) -> str:
    """SQL of a group's column in `judged`."""
    return _OF_SPAN.get(name, f"s.{name}")


def judged(
    store: Store, which: QualityFilter, group_by: Sequence[QualityGroup] = ()
) -> tuple[str, dict[str, Any]]:
    """SQL of the scores, as `s`, beside their spans where something of those is asked for.

    Returns:
        What stands behind FROM, with its WHERE, and the parameters.
    """
    where = ["s.created_at >= {start:DateTime64(6)}", "s.created_at < {end:DateTime64(6)}"]
    values: dict[str, Any] = {"start": _naive(which.start), "end": _naive(which.end)}
    for name in ("project", "name", "source"):
        if getattr(which, name):
            where.append(f"s.{name} = {{{name}:String}}")
            values[name] = getattr(which, name)
    of_scores = f"{store.database}.scores AS s FINAL"
    source = of_scores
    if any(getattr(which, name) or name in group_by for name in _OF_SPAN):
        # Only spans that were judged: all of them would not fit into memory. What people say of a
        # span they may say days later.
        source += (
            " ANY LEFT JOIN (SELECT project, trace_id, span_id, toString(service) AS service,"
            " toString(environment) AS environment,"
            " toString(if(request_model != '', request_model, response_model)) AS model,"
            " if(prompt_name = '', '', concat(prompt_name, ':', prompt_version)) AS prompt_version"
            f" FROM {store.database}.spans"
            " WHERE start_time >= {start:DateTime64(6)} - INTERVAL 7 DAY"
            " AND start_time < {end:DateTime64(6)} AND (project, trace_id, span_id) IN"
            f" (SELECT s.project, s.trace_id, s.span_id FROM {of_scores}"
            f" WHERE {' AND '.join(where)})) AS t"
            " ON s.project = t.project AND s.trace_id = t.trace_id AND s.span_id = t.span_id"
        )
    for name in _OF_SPAN:
        if getattr(which, name):
            where.append(f"{column(name)} = {{{name}:String}}")
            values[name] = getattr(which, name)
    return f"{source} WHERE {' AND '.join(where)}", values


def _group(row: dict[str, Any], group_by: Sequence[QualityGroup]) -> dict[str, Any]:
    names = ("project", "trace_id", "span_id", "time", "value", "label")
    examples = [dict(zip(names, each, strict=True)) for each in row["examples"]]
    for each in examples:
        each["time"] = each["time"].replace(tzinfo=UTC)
    return {
        "name": row["name_"],
        "group": {each: row[f"{each}_"] for each in group_by},
        **_sums(row),
        "examples": sorted(examples, key=lambda each: each["time"], reverse=True),
        "series": [],
    }


def _sums(row: dict[str, Any]) -> dict[str, Any]:
    has_values = row["mean"] is not None
    quantiles = [float(each) if has_values else None for each in row["quantiles"] or (0, 0, 0)]
    return {
        "count": int(row["count"]), "flagged": int(row["flagged"]), "mean": row["mean"],
        "least": row["least"], "most": row["most"],
        **dict(zip(("p10", "p50", "p90"), quantiles, strict=True)),
    }  # fmt: skip


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
