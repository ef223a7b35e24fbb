"""Metrics, from whoever sends them to what SQL says of them."""

import json
import math
import time
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as OverGrpc,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as OverHttp,
)
from opentelemetry.metrics import Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.sdk.metrics import (
    AlwaysOnExemplarFilter,
    Counter,
    MeterProvider,
)
from opentelemetry.sdk.metrics import Histogram as HistogramInstrument
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import (
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from support import otlp, otlp_signals
from support.otlp_signals import CUMULATIVE, DELTA, METRICS, gauge, metrics, point
from support.running import RunningService

NOW = time.time_ns() - otlp.SECOND
START = NOW - 60 * otlp.SECOND


def send(service: RunningService, message: ExportMetricsServiceRequest) -> None:
    service.send(message, path="/v1/metrics")


def rows(service: RunningService, of: str, columns: str = "*") -> list[dict[str, Any]]:
    service.settle()
    order = "name, type, unit, time, value"
    return service.sql(
        f"SELECT {columns} FROM metrics WHERE service = {{of:String}} ORDER BY {order}", of=of
    )


def moment(nanoseconds: int) -> str:
    """A time as SQL writes it."""
    seconds, rest = divmod(nanoseconds, otlp.SECOND)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09}Z"


# -- the standard SDK ----------------------------------------------------------------------------


def exporter(service: RunningService, kind: str, delta: bool) -> MetricExporter:
    service.dirty = True
    temporality: dict[type, AggregationTemporality] = {}
    if delta:
        temporality = dict.fromkeys((Counter, HistogramInstrument), AggregationTemporality.DELTA)
    if kind == "grpc":
        address = f"http://{service.addresses['otlp_grpc']}"
        return OverGrpc(endpoint=address, insecure=True, preferred_temporality=temporality)
    compression = Compression.Gzip if kind == "http gzip" else Compression.NoCompression
    return OverHttp(
        endpoint=f"{service.otlp}/v1/metrics", compression=compression,
        preferred_temporality=temporality,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "delta"), [("grpc", False), ("grpc", True), ("http", True), ("http gzip", False)]
)
def test_the_standard_sdk(service: RunningService, unique: str, kind: str, delta: bool) -> None:
    reader = PeriodicExportingMetricReader(exporter(service, kind, delta), math.inf)
    provider = MeterProvider(
        [reader],
        Resource.create({"service.name": unique, "deployment.environment.name": "test"}),
        AlwaysOnExemplarFilter(),
        views=[
            View(
                instrument_name="exponential",
                aggregation=ExponentialBucketHistogramAggregation(max_scale=0),
            )
        ],
    )
    meter = provider.get_meter("my.meter", "0.1", schema_url="https://example.org/1")
    counter = meter.create_counter("requests", unit="{request}", description="How many.")
    meter.create_observable_gauge("load", [lambda _: [Observation(0.25, {"core": 1})]])
    histogram = meter.create_histogram(
        "latency", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1.0]
    )
    exponential = meter.create_histogram("exponential")
    with TracerProvider().get_tracer("t").start_as_current_span("span") as span:
        counter.add(3, {"route": "/a"})
    counter.add(4, {"route": "/a"})
    for value in (0.05, 0.5, 0.75, 7.0):
        histogram.record(value)
    for value in (0.0, 1.5, 3.0, 3.5):
        exponential.record(value)
    provider.force_flush()
    counter.add(1, {"route": "/a"})
    provider.force_flush()
    provider.shutdown()

    found = rows(service, unique)
    first, second = [row for row in found if row["name"] == "requests"]
    temporality = "delta" if delta else "cumulative"
    assert (first["type"], first["temporality"]) == ("sum", temporality)
    assert (first["value"], second["value"]) == (7.0, 1.0 if delta else 8.0)
    assert (first["is_monotonic"], first["is_integer"]) == (True, True)
    assert (first["unit"], first["description"]) == ("{request}", "How many.")
    assert (first["attributes"], first["environment"]) == ({"route": "/a"}, "test")
    assert first["series"] == second["series"]
    assert (first["scope_name"], first["scope_version"]) == ("my.meter", "0.1")
    assert first["scope_schema_url"] == "https://example.org/1"
    assert first["resource"]["telemetry.sdk.language"] == "python"
    assert f"{span.get_span_context().span_id:016x}" in first["exemplars.span_id"]
    (load, *_) = [row for row in found if row["name"] == "load"]
    assert (load["type"], load["value"], load["is_integer"]) == ("gauge", 0.25, False)
    assert (load["attributes"], load["attribute_types"]) == ({"core": "1"}, {"core": "int"})
    (latency, *_) = [row for row in found if row["name"] == "latency"]
    assert (latency["type"], latency["temporality"]) == ("histogram", temporality)
    assert (latency["count"], latency["sum"]) == (4, pytest.approx(8.3))
    assert (latency["min"], latency["max"]) == (0.05, 7.0)
    assert (latency["bucket_bounds"], latency["bucket_counts"]) == ([0.1, 1.0], [1, 2, 1])
    assert latency["scale"] is None
    (written_out, *_) = [row for row in found if row["name"] == "exponential"]
    assert (written_out["type"], written_out["count"]) == ("exponential_histogram", 4)
    assert sum(written_out["bucket_counts"]) == 4
    assert len(written_out["bucket_counts"]) == len(written_out["bucket_bounds"]) + 1


