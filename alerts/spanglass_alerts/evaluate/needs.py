"""What has to be measured for a rule, and what the numbers mean.

A rule is measured in named parts (`value`; `numerator` and `denominator`; …), each an aggregate
over a window. `judge` compares them. So the same code runs live, over the past, and in tests of
rules whose parts are given.
"""

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from spanglass_alerts.alert import Observation
from spanglass_alerts.rules import model, vocabulary
from spanglass_alerts.rules.values import wanted
from spanglass_alerts.rules.vocabulary import METRICS, Metric, Source
from spanglass_store.otlp.literal import quoted

Period = Literal["", "day", "week", "month"]
#: Below this share of a period a forecast says nothing.
_LEAST_ELAPSED: Final = 0.1


@dataclass(frozen=True)
class Need:
    """One aggregate over one window.

    Attributes:
        part: what the rule calls it.
        value: SQL of the aggregate, `{c}` for its condition.
        where: SQL conditions of its rows.
        group: dimensions.
        window_s: length of the window, in seconds; of a calendar's `period`, from its start.
        offset_s: how long before now the window ends, in seconds.
        names: of points: the metric's name, that all rows have.
    """

    part: str
    source: Source
    value: str
    where: tuple[str, ...]
    group: tuple[str, ...]
    window_s: int
    offset_s: int = 0
    period: Period = ""
    project: str = ""
    names: str = ""
    max_groups: int = 1000


@dataclass(frozen=True)
class Measured:
    """One number and how many rows are behind it."""

    value: float | None
    count: float


def conditions(source: Source, where: Mapping[str, str | list[str]]) -> tuple[str, ...]:
    """SQL of a filter."""
    return tuple(
        # A dimension of several values can't be unfolded in a condition.
        f"arrayExists(t -> {_matching('t', want)}, tags)"
        if name == "tag"
        else _matching(vocabulary.dimension(source, name), want)
        for name, want in where.items()
    )


def _matching(column: str, want: str | list[str]) -> str:
    each_of = [want] if isinstance(want, str) else want
    return "(" + " OR ".join(_one(column, each) for each in each_of) + ")" if each_of else "1"


def _one(column: str, want: str) -> str:
    is_so, parts = wanted(want)
    if len(parts) > 1:
        literal = [p.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for p in parts]
        said = f"{column} LIKE {quoted('%'.join(literal))}"
    else:
        said = f"{column} = {quoted(parts[0])}"
    return said if is_so else f"NOT {said}"


def needs(rule: model.Rule) -> list[Need]:
    """What has to be measured; empty for kinds that are not measured by aggregates."""

    def need(
        part: str, metric: Metric, *, window: int = 0, offset: int = 0, more: tuple[str, ...] = (),
        period: Period = "", names: str = "",
    ) -> Need:  # fmt: skip
        return Need(
            part, metric.source, metric.value, (*conditions(metric.source, rule.where), *more),
            tuple(rule.group_by), window or rule.window, offset, period, rule.project, names,
            rule.max_groups,
        )  # fmt: skip

    match rule:
        case model.Threshold():
            return [need("value", METRICS[rule.metric])]
        case model.Percentile():
            return [need("value", vocabulary.percentile(rule.of, rule.percentile / 100))]
        case model.Ratio():
            return [
                need(
                    part,
                    METRICS[side.metric],
                    more=conditions(METRICS[side.metric].source, side.where),
                )
                for part, side in (("numerator", rule.numerator), ("denominator", rule.denominator))
            ]
        case model.Change():
            base = rule.baseline
            offset = rule.window + base.offset
            return [
                need("value", METRICS[rule.metric]),
                need("baseline", METRICS[rule.metric], window=base.window, offset=offset),
            ]
        case model.Anomaly():
            past = [
                need(f"past{i}", METRICS[rule.metric], offset=i * rule.season)
                for i in range(1, rule.seasons + 1)
            ]
            return [need("value", METRICS[rule.metric]), *past]
        case model.BurnRate():
            bad = {
                "errors": "status = 'error'",
                "slow": f"duration_ns > {rule.slower_than * 10**9}",
                "slow_first_token": f"ifNull(time_to_first_token_s, 0) > {rule.slower_than}",
            }[rule.bad]
            share = Metric(
                "calls",
                f"sumIf(sample_weight, {{c}} AND {bad}) / sumIf(sample_weight, {{c}})",
                "1",
                "",
            )
            return [
                need(f"{name}{i}", share, window=length)
                for i, each in enumerate(rule.windows)
                for name, length in (("long", each.long), ("short", each.short))
            ]
        case model.Budget():
            return [need("value", METRICS[rule.metric], period=rule.period)]
        case model.Score():
            return [need("value", _score(rule), more=(f"name = {quoted(rule.score)}",))]
        case model.NoData():
            name = (f"name = {quoted(rule.metric)}",) if rule.metric else ()
            seen = Metric(rule.source, "toFloat64(countIf({c}))", "rows", "")
            return [
                need("value", seen, more=name, names=rule.metric),
                need(
                    "before",
                    seen,
                    window=rule.lookback,
                    offset=rule.window,
                    more=name,
                    names=rule.metric,
                ),
            ]
        case model.Points():
            name = (f"name = {quoted(rule.metric)}",)
            if rule.aggregate in ("rate", "increase"):
                divided = f" / {rule.window}" if rule.aggregate == "rate" else ""
                metric = Metric("counters", f"sumIf(growth, {{c}}){divided}", "", "")
            else:
                metric = Metric("points", vocabulary.POINT_AGGREGATES[rule.aggregate], "", "")
            return [need("value", metric, more=name, names=rule.metric)]
    return []


