"""A rule over the past: when it would have fired, for how long, and for whom."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from spanglass_alerts.alert import Alert, fingerprint
from spanglass_alerts.decide import Policy, decide
from spanglass_alerts.evaluate.live import Evaluator
from spanglass_alerts.evaluate.measure import MOST_TICKS, Ticks
from spanglass_alerts.rules import model
from spanglass_store.errors import QueryRefused

#: Groups of a preview, and times that kinds are evaluated at which take a query for each.
_MOST_GROUPS: Final = 100
_MOST_SINGLE: Final = 60
_MOST_EPISODES: Final = 1000


@dataclass
class Episode:
    """One time that an alert would have been there. Times are seconds since 1970; 0: not so far.

    Attributes:
        worst: the value farthest beyond the bound.
    """

    labels: dict[str, str]
    pending_at: float
    fired_at: float = 0
    resolved_at: float = 0
    worst: float | None = None
    threshold: float | None = None


@dataclass
class Preview:
    """What a rule would have done.

    Attributes:
        step_s: seconds between evaluations; a `for` shorter than that is as long as one step.
        series: value by time of each group, the first groups only.
    """

    rule: str
    start: float
    end: float
    step_s: float
    episodes: list[Episode] = field(default_factory=list)
    series: list[dict[str, Any]] = field(default_factory=list)
    truncated: bool = False

    def document(self) -> dict[str, Any]:
        return asdict(self)


def preview(
    evaluator: Evaluator, rule: model.Rule, start: float, end: float, step_s: float = 0
) -> Preview:
    """Runs a rule over the past.

    Args:
        evaluator: asks the store.
        rule: which; it need not be saved.
        start: first time of evaluation, in seconds since 1970.
        end: last one.
        step_s: seconds between evaluations; chosen unless given.

    Raises:
        QueryRefused: if the rule can't be evaluated over the past, or the range is none.
    """
    if isinstance(rule, model.Collector):
        raise QueryRefused("The collector's own metrics have no past: such a rule has no preview.")
    if end <= start:
        raise QueryRefused("The range of time has to end after it starts.")
    single = isinstance(rule, model.Sql | model.Completeness)
    most = _MOST_SINGLE if single else MOST_TICKS
    # Each row counts in all windows that it lies in: long windows in short steps are much work.
    least = max(1.0, rule.window / 100, (end - start) / (most - 1))
    step = max(step_s or max(10.0, rule.window / 10), least)
    count = min(most, math.floor((end - start) / step) + 1)
    small = rule.model_copy(update={"max_groups": min(rule.max_groups, _MOST_GROUPS)})
    ticks = Ticks(start, step, count)
    found = evaluator.evaluate([small], ticks)
    if problem := found.errors.get(rule.name):
        raise QueryRefused(problem)
    result = Preview(rule.name, start, end, step)
    _follow(small, ticks, found.observations[rule.name], result)
    return result


def _follow(rule: model.Rule, ticks: Ticks, observed: Sequence[Any], result: Preview) -> None:
    policy = Policy.of(rule)
    alerts: dict[str, Alert] = {}
    open_: dict[str, Episode] = {}
    series: dict[str, dict[str, Any]] = {}
    for i, (at, observations) in enumerate(zip(ticks, observed, strict=True)):
        seen = {fingerprint(rule.name, o.labels): o for o in observations}
        for key, each in seen.items():
            if key not in series and len(series) < 20:
                series[key] = {"labels": dict(each.labels), "values": [None] * ticks.count}
            if key in series:
                series[key]["values"][i] = each.value
        for key in {*seen, *alerts}:
            decision = decide(alerts.get(key), seen.get(key), policy, at)
            if decision.alert is None:
                alerts.pop(key, None)
                open_.pop(key, None)
                continue
            alert = alerts[key] = decision.alert
            if decision.event in ("pending", "firing") and key not in open_:
                if len(result.episodes) >= _MOST_EPISODES:
                    result.truncated = True
                    continue
                open_[key] = Episode(dict(alert.labels), at)
            episode = open_.get(key)
            if episode is None:
                continue
            if decision.event == "firing":
                episode.fired_at = at
                result.episodes.append(episode)
            if alert.is_active and alert.value is not None:
                _worst(episode, alert)
            if decision.event == "resolved":
                episode.resolved_at = at
                del open_[key]
    result.series = list(series.values())


def _worst(episode: Episode, alert: Alert) -> None:
    bound = alert.threshold or 0.0
    assert alert.value is not None
    if episode.worst is None or abs(alert.value - bound) > abs(
        episode.worst - (episode.threshold or bound)
    ):
        episode.worst, episode.threshold = alert.value, alert.threshold
