"""A GPU node that is made up: two boards and an engine, as `spanglass agent` would tell of them.

It works for several applications, of which the shop's assistant is one. Its load rises and falls in
an hour and a half. At the top the engine's KV cache is full, requests wait, and a board is held
back by its power limit.
"""

from __future__ import annotations

import json
import math
import os
import random
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Final

#: The model that its engine serves.
MODEL: Final = "sample/shop-8b"
HOST: Final = "gpu-node-sample"
HISTORY_S: Final = 6 * 3600
#: Seconds between two readings: of the hours before, and live.
PAST_STEP_S: Final = 60
LIVE_STEP_S: Final = 5
_BATCH: Final = 60
_PERIOD_S: Final = 5400
_MEMORY: Final = 80 * 1024**3
_BOARDS: Final = (
    "GPU-5a3b1e00-0000-4000-8000-000000000000",
    "GPU-5a3b1e00-0000-4000-8000-000000000001",
)
_BOUNDS: Final = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
_SAMPLE: Final = {
    "host.name": HOST, "deployment.environment.name": "demo", "spanglass.sample_data": True,
}  # fmt: skip
_NODE: Final = {"service.name": HOST, **_SAMPLE}
_ENGINE: Final = {
    "service.name": "vllm-sample", "service.instance.id": f"{HOST}:8000",
    "engine.name": "vllm", "engine.version": "0.11.0", "engine.url": f"http://{HOST}:8000/metrics",
    "gen_ai.request.model": MODEL, "engine.max_sequences": "64",
    "engine.gpus": ",".join(_BOARDS), "spanglass.gpu_hour_usd": "2.49", **_SAMPLE,
}  # fmt: skip


