"""Providers beside each other: an hour as the calls of it saw it."""

import random
import statistics
import time

import pytest

from support import otlp
from support.running import RunningService


def test_an_hour_of_two_providers(service: RunningService, unique: str) -> None:
    rng = random.Random(4)
    # Of one hour, and not of this one, which others may be sending to.
    hour = (time.time_ns() // (3_600 * otlp.SECOND) - 30) * 3_600 * otlp.SECOND
    seconds = {"openai": [1.0 + n / 10 for n in range(20)], "azure": [3.0] * 10}
    spans = []
    for provider, took in seconds.items():
        for duration in took:
            spans.append(
                otlp.chat_span(
                    1_000, 200,
                    {
                        "gen_ai.provider.name": provider, "gen_ai.request.model": unique,
                        "server.address": f"{provider}.example", "cloud.region": "eu",
                        "gen_ai.usage.cost": 0.01, "http.request.resend_count": rng.randrange(2),
                        "gen_ai.response.time_to_first_chunk": duration / 10,
                    },
                    start=hour + rng.randrange(3_000) * otlp.SECOND,
                    duration=int(duration * otlp.SECOND),
                )
            )  # fmt: skip
    retries = sum(
        each.value.int_value
        for span in spans[:20]
        for each in span.attributes
        if each.key == "http.request.resend_count"
    )
    failures: dict[str, dict[str, otlp.Value]] = {
        "openai.RateLimitError": {}, "openai.APITimeoutError": {}, "openai.BadRequestError": {},
        "APIError": {"http.response.status_code": 429},
    }  # fmt: skip
    spans += [
        otlp.chat_span(
            0, 0,
            {
                "gen_ai.provider.name": "openai", "gen_ai.request.model": unique,
                "server.address": "openai.example", "cloud.region": "eu", "error.type": kind, **more,
            },
            start=hour + 5 * otlp.SECOND, duration=60 * otlp.SECOND, error="failed",
        )
        for kind, more in failures.items()
    ]  # fmt: skip
    service.send(otlp.request(*spans))
    service.settle()
    rows = service.sql(
        "SELECT * FROM provider_hours WHERE model = {m:String} ORDER BY provider", m=unique
    )
    azure, openai = rows
    assert (azure["provider"], azure["region"], azure["address"]) == (
        "azure", "eu", "azure.example",
    )  # fmt: skip
    assert (azure["calls"], azure["errors"], azure["error_rate"]) == (10, 0, 0)
    assert (openai["calls"], openai["errors"]) == (24, 4)
    assert (openai["rate_limited"], openai["timed_out"]) == (2, 1)
    assert openai["retries"] == retries
    # Calls that failed are no answers: neither slow nor fast ones.
    assert openai["seconds_p50"] == pytest.approx(statistics.median(seconds["openai"]), abs=0.1)
    assert openai["seconds_p95"] == pytest.approx(2.85, abs=0.1)
    assert azure["first_token_p50"] == pytest.approx(0.3)
    assert azure["output_tokens_per_second"] == pytest.approx(200 / 3)
    assert azure["cost_usd"] == pytest.approx(0.1)
    assert openai["usd_per_answer"] == pytest.approx(0.01)
