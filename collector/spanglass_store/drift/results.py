"""The table `drift_results`: what was compared, and what of it belongs to a finding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_detectors.drift.watch import Series, Watched
from spanglass_store.client import Store
from spanglass_store.drift.hours import start_of
from spanglass_store.drift.metrics import FINGERPRINT

_COLUMNS: Final = (
    "project", "window_start", "window_end", "metric", "service", "model", "kind", "test",
    "statistic", "p", "p_corrected", "effect", "effect_name", "low", "high", "threshold",
    "usual_effect", "design_effect", "n_reference", "n_current", "reference_start",
    "reference_end", "reference_value", "current_value", "verdict", "reason", "explanation",
    "finding_id", "state", "changed_at", "changed_from", "changed_until", "segments",
    "distribution", "updated_at",
)  # fmt: skip


@dataclass(frozen=True)
class Near:
    """Something that was done near a change.

    Attributes:
        what: `release` or `prompt label`.
        at: when, in ISO 8601.
        words: the same for people.
    """

    what: str
    at: str
    words: str


@dataclass(frozen=True)
class Why:
    """What is known of a drift beyond its numbers.

    Attributes:
        changed_at: when it likeliest began.
        changed_from: of the interval of 95 %.
        changed_until: the same.
        segments: parts of the traffic that explain it, with their words.
        new: what is there only since then.
        near: releases and moves of labels about then.
    """

    changed_at: datetime | None = None
    changed_from: datetime | None = None
    changed_until: datetime | None = None
    segments: list[dict[str, Any]] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    near: list[Near] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """What explains it, for JSON."""
        return {
            "segments": self.segments, "new": self.new, "near": [vars(each) for each in self.near],
        }  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """A comparison to be written."""

    watched: Watched
    finding_id: str = ""
    state: str = ""
    why: Why = field(default_factory=Why)


@dataclass(frozen=True)
class Seen:
    """A drift that is known already. Hours are since 1970."""

    series: Series
    start: int
    end: int
    finding_id: str
    state: str
    why: str
    changed: tuple[datetime | None, datetime | None, datetime | None]


def finding_id(project: str, service: str, hour: int) -> str:
    """The name of a finding, from where and since when it is."""
    return hashlib.sha256(f"{project}\0{service}\0{hour}".encode()).hexdigest()[:16]


def write_results(store: Store, project: str, rows: Sequence[Recorded]) -> None:
    """Writes comparisons; one of the same window and series takes the place of the one before."""
    if rows:
        now = datetime.now(UTC)
        store.insert("drift_results", _COLUMNS, [_row(project, each, now) for each in rows])


def _row(project: str, recorded: Recorded, now: datetime) -> list[Any]:
    watched, result, why = recorded.watched, recorded.watched.result, recorded.why
    explains = why.told() if why.segments or why.new or why.near else {}
    shown = result.distribution if result.verdict in ("drift", "small") else None
    values: dict[str, Any] = {
        "project": project,
        "window_start": start_of(watched.window.start),
        "window_end": start_of(watched.window.end),
        "metric": FINGERPRINT * watched.series.is_provider + watched.series.metric,
        "service": watched.series.service,
        "model": watched.series.model,
        "usual_effect": watched.usual,
        "reference_start": start_of(watched.reference_hours[0]),
        "reference_end": start_of(watched.reference_hours[1]),
        "finding_id": recorded.finding_id,
        "state": recorded.state,
        "changed_at": why.changed_at,
        "changed_from": why.changed_from,
        "changed_until": why.changed_until,
        "segments": json.dumps(explains) if explains else "",
        "distribution": json.dumps(vars(shown)) if shown is not None else "",
        "updated_at": now,
    }
    return [values[name] if name in values else getattr(result, name) for name in _COLUMNS]


def seen_drifts(store: Store, project: str, since: int) -> list[Seen]:
    """Drifts of windows that ended since an hour, in the order of time."""
    rows = store.query(
        "SELECT metric, service, model, toUnixTimestamp(window_start),"
        " toUnixTimestamp(window_end), finding_id, state, segments, changed_at, changed_from,"
        f" changed_until FROM {store.database}.drift_results FINAL"
        " WHERE project = {project:String} AND window_end >= {since:DateTime('UTC')}"
        " AND verdict = 'drift' ORDER BY window_end, window_start",
        {"project": project, "since": start_of(since)},
    ).rows
    return [
        Seen(
            _series(str(metric), str(service), str(model)), int(start) // 3600, int(end) // 3600,
            str(finding), str(state), str(why), tuple(_aware(each) for each in changed),  # type: ignore[arg-type]
        )
        for metric, service, model, start, end, finding, state, why, *changed in rows
    ]  # fmt: skip


def _series(metric: str, service: str, model: str) -> Series:
    bare = metric.removeprefix(FINGERPRINT)
    return Series(bare, service, model, is_provider=bare != metric)


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None
