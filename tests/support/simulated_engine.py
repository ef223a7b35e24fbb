"""An engine with a queue whose behaviour is known: who was at work when, and what that took.

It works on up to `slots` requests at a time, first come, first served. A request is prefilled and
then decoded at a rate of its own. The board draws a basic power, and for every token a fixed
energy, a tenth of it for one of a prompt: so every request's true energy is known.
"""

import heapq
import random
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, Sum
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from support import otlp, otlp_signals

IDLE_W: Final = 90.0
TOKEN_J: Final = 2.0
PROMPT_SHARE: Final = 0.1


@dataclass
class Served:
    """A request.

    Attributes:
        came, began, first, ended: seconds since the start: arrival, out of the queue, first token,
            end.
        joules: what its tokens took.
    """

    came: float
    began: float
    first: float
    ended: float
    prompt: int
    answer: int
    joules: float


def simulate(count: int = 300, rate: float = 1.2, slots: int = 4, seed: int = 7) -> list[Served]:
    """Requests as they were served; they come at random, as many a second."""
    rng = random.Random(seed)
    free = [0.0] * slots
    served, now = [], 5.0
    for _ in range(count):
        now += rng.expovariate(rate)
        began = max(now, heapq.heappop(free))
        prompt, answer = rng.randrange(50, 4000), rng.randrange(10, 200)
        first = began + prompt / 8000
        ended = first + answer * rng.uniform(0.015, 0.03)
        heapq.heappush(free, ended)
        joules = TOKEN_J * (answer + PROMPT_SHARE * prompt)
        served.append(Served(now, began, first, ended, prompt, answer, joules))
    return served


def energy_at(served: list[Served], moment: float) -> float:
    """The board's counter, in joules since the start."""
    total = IDLE_W * moment
    for each in served:
        prefilled = min(max(moment - each.began, 0) / (each.first - each.began), 1)
        decoded = min(max(moment - each.first, 0) / (each.ended - each.first), 1)
        total += TOKEN_J * (each.answer * decoded + PROMPT_SHARE * each.prompt * prefilled)
    return total


def generated_at(served: list[Served], moment: float) -> float:
    """Tokens that the engine has generated."""
    return sum(
        each.answer * min(max(moment - each.first, 0) / (each.ended - each.first), 1)
        for each in served
    )


def spans_of(
    served: list[Served], start_ns: int, model: str, from_arrival: bool = False
) -> list[Span]:
    """The requests as clients saw them, or as the engine did, without their time in the queue."""
    return [
        otlp.span(
            "chat",
            start=start_ns + int((each.came if from_arrival else each.began) * 1e9),
            duration=int((each.ended - (each.came if from_arrival else each.began)) * 1e9),
            attrs={
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
                "gen_ai.request.model": model, "server.address": "gpu-node",
                "gen_ai.usage.input_tokens": each.prompt, "gen_ai.usage.output_tokens": each.answer,
                "spanglass.time_to_first_token": each.first
                - (each.came if from_arrival else each.began),
                "spanglass.feature": f"f{n % 3}",
            },
        )
        for n, each in enumerate(served)
    ]  # fmt: skip


def metrics_of(
    served: list[Served],
    start_ns: int,
    seconds: int,
    model: str,
    price: float = 3.6,
    board: str = "",
    beside: list[Served] | None = None,
) -> list[ExportMetricsServiceRequest]:
    """What the agent sends of it: the counter each second, and every 5 s how the engine is.

    Args:
        beside: what another engine served on the same board.
    """
    busy = served + (beside or [])
    board = board or f"GPU-{model}"
    points = [
        otlp_signals.point(
            energy_at(busy, t), {"hw.id": board, "hw.type": "gpu", "hw.name": "Stub 80GB"},
            start_time_unix_nano=start_ns - 10**9, time_unix_nano=start_ns + t * 10**9,
        )
        for t in range(seconds + 1)
    ]  # fmt: skip
    energy = Metric(
        name="hw.energy", unit="J",
        sum=Sum(data_points=points, aggregation_temporality=2, is_monotonic=True),
    )  # fmt: skip
    times = range(0, seconds + 1, 5)
    about = {"gen_ai.request.model": model}
    named = {
        "engine.up": [1.0 for _ in times],
        "engine.requests_running": [
            float(sum(each.began <= t < each.ended for each in served)) for t in times
        ],
        "engine.requests_waiting": [
            float(sum(each.came <= t < each.began for each in served)) for t in times
        ],
        "engine.kv_cache_usage": [0.95 for _ in times],
    }
    gauges = [
        otlp_signals.gauge(
            name,
            [
                otlp_signals.point(
                    value, {} if name == "engine.up" else about, time_unix_nano=start_ns + t * 10**9
                )
                for t, value in zip(times, values, strict=True)
            ],
        )
        for name, values in named.items()
    ]
    tokens = Metric(
        name="engine.generated_tokens", unit="{token}",
        sum=Sum(
            data_points=[
                otlp_signals.point(
                    generated_at(served, t), about, start_time_unix_nano=start_ns - 10**9,
                    time_unix_nano=start_ns + t * 10**9,
                )
                for t in times
            ],
            aggregation_temporality=2, is_monotonic=True,
        ),
    )  # fmt: skip
    engine = {
        "engine.name": "vllm", "engine.url": f"http://{model}:8000/metrics",
        "service.instance.id": f"{model}:8000", "host.name": "gpu-node", "engine.gpus": board,
        "spanglass.gpu_hour_usd": price, "engine.max_sequences": 4,
    }  # fmt: skip
    return [
        otlp_signals.metrics(energy, service="spanglass-agent", resource={"host.name": "gpu-node"}),
        otlp_signals.metrics(*gauges, tokens, service="vllm", resource=engine),
    ]
