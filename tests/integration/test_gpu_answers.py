"""From boards and engines through the agent and the collector to what the API answers."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from support import nvml, otlp
from support.engines import EngineServer, Exposition
from support.running import RunningService, environment
from support.waiting import wait_until

HOST = "node-of-answers"


def exposition(requests: int) -> str:
    """An engine whose KV cache is full while requests wait."""
    made = Exposition("vllm:", {"model_name": "m/answers"})
    made.gauge("num_requests_running", 12).gauge("num_requests_waiting", 6)
    made.gauge("kv_cache_usage_perc", 0.97)
    made.counter("generation_tokens", 100.0 * requests).counter("prompt_tokens", 400.0 * requests)
    made.counter("prefix_cache_queries", 400.0 * requests)
    made.counter("prefix_cache_hits", 100.0 * requests)
    made.counter("spec_decode_num_drafts", 10.0 * requests)
    made.counter("spec_decode_num_draft_tokens", 40.0 * requests)
    made.counter("spec_decode_num_accepted_tokens", 20.0 * requests)
    made.counter("request_success", requests, finished_reason="stop")
    made.histogram("time_to_first_token_seconds", [0.3] * requests)
    return made.text()


@pytest.fixture(scope="module")
def watched(
    shared_service: RunningService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("answers")
    library = nvml.build(folder).parent
    stub = nvml.Stub(folder / "nvml.txt")
    stub.say(boards=2, b0_power=350_000, b0_processes="1:4096", b1_throttle=4, b1_lost=0)
    engine = EngineServer()
    engine.say(exposition(10))
    process = subprocess.Popen(
        [
            sys.executable, "-m", "spanglass_collector.cli", "agent", "--endpoint",
            shared_service.otlp, "--engine", f"{engine.url}/metrics#gpus=0", "--interval", "0.2",
            "--report-interval", "1", "--engine-interval", "0.5", "--buffer-dir",
            str(folder / "buffer"), "--gpu-hour-usd", "2",
        ],
        env=environment(
            LD_LIBRARY_PATH=str(library), NVML_STUB=str(stub.path), SPANGLASS_HOST_NAME=HOST
        ),
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        shared_service.dirty = True
        wait_until(lambda: _engine(shared_service)["last"], "the engine is seen", timeout_s=25)
        engine.say(exposition(25))
        wait_until(
            lambda: _engine(shared_service)["finished"].get("stop", 0) >= 15,
            "it finished more",
            timeout_s=25,
        )
    finally:
        process.terminate()
        process.wait(20)
        engine.close()
    shared_service.settle()
    return shared_service


def _engine(service: RunningService) -> dict[str, Any]:
    found = [each for each in service.get("/api/v1/engines")["engines"] if each["host"] == HOST]
    return dict(found[0]) if found else {"last": {}, "finished": {}}


def test_gpus(watched: RunningService) -> None:
    found = [each for each in watched.get("/api/v1/gpus")["gpus"] if each["host"] == HOST]
    one, two = found
    assert (one["index"], two["index"]) == (0, 1)
    assert (one["state"], one["name"], one["driver"]) == ("ok", "Stub 80GB", "575.57.08")
    assert (one["power_w"], one["power_limit_w"]) == (350, 700)
    assert one["utilization"] == one["utilization_mean"] == 0.5
    assert one["memory_limit_bytes"] == 80 << 30
    assert one["energy_j"] > 0
    assert one["throttled"] == {}
    assert two["throttled"] == {"sw_power_cap": pytest.approx(1)}
    ((process),) = one["processes"]
    assert (process["pid"], process["memory_bytes"]) == ("1", 4096)
    assert two["processes"] == []
    assert one["tensor_active_mean"] is None


def test_engines(watched: RunningService) -> None:
    one = _engine(watched)
    assert (one["name"], one["models"], one["is_up"]) == ("vllm", ["m/answers"], True)
    assert one["boards"] == ["GPU-00000000-0000-0000-0000-000000000000"]
    assert one["gpu_hour_usd"] == 2
    assert one["last"]["requests_waiting"] == 6
    assert one["finished"] == {"stop": 15}
    assert one["times"]["time_to_first_token"]["count"] == 15
    assert 0.25 < one["times"]["time_to_first_token"]["p95"] <= 0.5
    assert one["times"]["time_to_first_token"]["mean"] == pytest.approx(0.3)
    assert one["prefix_cache_hit_rate"] == pytest.approx(0.25)
    assert one["spec_acceptance_rate"] == pytest.approx(0.5)
    assert one["spec_acceptance_length"] == pytest.approx(3)
    assert one["saturation"]["binds"] == "kv_cache"
    assert "97 % full" in one["saturation"]["evidence"][0].replace("97%", "97 %")
    assert one["right_size"]["verdict"] == "too small"
    assert one["scaling"]["waiting"] == 6


def test_two_deployments_are_compared(shared_service: RunningService, unique: str) -> None:
    rng = random.Random(3)
    start = (time.time_ns() // 10**9 - 1200) * 10**9
    spans = []
    for side, (seconds, ttft) in enumerate(((2.0, 0.4), (1.5, 0.4))):
        for n in range(120):
            spans.append(
                otlp.chat_span(
                    100, 50,
                    {
                        "gen_ai.request.model": f"{unique}-{side}",
                        "spanglass.time_to_first_token": ttft * rng.uniform(0.8, 1.2),
                        "spanglass.reported_cost_usd": 0.01 / (1 + side),
                    },
                    start=start + (side * 600 + n * 4) * 10**9,
                    duration=int(seconds * rng.uniform(0.8, 1.2) * 1e9),
                )
            )  # fmt: skip
    shared_service.send(otlp.request(*spans))
    shared_service.settle()
    models = {"before_model": f"{unique}-0", "after_model": f"{unique}-1"}
    answer = shared_service.get("/api/v1/engines/compare", **models)
    found = {(each["name"], each["statistic"]): each for each in answer["values"]}
    duration = found["duration_s", "mean"]
    assert duration["difference"] == pytest.approx(-0.5, abs=0.1)
    assert duration["low"] < duration["difference"] < duration["high"] < 0
    assert duration["is_clear"]
    assert duration["p"] < 0.001
    assert found["duration_s", "p95"]["is_clear"]
    assert not found["time_to_first_token_s", "mean"]["is_clear"]
    assert found["cost_usd", "mean"]["difference"] == pytest.approx(-0.005)
    assert (duration["n_before"], duration["n_after"]) == (120, 120)
    moment = datetime.fromtimestamp(start / 1e9, UTC).isoformat()
    none = shared_service.get(
        "/api/v1/engines/compare", before_start=moment, before_end=moment, **models
    )
    assert none["values"] == []
    same = shared_service.api(
        "GET", "/api/v1/engines/compare",
        params={f"{side}_{end}": moment for side in ("before", "after") for end in ("start", "end")},
    )  # fmt: skip
    assert same.status_code == 400
    assert "Both sides are the same" in same.json()["detail"]
