"""What requests have used, against an engine whose every joule is known."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from support import otlp
from support.running import RunningService
from support.simulated_engine import IDLE_W, Served, energy_at, metrics_of, simulate, spans_of

SECONDS = 400
#: US dollars an hour: a thousandth of a dollar a second.
PRICE = 3.6


@dataclass
class Simulated:
    """An engine whose telemetry is stored."""

    service: RunningService
    model: str
    start: int
    served: list[Served]
    spans: list[Any]

    def moment(self, seconds: float) -> str:
        return datetime.fromtimestamp(self.start / 1e9 + seconds, UTC).isoformat()

    def energy(self, since: float = 0, until: float = SECONDS, **more: Any) -> dict[str, Any]:
        answer = self.service.get(
            "/api/v1/energy", model=self.model, start=self.moment(since), end=self.moment(until),
            **more,
        )  # fmt: skip
        (found,) = answer["deployments"]
        return dict(found)


@pytest.fixture(scope="module")
def simulated(shared_service: RunningService) -> Iterator[Simulated]:
    model = f"m/{time.time_ns()}"
    start = (time.time_ns() // 10**9 - SECONDS - 60) * 10**9
    served = [each for each in simulate() if each.ended < SECONDS - 5]
    spans = spans_of(served, start, model)
    shared_service.send(otlp.request(*spans))
    for body in metrics_of(served, start, SECONDS, model, PRICE):
        shared_service.send(body, path="/v1/metrics")
    shared_service.settle()
    return Simulated(shared_service, model, start, served, spans)


def test_requests_and_idle_are_the_counter(simulated: Simulated) -> None:
    for since, until in ((0, SECONDS), (50, 51), (17, 123)):
        total = simulated.energy(since, until)["total"]
        true = energy_at(simulated.served, until) - energy_at(simulated.served, since)
        assert total["energy_j"] == pytest.approx(true, rel=1e-6)
        assert total["requests_j"] + total["idle_j"] == pytest.approx(true, rel=0.01)
        assert total["usd"] == pytest.approx((until - since) * 1e-3, rel=1e-6)
        assert total["requests_usd"] + total["idle_usd"] == pytest.approx(total["usd"], rel=0.01)
    whole = simulated.energy(group_by="span", limit=500)
    assert whole["total"]["requests"] == len(simulated.served) == len(whole["groups"])
    assert whole["total"]["output_tokens"] == sum(each.answer for each in simulated.served)
    shared = sum(each["energy_j"] for each in whole["groups"])
    assert shared == pytest.approx(whole["total"]["requests_j"], rel=1e-6)
    money = sum(each["usd"] for each in whole["groups"])
    assert money == pytest.approx(whole["total"]["requests_usd"], rel=1e-6)
    # Idle is what the board draws while nobody is there.
    alone = sum(
        not any(each.began <= t / 10 < each.ended for each in simulated.served)
        for t in range(SECONDS * 10)
    )
    assert whole["total"]["idle_j"] == pytest.approx(alone / 10 * IDLE_W, rel=0.1)
    assert whole["total"]["idle_usd"] == pytest.approx(alone / 10 * 1e-3, rel=0.1)


def test_each_request_has_what_it_took(simulated: Simulated) -> None:
    whole = simulated.energy(group_by="span", limit=500)
    found = {each["name"]: each["energy_j"] for each in whole["groups"]}
    errors, dynamic = [], 0.0
    for each, span in zip(simulated.served, simulated.spans, strict=True):
        given = found[f"{span.trace_id.hex()}/{span.span_id.hex()}"]
        # The basic power is shared, too; beside it each has its own.
        errors.append(given - each.joules)
        dynamic += each.joules
    basic = whole["total"]["requests_j"] - dynamic
    assert sum(errors) == pytest.approx(basic, rel=0.01)
    assert all(
        error > -0.2 * each.joules - 20
        for error, each in zip(errors, simulated.served, strict=True)
    )
    # Who has twice the tokens has about twice the energy: the order of requests is right.
    true = sorted(range(len(errors)), key=lambda n: simulated.served[n].joules)
    given = sorted(range(len(errors)), key=lambda n: errors[n] + simulated.served[n].joules)
    places = {n: place for place, n in enumerate(given)}
    moved = sum(abs(places[n] - place) for place, n in enumerate(true)) / len(true)
    assert moved < len(true) * 0.1


def test_features_add_up_and_a_price_can_be_given(simulated: Simulated) -> None:
    found = simulated.energy(group_by="feature", gpu_hour_usd=36)
    assert {each["name"] for each in found["groups"]} == {"f0", "f1", "f2"}
    assert sum(each["energy_j"] for each in found["groups"]) == pytest.approx(
        found["total"]["requests_j"], rel=1e-6
    )
    assert found["total"]["usd"] == pytest.approx(SECONDS * 1e-2, rel=1e-6)
    unpriced = simulated.energy(gpu_hour_usd=0)
    assert unpriced["total"]["usd"] is None
    assert unpriced["groups"][0]["usd"] is None


def test_calls_of_the_same_model_elsewhere_use_nothing_here(simulated: Simulated) -> None:
    elsewhere = otlp.chat_span(
        10, 100_000, {"gen_ai.request.model": simulated.model, "server.address": "api.groq.com"},
        start=simulated.start + 100 * 10**9, duration=10**11,
    )  # fmt: skip
    simulated.service.send(otlp.request(elsewhere))
    simulated.service.settle()
    assert simulated.energy()["total"]["requests"] == len(simulated.served)


def test_what_was_around_a_request(simulated: Simulated) -> None:
    # One in the middle of the crowd.
    waited = [each.began - each.came for each in simulated.served]
    n = max(range(len(waited)), key=waited.__getitem__)
    span, each = simulated.spans[n], simulated.served[n]
    path = f"/api/v1/traces/{span.trace_id.hex()}/spans/{span.span_id.hex()}/engine"
    found = simulated.service.get(path)
    assert found["model"] == simulated.model
    (engine,) = found["engines"]
    assert engine["mean"]["kv_cache_usage"] == pytest.approx(0.95)
    assert engine["peak"]["requests_running"] == 4
    times = [t for t in range(0, SECONDS, 5) if each.began - 10 <= t < each.ended + 10]
    waiting = [sum(e.came <= t < e.began for e in simulated.served) for t in times]
    assert engine["mean"]["requests_waiting"] == pytest.approx(sum(waiting) / len(waiting))
    (board,) = found["gpus"]
    assert board["id"] == f"GPU-{simulated.model}"
    rows = simulated.energy(group_by="span", limit=500)["groups"]
    share = next(r for r in rows if r["name"].endswith(span.span_id.hex()))
    assert found["energy_j"] == pytest.approx(share["energy_j"], rel=0.05)
    assert found["usd"] == pytest.approx(share["usd"], rel=0.05)
    missing = simulated.service.api("GET", path.replace(span.span_id.hex(), "0" * 16))
    assert missing.status_code == 404


def test_unknown_models_and_long_ranges(simulated: Simulated) -> None:
    service = simulated.service
    missing = service.api("GET", "/api/v1/energy", params={"model": "nobody/serves-this"})
    assert missing.status_code == 404
    assert "GET /api/v1/engines" in missing.json()["detail"]
    params = {"model": simulated.model, "start": "2020-01-01T00:00:00Z"}
    long = service.api("GET", "/api/v1/energy", params=params)
    assert long.status_code == 400
    assert "14 days" in long.json()["detail"]
