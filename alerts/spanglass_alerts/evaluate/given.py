"""Tests of rules: series that are given instead of measured, and the alerts that are expected."""

from dataclasses import dataclass
from typing import Final

from spanglass_alerts.alert import Alert
from spanglass_alerts.decide import Policy, decide
from spanglass_alerts.evaluate.needs import Measured, judge, parts
from spanglass_alerts.rules.book import Book, RuleTest, Series
from spanglass_alerts.rules.model import Rule
from spanglass_alerts.rules.values import written
from spanglass_alerts.rules.vocabulary import nearest

#: Rows behind a value where a test does not say.
_MANY: Final = 1e6
#: When tests take place: a Wednesday in the middle of a month, in seconds since 1970.
_START: Final = 1_768_435_200.0


@dataclass(frozen=True)
class Outcome:
    """What became of a test: `problem` is empty if it passed."""

    test: RuleTest
    problem: str = ""


def run(book: Book) -> list[Outcome]:
    """Runs every test of a book."""
    return [Outcome(test, _problem(book, test)) for test in book.tests]


def _problem(book: Book, test: RuleTest) -> str:
    rule = book.rule(test.rule)
    if rule is None:
        return f"there is no rule {test.rule!r}"
    if not test.every:
        return "every has to be longer than 0s"
    known = parts(rule)
    for series in test.series:
        # A rule with parts is given them; `value` says nothing to it.
        if series.measure not in known:
            return (
                f"{rule.kind} does not measure {series.measure!r}{nearest(series.measure, known)}"
            )
    groups: dict[tuple[tuple[str, str], ...], list[Series]] = {}
    for series in test.series:
        groups.setdefault(tuple(sorted(series.labels.items())), []).append(series)
    steps = max(len(series.values) for series in test.series)
    states: list[list[Alert]] = []
    alerts: dict[tuple[tuple[str, str], ...], Alert] = {}
    for step in range(steps):
        now = _START + step * test.every
        for labels, given in groups.items():
            made = _decided(rule, dict(labels), given, step, now, alerts.get(labels))
            alerts.pop(labels, None)
            if made is not None:
                alerts[labels] = made
        states.append([a for a in alerts.values() if a.state != "resolved"])
    for each in test.expect:
        step, rest = divmod(each.at, test.every)
        if rest or step >= steps:
            every = written(test.every)
            return f"there is no evaluation at {written(each.at)}: {steps}, every {every}"
        there = list(states[step])
        for want in each.alerts:
            found = next(
                (
                    alert
                    for alert in there
                    if (alert.state == want.state)
                    and all(alert.labels.get(name) == value for name, value in want.labels.items())
                ),
                None,
            )
            if found is None:
                missing = f"no alert {_shown(want.labels)} is {want.state}"
                return f"at {written(each.at)}: {missing}; {_all(states[step])}"
            there.remove(found)
        if there:
            return f"at {written(each.at)}: an alert was not expected; {_all(there)}"
    return ""


def _decided(
    rule: Rule, labels: dict[str, str], series: list[Series], step: int, now: float,
    before: Alert | None,
) -> Alert | None:  # fmt: skip
    measured = {}
    for each in series:
        if step < len(each.values):
            value = each.values[step]
            count = each.counts[step] if step < len(each.counts) else _MANY
            measured[each.measure] = Measured(value, count if value is not None else 0)
    there = any(each.value is not None for each in measured.values())
    observed = judge(rule, labels, measured, now) if there else None
    return decide(before, observed, Policy.of(rule), now).alert


def _shown(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in sorted(labels.items())) + "}"


def _all(alerts: list[Alert]) -> str:
    if not alerts:
        return "there is none"
    said = [f"{_shown(dict(a.labels))} is {a.state}" for a in alerts[:5]]
    return "there is " + "; ".join(said)
