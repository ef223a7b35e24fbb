"""What an alert carries: how the value went, what explains it, and traces to look at.

An explanation compares, for each dimension, which share of the bad (failed calls, seconds over the
bound, dollars) a value has with the share of all calls that it has. It says where to look, not why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from spanglass_alerts.alert import Alert
from spanglass_alerts.deployed import Moves, deployed
from spanglass_alerts.evaluate.measure import (
    Ticks,
    batches,
    calls,
    findings,
    measure,
    moment,
    spans,
)
from spanglass_alerts.evaluate.needs import Measured, conditions, judge, needs
from spanglass_alerts.rules import model, vocabulary
from spanglass_alerts.rules.vocabulary import EXPLAINING, METRICS
from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.otlp.literal import quoted

#: Points of a sparkline, values that explain, and traces.
POINTS: Final = 30
_MOST_VALUES: Final = 5
_MOST_TRACES: Final = 5
#: How much more of the bad than of all a value must have to say something.
_LEAST_SURPLUS: Final = 0.1
#: Longest look back for an explanation, in seconds: a month of spans takes long to read.
_MOST_WINDOW_S: Final = 86400


@dataclass(frozen=True)
class _Blame:
    """Which rows, and how bad one is (SQL)."""

    source: vocabulary.Source
    bad: str
    where: tuple[str, ...]


def gather(
    store: Store,
    rule: model.Rule,
    alert: Alert,
    now: float,
    settings: Mapping[str, Any] | None = None,
    moves: Moves | None = None,
) -> dict[str, Any]:
    """Everything there is to say; what can't be found out is left out, with the reason.

    Args:
        store: as the collector.
        rule: whose alert.
        alert: which.
        now: when it fired, in seconds since 1970.
        settings: ClickHouse's, of each query.
        moves: says which labels of prompts were moved between two moments.
    """
    found: dict[str, Any] = {"window_s": rule.window, "link": link(rule, alert, now)}
    try:
        found |= _series(store, rule, alert, now, settings)
        blame = _blame(rule, alert)
        if blame is not None and not alert.no_data:
            found |= _explained(store, rule, alert, blame, now, settings)
        if "pii" in rule.sources:
            found["traces"] = _traces(_with_pii(store, rule, alert, now, settings))
        if came := deployed(store, rule, alert, now, settings, moves):
            found["changes"] = came
    except StoreError as error:
        found["incomplete"] = str(error)[:300]
    return found


def link(rule: model.Rule, alert: Alert, now: float) -> str:
    """The list of traces with the alert's filters, below the address of the pages."""
    known = {
        "service": "service",
        "environment": "environment",
        "model": "model",
        "user": "user",
        "session": "session",
    }
    labels = {known[name]: value for name, value in alert.labels.items() if name in known and value}
    times = {
        "from": datetime.fromtimestamp(now - 2 * min(rule.window, _MOST_WINDOW_S), UTC),
        "to": datetime.fromtimestamp(now, UTC),
    }
    errors = {"status": "error"} if "error" in getattr(rule, "metric", "") else {}
    query = labels | errors | {k: t.strftime("%Y-%m-%dT%H:%M:%SZ") for k, t in times.items()}
    return f"/traces?{urlencode(query)}"


def group_of(rule: model.Rule, alert: Alert) -> tuple[str, ...]:
    return tuple(alert.labels.get(name, "") for name in rule.group_by)


def _series(
    store: Store, rule: model.Rule, alert: Alert, now: float, settings: Any
) -> dict[str, Any]:
    wanted = needs(rule)
    if not wanted:
        return {}
    step = max(10.0, min(rule.window, _MOST_WINDOW_S) / 2)
    ticks = Ticks(now - (POINTS - 1) * step, step, POINTS)
    group = group_of(rule, alert)
    by_part: dict[str, list[dict[tuple[str, ...], Measured]]] = {}
    for batch in batches(wanted):
        for need, answer in zip(batch, measure(store, batch, ticks, settings), strict=True):
            by_part[need.part] = answer
    values = []
    for i, at in enumerate(ticks):
        measured = {
            part: answer[i][group] for part, answer in by_part.items() if group in answer[i]
        }
        values.append(judge(rule, alert.labels, measured, at).value if measured else None)
    result: dict[str, Any] = {"series": values, "step_s": step, "end": now}
    change = change_point(values)
    if change is not None:
        result["change_point"] = ticks.first + change * step
    return result


