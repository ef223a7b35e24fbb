"""Answers about engines as views: what SQL says is what the API says, and of one's own project."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, Sum
from scipy import stats

from spanglass_detectors.comparison import counts
from spanglass_detectors.saturation import Load, right_size, saturation
from spanglass_store.views import BINDS, SIZE, VIEWS
from support import otlp, otlp_signals
from support.embedded import EmbeddedStore
from support.running import RunningService

S = 10**9


def counter(name: str, points: Sequence[tuple[int, float, int]], attrs: dict[str, Any]) -> Metric:
    """A counter: time, value and since when it counts, in nanoseconds."""
    made = [
        otlp_signals.point(value, attrs, start_time_unix_nano=since, time_unix_nano=at)
        for at, value, since in points
    ]
    return Metric(
        name=name,
        sum=Sum(
            data_points=made,
            aggregation_temporality=AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
            is_monotonic=True,
        ),
    )


def gauge(name: str, points: Sequence[tuple[int, float]], attrs: dict[str, Any]) -> Metric:
    return otlp_signals.gauge(
        name, [otlp_signals.point(value, attrs, time_unix_nano=at) for at, value in points]
    )


def resource(model: str, **more: Any) -> dict[str, Any]:
    return {
        "engine.name": "vllm", "engine.url": f"http://{model}:8000/metrics",
        "service.instance.id": f"{model}:8000", "host.name": "node", "engine.gpus": f"GPU-{model}",
        "engine.max_sequences": 8, **more,
    }  # fmt: skip


def test_the_rules_of_the_view_are_those_of_the_api(embedded_store: EmbeddedStore) -> None:
    rng = random.Random(5)
    names = [each.name for each in fields(Load)]
    edges = (0, 0.1, 0.29, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 0.95, 0.96, 1, 7.5, 7.6, 8)
    loads = [
        Load(**{name: rng.choice((*edges, *[None] * 15)) for name in names}) for _ in range(2_000)
    ]
    kind = f"Array(Tuple({', '.join(f'{name} Nullable(Float64)' for name in names)}))"
    written = json.dumps([[getattr(load, name) for name in names] for load in loads])
    columns = ", ".join(f"tupleElement(load, '{name}') AS {name}" for name in names)
    found = embedded_store.owner.query(
        f"SELECT {BINDS} AS binds, {SIZE} AS size FROM (SELECT {columns} FROM"
        f" (SELECT arrayJoin(JSONExtract('{written}', '{kind}')) AS load))"
    ).rows
    expected = [(saturation(load).binds, right_size(load).verdict) for load in loads]
    assert [tuple(row) for row in found] == expected
    assert {binds for binds, _ in expected} >= {"kv_cache", "power", "compute", "queue", "none"}


def test_hours_starts_and_signals(service: RunningService, unique: str) -> None:
    now = time.time_ns() // S
    hour = (now - 7_200) // 3_600 * 3_600
    began = hour * S + 100 * S
    about = {"gen_ai.request.model": unique}
    # A process that begins 100 s into the hour, and answers 90 s later.
    up = [((hour + t) * S, float(t >= 190)) for t in range(0, 1_200, 10)]
    working = range(190, 1_200, 10)
    told = [
        gauge("engine.up", up, {}),
        gauge("engine.requests_running", [((hour + t) * S, 6.0) for t in working], about),
        gauge("engine.requests_waiting", [((hour + t) * S, 3.0) for t in working], about),
        gauge("engine.kv_cache_usage", [((hour + t) * S, 0.97) for t in working], about),
        counter(
            "engine.requests_finished", [((hour + t) * S, t - 190.0, began) for t in working], about
        ),
    ]
    service.send(
        otlp_signals.metrics(*told, service="vllm", resource=resource(unique)), path="/v1/metrics"
    )
    board = {"hw.id": f"GPU-{unique}", "hw.name": "Stub"}
    boards = [
        gauge(
            "hw.gpu.utilization", [((hour + t) * S, 0.8) for t in working],
            board | {"hw.gpu.task": "general"},
        ),
        gauge("hw.power", [((hour + t) * S, 350.0) for t in working], board),
        gauge("hw.power.limit", [((hour + t) * S, 700.0) for t in working], board),
    ]  # fmt: skip
    service.send(
        otlp_signals.metrics(*boards, service="spanglass-agent", resource={"host.name": "node"}),
        path="/v1/metrics",
    )
    service.settle()
    row = service.one("SELECT * FROM engine_hours WHERE model = {m:String}", m=unique)
    assert (row["running"], row["waiting"], row["kv_peak"], row["boards"]) == (6, 3, 0.97, 1)
    assert (row["utilization"], row["power_share"]) == pytest.approx((0.8, 0.5))
    assert (row["binds"], row["size"], row["batch_limit"]) == ("kv_cache", "too small", 8)
    start = service.one("SELECT * FROM engine_starts WHERE model = {m:String}", m=unique)
    assert start["is_watched"]
    assert start["seconds_to_ready"] == 90
    minute = service.one(
        "SELECT * FROM engine_scaling WHERE model = {m:String} ORDER BY minute LIMIT 1 OFFSET 3",
        m=unique,
    )
    assert (minute["replicas"], minute["waiting_per_replica"]) == (1, 3)
    assert minute["seconds_to_ready"] == 90
    assert minute["ended_per_second"] == pytest.approx(50 / 60)
    # The API says the same of that hour.
    moment = [datetime.fromtimestamp(hour + s, UTC).isoformat() for s in (0, 3_600)]
    answer = service.get("/api/v1/engines", start=moment[0], end=moment[1])
    (engine,) = [each for each in answer["engines"] if each["models"] == [unique]]
    assert engine["saturation"]["binds"] == row["binds"]
    assert engine["right_size"]["verdict"] == row["size"]
    scaling = engine["scaling"]
    assert (scaling["replicas"], scaling["waiting_per_replica"]) == (1, 3)
    assert scaling["seconds_to_ready"] == 90
    (began_at,) = [each for each in answer["starts"] if each["model"] == unique]
    assert began_at["seconds_to_ready"] == 90


def test_a_change_of_the_setup_is_compared_with_what_was_before(
    service: RunningService, unique: str
) -> None:
    rng = random.Random(11)
    start = (time.time_ns() // S - 3 * 3_600) // 300 * 300
    change = start + 3_600
    for begins, precision in ((start, "fp16"), (change, "fp8")):
        running = [((begins + t) * S, 2.0) for t in range(0, 3_600, 60)]
        service.send(
            otlp_signals.metrics(
                gauge("engine.requests_running", running, {"gen_ai.request.model": unique}),
                service="vllm", resource=resource(unique, **{"engine.quantization": precision}),
            ),
            path="/v1/metrics",
        )  # fmt: skip
    seconds = [rng.gauss(2.0 if n < 60 else 1.6, 0.2) for n in range(120)]
    spans = [
        otlp.chat_span(
            10, 50, {"gen_ai.request.model": unique},
            start=(start + n * 60) * S, duration=int(taken * S),
        )
        for n, taken in enumerate(seconds)
    ]  # fmt: skip
    spans += [
        otlp.chat_span(attrs={"gen_ai.request.model": unique}, start=(change + n) * S, error="boom")
        for n in range(1, 5)
    ]
    service.send(otlp.request(*spans))
    service.settle()
    rows = service.sql(
        "SELECT * FROM deployment_changes WHERE model = {m:String} ORDER BY name", m=unique
    )
    found = {row["name"]: row for row in rows}
    one = found["duration_s"]
    assert one["before"]["engine.quantization"] == "fp16"
    assert one["after"]["engine.quantization"] == "fp8"
    assert datetime.fromisoformat(one["changed_at"]).timestamp() == change
    assert (one["n_before"], one["n_after"]) == (60, 60)
    before, after = np.array(seconds[:60]), np.array(seconds[60:])
    test = stats.ttest_ind(after, before, equal_var=False)
    interval = test.confidence_interval(0.95)
    assert one["difference"] == pytest.approx(after.mean() - before.mean(), abs=1e-6)
    assert (one["low"], one["high"]) == pytest.approx((interval.low, interval.high), abs=1e-5)
    assert one["is_clear"]
    # None has failed of 60, and 4 of 64. That none did is no proof that none would.
    rate, same = found["error_rate"], counts((0, 60), (4, 64))
    assert same is not None
    assert (rate["n_before"], rate["n_after"], rate["is_clear"]) == (60, 64, False)
    assert (rate["difference"], rate["low"], rate["high"]) == pytest.approx(
        (same.difference, same.low, same.high), abs=1e-6
    )


@pytest.fixture
def two_projects(embedded_store: EmbeddedStore, unique: str) -> tuple[str, str]:
    """Names of two projects with an engine, that was set up anew, and calls before and after."""
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    readings, calls = [], []
    for project in (mine := f"{unique}-mine", other := f"{unique}-other"):
        for n in range(4):
            at = moment + timedelta(minutes=10 * n)
            about = {key: str(value) for key, value in resource(project).items()}
            about |= {"engine.version": str(n // 2)}
            readings += [
                (project, name, kind, kind == "sum", at - timedelta(minutes=5), at, n, {
                    "gen_ai.request.model": project,
                }, about)
                for name, kind in (
                    ("engine.requests_running", "gauge"), ("engine.prompt_tokens", "sum"),
                )
            ]  # fmt: skip
            calls.append((project, f"{n:032x}", f"{n:016x}", "chat", project, at, 10**9 + n))
    embedded_store.owner.insert(
        "metrics",
        ("project", "name", "type", "is_monotonic", "start_time", "time", "value", "attributes",
         "resource"),
        readings,
    )  # fmt: skip
    embedded_store.owner.insert(
        "spans",
        ("project", "trace_id", "span_id", "operation", "request_model", "start_time",
         "duration_ns"),
        calls,
    )  # fmt: skip
    return mine, other


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_shows_ones_own_project(
    embedded_store: EmbeddedStore, two_projects: tuple[str, str], view: str
) -> None:
    mine, other = two_projects

    def seen(projects: tuple[str, ...] | None, payload: bool = True) -> set[str]:
        query = f"SELECT DISTINCT project FROM {view} WHERE project IN {{names:Array(String)}}"
        reader = embedded_store.reader(payload, projects)
        return {row[0] for row in reader.query(query, {"names": [mine, other]}).rows}

    assert seen(None) == {mine, other}
    assert seen((mine,)) == seen((mine,), payload=False) == {mine}
    assert seen(()) == set()
