"""Windows from hours: bounded samples of different hours and models, put together in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanglass_detectors.drift.results import Kind

#: Values of a window that are looked at.
MOST: Final = 4_000
#: Multiples of it, less their whole parts, lie evenly, however many there are.
_GOLDEN: Final = 0.6180339887498949


@dataclass(frozen=True)
class Cell:
    """What a metric was like in an hour, at one service and one model.

    Attributes:
        hour: hours since 1970.
        count: values that there were.
        sample: some of them, in order of size.
        categories: counts by name, where the metric is no number.
    """

    service: str
    model: str
    hour: int
    kind: Kind
    count: int
    sample: NDArray[np.float64]
    categories: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Pooled:
    """A window: values with the hour that each is of, or counts with a table of them by hour.

    Attributes:
        count: values that there were.
        values: those that stand for them.
        hours: a label a value.
        categories: counts by name.
        by_hour: the same for each hour.
    """

    kind: Kind
    count: int
    values: NDArray[np.float64]
    hours: NDArray[np.int64]
    categories: dict[str, float]
    by_hour: tuple[dict[str, float], ...]


def pooled(cells: Sequence[Cell], most: int = MOST) -> Pooled | None:
    """Puts cells together, each with as large a share of values as it has of what there was.

    A sample is thinned evenly over its order; a cell that would give half a value gives one every
    second time.

    Args:
        cells: of one metric.
        most: values.
    """
    if not cells:
        return None
    kind = cells[0].kind
    count = sum(cell.count for cell in cells)
    if kind != "numeric":
        total: dict[str, float] = {}
        hours: dict[int, dict[str, float]] = {}
        for cell in cells:
            own = hours.setdefault(cell.hour, {})
            for name, value in cell.categories.items():
                total[name] = total.get(name, 0.0) + value
                own[name] = own.get(name, 0.0) + value
        nothing = np.empty(0)
        return Pooled(kind, count, nothing, nothing.astype(np.int64), total, tuple(hours.values()))
    there = [cell for cell in cells if len(cell.sample) and cell.count]
    if not there:
        return None
    share = min(1.0, most / count, *(len(cell.sample) / cell.count for cell in there))
    sizes = np.array([len(cell.sample) for cell in there])
    counts = np.array([cell.count for cell in there], dtype=float)
    owed = np.floor(0.5 + np.cumsum(share * counts)).astype(int)
    taken = np.minimum(np.diff(owed, prepend=0), sizes)
    if not taken.any():
        return None
    which = np.repeat(np.arange(len(there)), taken)
    steps = np.arange(len(which)) - np.repeat(np.cumsum(taken) - taken, taken)
    # Each of so many equal parts gives a value, from another place of it in each cell: the middle
    # alone would leave out the tails of what is cut into few.
    place = (np.arange(len(there)) + 1) * _GOLDEN % 1.0
    at = ((steps + place[which]) * sizes[which] / taken[which]).astype(int)
    starts = np.cumsum(sizes) - sizes
    values = np.concatenate([cell.sample for cell in there])[starts[which] + at]
    hours_of = np.array([cell.hour for cell in there], dtype=np.int64)
    return Pooled(kind, count, values, hours_of[which], {}, ())
