"""Why something drifted: which part of the traffic, since when, and what is new."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.change_point import change_point
from spanglass_detectors.drift.results import Distribution
from spanglass_detectors.drift.segments import explain
from spanglass_detectors.drift.watch import Watched
from spanglass_store.client import Store
from spanglass_store.drift.hours import start_of
from spanglass_store.drift.metrics import BY_NAME, Metric
from spanglass_store.drift.results import Near, Why
from spanglass_store.drift.slices import Place, releases_begun, series, slices
from spanglass_store.errors import StoreError

log = logging.getLogger(__name__)

#: A change point is named from this p on.
_SURE: Final = 0.01
_BINS: Final = 8
#: What was done so long before the earliest likely moment of a change may have led to it; spans
#: that are dated by their start tell of it a little later.
_BEFORE: Final = timedelta(hours=2)
_AFTER: Final = timedelta(minutes=10)
_MOST: Final = 5

#: Project, and two moments: prompt, label, version and moment of each move of a label.
Moves = Callable[[str, datetime, datetime], list[tuple[str, str, int, datetime]]]


def why(
    store: Store,
    project: str,
    watched: Watched,
    reference: list[int],
    moves: Moves | None = None,
) -> Why:
    """What is known of a drift; what can't be found out is left out.

    Args:
        store: as the owner.
        project: whose.
        watched: the drift.
        reference: hours that the window was compared with, since 1970.
        moves: says which labels of prompts were moved between two moments.
    """
    metric = BY_NAME.get(watched.series.metric)
    if metric is None:
        # Scores: their spans are not theirs alone.
        return Why()
    result = watched.result
    place = Place(
        project, watched.series.service, watched.series.model,
        range(watched.window.start, watched.window.end), reference,
        result.n_reference + result.n_current, watched.series.is_provider,
    )  # fmt: skip
    try:
        return _found(store, metric, place, watched, moves)
    except StoreError as error:
        log.warning("why %s drifted could not be found out: %s", metric.name, error)
        return Why()


def _found(
    store: Store, metric: Metric, place: Place, watched: Watched, moves: Moves | None
) -> Why:
    shown = watched.result.distribution
    parts, new = slices(store, metric, place, _few_bounds(shown))
    explained = [{**asdict(each), "words": each.words()} for each in explain(parts)]
    category = ""
    if metric.kind == "categorical":
        grown = np.array(shown.current) - np.array(shown.reference)
        category = shown.labels[int(np.argmax(np.abs(grown)))]
    times, means, weights = series(store, metric, place, category)
    found = change_point(means, weights)
    if found is None or found.p > _SURE:
        window = _range_of(watched)
        return Why(segments=explained, new=new, near=_near(store, place, *window, moves))
    # It lies behind the last step that has values of before, and in the first of now at the latest.
    before = np.flatnonzero(weights[: found.low] > 0)
    low = times[int(before[-1])] if len(before) else times[found.low]
    changed = times[found.index], low, times[found.high] + (times[1] - times[0])
    return Why(*changed, explained, new, _near(store, place, changed[1], changed[2], moves))


def _range_of(watched: Watched) -> tuple[datetime, datetime]:
    """Where the window of a drift begins and ends."""
    return start_of(watched.window.start), start_of(watched.window.end)


def _near(
    store: Store, place: Place, low: datetime, high: datetime, moves: Moves | None
) -> list[Near]:
    """Releases and moves of labels of the prompts in use, from shortly before to the change."""
    start, end = low - _BEFORE, high + _AFTER
    releases, prompts = releases_begun(store, place, start, end)
    found = [
        Near("release", at.isoformat(), f"release {name} first seen at {at:%H:%M on %d %B} UTC")
        for name, at in releases
    ]
    for prompt, label, version, at in moves(place.project, start, end) if moves else []:
        if prompt in prompts:
            words = f"label {label} of prompt {prompt} moved to version {version} at"
            found.append(Near("prompt label", at.isoformat(), f"{words} {at:%H:%M on %d %B} UTC"))
    return sorted(found, key=lambda each: each.at)[:_MOST]


def _few_bounds(shown: Distribution) -> NDArray[np.float64]:
    """Bounds of about eight bins with as much in each: more of them only add noise."""
    if not shown.edges:
        return np.empty(0)
    both = np.cumsum(np.add(shown.reference, shown.current)) / 2
    places = np.searchsorted(both, np.arange(1, _BINS) / _BINS)
    inner = np.unique(np.clip(places + 1, 1, len(shown.edges) - 2))
    return np.array(shown.edges)[inner]