# -- every kind of point, by hand ----------------------------------------------------------------


def exemplar(value: float, **fields: Any) -> Exemplar:
    fields["as_int" if isinstance(value, int) else "as_double"] = value
    return Exemplar(time_unix_nano=NOW, **fields)


TRACE, SPAN = bytes(range(16)), bytes(range(1, 9))
TIMES = {"start_time_unix_nano": START, "time_unix_nano": NOW}


def everything() -> list[Metric]:
    """One metric of each kind, with everything that it can have."""
    attrs = {"text": "ü", "n": -7, "f": 1.0, "yes": True, "list": [1, "x"], "map": {"k": [None]}}
    exemplars = [
        exemplar(2.5, trace_id=TRACE, span_id=SPAN, filtered_attributes=otlp.attributes({"e": 1})),
        exemplar(3),
    ]
    about = otlp.attributes(attrs)
    return [
        gauge("gauge", [point(-1.5, attrs, exemplars=exemplars, flags=0, **TIMES)], unit="C"),
        Metric(
            name="sum",
            sum=Sum(
                data_points=[point(-(2**40), attrs, **TIMES)],
                aggregation_temporality=DELTA,  # type: ignore[arg-type]
                is_monotonic=False,
            ),
        ),
        Metric(
            name="histogram",
            histogram=Histogram(
                data_points=[
                    HistogramDataPoint(
                        attributes=about, count=6, sum=9.5, min=-1.0, max=5.0,
                        explicit_bounds=[0.0, 2.0], bucket_counts=[1, 2, 3],
                        exemplars=exemplars, **TIMES,
                    )
                ],
                aggregation_temporality=CUMULATIVE,  # type: ignore[arg-type]
            ),
        ),
        Metric(
            name="exponential",
            exponential_histogram=ExponentialHistogram(
                data_points=[
                    ExponentialHistogramDataPoint(
                        attributes=about, count=10, sum=1.0, scale=0, zero_count=4,
                        zero_threshold=0.125,
                        positive=ExponentialHistogramDataPoint.Buckets(
                            offset=1, bucket_counts=[1, 2]
                        ),
                        negative=ExponentialHistogramDataPoint.Buckets(
                            offset=-1, bucket_counts=[3]
                        ),
                        exemplars=exemplars[:1], **TIMES,
                    )
                ],
                aggregation_temporality=DELTA,  # type: ignore[arg-type]
            ),
        ),
        Metric(
            name="summary",
            summary=Summary(
                data_points=[
                    SummaryDataPoint(
                        attributes=about, count=3, sum=6.0,
                        quantile_values=[
                            SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=2.0),
                            SummaryDataPoint.ValueAtQuantile(quantile=1.0, value=3.0),
                        ],
                        **TIMES,
                    )
                ]
            ),
        ),
    ]  # fmt: skip