@dataclass
class Node:
    """What the node has counted, and how it is at a moment.

    Attributes:
        began: when its counters began, in seconds since 1970.
    """

    began: float
    rng: random.Random
    counts: dict[str, float] = field(default_factory=dict)
    buckets: dict[str, list[int]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)

    def metrics(self, at: float, seconds: float) -> list[dict[str, Any]]:
        """Resources with metrics of a moment, the last seconds counted."""
        wave = 0.5 - 0.5 * math.cos(2 * math.pi * at / _PERIOD_S)
        load = min(1.25, max(0.02, 0.1 + 1.1 * wave + self.rng.gauss(0, 0.04)))
        busy = min(1.0, load)
        waiting = round(max(0.0, load - 0.95) * 80)
        return [
            _resource(_NODE, self._boards(at, seconds, busy)),
            _resource(_ENGINE, self._engine(at, seconds, load, busy, waiting)),
        ]

    def _boards(self, at: float, seconds: float, busy: float) -> list[dict[str, Any]]:
        found = []
        for index, board in enumerate(_BOARDS):
            own = min(1.0, max(0.0, busy * (1 - 0.15 * index) + self.rng.gauss(0, 0.02)))
            about = {"hw.id": board, "hw.name": "Sample 80GB", "hw.gpu.index": str(index)}
            watts = 95 + 605 * own
            slowed = max(0.0, own - 0.93) * 8
            for name, value, more in (
                ("hw.gpu.utilization", own, {"hw.gpu.task": "general"}),
                ("hw.gpu.memory.usage", _MEMORY * (0.62 + 0.3 * own), {}),
                ("hw.gpu.memory.limit", float(_MEMORY), {}),
                ("hw.power", watts, {}),
                ("hw.power.limit", 700.0, {}),
                ("hw.temperature", 34 + 44 * own, {"hw.sensor_location": "gpu"}),
                ("hw.gpu.throttled", slowed, {"hw.gpu.throttle.reason": "sw_power_cap"}),
                ("hw.status", 1.0, {"hw.state": "ok"}),
            ):
                found.append(_gauge(name, at, value, about | more))
            found.append(self._counter("hw.energy", at, watts * seconds, about))
        return found

    def _engine(
        self, at: float, seconds: float, load: float, busy: float, waiting: int
    ) -> list[dict[str, Any]]:
        requests = max(1, round(load * 4 * seconds))
        tokens, prompt = 2400 * busy * seconds, 8400 * busy * seconds
        hits = prompt * (0.5 - 0.2 * busy)
        first = 0.12 + 0.3 * busy**3 + waiting / 20
        finished = {"engine.finish_reason": "stop"}
        return [
            _gauge("engine.up", at, 1.0, {}),
            _gauge("engine.requests_running", at, float(round(_BATCH * busy)), {}),
            _gauge("engine.requests_waiting", at, float(waiting), {}),
            _gauge("engine.kv_cache_usage", at, min(0.99, 0.08 + 0.9 * load**1.2), {}),
            self._counter("engine.generated_tokens", at, tokens, {}),
            self._counter("engine.prompt_tokens", at, prompt, {}),
            self._counter("engine.prefix_cache_queries", at, prompt, {}),
            self._counter("engine.prefix_cache_hits", at, hits, {}),
            self._counter("engine.requests_finished", at, requests, finished),
            self._histogram("gen_ai.server.time_to_first_token", at, requests, first),
            self._histogram(
                "gen_ai.server.time_per_output_token", at, requests, 0.012 + 0.02 * busy
            ),
            self._histogram("engine.queue_time", at, requests, 0.01 + waiting / 22),
        ]

    def _counter(
        self, name: str, at: float, grown: float, attributes: dict[str, str]
    ) -> dict[str, Any]:
        key = name + str(attributes)
        self.counts[key] = self.counts.get(key, 0.0) + grown
        point = _point(at, attributes) | {
            "asDouble": self.counts[key],
            "startTimeUnixNano": _nano(self.began),
        }
        return {
            "name": name,
            "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [point]},
        }

    def _histogram(self, name: str, at: float, times: int, usual: float) -> dict[str, Any]:
        counts = self.buckets.setdefault(name, [0] * (len(_BOUNDS) + 1))
        for _ in range(times):
            took = usual * self.rng.lognormvariate(0, 0.4)
            counts[sum(took > bound for bound in _BOUNDS)] += 1
            self.sums[name] = self.sums.get(name, 0.0) + took
        point = _point(at, {}) | {
            "startTimeUnixNano": _nano(self.began), "explicitBounds": list(_BOUNDS),
            "bucketCounts": [str(each) for each in counts], "count": str(sum(counts)),
            "sum": self.sums[name],
        }  # fmt: skip
        return {"name": name, "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}}


def send_node(endpoint: str, live: bool, stop: threading.Event) -> None:
    """Sends the hours before, then what the node does until it is stopped.

    What can't be sent is left out: a demo has nothing to lose.
    """
    began = time.time() - HISTORY_S
    node = Node(began, random.Random(11))
    batch: list[dict[str, Any]] = []
    at = began
    while (at := at + PAST_STEP_S) < time.time() and not stop.is_set():
        batch += node.metrics(at, PAST_STEP_S)
        if len(batch) >= 60:
            send(endpoint, batch)
            batch = []
    send(endpoint, batch)
    while live and not stop.wait(LIVE_STEP_S):
        send(endpoint, node.metrics(time.time(), LIVE_STEP_S))


def send(endpoint: str, resources: list[dict[str, Any]]) -> bool:
    """Sends metrics as OTLP in JSON; whether they were taken."""
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("SPANGLASS_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(
        f"{endpoint.rstrip('/')}/v1/metrics",
        json.dumps({"resourceMetrics": resources}).encode(),
        headers,
    )
    try:
        with urllib.request.urlopen(request, timeout=10):
            return True
    except (urllib.error.URLError, TimeoutError):
        return False


def _resource(attributes: dict[str, Any], metrics: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resource": {"attributes": _attributes(attributes)},
        "scopeMetrics": [{"scope": {"name": "demo"}, "metrics": metrics}],
    }


def _gauge(name: str, at: float, value: float, attributes: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "gauge": {"dataPoints": [_point(at, attributes) | {"asDouble": value}]},
    }


def _point(at: float, attributes: dict[str, str]) -> dict[str, Any]:
    return {"timeUnixNano": _nano(at), "attributes": _attributes(attributes)}


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"boolValue" if isinstance(value, bool) else "stringValue": value}}
        for key, value in values.items()
    ]


def _nano(seconds: float) -> str:
    return str(int(seconds * 1e9))
