"""Windows of one project, compared in the order of time: results, findings and their reasons."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from spanglass_collector.drift.cells import ByHour, Cells, by_model
from spanglass_collector.drift.config import DriftSettings
from spanglass_collector.drift.explain import Moves, why
from spanglass_collector.drift.suspicion import PROVIDER, provider_alone, told
from spanglass_detectors.drift.many import judge
from spanglass_detectors.drift.persistence import Persistence
from spanglass_detectors.drift.watch import Series, Watched, watch, weighed
from spanglass_detectors.drift.windows import HourWindow
from spanglass_store.client import Store
from spanglass_store.drift.metrics import ASKED
from spanglass_store.drift.results import (
    Near,
    Recorded,
    Seen,
    Why,
    finding_id,
    seen_drifts,
    write_results,
)

#: Days that a change is remembered as one; then it is what is usual.
_ADAPT_DAYS: Final = 7
#: Series of a project in a window; beyond, the ones with the least traffic are left out.
_SERIES: Final = 2_000
#: Drifts of a window that are explained: a query or two each.
_EXPLAINED: Final = 12
_WEEK_H: Final = 168
#: Days that a reference goes back at most, and p above which nothing is ever a drift.
_MOST_DAYS: Final = 14
_MAYBE: Final = 0.5


@dataclass
class Pass:
    """What a pass did.

    Attributes:
        watermark: arrivals up to then are in the samples, in microseconds since 1970.
        seen: the hour up to which windows were looked at, since 1970.
    """

    watermark: int
    seen: int = 0
    hours: int = 0
    windows: int = 0
    tests: int = 0
    findings: int = 0
    values: int = 0


class Watcher:
    """Looks at windows of one project, in the order of time."""

    def __init__(
        self, store: Store, settings: DriftSettings, project: str, metrics: list[str], first: int,
        keep: Callable[[], None], done: Pass, moves: Moves | None,
    ) -> None:  # fmt: skip
        self._store = store
        self._settings = settings
        self._project = project
        self._metrics = metrics
        self._keep = keep
        self._done = done
        self._moves = moves
        self._cells = Cells(store, project, metrics)
        self._seen = seen_drifts(store, project, first - _ADAPT_DAYS * 24)

    def look(self, windows: list[HourWindow]) -> None:
        """Compares windows, in the order of time."""
        self._cells.read_ahead(windows, self._keep)
        for window in windows:
            self._look_at(window)
            self._done.windows += 1
            self._keep()

    def _look_at(self, window: HourWindow) -> None:
        # What a look before this one said of this window and of later ones does not count now.
        known = [each for each in self._seen if each.end < window.end]
        found: list[Watched] = []
        kept: dict[Series, ByHour] = {}
        # Where nobody looks at what is asked, nobody can tell whose doing an answer is.
        held = self._metrics if not {*ASKED}.isdisjoint(self._metrics) else []
        # Only where a change is known can the reference be of earlier days.
        days = _MOST_DAYS if known else self._settings.reference_days
        for metric, own in self._cells.of(window, days):
            whole = by_model(metric, own) if metric in held and metric in PROVIDER else {}
            for series, by_hour in (own | whole).items():
                each = watch(
                    series, by_hour, window, self._settings.reference_days,
                    self._began(known, series), self._settings.least,
                )  # fmt: skip
                if each is not None:
                    found.append(each)
                    if each.result.p is not None and each.result.p <= _MAYBE:
                        kept[series] = by_hour
        found.sort(key=lambda each: -each.result.n_current)
        found = found[:_SERIES]
        windows_a_week = _WEEK_H / window.length * len(self._settings.scales_h)
        q = min(0.5, self._settings.false_findings_per_week / windows_a_week)
        judged = provider_alone(
            [
                replace(each, result=result)
                for each, result in zip(
                    found, judge([each.result for each in found], q), strict=True
                )
            ]
        )
        rows, explained = [], 0
        for watched in judged:
            each, result = watched, watched.result
            recorded = Recorded(watched)
            if result.is_drift:
                before = self._began(known, each.series)
                by_hour, length = kept[each.series], self._settings.reference_days
                watched = weighed(watched, by_hour, length, before)
                recorded = Recorded(watched)
                if watched.result.is_drift:
                    recorded = self._recorded(watched, known)
                    old = self._old_why(watched, recorded, known)
                    # Soon after a change its time can't be told yet; later it can.
                    is_known = old is not None and old.changed_at is not None
                    if recorded.finding_id and not is_known and explained < _EXPLAINED:
                        explained += 1
                        hours = window.reference(length, before)
                        found_out = why(self._store, self._project, watched, hours, self._moves)
                        recorded = told(recorded, found_out)
                    elif old is not None:
                        recorded = told(recorded, old)
            rows.append(recorded)
            self._done.tests += watched.result.p is not None
            self._done.findings += bool(recorded.finding_id)
            self._done.values += watched.result.n_current
        write_results(self._store, self._project, rows)
        self._remember(window, rows)

    @staticmethod
    def _began(known: list[Seen], series: Series) -> int | None:
        """Since when a series has drifted, so that the reference ends before."""
        began = [
            each.start
            for each in known
            if each.finding_id
            and each.series.metric == series.metric
            and each.series.subject == series.subject
            and each.series.model in ("", series.model)
        ]
        return min(began, default=None)

    def _recorded(self, watched: Watched, known: list[Seen]) -> Recorded:
        """A drift with its state and its finding: one for all that changed at a service."""
        window, series = watched.window, watched.series
        streak = Persistence(opens=2 if window.length == 1 else 1)
        if any(each.series == series and each.end == window.end - 1 for each in known):
            streak = replace(streak, state="pending", streak=1)
        state = streak.after("drift").state
        if state != "open":
            return Recorded(watched, "", state)
        near = [
            each
            for each in known
            if each.finding_id
            and each.series.subject == series.subject
            and each.end >= window.start - 24
        ]
        name = near[-1].finding_id if near else ""
        subject = series.service if not series.is_provider else "\0".join(series.subject)
        return Recorded(watched, name or finding_id(self._project, subject, window.end), state)

    @staticmethod
    def _old_why(watched: Watched, recorded: Recorded, known: list[Seen]) -> Why | None:
        """What is known of the same drift from an earlier window."""
        for each in reversed(known):
            if (
                each.series == watched.series
                and each.finding_id == recorded.finding_id
                and each.why
            ):
                told = json.loads(each.why)
                return Why(
                    *each.changed, told["segments"], told["new"],
                    [Near(**near) for near in told.get("near", [])],
                )  # fmt: skip
        return None

    def _remember(self, window: HourWindow, rows: list[Recorded]) -> None:
        """Later windows of the same pass know what was found in this one."""
        self._seen = [
            each for each in self._seen if (each.end, each.start) != (window.end, window.start)
        ]
        for each in rows:
            if each.watched.result.is_drift:
                told = each.why.told()
                changed = each.why.changed_at, each.why.changed_from, each.why.changed_until
                self._seen.append(
                    Seen(each.watched.series, window.start, window.end, each.finding_id,
                         each.state, json.dumps(told) if each.why != Why() else "", changed)
                )  # fmt: skip
        self._seen.sort(key=lambda each: (each.end, each.start))
