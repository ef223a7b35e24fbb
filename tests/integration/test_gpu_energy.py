"""What requests have used, against an engine whose every joule is known."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from spanglass_store.queries.energy import CHUNK
from spanglass_store.request_energy import fill
from support import otlp
from support.running import RunningService
from support.simulated_engine import IDLE_W, Served, energy_at, metrics_of, simulate, spans_of
from support.waiting import wait_until

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
    # So long ago that the ten minutes which it touches have ended.
    start = (time.time_ns() // 10**9 - SECONDS - 1_500) * 10**9
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


def filled(simulated: Simulated, spans: int) -> dict[str, float]:
    """Joules of the spans in the table, as soon as so many have some."""
    query = (
        "SELECT span_id, energy_j FROM spans WHERE request_model = {model:String}"
        " AND energy_j IS NOT NULL"
    )

    def rows() -> dict[str, float]:
        found = simulated.service.sql(query, model=simulated.model)
        return {r["span_id"]: r["energy_j"] for r in found} if len(found) == spans else {}

    return wait_until(rows, f"{spans} spans have their energy")


def test_the_table_has_each_requests_energy(simulated: Simulated) -> None:
    service, model = simulated.service, simulated.model
    traces = "SELECT sum(spans) AS n, sum(output_tokens) AS tokens FROM traces WHERE has(models, {m:String})"
    before = service.sql(traces, m=model)
    found = filled(simulated, len(simulated.served))
    true = energy_at(simulated.served, SECONDS)
    total = simulated.energy()["total"]
    assert sum(found.values()) + total["idle_j"] == pytest.approx(true, rel=0.01)
    shares = simulated.energy(group_by="span", limit=500)["groups"]
    for each in shares:
        assert found[each["name"].partition("/")[2]] == pytest.approx(each["energy_j"])
    # And what that has cost, in the span, the trace and the sums.
    paid = {
        f"{r['trace_id']}/{r['span_id']}": r["cost_usd"]
        for r in service.sql(
            "SELECT trace_id, span_id, cost_usd FROM spans WHERE request_model = {m:String}"
            " AND cost_source = 'measured' AND input_cost_usd IS NULL",
            m=model,
        )
    }
    assert paid == {each["name"]: pytest.approx(each["usd"]) for each in shares}
    (cost,) = service.sql(
        "SELECT sum(cost_usd) AS usd FROM traces WHERE has(models, {m:String})", m=model
    )
    assert cost["usd"] == pytest.approx(total["requests_usd"])
    assert cost["usd"] + total["idle_usd"] == pytest.approx(SECONDS * 1e-3, rel=0.01)
    # What is written again is the same span still, and nothing is written that is there.
    assert service.sql(traces, m=model) == before
    wait_until(
        lambda: service.metrics()["spanglass_job_results_total"][("job", "energy"),] >= len(found),
        "the job is done",
    )
    owner = service.owner()
    first = simulated.start // 10**9 // CHUNK
    assert sum(fill(owner, "default", n, n + 1) for n in (first - 1, first + 1)) == 0
    # A call that comes late takes its part from those that were there with it.
    crowd = simulated.served[len(simulated.served) // 2]
    late = otlp.chat_span(
        10, 5_000, {"gen_ai.request.model": model, "server.address": "gpu-node"},
        start=simulated.start + int(crowd.began * 1e9), duration=20 * 10**9,
    )  # fmt: skip
    service.send(otlp.request(late))
    service.settle()
    anew = filled(simulated, len(simulated.served) + 1)
    assert anew[late.span_id.hex()] > 1_000
    assert sum(anew.values()) + simulated.energy()["total"]["idle_j"] == pytest.approx(
        true, rel=0.01
    )
    # The cost of features has it, too.
    day = {"start": simulated.moment(0), "end": simulated.moment(SECONDS), "model": model}
    cost = service.get("/api/v1/cost", group_by="feature", **day)
    assert cost["total"]["energy_j"] == pytest.approx(sum(anew.values()))
    # One that turns out to be the parent of a call has none of its own.
    child = otlp.chat_span(
        10, 5_000, {"gen_ai.request.model": model, "server.address": "gpu-node"},
        trace=late.trace_id, parent=late.span_id,
        start=late.start_time_unix_nano + 10**9, duration=18 * 10**9,
    )  # fmt: skip
    service.send(otlp.request(child))
    service.settle()
    wait_until(lambda: child.span_id.hex() in filled(simulated, len(anew)), "the child has it")


def test_models_on_the_same_boards_share_what_they_use(
    shared_service: RunningService, unique: str
) -> None:
    start = (time.time_ns() // 10**9 - 1_500) * 10**9
    served = [each for each in simulate(120, seed=3) if each.ended < 100]
    parts = {"a": [e for n, e in enumerate(served) if n % 3], "b": served[::3]}
    for name, part in parts.items():
        model, other = f"{unique}-{name}", parts["b" if name == "a" else "a"]
        shared_service.send(otlp.request(*spans_of(part, start, model)))
        bodies = metrics_of(part, start, 110, model, PRICE, f"GPU-{unique}", beside=other)
        for body in bodies:
            shared_service.send(body, path="/v1/metrics")
    shared_service.settle()
    moment = [datetime.fromtimestamp(start / 1e9 + s, UTC).isoformat() for s in (0, 110)]
    answer = shared_service.get("/api/v1/energy", start=moment[0], end=moment[1])
    one, two = [each["total"] for each in answer["deployments"] if each["model"].startswith(unique)]
    true = energy_at(served, 110)
    assert one["energy_j"] == two["energy_j"] == pytest.approx(true, rel=1e-6)
    assert one["others_j"] == pytest.approx(two["requests_j"], rel=1e-6)
    assert one["requests_j"] + one["others_j"] + one["idle_j"] == pytest.approx(true, rel=1e-6)
    assert 0.2 < two["requests_j"] / (one["requests_j"] + two["requests_j"]) < 0.5


def test_requests_that_nobody_traced_have_their_part(simulated: Simulated, unique: str) -> None:
    service, served = simulated.service, simulated.served
    kept = simulated.spans[::3]
    spans = [
        each
        for n, each in enumerate(spans_of(served, simulated.start, unique))
        if n % 3 == 0
    ]  # fmt: skip
    service.send(otlp.request(*spans))
    for body in metrics_of(served, simulated.start, SECONDS, unique, PRICE):
        service.send(body, path="/v1/metrics")
    service.settle()
    every = simulated.energy(group_by="span", limit=500)
    some = Simulated(service, unique, simulated.start, served, spans).energy(
        group_by="span", limit=500
    )
    total = some["total"]
    true = energy_at(served, SECONDS)
    assert total["energy_j"] == pytest.approx(true, rel=1e-6)
    parts = ("requests", "others", "untraced", "idle")
    assert sum(total[f"{part}_j"] for part in parts) == pytest.approx(true, rel=1e-6)
    assert sum(total[f"{part}_usd"] for part in parts) == pytest.approx(SECONDS * 1e-3, rel=1e-6)
    # Those that were traced have what they have where all were, and not what the others took.
    used = {each["name"].partition("/")[2]: each["energy_j"] for each in every["groups"]}
    true_of_kept = sum(used[each.span_id.hex()] for each in kept)
    assert total["requests_j"] == pytest.approx(true_of_kept, rel=0.15)
    assert every["total"]["untraced_j"] == 0 < 1.5 * total["requests_j"] < total["untraced_j"]
    # What was measured gives way to a price of tokens, and not to one of hours.
    query = (
        "SELECT cost_source, count() AS n, sum(cost_usd) AS usd FROM spans"
        " WHERE request_model = {m:String} GROUP BY cost_source"
    )

    def costs() -> list[tuple[str, int, float]]:
        found = service.sql(query, m=unique)
        return [(row["cost_source"], row["n"], pytest.approx(row["usd"])) for row in found]

    measured = [("measured", len(spans), total["requests_usd"])]
    wait_until(lambda: costs() == measured, "all are measured")
    service.cli("prices", "set", unique, "--gpu-hour", "2", "--recompute")
    assert costs() == measured
    service.cli("prices", "unset", unique)
    service.cli("prices", "set", unique, "--output", "5", "--recompute")
    usd = 5e-6 * sum(each.answer for each in served[::3])
    assert costs() == [("priced", len(spans), usd)]
    (trace,) = service.sql(
        "SELECT sum(cost_usd) AS usd FROM traces WHERE has(models, {m:String})", m=unique
    )
    assert trace["usd"] == pytest.approx(usd)


def test_unknown_models_and_long_ranges(simulated: Simulated) -> None:
    service = simulated.service
    missing = service.api("GET", "/api/v1/energy", params={"model": "nobody/serves-this"})
    assert missing.status_code == 404
    assert "GET /api/v1/engines" in missing.json()["detail"]
    params = {"model": simulated.model, "start": "2020-01-01T00:00:00Z"}
    long = service.api("GET", "/api/v1/energy", params=params)
    assert long.status_code == 400
    assert "14 days" in long.json()["detail"]
