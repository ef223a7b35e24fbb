"""Metrics, their points, and how readings between two reports become points."""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from spanglass.gpu import _metric_wire as wire

#: Attributes of a point: sorted by whoever makes them, so that one series is one key.
Attributes = tuple[tuple[str, str | int | float | bool], ...]


class Kind(enum.Enum):
    """What a metric is in OpenTelemetry, and so what several readings of it come to."""

    #: The mean of what was read.
    GAUGE = "gauge"
    #: The last that was read.
    UP_DOWN = "up_down"
    #: The last that was read, since a start.
    COUNTER = "counter"
    #: The last that was read, since a start.
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: OpenTelemetry's where it has one.
        unit: UCUM.
        kind: what it is.
        about: what it means.
        peaks: `max` or `min`: the extreme between two reports goes along, as `<name>.max`.
        is_fine: whether every reading is sent, at most one a second, and not the last alone.
    """

    name: str
    unit: str
    kind: Kind
    about: str = ""
    peaks: str = ""
    is_fine: bool = False


class Histogram(NamedTuple):
    """A cumulative histogram.

    Attributes:
        observed: how many values.
        total: their sum; None where it is not told.
        bounds: upper bounds of all buckets but the last.
        counts: observations of each bucket.
    """

    observed: int
    total: float | None
    bounds: tuple[float, ...]
    counts: tuple[int, ...]


class Reading(NamedTuple):
    """One value that was read.

    Attributes:
        metric: of what.
        attributes: of which series.
        value: in the metric's unit.
        start_ns: since when a counter or histogram counts; 0 for gauges.
    """

    metric: Metric
    attributes: Attributes
    value: float | Histogram
    start_ns: int = 0


#: Seconds between two points of a fine metric, and a little less, because timers are not exact.
_FINE_NS: Final = 900_000_000


class _Series:
    """What was read of one series since the last report."""

    __slots__ = ("count", "fine", "highest", "last", "lowest", "start_ns", "time_ns", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.lowest = float("inf")
        self.highest = float("-inf")
        self.last: float | Histogram = 0.0
        self.start_ns = self.time_ns = 0
        self.fine: list[tuple[int, int, float]] = []

    def add(self, reading: Reading, time_ns: int) -> None:
        value = reading.value
        metric = reading.metric
        is_due = not self.fine or (
            time_ns - self.fine[-1][1] >= _FINE_NS or self.fine[-1][0] != reading.start_ns
        )
        if metric.is_fine and is_due and not isinstance(value, Histogram):
            self.fine.append((reading.start_ns, time_ns, value))
        self.count += 1
        self.last, self.start_ns, self.time_ns = value, reading.start_ns, time_ns
        if not isinstance(value, Histogram):
            self.total += value
            self.lowest = min(self.lowest, value)
            self.highest = max(self.highest, value)


class Window:
    """Readings of one resource between two reports. Used under its owner's lock."""

    def __init__(self) -> None:
        self._series: dict[tuple[Metric, Attributes], _Series] = {}

    def add(self, readings: list[Reading], time_ns: int) -> None:
        """Takes what was read at one moment."""
        series = self._series
        for reading in readings:
            key = (reading.metric, reading.attributes)
            found = series.get(key)
            if found is None:
                found = series[key] = _Series()
            found.add(reading, time_ns)

    def shown(self) -> list[str]:
        """What was read last, for people: a line a series."""
        lines = []
        for (metric, attributes), found in self._series.items():
            about = ",".join(f'{key}="{value}"' for key, value in attributes)
            last = found.last
            value = f"count={last.observed}" if isinstance(last, Histogram) else f"{last:.10g}"
            lines.append(f"{metric.name}{{{about}}} {value} {metric.unit}")
        return lines

    def take(self) -> tuple[list[bytes], int]:
        """Everything since the last time, as OTLP's metrics, and how many points these are."""
        series, self._series = self._series, {}
        points: dict[Metric, list[bytes]] = {}
        for (metric, attributes), found in series.items():
            _write(points, metric, attributes, found)
        count = sum(map(len, points.values()))
        return [_metric(metric, written) for metric, written in points.items()], count


def _write(
    points: dict[Metric, list[bytes]], metric: Metric, attributes: Attributes, found: _Series
) -> None:
    out = points.setdefault(metric, [])
    if isinstance(found.last, Histogram):
        one = found.last
        out.append(
            wire.histogram_point(
                attributes, found.start_ns, found.time_ns, one.observed, one.total, one.bounds,
                one.counts,
            )
        )  # fmt: skip
        return
    if metric.is_fine:
        if found.fine[-1][1] != found.time_ns:
            found.fine.append((found.start_ns, found.time_ns, found.last))
        out += [
            wire.number_point(attributes, start, time, value) for start, time, value in found.fine
        ]
        return
    value = found.total / found.count if metric.kind is Kind.GAUGE else found.last
    out.append(wire.number_point(attributes, found.start_ns, found.time_ns, value))
    if metric.peaks and found.count > 1:
        extreme = found.highest if metric.peaks == "max" else found.lowest
        points.setdefault(_peak(metric), []).append(
            wire.number_point(attributes, 0, found.time_ns, extreme)
        )


def _peak(metric: Metric) -> Metric:
    about = f"The {metric.peaks}imum of {metric.name} since the last report."
    return Metric(f"{metric.name}.{metric.peaks}", metric.unit, Kind.GAUGE, about)


def _metric(metric: Metric, points: list[bytes]) -> bytes:
    if metric.kind is Kind.GAUGE:
        return wire.gauge(metric.name, metric.about, metric.unit, points)
    if metric.kind is Kind.HISTOGRAM:
        return wire.histogram(metric.name, metric.about, metric.unit, points)
    is_monotonic = metric.kind is Kind.COUNTER
    return wire.sum_of(metric.name, metric.about, metric.unit, points, is_monotonic)