def change_point(values: Sequence[float | None]) -> int | None:
    """Where a series changed most: the first index after the change; None where it did not.

    The split that takes most of the variance away (binary segmentation, one change), if it takes
    half of it or more.
    """
    known = [(i, v) for i, v in enumerate(values) if v is not None]
    if len(known) < 6:
        return None
    numbers = [v for _, v in known]
    total = _spread(numbers)
    if not total:
        return None
    best, place = min(
        (_spread(numbers[:i]) + _spread(numbers[i:]), i) for i in range(1, len(numbers))
    )
    return known[place][0] if best <= total / 2 else None


def _spread(numbers: Sequence[float]) -> float:
    mean = sum(numbers) / len(numbers)
    return sum((n - mean) ** 2 for n in numbers)


def _blame(rule: model.Rule, alert: Alert) -> _Blame | None:
    """What is bad about a row; None where no row is."""

    def of(metric: str, more: tuple[str, ...] = ()) -> _Blame | None:
        known = METRICS[metric]
        if not known.bad:
            return None
        bad = known.bad
        if known.unit == "s" and alert.threshold is not None:
            # Not the slow ones' seconds but how many there are, or one very slow call is all of it.
            bad = f"ifNull({bad} > {alert.threshold!r}, 0)"
        return _Blame(
            known.source, f"toFloat64({bad})", (*conditions(known.source, rule.where), *more)
        )

    match rule:
        case model.Threshold() | model.Change() | model.Anomaly():
            return of(rule.metric)
        case model.Budget():
            return of(rule.metric)
        case model.Ratio():
            source = METRICS[rule.numerator.metric].source
            return of(rule.numerator.metric, conditions(source, rule.numerator.where))
        case model.Percentile():
            source, column, _ = vocabulary.QUANTITIES[rule.of]
            bad = f"toFloat64(ifNull({column} > {rule.condition.threshold!r}, 0))"
            return _Blame(source, bad, conditions(source, rule.where))
        case model.BurnRate():
            bad = {
                "errors": "status = 'error'",
                "slow": f"duration_ns > {rule.slower_than * 10**9}",
                "slow_first_token": f"ifNull(time_to_first_token_s, 0) > {rule.slower_than}",
            }[rule.bad]
            return _Blame("calls", f"toFloat64({bad})", conditions("calls", rule.where))
        case model.Score():
            # Low is bad where low fires, high where high does.
            bound = rule.bound if rule.bound is not None else rule.condition.threshold
            low = rule.statistic == "share_below" or (
                rule.bound is None and "<" in rule.condition.operator
            )
            bad = f"toFloat64(ifNull(value {'<' if low else '>'} {bound!r}, 0))"
            return _Blame("scores", bad, (f"name = {quoted(rule.score)}",))
    return None


def _explained(
    store: Store, rule: model.Rule, alert: Alert, blame: _Blame, now: float, settings: Any
) -> dict[str, Any]:
    begin = now - min(rule.window, _MOST_WINDOW_S)
    database = store.database
    if blame.source == "scores":
        worst = _worst_scores(store, blame, rule, begin, now, settings)
        if not worst:
            return {}
        bad = f"toFloat64(trace_id IN ({', '.join(map(quoted, worst))}))"
        judged = (
            f" AND trace_id IN (SELECT trace_id FROM {database}.scores WHERE"
            f" {' AND '.join(blame.where)} AND created_at >= {moment(begin)}"
            f" AND created_at < {moment(now)})"
        )
        # An answer is judged after it was given.
        source = f"{spans(database, begin - _MOST_WINDOW_S, now)}{judged}"
        where: tuple[str, ...] = ()
    else:
        bad, worst = blame.bad, []
        source = (calls if blame.source == "calls" else spans)(database, begin, now)
        where = blame.where
    if blame.source == "points" or blame.source == "counters":
        return {}
    group = tuple(
        f"toString({vocabulary.dimension('spans', name)}) = {quoted(alert.labels.get(name, ''))}"
        for name in rule.group_by
        if blame.source != "scores" or name in vocabulary.DIMENSIONS["spans"]
    )
    project = (f"project = {quoted(rule.project)}",) if rule.project else ()
    rows = f"{source}{''.join(f' AND {each}' for each in (*where, *group, *project))}"
    return {
        "explained": _dimensions(store, rule, bad, rows, settings),
        "traces": _traces(worst[:_MOST_TRACES] or _examples(store, bad, rows, settings)),
    }


