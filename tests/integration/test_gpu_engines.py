"""Engines over HTTP: found, asked, and whatever they answer instead."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spanglass.gpu import AgentSettings
from spanglass.gpu._metric_wire import resource_metrics
from spanglass.gpu._processes import Processes
from spanglass.gpu.engines import Engine, _fetch
from spanglass.gpu.engines._owner import boards_of, listeners
from support.engines import EngineServer, vllm
from support.nvml import Point, number, points
from support.waiting import wait_until


@pytest.fixture
def server() -> Iterator[EngineServer]:
    made = EngineServer()
    yield made
    made.close()


@pytest.fixture
def watch() -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def begin(url: str, timeout: float = 0.4) -> Engine:
        settings = AgentSettings(engine_interval=0.1, engine_timeout=timeout)
        engine = Engine(url, settings, Processes(), None)
        engines.append(engine)
        engine.start()
        return engine

    yield begin
    for engine in engines:
        engine.stop()


def taken(engine: Engine) -> dict[str, list[Point]]:
    about, metrics, _ = engine.take()
    return points(resource_metrics(about, "scope", metrics))


def test_an_engine_is_found_and_says_how_it_is_set_up(
    server: EngineServer, watch: Callable[..., Engine]
) -> None:
    server.say(vllm(10).text())
    models = {"data": [{"id": "m/large", "max_model_len": 8192}]}
    server.say(json.dumps(models), "/v1/models", "application/json")
    server.say('{"version": "0.33.0"}', "/version", "application/json")
    engine = watch(server.url)
    wait_until(lambda: not engine.problem, "the engine is read")
    about, metrics, _ = engine.take()
    found = points(resource_metrics(about, "scope", metrics))
    assert about["service.name"] == about["engine.name"] == "vllm"
    assert about["engine.max_model_length"] == 8192
    assert about["engine.version"] == "0.33.0"
    assert about["engine.kv_cache_dtype"] == "fp8"
    assert f"http://{about['server.address']}:{about['server.port']}" == server.url
    assert number(found["engine.up"][0][1]) == 1
    ((_, ttft),) = found["gen_ai.server.time_to_first_token"]
    assert ttft.count == sum(ttft.bucket_counts) == 10
    # `/metrics` of trtllm-serve is not a page to be read by the way.
    assert server.asked[0] == "/prometheus/metrics"


def test_trtllm_serve_is_read_at_its_own_path(
    server: EngineServer, watch: Callable[..., Engine]
) -> None:
    server.say("[]", "/metrics", "application/json")
    server.say(vllm(3, "trtllm_").text(), "/prometheus/metrics")
    engine = watch(server.url)
    wait_until(lambda: not engine.problem, "the engine is read")
    assert "/metrics" not in server.asked
    assert engine.take()[0]["engine.name"] == "trtllm"


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ("<!DOCTYPE html><html><body>log in</body></html>", "text/html", "web page"),
        ("[]", "application/json", "return_perf_metrics"),
        ("", "text/plain", "nothing"),
        ("python_gc_objects_collected_total 5\n", "text/plain", "none of an engine"),
        ("vllm:all_new_name 5\n", "text/plain", "were they renamed"),
        ("x" * 3_000_000, "text/plain", "more than 2 MiB"),
    ],
)
def test_other_answers_are_named_and_it_is_back_when_it_is_back(
    server: EngineServer,
    watch: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    kind: str,
    said: str,
) -> None:
    monkeypatch.setattr(_fetch, "MAX_BYTES", 2 << 20)
    server.say(answer, kind=kind)
    engine = watch(f"{server.url}/metrics", timeout=5)
    wait_until(lambda: said in engine.problem, f"it says {said!r}")
    found = taken(engine)
    assert number(found["engine.up"][0][1]) == 0
    assert said in found["engine.up"][0][0]["spanglass.reason"]
    server.say(vllm(10).text())
    wait_until(lambda: not engine.problem, "it is read")
    taken(engine)


def test_one_that_hangs_breaks_off_or_is_gone_delays_no_other(
    server: EngineServer, watch: Callable[..., Engine]
) -> None:
    other = EngineServer()
    try:
        for each in (server, other):
            each.say(vllm(10).text())
        one, two = watch(server.url), watch(other.url)
        wait_until(lambda: not one.problem and not two.problem, "both are read")
        server.hold.set()
        wait_until(lambda: "in time" in one.problem, "the first hangs")
        taken(two)
        wait_until(lambda: "engine.requests_running" in taken(two), "the second goes on")
        assert not two.problem
        server.cut = 100
        server.hold.clear()
        wait_until(lambda: "too early" in one.problem or "Incomplete" in one.problem, "it is cut")
        server.cut = 0
        wait_until(lambda: not one.problem, "it is back")
    finally:
        other.close()
    gone = watch(other.url)
    wait_until(lambda: "nobody listens" in gone.problem, "the second is gone")


def test_whose_boards_these_are(server: EngineServer, tmp_path: Path) -> None:
    import os

    port = int(server.url.rpartition(":")[2])
    assert listeners(port, Path("/proc")) == {os.getpid()}
    container = "c0" * 32
    for pid, parent, cgroup in (
        (10, 1, "0::/"), (11, 10, "0::/"), (12, 11, "0::/"), (20, 1, f"0::/docker/{container}"),
        (30, 1, f"0::/docker/{container}"), (40, 1, "0::/"),
    ):  # fmt: skip
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(f"{pid} (w) S {parent} " + "0 " * 17 + f"{pid} 0")
        (folder / "cgroup").write_text(cgroup)
    processes = Processes(tmp_path)
    pids = {"a": [12], "b": [30, 40], "c": [40], "d": []}
    assert boards_of([10], pids, processes) == ("a",)
    assert boards_of([20], pids, processes) == ("b",)
    assert boards_of([99], pids, processes) == ()
