"""Two windows of anything that a user names, from the spans themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from spanglass_detectors.drift.many import judge
from spanglass_detectors.drift.pooled import Cell, Pooled, pooled
from spanglass_detectors.drift.results import DriftResult, Kind, not_tested
from spanglass_detectors.drift.watch import compare_pooled
from spanglass_detectors.drift.windows import unfit_reason
from spanglass_store.client import Store
from spanglass_store.drift.metrics import (
    BY_NAME,
    COLUMNS,
    COUNTED,
    LABELLED,
    MODEL,
    OF_TEXTS,
    PAYLOAD_COLUMNS,
    SCORE,
    Metric,
)
from spanglass_store.drift.samples import read_by_service
from spanglass_store.errors import StoreError
from spanglass_store.migrate import message_text
from spanglass_store.queries.leaves import is_leaf

#: What results can be told apart by.
BY: Final[Mapping[str, str]] = {
    "service": "service", "model": MODEL, "environment": "environment", "release": "release",
    "feature": "feature", "prompt": "concat(prompt_name, ' ', prompt_version)",
    "user": "user_id", "tool": "tool_name",
}  # fmt: skip
#: Values of an hour, and groups, that are looked at.
_SAMPLE: Final = 1_000
_GROUPS: Final = 50
#: Characters of a golden set that go with one query.
_TRAVELS: Final = 60_000
_ATTRIBUTE: Final = "attributes."
#: Beside those that the metrics read: payload, which not everybody may read.
_PAYLOAD: Final = re.compile(r"\b(?:input|output|tool_definitions)\b")


@dataclass(frozen=True)
class Asked:
    """What is compared.

    Attributes:
        metric: one that is watched, `attributes.NAME` or `score.NAME`.
        reference: from and until when.
        current: the same.
        by: what results are told apart by, of `BY`.
        test: by name; the default unless given.
        alpha: the share of false ones among what is found.
        reference_version: the reference is of this alone: a name of `BY`, and a value.
        current_version: the same of the current window.
        golden: inputs and expected outputs that are the reference, instead of a window.
    """

    metric: str
    reference: tuple[datetime, datetime]
    current: tuple[datetime, datetime]
    by: Sequence[str] = ()
    project: str = ""
    service: str = ""
    environment: str = ""
    model: str = ""
    test: str = ""
    alpha: float = 0.05
    reference_version: tuple[str, str] = ("", "")
    current_version: tuple[str, str] = ("", "")
    golden: Sequence[tuple[str, str]] | None = None

    @property
    def are_apart(self) -> bool:
        """Whether no call can be of both, whenever it was."""
        then, now = self.reference_version, self.current_version
        return self.golden is not None or (
            bool(then[0]) and then[0] == now[0] and then[1] != now[1]
        )

    def of_version(self, side: str) -> tuple[str, dict[str, str]]:
        """SQL that holds for the version that a side is of, with its parameter."""
        name, value = self.reference_version if side == "reference" else self.current_version
        if not name:
            return "", {}
        return f" AND {BY[name]} = {{{side}_version:String}}", {f"{side}_version": value}


def compare_windows(store: Store, asked: Asked) -> list[DriftResult]:
    """Compares two windows, the whole or group by group.

    Args:
        store: as a reader.
        asked: what is compared.

    Raises:
        StoreError: if there is no such metric, group or test.
    """
    versions = (asked.reference_version[0], asked.current_version[0])
    unknown = [name for name in (*asked.by, *filter(None, versions)) if name not in BY]
    if unknown:
        raise StoreError(
            f"Results can't be told apart by {unknown[0]!r}; choose from {', '.join(BY)}."
        )
    if reason := unfit_reason(
        asked.reference, asked.current, datetime.now(UTC), are_apart=asked.are_apart
    ):
        return [replace(not_tested(reason), metric=asked.metric)]
    if asked.golden is not None and asked.by:
        raise StoreError("A golden set is of no model and no service: compare it without --by.")
    groups: dict[tuple[str, ...], tuple[list[Cell], list[Cell]]] = {}
    for *names, is_now, cell in _cells(store, asked):
        groups.setdefault(tuple(names), ([], []))[is_now].append(cell)
    if not groups:
        reason = "no span of either window has it"
        return [replace(not_tested(reason), metric=asked.metric)]
    biggest = sorted(
        groups.items(), key=lambda each: -sum(c.count for c in (*each[1][0], *each[1][1]))
    )
    results = []
    for values, sides in biggest[:_GROUPS]:
        try:
            result = _result(pooled(sides[0]), pooled(sides[1]), asked.test)
        except ValueError as error:
            raise StoreError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
        group = dict(zip(asked.by, values, strict=True))
        results.append(replace(result, metric=asked.metric, group=group))
    return judge(results, asked.alpha)


def _result(then: Pooled | None, now: Pooled | None, test: str) -> DriftResult:
    if then is not None and now is not None:
        return compare_pooled(then, now, test=test)
    there = then or now
    place = "reference" if then is None else "current window"
    sizes = then.count if then else 0, now.count if now else 0
    kind: Kind = there.kind if there is not None else "numeric"
    expired = " (there never was, or it has expired)" if then is None else ""
    return not_tested(f"there is nothing in the {place}{expired}", kind, *sizes)


def metric_of(name: str) -> tuple[Metric, dict[str, Any]]:
    """The metric of a name, with the parameters that its SQL has.

    Raises:
        StoreError: if there is none.
    """
    if name in BY_NAME:
        return BY_NAME[name], {}
    if name.startswith(_ATTRIBUTE) and len(name) > len(_ATTRIBUTE):
        # A number where it is one; otherwise words.
        return (
            Metric(name, "categorical", "span", "attributes[{attribute:String}]",
                   "mapContains(attributes, {attribute:String})"),
            {"attribute": name.removeprefix(_ATTRIBUTE)},
        )  # fmt: skip
    if name.startswith(SCORE) and len(name) > len(SCORE):
        return Metric(name, "numeric", "span", "value"), {"score": name.removeprefix(SCORE)}
    raise StoreError(
        f"There is no metric {name!r}. Choose from {', '.join((*BY_NAME, *COUNTED))},"
        " attributes.NAME or score.NAME."
    )


def _counted(store: Store, asked: Asked) -> list[tuple[Any, ...]]:
    """The cells of what is counted by the job, of whole hours."""
    other = [name for name in asked.by if name != "service"]
    other += [name for name in ("model", "environment") if getattr(asked, name)]
    other += [name for name, _ in (asked.reference_version, asked.current_version) if name]
    if other:
        raise StoreError(
            f"{asked.metric} is counted by service alone, and can't be told apart by {other[0]}."
        )
    return [
        (*([cell.service] * len(asked.by)), is_now, cell)
        for is_now, (start, end) in enumerate((asked.reference, asked.current))
        for cell in read_by_service(store, asked.metric, start, end, asked.project, asked.service)
    ]


def _cells(store: Store, asked: Asked) -> list[tuple[Any, ...]]:
    if asked.metric in COUNTED:
        return _counted(store, asked)
    metric, values = metric_of(asked.metric)
    if asked.golden is not None and metric.name not in OF_TEXTS:
        raise StoreError(
            f"A golden set has no {metric.name}; it can be compared in {', '.join(OF_TEXTS)}."
        )
    is_score, is_attribute = "score" in values, "attribute" in values
    windows = [asked.current] if asked.golden is not None else [asked.reference, asked.current]
    start = min(window[0] for window in windows)
    end = max(window[1] for window in windows)
    values |= {
        "start": start, "end": end, "reference_start": asked.reference[0],
        "reference_end": asked.reference[1], "current_start": asked.current[0],
        "current_end": asked.current[1],
    }  # fmt: skip
    filters = ""
    for name in ("project", "service", "environment", "model"):
        if given := getattr(asked, name):
            filters += f" AND {BY.get(name, name)} = {{{name}:String}}"
            values[name] = given
    time = "start_time"
    groups = ", ".join(f"toString({BY[name]}) AS g{n}" for n, name in enumerate(asked.by))
    names = "".join(f"g{n}, " for n in range(len(asked.by)))
    sides = []
    for side in ("reference", "current"):
        of_version, named = asked.of_version(side)
        values |= named
        sides.append(
            f"{time} >= {{{side}_start:DateTime64(6, 'UTC')}}"
            f" AND {time} < {{{side}_end:DateTime64(6, 'UTC')}}{of_version}"
        )
    within = f"(({sides[0]}) OR ({sides[1]}))"
    if is_score:
        if not _has_values(store, values):
            metric = replace(metric, kind="categorical", value="label")
        source = _scored(store.database, filters, metric.kind == "numeric")
        condition = "1"
    else:
        columns = COLUMNS
        if not _PAYLOAD.search(f"{metric.value} {metric.where}"):
            # Not everybody may read what people wrote.
            columns = columns.removesuffix(PAYLOAD_COLUMNS)
        columns += ", environment, release, feature, user_id, attributes"
        source = (
            f"(SELECT {columns}, ({is_leaf(store.database)}) AS is_leaf FROM"
            f" {store.database}.spans FINAL WHERE {time} >= {{start:DateTime64(6, 'UTC')}}"
            f" AND {time} < {{end:DateTime64(6, 'UTC')}}{filters})"
        )
        if asked.golden is not None:
            # A golden set has texts, whatever shape they were sent in.
            plain = ", ".join(f"{message_text(name)} AS {name}" for name in ("input", "output"))
            source = f"(SELECT * REPLACE ({plain}) FROM {source})"
        condition = "1" if is_attribute else metric.condition
        if is_attribute:
            condition = metric.where
    numeric = metric.kind == "numeric"
    if is_attribute:
        numeric = _is_number(store, source, condition, within, values)
    value = metric.value
    if is_attribute and numeric:
        value = f"toFloat64OrNull({metric.value})"
        condition += f" AND {value} IS NOT NULL"
        value = f"assumeNotNull({value})"
    kind: Kind = "numeric" if numeric else metric.kind
    counted, kept = _aggregates(kind, value)
    rows = store.query(
        f"SELECT {groups + ', ' if groups else ''}({sides[1]}) AS is_now,"
        f" intDiv(toUnixTimestamp({time}), 3600) AS hour, {counted}, {kept}"
        f" FROM {source} WHERE {within} AND {condition} GROUP BY {names}is_now, hour"
        f" ORDER BY hour, {names}is_now LIMIT 50000",
        values,
    ).rows
    found = [
        (*(str(name) for name in row[:-5]), int(row[-5]), _cell(kind, int(row[-4]), row[-3:]))
        for row in rows
    ]
    if asked.golden is not None:
        found += [(0, cell) for cell in _golden(store, metric, asked.golden)]
    return found


def _aggregates(kind: Kind, value: str) -> tuple[str, str]:
    """SQL of how many values there are, and of what is kept of them."""
    if kind == "numeric":
        return f"countIf(isFinite({value}))", (
            f"arraySort(groupArraySampleIf({_SAMPLE}, 7)(toFloat64({value}), isFinite({value}))),"
            " map('', toUInt64(0))"
        )
    word = f"if({value}, 'true', 'false')" if kind == "boolean" else f"toString({value})"
    return "count()", f"emptyArrayFloat64(), sumMap(map({word}, toUInt64(1)))"


def _cell(kind: Kind, hour: int, kept: Sequence[Any]) -> Cell:
    count, sample, categories = kept
    return Cell(
        "", "", hour, kind, int(count), np.asarray(sample, dtype=float),
        {str(name): float(number) for name, number in categories.items() if number},
    )  # fmt: skip


def _golden(store: Store, metric: Metric, items: Sequence[tuple[str, str]]) -> list[Cell]:
    """What a metric is like in a golden set, some items at a time: they travel with the query."""
    counted, kept = _aggregates(metric.kind, metric.value)
    plain = ", ".join(
        f"{message_text(f'items.{place}')} AS {name}"
        for place, name in ((1, "input"), (2, "output"))
    )
    cells: list[Cell] = []
    at = 0
    while at < len(items):
        some: list[tuple[str, ...]] = []
        size = 0
        while at < len(items) and (not some or size + sum(map(len, items[at])) < _TRAVELS):
            some.append(tuple(text[:_TRAVELS] for text in items[at]))
            size += sum(map(len, some[-1]))
            at += 1
        row = store.row(
            f"SELECT {counted}, {kept} FROM (SELECT {plain}, 'ok' AS status FROM (SELECT"
            " arrayJoin({items:Array(Tuple(String, String))}) AS items))"
            f" WHERE {metric.where}",
            {"items": some},
        )
        if row[0]:
            cells.append(_cell(metric.kind, len(cells), row))
    return cells


def _is_number(
    store: Store, source: str, condition: str, within: str, values: Mapping[str, Any]
) -> bool:
    """Whether an attribute is a number wherever it is."""
    row = store.row(
        "SELECT count(), countIf(toFloat64OrNull(attributes[{attribute:String}]) IS NULL)"
        f" FROM {source} WHERE {within} AND {condition}",
        values,
    )
    return int(row[0]) > 0 and int(row[1]) == 0


def _has_values(store: Store, values: Mapping[str, Any]) -> bool:
    """Whether a score has values, or is what its labels say."""
    found = store.row(
        f"SELECT countIf(value IS NOT NULL), count() FROM {store.database}.scores WHERE"
        " name = {score:String} AND created_at >= {start:DateTime64(6, 'UTC')}"
        " AND created_at < {end:DateTime64(6, 'UTC')}",
        values,
    )
    return int(found[0]) > 0 or int(found[1]) == 0


def _scored(database: str, filters: str, is_number: bool) -> str:
    """Scores with what is known of their spans, or of their traces' roots."""
    there = "value IS NOT NULL" if is_number else LABELLED
    return (
        "(SELECT s.created_at AS start_time, s.number AS value, s.word AS label,"
        " p.* EXCEPT (trace_id, start_time) FROM (SELECT trace_id, created_at,"
        f" ifNull(value, 0) AS number, toString(label) AS word FROM {database}.scores"
        f" FINAL WHERE name = {{score:String}} AND ({there}) AND created_at >="
        " {start:DateTime64(6, 'UTC')} AND created_at < {end:DateTime64(6, 'UTC')}) AS s"
        " ANY LEFT JOIN (SELECT trace_id, start_time, project, service, environment, release,"
        " feature, user_id, tool_name, prompt_name, prompt_version, request_model, response_model"
        f" FROM {database}.spans FINAL WHERE start_time >= {{start:DateTime64(6, 'UTC')}} -"
        " INTERVAL 1 DAY AND start_time < {end:DateTime64(6, 'UTC')}"
        f" ORDER BY {MODEL} = '', parent_span_id != '') AS p USING (trace_id) WHERE 1{filters})"
    )
