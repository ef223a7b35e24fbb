"""One pass: samples of the hours that changed, comparisons of the windows that are due."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from spanglass_collector.drift.config import DriftSettings
from spanglass_collector.drift.explain import Moves, why
from spanglass_collector.drift.topics import Embed, TopicCounter
from spanglass_detectors.drift.many import judge
from spanglass_detectors.drift.persistence import Persistence
from spanglass_detectors.drift.pooled import Cell
from spanglass_detectors.drift.watch import (
    Series,
    Watched,
    provider_series_of,
    series_of,
    watch,
    weighed,
)
from spanglass_detectors.drift.windows import HourWindow, due_windows
from spanglass_store.client import Store
from spanglass_store.drift.metrics import ANSWERED, ASKED
from spanglass_store.drift.results import (
    Near,
    Recorded,
    Seen,
    Why,
    finding_id,
    seen_drifts,
    write_results,
)
from spanglass_store.drift.samples import (
    dirty_hours,
    make_samples,
    read_cells,
    sampled_metrics,
)
from spanglass_store.queries.job_spans import horizon

log = logging.getLogger(__name__)

#: Hours that a pass looks back, and windows of a length: what is older nobody waits for.
_BACK_H: Final = 48
_WINDOWS: Final = 6
#: Days that a change is remembered as one; then it is what is usual.
_ADAPT_DAYS: Final = 7
#: Series of a project in a window; beyond, the ones with the least traffic are left out.
_SERIES: Final = 2_000
#: Drifts of a window that are explained: a query or two each.
_EXPLAINED: Final = 12
_WEEK_H: Final = 168
#: Windows that are read one by one, and values that are read ahead for more: 8 bytes each.
_FEW_WINDOWS: Final = 3
_AHEAD: Final = 10_000_000
_US: Final = 1_000_000
#: What is compared of a model over all services.
PROVIDER: Final = frozenset({*ANSWERED, *ASKED})
#: Hours of samples that are made between two marks of the place.
_AT_ONCE: Final = 24


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


def cursor_of(seen: int) -> str:
    """The place of a pass, as the job's row keeps it beside the watermark."""
    return json.dumps({"seen": seen})


def seen_of(cursor: str) -> int:
    return int(json.loads(cursor)["seen"]) if cursor else 0


