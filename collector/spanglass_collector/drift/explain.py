"""Why something drifted: which part of the traffic, since when, and what is new."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.change_point import change_point
from spanglass_detectors.drift.results import Distribution
from spanglass_detectors.drift.segments import explain
from spanglass_detectors.drift.watch import Watched
from spanglass_store.client import Store
from spanglass_store.drift.metrics import BY_NAME, Metric
from spanglass_store.drift.results import Why
from spanglass_store.drift.slices import Place, series, slices
from spanglass_store.errors import StoreError

log = logging.getLogger(__name__)

#: A change point is named from this p on.
_SURE: Final = 0.01
_BINS: Final = 8


def why(store: Store, project: str, watched: Watched, reference: list[int]) -> Why:
    """What is known of a drift; what can't be found out is left out.

    Args:
        store: as the owner.
        project: whose.
        watched: the drift.
        reference: hours that the window was compared with, since 1970.
    """
    metric = BY_NAME.get(watched.series.metric)
    if metric is None:
        # Scores: their spans are not theirs alone.
        return Why()
    result = watched.result
    place = Place(
        project, watched.series.service, watched.series.model,
        range(watched.window.start, watched.window.end), reference,
        result.n_reference + result.n_current,
    )  # fmt: skip
    try:
        return _found(store, metric, place, watched)
    except StoreError as error:
        log.warning("why %s drifted could not be found out: %s", metric.name, error)
        return Why()


def _found(store: Store, metric: Metric, place: Place, watched: Watched) -> Why:
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
        return Why(segments=explained, new=new)
    return Why(times[found.index], times[found.low], times[found.high], explained, new)


def _few_bounds(shown: Distribution) -> NDArray[np.float64]:
    """Bounds of about eight bins with as much in each: more of them only add noise."""
    if not shown.edges:
        return np.empty(0)
    both = np.cumsum(np.add(shown.reference, shown.current)) / 2
    places = np.searchsorted(both, np.arange(1, _BINS) / _BINS)
    inner = np.unique(np.clip(places + 1, 1, len(shown.edges) - 2))
    return np.array(shown.edges)[inner]
