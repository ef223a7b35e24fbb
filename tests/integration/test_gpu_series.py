"""Steps of boards and engines over a range of time, with numbers that are known."""

import time
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from support import otlp_signals
from support.running import RunningService

#: An hour ago, where a step begins.
START: Final = int(time.time()) // 60 * 60 - 3600


def _nano(second: float) -> int:
    return int((START + second) * 1e9)


def _gauge(name: str, *read: tuple[float, float], **attributes: str) -> Metric:
    points = [otlp_signals.point(value, attributes, time_unix_nano=_nano(at)) for at, value in read]
    return otlp_signals.gauge(name, points)


def _counter(name: str, *read: tuple[float, float]) -> Metric:
    points = [
        NumberDataPoint(start_time_unix_nano=_nano(-600), time_unix_nano=_nano(at), as_double=value)
        for at, value in read
    ]
    return Metric(
        name=name,
        sum=Sum(
            aggregation_temporality=otlp_signals.CUMULATIVE, is_monotonic=True, data_points=points
        ),
    )  # fmt: skip


def _histogram(name: str, *read: tuple[float, list[int]]) -> Metric:
    points = [
        HistogramDataPoint(
            start_time_unix_nano=_nano(-600), time_unix_nano=_nano(at), count=sum(counts),
            bucket_counts=counts, explicit_bounds=[1, 2],
        )
        for at, counts in read
    ]  # fmt: skip
    return Metric(
        name=name,
        histogram=Histogram(
            aggregation_temporality=otlp_signals.CUMULATIVE, data_points=points
        ),
    )  # fmt: skip


def _board(name: str, *read: tuple[float, float], **part: str) -> Metric:
    attributes = {f"hw.{key}": value for key, value in part.items()} | {"hw.id": "b"}
    return _gauge(name, *read, **attributes)


@pytest.fixture(scope="module")
def series(shared_service: RunningService) -> dict[str, Any]:
    host = {"host.name": "node-of-series"}
    engine = host | {"engine.url": "http://e:1/metrics", "service.instance.id": "e:1"}
    utilization, throttled = "hw.gpu.utilization", "hw.gpu.throttled"
    general, encoder = {"gpu.task": "general"}, {"gpu.task": "encoder"}
    power, heat = {"gpu.throttle.reason": "power"}, {"gpu.throttle.reason": "heat"}
    of_boards = otlp_signals.metrics(
        _board(utilization, (5, 0.2), (10, 0.6), (130, 1.0), **general),
        _board(utilization, (5, 1.0), **encoder),
        _board("hw.temperature", (5, 60.0), (10, 70.0), sensor_location="gpu"),
        _board("hw.temperature", (5, 95.0), sensor_location="memory"),
        _board(throttled, (5, 0.1), **power),
        _board(throttled, (5, 0.3), **heat),
        resource=host,
    )
    of_engine = otlp_signals.metrics(
        _gauge("engine.requests_running", (5, 2.0), (10, 4.0)),
        _counter("engine.generated_tokens", (0, 1000), (30, 1300), (90, 1900), (150, 1900)),
        _counter("engine.prefix_cache_queries", (0, 0), (30, 100), (90, 300)),
        _counter("engine.prefix_cache_hits", (0, 0), (30, 50), (90, 100)),
        _histogram(
            "gen_ai.server.time_to_first_token",
            (0, [9, 0, 0]),
            (30, [19, 0, 0]),
            (90, [19, 10, 0]),
            (150, [19, 10, 0]),
        ),
        resource=engine,
    )
    for request in (of_boards, of_engine):
        assert shared_service.post(request, path="/v1/metrics").status_code == 200
    shared_service.settle()
    return dict(
        shared_service.get(
            "/api/v1/gpus/series",
            start=datetime.fromtimestamp(START, UTC).isoformat(),
            end=datetime.fromtimestamp(START + 180, UTC).isoformat(),
        )
    )


def test_boards_go_by_steps_and_gaps_stay_gaps(series: dict[str, Any]) -> None:
    assert (series["step_s"], series["times"]) == (60, [START, START + 60, START + 120])
    (board,) = [each for each in series["boards"] if each["host"] == "node-of-series"]
    assert board["id"] == "b"
    assert board["values"] == {
        "utilization": [pytest.approx(0.4), None, 1.0],
        "temperature_c": [70.0, None, None],
        "throttled": [0.3, None, None],
    }


def test_engines_have_rates_and_quantiles_of_each_step(series: dict[str, Any]) -> None:
    (engine,) = [each for each in series["engines"] if each["host"] == "node-of-series"]
    values = engine["values"]
    assert engine["id"] == "e:1"
    assert values["running"] == [3.0, None, None]
    assert values["generated_tokens_per_second"] == pytest.approx([10.0, 10.0, 0.0])
    assert values["prefix_hit_rate"] == [0.5, 0.25, None]
    assert values["time_to_first_token_p50"] == [0.5, 1.5, None]
    assert "queries" not in values