def run_pass(
    store: Store,
    settings: DriftSettings,
    watermark: int,
    seen: int,
    now: datetime | None = None,
    keep: Callable[[Pass], None] = lambda done: None,
    embed: Embed | None = None,
    moves: Moves | None = None,
) -> Pass:
    """Does what there is to do.

    Args:
        store: as the owner.
        settings: of the job.
        watermark: arrivals up to then are in the samples, in microseconds since 1970.
        seen: the hour up to which windows were looked at, since 1970; 0 at the first time.
        now: the present.
        keep: called while it goes on, so that whoever runs it can say that it lives.
        embed: makes vectors of texts; without it their topics are not watched.
        moves: says which labels of prompts were moved between two moments.

    Raises:
        StoreError: if the store can't; the next pass does it again.
    """
    moment = now or datetime.now(UTC)
    last = int((moment.timestamp() - settings.settle_s) // 3600)
    done = Pass(watermark, seen)
    until = max(watermark, horizon(store))
    earliest = last - _BACK_H - 15 * 24
    changed = dirty_hours(
        store, watermark, until, _moment(earliest), _moment(seen or last), _moment(last)
    )
    hours = sorted({hour for own in changed.values() for hour in own})
    for at in range(0, len(hours), _AT_ONCE):
        make_samples(store, hours[at : at + _AT_ONCE])
        keep(done)
    done.hours = len(hours)
    if embed is not None and settings.watches_topics:
        for project, own in changed.items():
            counter = TopicCounter(
                store, project, embed, settings.reference_days, lambda: keep(done)
            )
            counter.count([int(hour.timestamp()) // 3600 for hour in own], last)
    metrics: dict[str, list[str]] = {}
    for project, metric in sampled_metrics(store, _moment(earliest), _moment(last)):
        if not settings.metrics or metric in settings.metrics:
            metrics.setdefault(project, []).append(metric)
    for project, names in metrics.items():
        windows = [
            window
            for window in due_windows(
                settings.scales_h, last - _BACK_H, last, seen,
                [int(hour.timestamp()) // 3600 for hour in changed.get(project, ())],
                settings.reference_days,
            )
            if window.end > last - _WINDOWS * window.length
        ]  # fmt: skip
        if windows:
            first = windows[0].start
            _Watcher(store, settings, project, names, first, keep, done, moves).look(windows)
    done.watermark = until
    done.seen = max(seen, last)
    return done


def _moment(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC)


class _Watcher:
    """Looks at windows of one project, in the order of time."""

    def __init__(
        self, store: Store, settings: DriftSettings, project: str, metrics: list[str], first: int,
        keep: Callable[[Pass], None], done: Pass, moves: Moves | None,
    ) -> None:  # fmt: skip
        self._store = store
        self._settings = settings
        self._project = project
        self._metrics = metrics
        self._keep = keep
        self._done = done
        self._moves = moves
        self._ahead: dict[str, dict[Series, dict[int, list[Cell]]]] = {}
        self._seen = seen_drifts(store, project, first - _ADAPT_DAYS * 24)

    def look(self, windows: list[HourWindow]) -> None:
        if len(windows) > _FEW_WINDOWS:
            self._read_ahead(windows)
        for window in windows:
            self._look_at(window)
            self._done.windows += 1
            self._keep(self._done)

    def _look_at(self, window: HourWindow) -> None:
        # What a look before this one said of this window and of later ones does not count now.
        known = [each for each in self._seen if each.end < window.end]
        found: list[Watched] = []
        cells: dict[str, dict[Series, dict[int, list[Cell]]]] = {}
        provider: dict[Series, dict[int, list[Cell]]] = {}
        # Where nobody looks at what is asked, nobody can tell whose doing an answer is.
        held = self._metrics if not {*ASKED}.isdisjoint(self._metrics) else []
        for metric in self._metrics:
            cells[metric] = own = self._cells(metric, window)
            whole = _by_model(metric, own) if metric in held and metric in PROVIDER else {}
            provider |= whole
            for series, by_hour in (own | whole).items():
                each = watch(
                    series, by_hour, window, self._settings.reference_days,
                    self._began(known, series), self._settings.least,
                )  # fmt: skip
                if each is not None:
                    found.append(each)
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
                by_hour = (provider if each.series.is_provider else cells[each.series.metric])[
                    each.series
                ]
                days = self._settings.reference_days
                watched = weighed(watched, by_hour, days, before)
                recorded = Recorded(watched)
                if watched.result.is_drift:
                    recorded = self._recorded(watched, known)
                    old = self._old_why(watched, recorded, known)
                    # Soon after a change its time can't be told yet; later it can.
                    is_known = old is not None and old.changed_at is not None
                    if recorded.finding_id and not is_known and explained < _EXPLAINED:
                        explained += 1
                        hours = window.reference(days, before)
                        found_out = why(self._store, self._project, watched, hours, self._moves)
                        recorded = _told(recorded, found_out)
                    elif old is not None:
                        recorded = _told(recorded, old)
            rows.append(recorded)
            self._done.tests += watched.result.p is not None
            self._done.findings += bool(recorded.finding_id)
            self._done.values += watched.result.n_current
        write_results(self._store, self._project, rows)
        self._remember(window, rows)

    def _read_ahead(self, windows: list[HourWindow]) -> None:
        """Reads what many windows need once, as far as it fits in memory."""
        start, end = min(each.start for each in windows) - 14 * 24, windows[-1].end
        room = _AHEAD
        for metric in self._metrics:
            cells = read_cells(self._store, self._project, metric, _moment(start), _moment(end))
            room -= sum(len(cell.sample) + 50 for cell in cells)
            if room < 0:
                return
            self._ahead[metric] = _by_series(metric, cells)
            self._keep(self._done)

    def _cells(self, metric: str, window: HourWindow) -> dict[Series, dict[int, list[Cell]]]:
        if metric in self._ahead:
            return self._ahead[metric]
        start, end = _moment(window.start - 14 * 24), _moment(window.end)
        hours = {*range(window.start, window.end), *window.reference(14)}
        return _by_series(
            metric,
            read_cells(self._store, self._project, metric, start, end, sorted(hours)),
        )

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


def _by_series(metric: str, cells: list[Cell]) -> dict[Series, dict[int, list[Cell]]]:
    found: dict[Series, dict[int, list[Cell]]] = {}
    for series, own in series_of(metric, cells).items():
        by_hour = found.setdefault(series, {})
        for cell in own:
            by_hour.setdefault(cell.hour, []).append(cell)
    return found


def _by_model(
    metric: str, own: dict[Series, dict[int, list[Cell]]]
) -> dict[Series, dict[int, list[Cell]]]:
    """The cells of a metric by model, over all services."""
    # A service's own series has the cells of all its models.
    services = [by_hour for series, by_hour in own.items() if not series.model]
    whole = [cell for by_hour in services for each in by_hour.values() for cell in each]
    found: dict[Series, dict[int, list[Cell]]] = {}
    for series, cells in provider_series_of(metric, whole).items():
        by_hour = found.setdefault(series, {})
        for cell in cells:
            by_hour.setdefault(cell.hour, []).append(cell)
    return found


def provider_alone(found: Sequence[Watched]) -> list[Watched]:
    """The same, where a model's provider is suspected only of what nobody else can have done.

    What is asked of a model is compared, too: where that has changed, the answers' change is no
    news, and it is no finding by itself.
    """
    asked = {
        each.series.model
        for each in found
        if each.series.is_provider and each.series.metric in ASKED and each.result.is_drift
    }
    kept = []
    for each in found:
        series, result = each.series, each.result
        if series.is_provider and result.is_drift and series.model in asked:
            said = f"{result.explanation} What is asked of {series.model} has changed."
            each = replace(each, result=replace(result, verdict="small", explanation=said))
        kept.append(each)
    return kept


def _told(recorded: Recorded, known: Why) -> Recorded:
    """With what is known of it: what happened near the change is part of the explanation.

    Where a release or a prompt is new, or a label was moved, nothing changed silently.
    """
    watched, result = recorded.watched, recorded.watched.result
    near = "; ".join(each.words for each in known.near)
    if near:
        result = replace(result, explanation=f"{result.explanation} Near it: {near}.")
    ours = [each for each in known.new if each.startswith(("release ", "prompt "))]
    if watched.series.is_provider and (known.near or ours):
        if not near:
            said = f"{result.explanation} New at the time: {', '.join(ours)}."
            result = replace(result, explanation=said)
        result = replace(result, verdict="small")
        return Recorded(replace(watched, result=result), why=known)
    return replace(recorded, watched=replace(watched, result=result), why=known)