def check_everything(found: list[dict[str, Any]]) -> None:
    by_name = {row["name"]: row for row in found}
    assert len(found) == len(by_name) == 5
    for row in found:
        assert (row["start_time"], row["time"]) == (moment(START), moment(NOW)), row["name"]
        assert row["attributes"] == {
            "text": "ü", "n": "-7", "f": "1", "yes": "true", "list": '[1,"x"]',
            "map": '{"k":[null]}',
        }  # fmt: skip
        assert row["attribute_types"] == {
            "n": "int", "f": "double", "yes": "bool", "list": "array", "map": "kvlist",
        }  # fmt: skip
    one = by_name["gauge"]
    assert (one["type"], one["temporality"], one["value"]) == ("gauge", "unspecified", -1.5)
    assert (one["unit"], one["is_integer"], one["sum"], one["min"]) == ("C", False, None, None)
    assert one["exemplars.value"] == [2.5, 3.0]
    assert one["exemplars.time"] == [moment(NOW)] * 2
    assert one["exemplars.trace_id"] == [TRACE.hex(), ""]
    assert one["exemplars.span_id"] == [SPAN.hex(), ""]
    assert one["exemplars.attributes"] == [{"e": "1"}, {}]
    one = by_name["sum"]
    assert (one["type"], one["temporality"], one["value"]) == ("sum", "delta", -(2.0**40))
    assert (one["is_integer"], one["is_monotonic"]) == (True, False)
    one = by_name["histogram"]
    assert (one["type"], one["temporality"], one["count"]) == ("histogram", "cumulative", 6)
    assert (one["sum"], one["min"], one["max"]) == (9.5, -1.0, 5.0)
    assert (one["bucket_bounds"], one["bucket_counts"]) == ([0.0, 2.0], [1, 2, 3])
    assert one["exemplars.value"] == [2.5, 3.0]
    one = by_name["exponential"]
    assert (one["type"], one["temporality"]) == ("exponential_histogram", "delta")
    assert (one["count"], one["scale"], one["zero_threshold"]) == (10, 0, 0.125)
    # Three in [-1, -1/2), four about zero, one in (2, 4] and two in (4, 8].
    assert one["bucket_bounds"] == [-1.0, -0.5, 2.0, 4.0, 8.0]
    assert one["bucket_counts"] == [0, 3, 4, 1, 2, 0]
    assert (one["min"], one["max"], one["sum"]) == (None, None, 1.0)
    one = by_name["summary"]
    assert (one["type"], one["count"], one["sum"]) == ("summary", 3, 6.0)
    assert one["quantiles.quantile"] == [0.5, 1.0]
    assert one["quantiles.value"] == [2.0, 3.0]


def as_json(message: Message) -> bytes:
    """OTLP's JSON: ids in hexadecimal, enums as numbers."""
    document = MessageToDict(message, use_integers_for_enums=True)
    text = json.dumps(document)
    for raw in (TRACE, SPAN):
        (encoded,) = set(MessageToDict(Exemplar(trace_id=raw)).values())
        text = text.replace(encoded, raw.hex())
    return text.encode()


@pytest.mark.parametrize("way", ["protobuf", "json", "grpc"])
def test_every_kind_of_point(service: RunningService, unique: str, way: str) -> None:
    message = metrics(*everything(), service=unique)
    if way == "grpc":
        assert service.call(METRICS.method, message) == b""
    elif way == "json":
        answer = service.post(as_json(message), path="/v1/metrics", content_type="application/json")
        assert (answer.status_code, answer.content) == (200, b"{}")
    else:
        send(service, message)
    check_everything(rows(service, unique))


def test_what_is_sent_twice_is_one(service: RunningService, unique: str) -> None:
    message = metrics(*everything(), service=unique)
    before = service.account("metrics")
    for _ in range(2):
        send(service, message)
    check_everything(rows(service, unique))
    assert service.account("metrics").stored == before.stored + 10


