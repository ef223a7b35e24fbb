"""Conversations and users: lists with their sums and opinions, and a session as a thread."""

import json
import time
from typing import Any

import pytest

from support import otlp
from support.running import RunningService

MINUTE = 60 * 10**9


class Talks:
    """Three sessions of two users; `alpha` has three turns, of which the second fails."""

    def __init__(self, running: RunningService, name: str) -> None:
        self.running, self.name = running, name
        self.began = time.time_ns() // MINUTE * MINUTE - 60 * MINUTE
        self.traces: dict[str, list[Any]] = {}
        spans = []
        for session, user, minutes in (
            ("alpha/1", "ana", (0, 2, 5)), ("beta", "ana", (1,)), ("gamma", "ben", (3, 4)),
        ):  # fmt: skip
            for turn, minute in enumerate(minutes):
                spans += self._turn(session, user, turn, self.began + minute * MINUTE)
        running.send(otlp.request(*spans, service=name))
        running.settle()
        self.score(
            "alpha/1", 0, name="user_feedback", value=0, source="user", explanation="Not it."
        )
        self.score("alpha/1", 2, name="user_feedback", value=1, source="user")
        self.score(
            "alpha/1", 1, name="groundedness", value=0.2, label="ungrounded", source="detector"
        )
        self.score("gamma", 0, name="user_feedback", value=1, source="user")
        self.post(name="user_feedback", value=1, source="user", session_id=self.id("beta"))

    def id(self, session: str) -> str:
        return f"{self.name} {session}"

    def _turn(self, session: str, user: str, turn: int, start: int) -> list[Any]:
        trace, root = otlp.trace_id(), otlp.span_id()
        about = {"session.id": self.id(session), "user.id": f"{self.name} {user}"}
        question, answer = f"question {turn} of {session}", f"answer {turn} of {session}"
        history = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
        said = [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
        call = {
            **about, "gen_ai.input.messages": json.dumps(history), "spanglass.cost": 0.5,
            "gen_ai.output.messages": json.dumps(said),
        }  # fmt: skip
        # Of gamma the root says nothing itself: its call does.
        shown = {"input.value": question, "output.value": answer} if session != "gamma" else {}
        self.traces.setdefault(session, []).append(trace)
        return [
            otlp.span("ask", trace=trace, id=root, start=start, duration=MINUTE, attrs=about | shown),
            otlp.chat_span(
                100, 10, call, trace=trace, parent=root, start=start + 1,
                error="no" if (session, turn) == ("alpha/1", 1) else None,
            ),
        ]  # fmt: skip

    def score(self, session: str, turn: int, **fields: Any) -> None:
        self.post(trace_id=self.traces[session][turn].hex(), **fields)

    def post(self, **fields: Any) -> None:
        assert self.running.api("POST", "/api/v1/scores", json=fields).status_code == 201

    def rows(self, what: str = "conversations", **query: Any) -> list[dict[str, Any]]:
        found = self.running.get(f"/api/v1/{what}", service=self.name, **query)
        items: list[dict[str, Any]] = found["items"]
        return items

    def names(self, what: str = "conversations", **query: Any) -> list[str]:
        key = "session_id" if what == "conversations" else "user_id"
        return [each[key].removeprefix(f"{self.name} ") for each in self.rows(what, **query)]


@pytest.fixture(scope="module")
def talks(shared_service: RunningService) -> Talks:
    return Talks(shared_service, f"talks-{time.time_ns()}")


def test_sessions_with_their_sums(talks: Talks) -> None:
    assert talks.names() == ["alpha/1", "gamma", "beta"]
    alpha, gamma, beta = talks.rows()
    assert (alpha["turns"], alpha["errors"], alpha["name"]) == (3, 1, "ask")
    assert alpha["duration_ns"] == 6 * MINUTE
    assert (alpha["input_tokens"], alpha["output_tokens"], alpha["total_tokens"]) == (300, 30, 330)
    assert alpha["users"] == [f"{talks.name} ana"]
    assert (alpha["models"], alpha["services"]) == (["gpt-4o-mini"], [talks.name])
    assert (alpha["liked"], alpha["disliked"], alpha["flagged"]) == (1, 1, 1)
    assert alpha["groundedness"] == pytest.approx(0.2)
    assert (beta["liked"], gamma["liked"], gamma["disliked"], gamma["flagged"]) == (1, 1, 0, 0)
    assert gamma["groundedness"] is None


def test_they_are_sorted_filtered_and_paged(talks: Talks) -> None:
    assert talks.names(sort="turns") == ["alpha/1", "gamma", "beta"]
    assert talks.names(sort="cost", order="asc") == ["beta", "gamma", "alpha/1"]
    # A session that has what is asked for is summed up whole.
    (failed,) = talks.rows(status="error")
    assert failed["turns"] == 3
    assert talks.names(feedback="down") == ["alpha/1"]
    assert sorted(talks.names(feedback="up")) == ["alpha/1", "beta", "gamma"]
    assert talks.names(user_id=f"{talks.name} ben") == ["gamma"]
    assert talks.names(session_id=talks.id("beta")) == ["beta"]
    assert talks.names(model="other") == []
    for sort in ("last", "turns", "duration", "tokens", "cost", "errors", "sessions"):
        seen, cursor = [], ""
        for _ in range(3):
            page = talks.running.get(
                "/api/v1/conversations", service=talks.name, sort=sort, limit=1, cursor=cursor
            )
            seen += [each["session_id"] for each in page["items"]]
            cursor = page["next"]
        assert (len(set(seen)), cursor) == (3, "")
    for cursor in ("x", "eyJ9", page["next"] + "!"):
        answer = talks.running.api("GET", "/api/v1/users", params={"cursor": cursor})
        assert answer.status_code == 400


def test_users(talks: Talks) -> None:
    assert talks.names("users") == ["ana", "ben"]
    ana, ben = talks.rows("users")
    assert (ana["sessions"], ana["turns"], ana["errors"]) == (2, 4, 1)
    assert (ben["sessions"], ben["turns"], ben["total_tokens"]) == (1, 2, 220)
    assert (ana["liked"], ana["disliked"], ana["flagged"]) == (1, 1, 1)
    assert talks.names("users", sort="sessions", order="asc") == ["ben", "ana"]
    assert talks.names("users", feedback="down") == ["ana"]


def test_a_session_is_a_thread(talks: Talks) -> None:
    path = f"/api/v1/conversations/{talks.id('alpha/1')}"
    found = talks.running.get(path)
    assert (found["about"]["turns"], found["payload"], found["next"]) == (3, True, "")
    turns = found["turns"]
    assert [each["trace_id"] for each in turns] == [each.hex() for each in talks.traces["alpha/1"]]
    assert [each["status"] for each in turns] == ["ok", "error", "ok"]
    assert [each["said"]["input"] for each in turns] == [
        f"question {n} of alpha/1" for n in range(3)
    ]
    assert turns[0]["said"]["output"] == "answer 0 of alpha/1"
    assert [each["name"] for each in turns[0]["scores"]] == ["user_feedback"]
    assert turns[0]["scores"][0]["explanation"] == "Not it."
    assert turns[1]["scores"][0]["label"] == "ungrounded"
    first = talks.running.get(path, limit=2)
    rest = talks.running.get(path, limit=2, cursor=first["next"])
    assert [each["trace_id"] for each in first["turns"] + rest["turns"]] == [
        each["trace_id"] for each in turns
    ]
    # Where the root says nothing, the call of the model does.
    gamma = talks.running.get(f"/api/v1/conversations/{talks.id('gamma')}")
    assert gamma["turns"][1]["said"]["output_key"] == "gen_ai.output.messages"
    assert "answer 1 of gamma" in gamma["turns"][1]["said"]["output"]
    beta = talks.running.get(f"/api/v1/conversations/{talks.id('beta')}")
    assert [each["value"] for each in beta["scores"]] == [1]
    answer = talks.running.api("GET", "/api/v1/conversations/nobody's")
    assert answer.status_code == 404
    assert "nobody's" in answer.json()["detail"]


def test_who_may_not_read_payload_sees_none(launch: Any, unique: str) -> None:
    running = launch()
    talks = Talks(running, unique)
    path = f"/api/v1/conversations/{talks.id('alpha/1')}"
    blind, seeing = running.key("read", payload=False), running.key("read")
    found = running.get(path, key=blind)
    assert found["payload"] is False
    assert found["turns"][0]["said"]["input"] is None
    text = json.dumps(found) + json.dumps(running.get("/api/v1/conversations", key=blind))
    assert "question 0" not in text
    assert "Not it." not in text
    assert "question 0" in json.dumps(running.get(path, key=seeing))
    other = running.key("read", project="other")
    assert running.get("/api/v1/users", key=other)["items"] == []
    assert running.api("GET", path, key=other).status_code == 404
