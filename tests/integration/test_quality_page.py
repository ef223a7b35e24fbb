"""What the page of quality asks: changes, distributions, the worst, and who agrees with whom."""

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support import otlp
from support.running import RunningService

HOUR = timedelta(hours=1)


class Judged:
    """Two hours of calls with scores: worse in the second, by one of two models."""

    def __init__(self, running: RunningService, name: str) -> None:
        self.running, self.name = running, name
        self.end = datetime.fromtimestamp(time.time() // 60 * 60, UTC)
        self.start = self.end - HOUR
        rng = random.Random(3)
        self.spans: list[Any] = []
        self.scores: list[dict[str, Any]] = []
        for n in range(120):
            at = self.end - 2 * HOUR + n * timedelta(minutes=1) + timedelta(seconds=1)
            model = f"{name}-{n % 2}"
            span = otlp.chat_span(
                attrs={
                    "gen_ai.request.model": model, "gen_ai.prompt.name": name,
                    "gen_ai.prompt.version": "7",
                },
                start=int(at.timestamp() * 1e9),
            )  # fmt: skip
            self.spans.append(span)
            worse = n >= 60 and n % 2
            value = rng.uniform(0.7, 0.9) - (0.4 if worse else 0)
            of = {"trace_id": span.trace_id.hex(), "span_id": span.span_id.hex()}
            self.scores.append(
                {**of, "name": name, "value": value, "label": "low" if value < 0.5 else "",
                 "source": "detector", "evaluator": "e@1", "explanation": f"evidence {n}",
                 "at": at}
            )  # fmt: skip
        self.running.send(otlp.request(*self.spans, service=name))
        self.running.settle()
        add(running, self.scores)

    def ask(self, path: str, **query: Any) -> dict[str, Any]:
        given = {"start": self.start.isoformat(), "end": self.end.isoformat(), "name": self.name}
        return self.running.get(f"/api/v1/quality/{path}", **(given | query))


def add(running: RunningService, scores: list[dict[str, Any]]) -> None:
    """Stores scores of a given time, which the API has no field for: as jobs do."""
    from spanglass_store.queries.scores import Score, add_scores

    rows = [
        Score(project="default", created_at=each["at"], **{k: v for k, v in each.items() if k != "at"})
        for each in scores
    ]  # fmt: skip
    store = running.owner()
    add_scores(store, rows)
    store.close()


@pytest.fixture(scope="module")
def judged(shared_service: RunningService) -> Judged:
    return Judged(shared_service, f"quality-{time.time_ns()}")


def test_a_score_beside_the_range_before(judged: Judged) -> None:
    found = judged.ask("changes")
    (all_of,) = found["items"]
    assert (all_of["before"]["n"], all_of["after"]["n"]) == (60, 60)
    assert all_of["statistic"] == "mean"
    values = [each["value"] for each in judged.scores]
    expected = sum(values[60:]) / 60 - sum(values[:60]) / 60
    assert all_of["difference"] == pytest.approx(expected)
    assert all_of["low"] < expected < all_of["high"] < 0
    assert all_of["is_clear"]
    assert all_of["p"] < 0.001
    assert sum(all_of["counts"]) == 60
    assert len(found["times"]) == len(all_of["means"]) == 60
    assert all_of["after"]["flagged"] == sum(all_of["flagged"]) == 30
    by_model = judged.ask("changes", group_by="model")["items"]
    same, worse = sorted(by_model, key=lambda each: -each["difference"])
    assert same["group"] == {"model": f"{judged.name}-0"}
    assert not same["is_clear"]
    assert worse["difference"] == pytest.approx(-0.4, abs=0.05)
    (prompt,) = judged.ask("changes", group_by="prompt_version")["items"]
    assert prompt["group"] == {"prompt_version": f"{judged.name}:7"}
    (one,) = judged.ask("changes", model=f"{judged.name}-1")["items"]
    assert one["after"]["n"] == 30


def test_shares_and_too_few(service: RunningService, unique: str) -> None:
    now = datetime.now(UTC)
    scores = [
        {"session_id": unique, "name": unique, "value": float(n % 4 == 0), "source": "user",
         "at": now - n * timedelta(minutes=1)}
        for n in range(120)
    ]  # fmt: skip
    scores += [
        {"session_id": unique, "name": f"{unique} few", "value": 0.5, "at": now} for _ in range(3)
    ]
    scores += [{"session_id": unique, "name": f"{unique} words", "label": "good", "at": now}]
    add(service, scores)
    ask = {
        "start": (now - HOUR + timedelta(seconds=30)).isoformat(),
        "end": (now + HOUR).isoformat(),
    }
    found = {
        each["name"]: each
        for each in service.get("/api/v1/quality/changes", limit=500, **ask)["items"]
    }
    share = found[unique]
    assert (share["statistic"], share["after"]["mean"]) == ("share", 0.25)
    assert found[f"{unique} few"]["difference"] is None
    assert found[f"{unique} words"]["after"]["mean"] is None
    spread = service.get("/api/v1/quality/distribution", name=f"{unique} words", **ask)
    assert spread["values"]["edges"] == []
    assert (spread["labels"]["labels"], spread["labels"]["current"]) == (["good"], [1])


def test_how_values_are_spread(judged: Judged) -> None:
    found = judged.ask("distribution")
    values, labels = found["values"], found["labels"]
    assert values["edges"] == pytest.approx([n / 20 for n in range(21)])
    assert sum(values["current"]) == pytest.approx(1)
    assert (values["n_reference"], values["n_current"]) == (60, 60)
    # The worse ones lie between 0.3 and 0.5, in the range alone.
    assert sum(values["reference"][:12]) == 0
    assert sum(values["current"][:10]) == pytest.approx(0.5)
    assert labels["labels"] == ["", "low"]
    assert labels["current"] == [0.5, 0.5]


def test_the_worst_come_first_with_their_evidence(judged: Judged) -> None:
    worst = sorted(judged.scores[60:], key=lambda each: each["value"])
    first = judged.ask("examples", limit=40)
    again = judged.ask("examples", limit=40, cursor=first["next"])
    assert again["next"] == ""
    shown = [*first["items"], *again["items"]]
    assert [each["value"] for each in shown] == [each["value"] for each in worst]
    assert shown[0]["explanation"] == worst[0]["explanation"]
    assert shown[0]["span"] == {
        "name": "chat gpt-4o-mini", "operation": "chat", "service": judged.name,
        "environment": "", "model": f"{judged.name}-1", "prompt_version": f"{judged.name}:7",
    }  # fmt: skip
    assert [
        each["value"] for each in judged.ask("examples", order="highest", limit=1)["items"]
    ] == [worst[-1]["value"]]
    flagged = judged.ask("examples", flagged=True, limit=200)["items"]
    assert len(flagged) == len(judged.ask("examples", label="low", limit=200)["items"]) == 30
    answer = judged.running.api(
        "GET", "/api/v1/quality/examples", params={"name": judged.name, "cursor": first["next"][:9]}
    )
    assert answer.status_code == 400


def test_who_may_not_read_payload_gets_no_evidence(launch: Any, unique: str) -> None:
    running = launch()
    add(
        running,
        [{"session_id": unique, "name": unique, "value": 0.0, "explanation": "a secret",
          "correction": "told", "at": datetime.now(UTC)}],
    )  # fmt: skip
    for granted in (False, True):
        key = running.key("read", payload=granted)
        answer = running.http.get(
            f"{running.web}/api/v1/quality/examples?name={unique}",
            headers={"authorization": f"Bearer {key}"},
        )
        assert answer.status_code == 200
        assert ("a secret" in answer.text) is granted
        assert ("told" in answer.text) is granted


def test_people_beside_machines(judged: Judged) -> None:
    name, people = judged.name, f"{judged.name} people"
    given = []
    # People agree in four of five: of what is below a half they say so.
    for n, each in enumerate(judged.scores[60:]):
        seen = each["value"] >= 0.5
        given.append({
            "trace_id": each["trace_id"], "span_id": each["span_id"], "name": name,
            "source": "human", "evaluator": f"reviewer-{n % 2}", "at": datetime.now(UTC),
            "value": float(seen if n % 5 else not seen),
        })  # fmt: skip
    whole = [
        {**each, "name": people, "span_id": "", "value": None, "label": "good"} for each in given
    ]
    add(judged.running, given + whole)
    end = (judged.end + HOUR).isoformat()
    (found,) = judged.ask("agreement", end=end)["items"]
    assert (found["n"], found["people"], found["evaluator"]) == (60, 2, "e@1")
    assert found["agreement"] == pytest.approx(0.8)
    assert found["kappa_of"] == "cut at 0.5"
    kappa = found["kappa"]
    assert kappa["value"] == pytest.approx(0.6, abs=0.02)
    assert kappa["low"] < kappa["value"] < kappa["high"]
    assert (kappa["n"], found["alpha"]["n"]) == (60, 60)
    assert found["alpha_people"] is None
    worst = found["disagreements"][0]
    assert {worst["people"], float(worst["machine"]) >= 0.5} in ({"0", True}, {"1", False})
    # Of whole traces, under another name: labels beside labels.
    (beside,) = judged.ask("agreement", end=end, beside=people, per="trace")["items"]
    assert (beside["n"], beside["kappa_of"]) == (60, "categories")
    assert judged.ask("agreement", end=end, beside=people)["items"] == []
    answer = judged.running.api("GET", "/api/v1/quality/agreement", params={"beside": "x"})
    assert answer.status_code == 400