def test_clashing_types_under_one_name_are_kept_apart(service: RunningService, unique: str) -> None:
    """By type, by temporality, by unit, by an attribute's type, by resource and by scope."""
    clashing = [
        gauge("x", [point(1, time_unix_nano=NOW)]),
        gauge("x", [point(2, time_unix_nano=NOW)], unit="s"),
        gauge("x", [point(3, {"a": 1}, time_unix_nano=NOW)]),
        gauge("x", [point(4, {"a": "1"}, time_unix_nano=NOW)]),
        gauge("x", [point(5, {"a": "1", "b": "2"}, time_unix_nano=NOW)]),
        gauge("x", [point(6, {"a": "2", "b": "1"}, time_unix_nano=NOW)]),
    ]
    for temporality in (DELTA, CUMULATIVE):
        for is_monotonic in (True, False):
            points = [point(10 + 2 * temporality + is_monotonic, time_unix_nano=NOW)]
            kind = Sum(
                data_points=points,
                aggregation_temporality=temporality,  # type: ignore[arg-type]
                is_monotonic=is_monotonic,
            )
            clashing.append(Metric(name="x", sum=kind))
    empty = HistogramDataPoint(time_unix_nano=NOW)
    clashing.append(Metric(name="x", histogram=Histogram(data_points=[empty])))
    send(service, metrics(*clashing, service=unique))
    other = metrics(gauge("x", [point(20, time_unix_nano=NOW)]), service=unique)
    other.resource_metrics[0].scope_metrics[0].scope.version = "2"
    send(service, other)
    send(
        service,
        metrics(
            gauge("x", [point(21, time_unix_nano=NOW)]), service=unique, resource={"host": "b"}
        ),
    )
    found = rows(service, unique, "type, toUInt32(value) AS v")
    by_type = {kind: sorted(row["v"] for row in found if row["type"] == kind) for kind in
               ("gauge", "sum", "histogram")}  # fmt: skip
    assert by_type == {
        "gauge": [1, 2, 3, 4, 5, 6, 20, 21], "sum": [12, 13, 14, 15], "histogram": [0],
    }  # fmt: skip


def test_resets_and_gaps_stay_as_they_came(service: RunningService, unique: str) -> None:
    """A counter that begins anew, and a point that says that there is no value."""
    points = [
        point(100, start_time_unix_nano=START, time_unix_nano=NOW - 3),
        point(None, start_time_unix_nano=START, time_unix_nano=NOW - 2, flags=1),
        point(5, start_time_unix_nano=NOW - 2, time_unix_nano=NOW - 1),
        # Without a start, and later than its end.
        point(6, time_unix_nano=NOW),
    ]
    kind = Sum(data_points=points, aggregation_temporality=2, is_monotonic=True)  # type: ignore[arg-type]
    send(service, metrics(Metric(name="restarts", sum=kind), service=unique))
    found = rows(service, unique, "toInt64(value) AS v, flags, start_time")
    assert [(row["v"], row["flags"]) for row in found] == [(100, 0), (0, 1), (5, 0), (6, 0)]
    assert found[2]["start_time"] == moment(NOW - 2)
    assert found[3]["start_time"].startswith("1970-01-01")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan"), (5e-324, 5e-324), (-0.0, -0.0)],
)
def test_numbers_that_are_none(
    service: RunningService, unique: str, value: float, shown: Any
) -> None:
    histogram = HistogramDataPoint(time_unix_nano=NOW, count=1, sum=value, min=value, max=value)
    message = metrics(
        gauge("g", [point(value)]),
        Metric(name="h", histogram=Histogram(data_points=[histogram])),
        service=unique,
    )
    send(service, message)
    number, histogram_row = rows(service, unique, "value, sum, min, max")
    assert number["value"] == shown
    assert [histogram_row[name] for name in ("sum", "min", "max")] == [shown] * 3


# -- what can't be kept --------------------------------------------------------------------------


def histogram(bounds: list[float], counts: list[int]) -> Metric:
    one = HistogramDataPoint(
        time_unix_nano=NOW, explicit_bounds=bounds, bucket_counts=counts, count=sum(counts)
    )
    return Metric(name="bad", histogram=Histogram(data_points=[one]))


