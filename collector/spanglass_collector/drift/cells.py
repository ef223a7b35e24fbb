"""The samples that windows of a project need, read once where they fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from spanglass_detectors.drift.pooled import Cell
from spanglass_detectors.drift.watch import Series, provider_series_of, series_of
from spanglass_detectors.drift.windows import HourWindow
from spanglass_store.client import Store
from spanglass_store.drift.hours import start_of
from spanglass_store.drift.samples import read_cells

ByHour: TypeAlias = dict[int, list[Cell]]

#: Windows that are read one by one, and values that are read ahead for more: 8 bytes each.
_FEW_WINDOWS: Final = 3
_AHEAD: Final = 8_000_000
#: Values that a cell takes the room of, beside its own.
_A_CELL: Final = 50
#: Metrics that are read at once.
_AT_ONCE: Final = 8
#: Days before a window that its reference may be of, where a change ended it early.
_DAYS: Final = 14


class Cells:
    """Reads samples of one project.

    Args:
        store: as the owner.
        project: whose.
        metrics: that are watched.
    """

    def __init__(self, store: Store, project: str, metrics: Sequence[str]) -> None:
        self._store = store
        self._project = project
        self._metrics = list(metrics)
        self._ahead: dict[str, dict[Series, ByHour]] = {}

    def read_ahead(self, windows: Sequence[HourWindow], keep: Callable[[], None]) -> None:
        """Reads what many windows need once, as far as it fits in memory.

        Args:
            windows: in the order of time.
            keep: called while it goes on.
        """
        if len(windows) <= _FEW_WINDOWS:
            return
        start, end = min(each.start for each in windows) - _DAYS * 24, windows[-1].end
        room = _AHEAD
        for some in _some(self._metrics):
            found = read_cells(self._store, self._project, some, start_of(start), start_of(end))
            for metric, cells in found.items():
                room -= sum(len(cell.sample) + _A_CELL for cell in cells)
                if room < 0:
                    return
                self._ahead[metric] = _by_series(metric, cells)
            keep()

    def of(self, window: HourWindow, days: int) -> Iterator[tuple[str, dict[Series, ByHour]]]:
        """Metrics with what a window needs of them.

        Args:
            window: that is looked at.
            days: of its reference, at most.
        """
        missing = []
        for metric in self._metrics:
            if metric in self._ahead:
                yield metric, self._ahead[metric]
            else:
                missing.append(metric)
        hours = sorted({*range(window.start, window.end), *window.reference(days)})
        start, end = start_of(hours[0]), start_of(window.end)
        for some in _some(missing):
            found = read_cells(self._store, self._project, some, start, end, hours)
            for metric in some:
                yield metric, _by_series(metric, found.get(metric, []))


def by_model(metric: str, own: dict[Series, ByHour]) -> dict[Series, ByHour]:
    """The cells of a metric by model, over all services."""
    # A service's own series has the cells of all its models.
    services = [by_hour for series, by_hour in own.items() if not series.model]
    whole = [cell for by_hour in services for each in by_hour.values() for cell in each]
    return {series: _by_hour(cells) for series, cells in provider_series_of(metric, whole).items()}


def _by_series(metric: str, cells: list[Cell]) -> dict[Series, ByHour]:
    return {series: _by_hour(own) for series, own in series_of(metric, cells).items()}


def _by_hour(cells: Sequence[Cell]) -> ByHour:
    found: ByHour = {}
    for cell in cells:
        found.setdefault(cell.hour, []).append(cell)
    return found


def _some(metrics: Sequence[str]) -> Iterator[list[str]]:
    for at in range(0, len(metrics), _AT_ONCE):
        yield list(metrics[at : at + _AT_ONCE])