def _score(rule: model.Score) -> Metric:
    there = "{c} AND isNotNull(value)"
    if rule.statistic == "count":
        return METRICS["score_count"]
    if rule.bound is not None:
        sign = "<" if rule.statistic == "share_below" else ">"
        part = f"countIf({there} AND ifNull(value, 0) {sign} {rule.bound!r})"
        return Metric("scores", f"{part} / countIf({there})", "1", "")
    return METRICS[{"mean": "score_avg", "p10": "score_p10", "p50": "score_p50"}[rule.statistic]]


def parts(rule: model.Rule) -> list[str]:
    """What a rule measures, by name."""
    return [each.part for each in needs(rule)] or ["value"]


def judge(
    rule: model.Rule, labels: Mapping[str, str], measured: Mapping[str, Measured], now: float
) -> Observation:
    """What the numbers of one group mean.

    Args:
        rule: whose.
        labels: of the group.
        measured: by part; parts that are not there have no data.
        now: the time that was measured, in seconds since 1970.
    """
    nothing = Measured(None, 0)

    def at(part: str) -> Measured:
        return measured.get(part, nothing)

    value = at("value")

    def said(
        number: float | None, threshold: float | None, breached: bool | None, **detail: float | None
    ) -> Observation:
        known = {name: each for name, each in detail.items() if each is not None}
        return Observation(labels, number, threshold, breached, value.count, known)

    match rule:
        case model.Ratio():
            over, under = at("numerator"), at("denominator")
            value = under
            if not under.value:
                return said(None, rule.condition.threshold, None)
            share = (over.value or 0) / under.value
            return said(
                share, rule.condition.threshold, rule.condition.holds(share),
                numerator=over.value or 0, denominator=under.value,
            )  # fmt: skip
        case model.Change():
            before = at("baseline").value
            if value.value is None or before is None:
                return said(value.value, None, None)
            if METRICS[rule.metric].is_sum:
                before *= rule.window / rule.baseline.window
            if not before:
                return said(value.value, None, None)
            change = value.value / before - 1
            far = abs(value.value - before) >= rule.min_change
            bound = before * (1 + rule.condition.threshold)
            return said(
                value.value, bound, rule.condition.holds(change) and far,
                baseline=before, change=change,
            )  # fmt: skip
        case model.Anomaly():
            return _anomaly(rule, value, measured, said)
        case model.BurnRate():
            value = at("long0")
            budget = 1 - rule.objective
            rates = [
                (at(f"long{i}").value, at(f"short{i}").value, each.factor)
                for i, each in enumerate(rule.windows)
            ]
            known = [r for r in rates if r[0] is not None]
            if not known:
                return said(None, budget, None)
            burning = [r for r in known if min(r[0] or 0, r[1] or 0) > r[2] * budget]
            long, _, factor = (burning or known)[0]
            return said(
                (long or 0) / budget, factor, bool(burning), objective=rule.objective,
                bad_share=long,
            )  # fmt: skip
        case model.Budget():
            return _budget(rule, value, now, said)
        case model.NoData():
            earlier = at("before")
            if not earlier.value and not value.value:
                return said(None, 0, None)
            value = Measured(value.value or 0, max(earlier.count, rule.min_count))
            return said(value.value, 0, not value.value, before=earlier.value or 0)
        case _:
            if value.value is None:
                return said(None, rule.condition.threshold, None)
            return said(value.value, rule.condition.threshold, rule.condition.holds(value.value))


def _anomaly(
    rule: model.Anomaly,
    value: Measured,
    measured: Mapping[str, Measured],
    said: Callable[..., Observation],
) -> Observation:
    past = [
        each.value
        for i in range(1, rule.seasons + 1)
        if (each := measured.get(f"past{i}")) is not None and each.value is not None
    ]
    if value.value is None or len(past) < 3:
        return said(value.value, None, None)
    middle = statistics.median(past)
    # 1.4826 makes the median deviation comparable with a standard deviation of normal values.
    # Few values can be alike by chance, so a deviation is at least 5 % of the middle.
    spread = max(
        1.4826 * statistics.median(abs(p - middle) for p in past), 0.05 * abs(middle), 1e-12
    )
    distance = (value.value - middle) / spread
    wrong_way = (rule.direction == "up" and distance < 0) or (
        rule.direction == "down" and distance > 0
    )
    far = abs(distance) > rule.deviations and abs(value.value - middle) >= rule.min_change
    bound = middle + math.copysign(rule.deviations * spread, distance)
    return said(value.value, bound, far and not wrong_way, usual=middle, deviations=distance)


def _budget(
    rule: model.Budget, value: Measured, now: float, said: Callable[..., Observation]
) -> Observation:
    spent, bound = value.value or 0.0, rule.limit * rule.at
    begin, end = period(rule.period, now)
    elapsed = (now - begin) / (end - begin)
    forecast = spent / elapsed if elapsed >= _LEAST_ELAPSED else None
    over = bool(rule.forecast and forecast is not None and forecast > rule.limit)
    return said(spent, bound, spent >= bound or over, limit=rule.limit, forecast=forecast)


def period(name: Period, at: float) -> tuple[float, float]:
    """Start and end of the day, week or month (UTC) of a time, in seconds since 1970."""
    moment = datetime.fromtimestamp(at, UTC)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "day":
        return day.timestamp(), day.timestamp() + 86400
    if name == "week":
        begin = day.timestamp() - 86400 * day.weekday()
        return begin, begin + 7 * 86400
    first = day.replace(day=1)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return first.timestamp(), following.timestamp()
