"""Requests divided along the path of a signal that has more levels than traces have."""

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from spanglass_collector.ingest import tree

#: Data points of metrics, under whichever kind of metric.
POINTS = tree.path((1,), (2,), (2,), (5, 7, 9, 10, 11), (1,))


def metrics(*points: int) -> ExportMetricsServiceRequest:
    """A request with metrics of so many data points each."""
    message = ExportMetricsServiceRequest()
    scope = message.resource_metrics.add().scope_metrics.add()
    for number, count in enumerate(points):
        metric = Metric(name=f"m{number}", unit="s")
        # Alternately of two kinds, in different fields.
        held = metric.gauge if number % 2 else metric.sum
        held.data_points.extend(NumberDataPoint(as_int=n) for n in range(count))
        scope.metrics.append(metric)
    return message


def test_items_are_counted_at_the_end_of_the_path() -> None:
    body = metrics(3, 0, 5).SerializeToString()
    assert tree.count(body, POINTS) == 8
    assert tree.count(body + body, POINTS) == 16
    assert tree.count(b"", POINTS) == 0


def test_one_metric_is_divided_by_its_points() -> None:
    halves = tree.halve(metrics(0, 5).SerializeToString(), POINTS)
    found = []
    for half in halves:
        ((metric,),) = (
            scope.metrics
            for resource in ExportMetricsServiceRequest.FromString(half).resource_metrics
            for scope in resource.scope_metrics
        )
        assert (metric.name, metric.unit) == ("m1", "s")
        found.append([point.as_int for point in metric.gauge.data_points])
    assert sorted(found) == [[0, 1], [2, 3, 4]]


def test_a_large_one_is_a_half_of_its_own() -> None:
    halves = tree.halve(metrics(1, 1, 90, 1).SerializeToString(), POINTS)
    assert [tree.count(half, POINTS) for half in halves] == [2, 91]


def test_nothing_is_left_to_divide() -> None:
    assert tree.halve(metrics(1).SerializeToString(), POINTS) == []
    assert tree.halve(metrics(0).SerializeToString(), POINTS) == []
