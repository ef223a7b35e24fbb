"""What requests of metrics look like inside, and which of their data points can be kept.

Source: opentelemetry-proto 1.9, `metrics/v1`.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, SummaryDataPoint

from spanglass_collector.ingest.forms import (
    ATTRIBUTES,
    MOST_BUCKETS,
    Form,
    Sorted,
    Times,
    outside,
    take_out,
)


def _points(metric: Metric) -> Any:
    """A metric's list of points; empty if it has none of a kind that is known."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def _sort_metrics(metrics: Any, times: Times, rejected: Counter[str]) -> Sorted:
    kept = 0
    changed = False
    for metric in metrics:
        kind = metric.WhichOneof("data")
        if kind is None:
            continue
        points = getattr(metric, kind).data_points
        if not metric.name:
            rejected["no_name"] += len(points)
            changed |= bool(points)
            del points[:]
            continue
        wrong = _WRONG[kind]()
        bad: list[int] = []
        for index, point in enumerate(points):
            time = point.time_unix_nano
            if times.first <= time <= times.last:
                reason = wrong(point)
                if not reason:
                    continue
            else:
                reason = outside(time, times) if time else "no_time"
            bad.append(index)
            rejected[reason] += 1
        take_out(points, bad)
        changed |= bool(bad)
        kept += len(points)
    return Sorted(kept, changed)


#: The flag of a point that says that there is no value: a series that has ended.
_NO_RECORDED_VALUE: Final = 1


def _wrong_number(point: Any) -> str:
    if point.WhichOneof("value") is None and not point.flags & _NO_RECORDED_VALUE:
        return "no_value"
    return ""


def _wrong_buckets() -> Callable[[Any], str]:
    """What is wrong with histograms of one metric, most of which have the same bounds."""
    rising: list[float] = []

    def wrong(point: Any) -> str:
        nonlocal rising
        bounds, counts = point.explicit_bounds[:], len(point.bucket_counts)
        if (counts or bounds) and counts != len(bounds) + 1:
            return "bad_buckets"
        if bounds != rising:
            # A bound that is no number is not smaller than any other.
            if math.isnan(bounds[0]) or not all(low < high for low, high in pairwise(bounds)):
                return "bad_buckets"
            rising = bounds
        return ""

    return wrong


def _buckets(point: Any) -> int:
    """The number of an exponential histogram's buckets."""
    return len(point.positive.bucket_counts) + len(point.negative.bucket_counts)


def _wrong_exponential(point: Any) -> str:
    return "too_many_buckets" if _buckets(point) > MOST_BUCKETS else ""


def _nothing_wrong(_: Any) -> str:
    return ""


#: What is wrong with a point of a metric, by kind; made for each metric.
_WRONG: Final[Mapping[str, Callable[[], Callable[[Any], str]]]] = {
    "gauge": lambda: _wrong_number,
    "sum": lambda: _wrong_number,
    "histogram": _wrong_buckets,
    "exponential_histogram": lambda: _wrong_exponential,
    "summary": lambda: _nothing_wrong,
}


def _metric_values(metrics: Iterable[Any]) -> Iterator[AnyValue]:
    for metric in metrics:
        for point in _points(metric):
            for attribute in point.attributes:
                yield attribute.value
            for exemplar in getattr(point, "exemplars", ()):
                for attribute in exemplar.filtered_attributes:
                    yield attribute.value


def _metric_children(metric: Metric) -> int:
    count = 0
    for point in _points(metric):
        count += len(point.attributes)
        if isinstance(point, SummaryDataPoint):
            count += len(point.quantile_values)
        else:
            exemplars = point.exemplars
            count += len(exemplars) + sum(len(each.filtered_attributes) for each in exemplars)
    return count


#: What an empty bucket of an exponential histogram takes while it is stored, in bytes: as it is
#: read, its bounds, and copies of both.
_BUCKET_BYTES: Final = 96


def _unpacked(metrics: Iterable[Any]) -> int:
    return _BUCKET_BYTES * sum(
        _buckets(point) for metric in metrics for point in metric.exponential_histogram.data_points
    )


METRICS: Final = Form(
    name="metric",
    term="data points",
    request=ExportMetricsServiceRequest,
    resources="resource_metrics",
    scopes="scope_metrics",
    listed="metrics",
    entry=Metric,
    # A point's time. A metric has a name and one point at least.
    least=11,
    success=ExportMetricsServiceResponse,
    partial=ExportMetricsPartialSuccess,
    refused="rejected_data_points",
    inside={
        "item": {5: "numbers", 7: "numbers", 9: "histograms", 10: "exponentials", 11: "summaries"},
        "numbers": {1: "number"},
        "histograms": {1: "histogram"},
        "exponentials": {1: "exponential"},
        "summaries": {1: "summary"},
        "number": {5: "exemplar", 7: "attribute"},
        "histogram": {8: "exemplar", 9: "attribute"},
        "exponential": {1: "attribute", 11: "exemplar"},
        "summary": {6: "quantile", 7: "attribute"},
        "exemplar": {7: "attribute"},
        "quantile": {},
        **ATTRIBUTES,
    },
    sort=_sort_metrics,
    sizes=lambda metrics: len(metrics) + sum(len(_points(metric)) for metric in metrics),
    children=_metric_children,
    values=_metric_values,
    unpacked=_unpacked,
    holders=frozenset({5, 7, 9, 10, 11}),
)
