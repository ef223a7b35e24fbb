"""One pass: samples of the hours that changed, comparisons of the windows that are due."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from spanglass_collector.drift.config import DriftSettings
from spanglass_collector.drift.conversations import METRICS as OF_CONVERSATIONS
from spanglass_collector.drift.conversations import count_conversations
from spanglass_collector.drift.explain import Moves
from spanglass_collector.drift.topics import Embed, TopicCounter
from spanglass_collector.drift.watcher import Pass, Watcher
from spanglass_detectors.drift.windows import due_windows
from spanglass_store.client import Store
from spanglass_store.drift.hours import start_of
from spanglass_store.drift.samples import dirty_hours, make_samples, sampled_metrics
from spanglass_store.queries.job_spans import horizon

#: Hours that a pass looks back, and windows of a length: what is older nobody waits for.
_BACK_H: Final = 48
_WINDOWS: Final = 6
_HOUR_US: Final = 3_600_000_000
#: Hours of samples that are made between two marks of the place.
_AT_ONCE: Final = 24


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
    present = now or datetime.now(UTC)
    last = int((present.timestamp() - settings.settle_s) // 3600)
    until, seen = horizon(store), min(seen, last)
    if watermark > until:
        # The clock was put back: what came since, and somewhat before, is looked at anew.
        watermark = until - _BACK_H * _HOUR_US
    done = Pass(watermark, seen)
    earliest = last - _BACK_H - 15 * 24
    changed = dirty_hours(
        store, watermark, until, start_of(earliest), start_of(seen or last), start_of(last)
    )
    hours = sorted({hour for own in changed.values() for hour in own})
    for at in range(0, len(hours), _AT_ONCE):
        make_samples(store, hours[at : at + _AT_ONCE])
        keep(done)
    done.hours = len(hours)
    if not settings.metrics or not {*OF_CONVERSATIONS}.isdisjoint(settings.metrics):
        for project, own in changed.items():
            count_conversations(store, project, own, lambda: keep(done))
    if embed is not None and settings.watches_topics:
        for project, own in changed.items():
            counter = TopicCounter(
                store, project, embed, settings.reference_days, lambda: keep(done)
            )
            counter.count([int(hour.timestamp()) // 3600 for hour in own], last)
    metrics: dict[str, list[str]] = {}
    for project, metric in sampled_metrics(store, start_of(earliest), start_of(last)):
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
            Watcher(store, settings, project, names, first, lambda: keep(done), done, moves).look(
                windows
            )
    done.watermark = until
    done.seen = last
    return done
