"""Metrics as OTLP on the wire, without protobuf, as `spanglass._wire` writes spans.

A test decodes what this writes with protobuf.

Source: opentelemetry-proto 1.x, `metrics/v1/metrics.proto`.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final

from spanglass._version import __version__
from spanglass._wire import attributes as write_attributes
from spanglass._wire import field, resource_spans

_fixed64: Final = struct.Struct("<Q").pack
_signed64: Final = struct.Struct("<q").pack
_double: Final = struct.Struct("<d").pack

#: Whole numbers that `as_int` has room for.
_LARGEST: Final = (1 << 63) - 1
_CUMULATIVE: Final = b"\x10\x02"
_MONOTONIC: Final = b"\x18\x01"


@functools.lru_cache(maxsize=8192)
def _attributes(tag: bytes, pairs: tuple[tuple[str, Any], ...]) -> bytes:
    """The same series come again and again."""
    return write_attributes(tag, dict(pairs))


def number_point(
    attributes: tuple[tuple[str, Any], ...], start_ns: int, time_ns: int, value: float
) -> bytes:
    """A `NumberDataPoint` as a field of its metric.

    Args:
        attributes: of the series.
        start_ns: since when a sum counts, in nanoseconds since 1970; 0 where it does not.
        time_ns: when it was read.
        value: a whole number stays one.
    """
    parts = [
        _attributes(b"\x3a", attributes),
        b"\x11" + _fixed64(start_ns) if start_ns else b"",
        b"\x19", _fixed64(time_ns),
    ]  # fmt: skip
    if isinstance(value, int) and abs(value) <= _LARGEST:
        parts.append(b"\x31" + _signed64(value))
    else:
        parts.append(b"\x21" + _double(value))
    return field(b"\x0a", b"".join(parts))


def histogram_point(
    attributes: tuple[tuple[str, Any], ...],
    start_ns: int,
    time_ns: int,
    count: int,
    total: float | None,
    bounds: tuple[float, ...],
    counts: tuple[int, ...],
) -> bytes:
    """A `HistogramDataPoint` as a field of its metric.

    Args:
        attributes: of the series.
        start_ns: since when it counts.
        time_ns: when it was read.
        count: of observations.
        total: their sum; None where it is not told.
        bounds: upper bounds of all buckets but the last.
        counts: observations of each bucket.
    """
    body = b"".join((
        b"\x11", _fixed64(start_ns),
        b"\x19", _fixed64(time_ns),
        b"\x21", _fixed64(count),
        b"" if total is None else b"\x29" + _double(total),
        field(b"\x32", struct.pack(f"<{len(counts)}Q", *counts)),
        field(b"\x3a", struct.pack(f"<{len(bounds)}d", *bounds)),
        _attributes(b"\x4a", attributes),
    ))  # fmt: skip
    return field(b"\x0a", body)


@functools.lru_cache(maxsize=1024)
def _about(name: str, about: str, unit: str) -> bytes:
    return (
        field(b"\x0a", name.encode())
        + (field(b"\x12", about.encode()) if about else b"")
        + (field(b"\x1a", unit.encode()) if unit else b"")
    )


def gauge(name: str, about: str, unit: str, points: Iterable[bytes]) -> bytes:
    """A gauge, as a field of `ScopeMetrics`."""
    return field(b"\x12", _about(name, about, unit) + field(b"\x2a", b"".join(points)))


def sum_of(name: str, about: str, unit: str, points: Iterable[bytes], is_monotonic: bool) -> bytes:
    """A cumulative sum, as a field of `ScopeMetrics`."""
    body = b"".join(points) + _CUMULATIVE + (_MONOTONIC if is_monotonic else b"")
    return field(b"\x12", _about(name, about, unit) + field(b"\x3a", body))


def histogram(name: str, about: str, unit: str, points: Iterable[bytes]) -> bytes:
    """A cumulative histogram, as a field of `ScopeMetrics`."""
    body = b"".join(points) + _CUMULATIVE
    return field(b"\x12", _about(name, about, unit) + field(b"\x4a", body))


@functools.lru_cache(maxsize=64)
def _scope(name: str) -> bytes:
    return field(b"\x0a", field(b"\x0a", name.encode()) + field(b"\x12", __version__.encode()))


def resource_metrics(resource: Mapping[str, Any], scope: str, metrics: Iterable[bytes]) -> bytes:
    """Metrics of one resource as a field of the request.

    Args:
        resource: its attributes.
        scope: the name of what has read them.
        metrics: each as a function here writes it.
    """
    about = field(b"\x0a", write_attributes(b"\x0a", resource))
    return resource_spans(about, [field(b"\x12", _scope(scope) + b"".join(metrics))])
