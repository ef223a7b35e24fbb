"""The overview's figures, against what was sent."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spanglass_store.queries.overview import MOST_STEPS, step_of
from support import otlp
from support.running import RunningService

HOUR = 3_600_000_000_000


def at(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat()


def ask(running: RunningService, **query: Any) -> dict[str, Any]:
    response = running.api("GET", "/api/v1/overview", params=query)
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_a_range_beside_the_one_before_it(service: RunningService, unique: str) -> None:
    now = time.time_ns() // HOUR * HOUR
    spans = []
    # Four requests an hour ago, one of which fails in its call; one two hours ago.
    for n, (start, seconds) in enumerate(
        [(now - HOUR + 1, 1), (now - HOUR + 2, 2), (now - HOUR // 2, 3), (now - 1, 4), (now - HOUR - 1, 9)]
    ):  # fmt: skip
        trace, root = otlp.trace_id(), otlp.span_id()
        agent, call = otlp.span_id(), otlp.span_id()
        usage: dict[str, Any] = {
            "gen_ai.response.time_to_first_chunk": 0.1 * (n + 1),
            "spanglass.cost": 0,
        }
        spans += [
            otlp.span(trace=trace, id=root, start=start, duration=seconds * 10**9),
            # It repeats what its call used.
            otlp.chat_span(100, 10, usage, trace=trace, id=agent, parent=root, start=start),
            otlp.chat_span(
                100, 10, usage, trace=trace, id=call, parent=agent, start=start,
                error="no" if n == 2 else None,
            ),
        ]  # fmt: skip
    service.send(otlp.request(*spans, service=unique))
    service.settle()
    found = ask(service, start=at(now - HOUR), end=at(now), service=unique)
    total, before = found["total"], found["before"]
    assert (total["requests"], total["failed"]) == (4, 1)
    assert (total["calls"], total["failed_calls"]) == (4, 1)
    assert (total["input_tokens"], total["output_tokens"]) == (400, 40)
    assert 1 <= total["duration_p50_s"] <= 3
    assert 3 <= total["duration_p95_s"] <= 4
    assert total["first_token_p50_s"] == pytest.approx(0.25, abs=0.1)
    assert (before["requests"], before["failed"], before["calls"]) == (1, 0, 1)
    assert before["duration_p95_s"] == pytest.approx(9)
    assert found["step_s"] == 60
    assert len(found["series"]) == 60
    assert [step["requests"] for step in found["series"]] == [2] + [0] * 29 + [1] + [0] * 28 + [1]
    assert found["series"][1]["duration_p95_s"] is None
    assert datetime.fromisoformat(found["series"][0]["time"]).timestamp() * 10**9 == now - HOUR
    [model] = found["models"]
    assert (model["model"], model["provider"], model["calls"]) == ("gpt-4o-mini", "openai", 4)
    assert model["failed_calls"] == 1


def test_no_more_requests_fail_than_there_are(service: RunningService, unique: str) -> None:
    """Traces without a root, and one whose call fails in another step than it began in."""
    now = time.time_ns() // HOUR * HOUR
    spans = [
        otlp.chat_span(1, 1, parent=otlp.span_id(), start=now - HOUR // 2, error="no")
        for _ in range(5)
    ]
    trace, root = otlp.trace_id(), otlp.span_id()
    spans += [
        otlp.span(trace=trace, id=root, start=now - HOUR // 2),
        otlp.chat_span(1, 1, trace=trace, parent=root, start=now - HOUR // 4, error="no"),
        otlp.span(start=now - HOUR // 2),
    ]
    service.send(otlp.request(*spans, service=unique))
    service.settle()
    found = ask(service, start=at(now - HOUR), end=at(now), service=unique)
    assert (found["total"]["requests"], found["total"]["failed"]) == (2, 1)
    assert (found["total"]["calls"], found["total"]["failed_calls"]) == (6, 6)
    steps = [(step["requests"], step["failed"]) for step in found["series"] if step["calls"]]
    assert steps == [(2, 1), (0, 0)]


def test_scores_are_means_by_name(service: RunningService, unique: str) -> None:
    # Only names with the most scores are listed, and others' tests give scores too.
    start = at(time.time_ns())
    for value in (0, 1, 1, 1):
        given = {"name": unique, "value": value, "session_id": "s"}
        assert service.api("POST", "/api/v1/scores", json=given).status_code == 201
    words = {"name": unique + " words", "label": "good", "session_id": "s"}
    assert service.api("POST", "/api/v1/scores", json=words).status_code == 201
    found = {each["name"]: each for each in ask(service, start=start)["scores"]}
    assert found[unique] == {"name": unique, "count": 4, "mean": 0.75, "before": None}
    assert unique + " words" not in found


def test_nothing_at_all(service: RunningService) -> None:
    found = ask(service, start="1970-01-01T00:00:00Z", end="1970-01-02T00:00:00Z")
    assert found["total"] == found["before"]
    assert found["total"]["requests"] == 0
    assert found["total"]["duration_p95_s"] is None
    assert (found["models"], found["scores"], len(found["series"])) == ([], [], 96)


@pytest.mark.parametrize("days", [0, 1 / 1440, 0.04, 1, 7, 31, 400, 40_000])
def test_a_range_has_few_steps(days: float) -> None:
    start = datetime(1971, 1, 1, tzinfo=UTC)
    step = step_of(start, start + timedelta(days=days))
    assert days * 86_400 / step <= MOST_STEPS
    assert step >= 60