def _dimensions(
    store: Store, rule: model.Rule, bad: str, rows: str, settings: Any
) -> list[dict[str, Any]]:
    known = vocabulary.DIMENSIONS["spans"]
    names = [name for name in EXPLAINING if name not in rule.group_by and name not in rule.where]
    pairs = ", ".join(f"({quoted(name)}, toString({known[name]}))" for name in names)
    found = store.query(
        f"SELECT d.1 AS dimension, d.2 AS value, sum(badness) AS bad, sum(weight) AS total FROM"
        f" (SELECT sample_weight AS weight, {bad} * sample_weight AS badness,"
        f" arrayJoin([{pairs}]) AS d FROM {rows})"
        " GROUP BY dimension, value ORDER BY bad DESC, total DESC LIMIT 50 BY dimension",
        settings=settings,
    ).rows
    sums: dict[str, list[float]] = {}
    for name, _, part, total in found:
        both = sums.setdefault(str(name), [0.0, 0.0])
        both[0] += part
        both[1] += total
    explained = []
    for name, value, part, total in found:
        all_bad, everything = sums[str(name)]
        if all_bad <= 0 or not everything:
            continue
        share, usual = part / all_bad, total / everything
        if share - usual >= _LEAST_SURPLUS:
            explained.append(
                {"dimension": str(name), "value": str(value)[:300], "share": share, "usual": usual}
            )
    explained.sort(key=lambda each: (each["usual"] - each["share"], each["dimension"]))
    return explained[:_MOST_VALUES]


def _examples(store: Store, bad: str, rows: str, settings: Any) -> list[str]:
    found = store.query(
        f"SELECT trace_id, max({bad}) AS badness, max(duration_ns) AS longest FROM {rows}"
        f" GROUP BY trace_id HAVING badness > 0 ORDER BY badness DESC, longest DESC"
        f" LIMIT {_MOST_TRACES}",
        settings=settings,
    ).rows
    return [str(row[0]) for row in found]


def _with_pii(store: Store, rule: model.Rule, alert: Alert, now: float, settings: Any) -> list[str]:
    known = vocabulary.DIMENSIONS["pii"]
    group = (f"{known[name]} = {quoted(alert.labels.get(name, ''))}" for name in rule.group_by)
    project = (f"project = {quoted(rule.project)}",) if rule.project else ()
    where = " AND ".join((*conditions("pii", rule.where), *group, *project, "1"))
    found = store.query(
        "SELECT trace_id, sum(count) AS findings"
        f" FROM {findings(store.database, now - rule.window, now)} AND {where}"
        f" GROUP BY trace_id ORDER BY findings DESC LIMIT {_MOST_TRACES}",
        settings=settings,
    ).rows
    return [str(row[0]) for row in found]


def _worst_scores(
    store: Store, blame: _Blame, rule: model.Rule, begin: float, now: float, settings: Any
) -> list[str]:
    project = f" AND project = {quoted(rule.project)}" if rule.project else ""
    found = store.query(
        f"SELECT trace_id, max({blame.bad}) AS badness FROM {store.database}.scores FINAL"
        f" WHERE {' AND '.join(blame.where)}{project} AND trace_id != ''"
        f" AND created_at >= {moment(begin)} AND created_at < {moment(now)}"
        " GROUP BY trace_id HAVING badness > 0 ORDER BY max(created_at) DESC LIMIT 1000",
        settings=settings,
    ).rows
    return [str(row[0]) for row in found]


def _traces(ids: Sequence[str]) -> list[dict[str, str]]:
    return [{"trace_id": each, "link": f"/traces/{each}"} for each in ids]