BAD: dict[str, tuple[Metric, str]] = {
    "too few counts": (histogram([1.0, 2.0], [1, 2]), "bad_buckets"),
    "too many counts": (histogram([1.0], [1, 2, 3]), "bad_buckets"),
    "bounds without counts": (histogram([1.0], []), "bad_buckets"),
    "falling bounds": (histogram([2.0, 1.0], [1, 2, 3]), "bad_buckets"),
    "equal bounds": (histogram([1.0, 1.0], [1, 2, 3]), "bad_buckets"),
    "no number as a bound": (histogram([1.0, math.nan], [1, 2, 3]), "bad_buckets"),
    "the only bound is no number": (histogram([math.nan], [1, 2]), "bad_buckets"),
    "no name": (gauge("", [point()]), "no_name"),
    "no value": (gauge("bad", [point(None)]), "no_value"),
    "no time": (gauge("bad", [point(time_unix_nano=0)]), "no_time"),
    "too old": (gauge("bad", [point(time_unix_nano=1)]), "too_old"),
    "in the future": (gauge("bad", [point(time_unix_nano=NOW + 2 * otlp.DAY)]), "in_future"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_point_is_refused_alone(service: RunningService, unique: str, name: str) -> None:
    metric, reason = BAD[name]
    before = service.settle("metrics")
    message = metrics(gauge("good", [point()]), metric, service=unique)
    answer = service.post(message, path="/v1/metrics")
    assert answer.status_code == 200
    assert METRICS.rejected(answer.content) == 1
    assert METRICS.rejected(service.call(METRICS.method, message)) == 1
    answer = service.post(as_json(message), path="/v1/metrics", content_type="application/json")
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "1"
    assert answer.json()["partialSuccess"]["errorMessage"]
    assert [row["name"] for row in rows(service, unique, "name")] == ["good"]
    after = service.account("metrics")
    assert after.reasons[reason] - before.reasons.get(reason, 0) == 3
    assert (after.received - before.received, after.stored - before.stored) == (6, 3)


def test_one_bad_name_takes_no_point_of_another(service: RunningService, unique: str) -> None:
    """What is no valid protobuf, inside one of a metric's points, is refused with that point."""
    bad = point(2, {"k": "MARK"})
    body = metrics(
        gauge("many", [point(1, time_unix_nano=NOW), bad, point(3, time_unix_nano=NOW + 1)]),
        gauge("other", [point(4)]),
        service=unique,
    ).SerializeToString()
    answer = service.post(body.replace(b"MARK", b"\xff\xfe\xff\xff"), path="/v1/metrics")
    assert answer.status_code == 200, answer.content
    assert METRICS.rejected(answer.content) == 1
    assert sorted(row["v"] for row in rows(service, unique, "toInt8(value) AS v")) == [1, 3, 4]


def test_metrics_of_very_many_points(service: RunningService, unique: str) -> None:
    """More values than one span may have: they are the points', not the metric's."""
    count = 120_000
    points = [point(n, {"n": str(n)}, time_unix_nano=NOW) for n in range(count)]
    before = service.settle("metrics")
    send(service, metrics(gauge("many", points, unit="1"), service=unique))
    service.settle()
    found = service.one(
        "SELECT count() AS n, sum(value) AS s FROM metrics WHERE service = {of:String}", of=unique
    )
    assert (found["n"], found["s"]) == (count, count * (count - 1) / 2)
    assert service.account("metrics").stored == before.stored + count


def test_a_million_empty_points_are_refused(service: RunningService) -> None:
    before = service.settle("metrics")
    points = otlp_signals.metrics(gauge("empty", [point(None, time_unix_nano=0)] * 1_000_000))
    answer = service.post(points, path="/v1/metrics")
    assert answer.status_code == 400
    empty = ExportMetricsServiceRequest()
    empty.resource_metrics.add().scope_metrics.add().metrics.extend([Metric()] * 1_000_000)
    answer = service.post(empty, path="/v1/metrics")
    assert answer.status_code == 400
    assert service.settle("metrics") == before
