"""Savings: traffic in which they are planted, and traffic in which there are none."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support import otlp
from support.running import RunningService
from support.savings import DAY_S, DAYS, Simulation, hour_s
from support.waiting import wait_until

#: What is planted, with the feature or node that it is planted in.
KINDS = {
    "answer_cache": "faq", "unused_tools": "search", "repeated_calls": "extract",
    "failed_calls": "extract", "agent_loops": "agent", "model_routing": "summary",
    "idle_gpus": "node", "prompt_cache": "contract", "cache_writes": "report",
    "batch_price": "digest", "near_duplicates": "helpdesk",
    "long_history": "chatbot",
}  # fmt: skip
FEATURES = {
    "faq",
    "search",
    "extract",
    "agent",
    "summary",
    "contract",
    "report",
    "digest",
    "helpdesk",
    "chatbot",
}
SEEDS = (3, 11)


@dataclass
class Weeks:
    """A service, and the weeks that were sent to it."""

    running: RunningService
    wasteful: dict[int, Simulation]
    frugal: Simulation
    lone: float
    plain: float
    unpriced: float
    gone: float

    def advice(self, start_s: float, days: float = DAYS, key: str | None = None) -> dict[str, Any]:
        moments = [datetime.fromtimestamp(start_s + n * DAY_S, UTC).isoformat() for n in (0, days)]
        query = {"start": moments[0], "end": moments[1], "wait": 60}
        answer = self.running.get("/api/v1/advice", key, **query)
        assert answer["state"] == "done"
        return dict(answer["advice"])


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weeks]:
    folder = tmp_path_factory.mktemp("savings") / "data"
    with RunningService(folder, "--retention-days", "90") as running:
        wasteful = {}
        for number, seed in enumerate(SEEDS):
            week = Simulation(seed, hour_s(10 * number), wasteful=True).run().send(running)
            week.send_boards(running, "node", week.rng.uniform(0.2, 0.7))
            wasteful[seed] = week
        frugal = Simulation(5, hour_s(20), wasteful=False).run().send(running)
        frugal.send_boards(running, "node", 0.0)
        lone, plain, unpriced, gone = hour_s(40), hour_s(47), hour_s(54), hour_s(75)
        for start, days, attrs in (
            (lone, 2, {"user.id": "u"}),
            (plain, 7, {"user.id": "u"}),
            (unpriced, 7, {"gen_ai.request.model": "nobodys"}),
        ):
            running.send(_hourly(start, days, attrs))
        # A model that answered for some days, and then no more.
        running.send(_hourly(gone, 7, {"gen_ai.request.model": "gpt-4o"}))
        running.send(_hourly(gone, 4, {}))
        running.settle()
        running.settle("metrics")
        wait_until(
            lambda: (
                not running.sql(
                    "SELECT span_id FROM spans WHERE operation = 'chat' AND cost_source = 'unknown'"
                    " AND request_model != 'nobodys'"
                )
            ),
            "every call has its cost",
        )
        yield Weeks(running, wasteful, frugal, lone, plain, unpriced, gone)


def _hourly(start_s: float, days: int, attrs: dict[str, str]) -> ExportTraceServiceRequest:
    """A call an hour, of which neither prompt nor answer is recorded."""
    moments = range(0, days * DAY_S, 3_600)
    return otlp.request(
        *(otlp.chat_span(100, 10, attrs, start=int((start_s + n) * 1e9)) for n in moments)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_planted_is_found_with_its_size(weeks: Weeks, seed: int) -> None:
    week = weeks.wasteful[seed]
    advice = weeks.advice(week.start_s)
    assert advice["days"] == DAYS
    found = {
        (each["kind"], where): each
        for each in advice["findings"]
        for where in each["scope"].values()
        if where in {*FEATURES, "node"}
    }
    # The tools that nobody calls are a long beginning, too.
    assert set(found) == {*KINDS.items(), ("prompt_cache", "search")}, advice
    for kind, where in KINDS.items():
        saving, planted = found[kind, where]["saving"], week.planted.month(kind, where)
        assert saving["low"] <= planted <= saving["high"], (kind, planted, saving)
        assert saving["usd_month"] == pytest.approx(planted, rel=0.25), kind


def test_evidence_can_be_looked_at(weeks: Weeks) -> None:
    for each in weeks.advice(weeks.wasteful[SEEDS[0]].start_s)["findings"]:
        rows = weeks.running.sql(each["evidence"]["sql"])
        assert rows, each["kind"]
        for trace in each["evidence"]["examples"]:
            assert weeks.running.trace(bytes.fromhex(trace))
        assert each["evidence"]["examples"] or each["kind"] in ("idle_gpus", "prompt_cache")
    ranked = weeks.advice(weeks.wasteful[SEEDS[0]].start_s)["findings"]
    assert ranked[0]["confidence"] == "high"


def test_where_nothing_is_planted_nothing_is_claimed(weeks: Weeks) -> None:
    advice = weeks.advice(weeks.frugal.start_s)
    assert advice["findings"] == []
    assert set(advice["nothing"]) == {*KINDS, "prompt_order"}, advice
    assert advice["spend_usd_month"] > 0


def because(advice: dict[str, Any]) -> str:
    assert advice["findings"] == []
    return "; ".join(f"{each['kind']}: {each['because']}" for each in advice["cant_say"])


def test_what_cant_be_said_is_said_with_what_to_turn_on(weeks: Weeks) -> None:
    assert "calls of 2 days" in because(weeks.advice(weeks.lone))
    assert "no call of a model is recorded" in because(weeks.advice(hour_s(66)))
    # Where nobody watched boards, and one user asked everything without a prompt being recorded.
    said = because(weeks.advice(weeks.plain))
    for reason in (
        "answer_cache: no call has a whole prompt", "idle_gpus: no GPU hour is recorded",
        "unused_tools: no call says which tools", "model_routing: one user makes 100%",
    ):  # fmt: skip
        assert reason in said
    assert "no price of its models is known" in because(weeks.advice(weeks.unpriced))
    advice = weeks.advice(weeks.gone)
    assert "gpt-4o-mini is cheaper" in because(advice)
    assert "it may be gone" in because(advice)
    assert all(each["turn_on"] for each in advice["cant_say"])


def test_a_key_without_payload_gets_the_rest(weeks: Weeks) -> None:
    week = weeks.wasteful[SEEDS[0]]
    advice = weeks.advice(week.start_s, key=weeks.running.key("read", payload=False))
    assert {each["kind"] for each in advice["findings"]} == {
        "failed_calls", "model_routing", "idle_gpus", "cache_writes", "batch_price",
    }  # fmt: skip
    assert "may not read prompts" in advice["cant_say"][0]["because"]


def test_the_command_says_the_same(weeks: Weeks) -> None:
    week = weeks.wasteful[SEEDS[0]]
    begin, end = (
        datetime.fromtimestamp(week.start_s + n * DAY_S, UTC).isoformat() for n in (0, DAYS)
    )
    done = weeks.running.cli("advise", "--from", begin, "--to", end)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    for each in weeks.advice(week.start_s)["findings"]:
        assert each["title"] in text
        assert f"${each['saving']['low']:,.2f} to ${each['saving']['high']:,.2f}" in text
    wrong = weeks.running.cli("advise", "--from", "90d")
    assert wrong.returncode == 1
    assert b"31 days at most" in wrong.stderr


def moments_of(start_s: float, *days: float) -> list[str]:
    return [datetime.fromtimestamp(start_s + n * DAY_S, UTC).isoformat() for n in days]


def test_why_more_was_spent_adds_up(weeks: Weeks) -> None:
    week = weeks.wasteful[SEEDS[0]]
    start, middle, end = moments_of(week.start_s, 1, 3, 7)
    query = {
        "start": middle, "end": end, "before_start": start, "before_end": middle,
        "group_by": "feature",
    }  # fmt: skip
    found = weeks.running.get("/api/v1/cost/changes", **query)
    total = found["total"]
    for name, (since, until) in {"before": (start, middle), "after": (middle, end)}.items():
        spent = weeks.running.get("/api/v1/cost", start=since, end=until)["total"]["cost_usd"]
        assert total[name] == pytest.approx(spent)
    factors = ("volume", "mix", "length", "price")
    for each in (total, *found["groups"]):
        change = each["after"] - each["before"]
        assert sum(each[name] for name in factors) == pytest.approx(change, abs=1e-9)
    assert sum(found["cents"].values()) == round(100 * (total["after"] - total["before"]))
    # Four days against two, at the same prices.
    assert total["volume"] > 0.5 * total["before"]
    assert abs(total["price"]) < 1e-6
    assert {each["name"] for each in found["groups"]} == FEATURES  # fmt: skip


def test_the_month_and_what_things_cost(weeks: Weeks) -> None:
    found = weeks.running.get("/api/v1/cost/forecast")
    assert found["low_usd"] <= found["expected_usd"] <= found["high_usd"]
    assert found["spent_usd"] <= found["low_usd"]
    start, end = moments_of(weeks.wasteful[SEEDS[0]].start_s, 0, 7)
    answer = weeks.running.get("/api/v1/cost/units", start=start, end=end)
    units = {each["name"]: each for each in answer["units"]}
    assert units["users"]["count"] == 50
    assert units["features"]["count"] == len(FEATURES)
    assert units["gpu_hours"]["count"] > 0
    assert units["successful_tasks"] == {"name": "successful_tasks", "count": None, "usd": None}
    assert units["calls"]["usd"] * units["calls"]["count"] == pytest.approx(answer["usd"])


def test_a_providers_file_and_a_report(weeks: Weeks, tmp_path: Path) -> None:
    start, end = moments_of(weeks.plain // DAY_S * DAY_S, 1, 3)
    query = {"start": start, "end": end, "group_by": "model", "interval": "day"}
    (ours,) = weeks.running.get("/api/v1/cost", **query)["groups"]
    lines = ["Day,Model,Tokens,Cost"] + [
        # Twice as many calls, each at a half more.
        f"{step['time'][:10]},{ours['name']},{2 * step['input_tokens']},{3 * step['cost_usd']}"
        for step in ours["series"]
    ]
    file = tmp_path / "usage.csv"
    file.write_text("\n".join(lines))
    columns = "date=Day,model=Model,cost=Cost,input=Tokens"
    done = weeks.running.cli("cost", "compare", file, "--map", columns, "--format", "json")
    assert done.returncode == 0, done.stderr
    (total,) = [each for each in json.loads(done.stdout) if each["day"] == "all"]
    spent = ours["cost_usd"]
    assert total["file"] == pytest.approx(3 * spent)
    assert total["recorded"] == pytest.approx(spent)
    assert total["not on both sides"] == pytest.approx(spent)
    assert total["price"] == pytest.approx(spent)
    wrong = weeks.running.cli("cost", "compare", file, "--map", "date=Day")
    assert wrong.returncode == 1
    assert b"which column is model and cost" in wrong.stderr
    week = weeks.wasteful[SEEDS[0]]
    start, end = moments_of(week.start_s, 0, 7)
    report = weeks.running.cli("cost", "showback", "--by", "feature", "--from", start, "--to", end)
    rows = list(csv.DictReader(report.stdout.decode().splitlines()))
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1, abs=1e-4)
    assert {row["feature"] for row in rows} == FEATURES


def test_the_same_traffic_on_gpus_of_ones_own(weeks: Weeks) -> None:
    start, end = moments_of(weeks.wasteful[SEEDS[0]].start_s, 0, 7)
    spent = weeks.running.get("/api/v1/cost", start=start, end=end, model="gpt-4o")["total"]
    done = weeks.running.cli(
        "advise", "selfhost", "--gpu-hour-usd", "2", "--tokens-per-second", "1000", "--model",
        "gpt-4o", "--from", start, "--to", end, "--places", "8", "--format", "json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["api_usd_month"] == pytest.approx(spent["cost_usd"] / 7 * 30.4375)
    assert found["calls"] == spent["calls"]
    assert found["own_usd_month"] == pytest.approx(2 * 24 * 30.4375 * found["replicas"])
    assert found["assumptions"]["most_busy"] == 0.6
    assert found["simulated_days"] == 7
    assert {each["name"] for each in found["policies"]} == {
        "at least one", "down to none", "at least two",
    }  # fmt: skip
    answer = weeks.running.api(
        "GET", "/api/v1/advice/selfhost",
        params={"gpu_hour_usd": 2, "tokens_per_second": 9, "model": "none", "start": start,
                "end": end},
    )  # fmt: skip
    assert answer.status_code == 400
    assert "no tokens" in answer.json()["detail"]
