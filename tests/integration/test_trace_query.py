"""The query bar's language on stored traces: which are found, what is offered, who may search."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from spanglass_store.queries.search.fields import FIELDS, Of
from spanglass_store.queries.trace_chart import MOST_GROUPS
from support import otlp
from support.running import RunningService


@dataclass
class Stored:
    """A service with a few traces that each are special in their way."""

    service: RunningService
    names: dict[str, str]

    def found(self, query: str, key: str | None = None) -> list[str]:
        """Names of the traces that a query finds."""
        page = self.service.get("/api/v1/traces", key, query=query, limit=500)
        return sorted(self.names[item["trace_id"]] for item in page["items"])


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    with RunningService(tmp_path_factory.mktemp("query") / "data") as service:
        names: dict[str, str] = {}
        scores = []
        second = otlp.SECOND
        for name, seconds, more in (
            ("plain", 0.05, {}),
            ("slow", 9.0, {"gen_ai.response.model": "big-1", "spanglass.tags": ["vip", "beta"]}),
            ("prompted", 3.0, {"gen_ai.prompt.name": "answer", "gen_ai.prompt.version": "3"}),
            ("streamed", 4.0, {"gen_ai.response.time_to_first_chunk": 2.5}),
            ("judged", 1.0, {"user.id": "ana, of accounts", "http.route": "/v1/ask"}),
            ("liked", 1.0, {"gen_ai.input.messages": "a Refund, please"}),
        ):
            trace = otlp.trace_id()
            names[trace.hex()] = name
            root = otlp.span(f"GET /{name}", trace=trace, duration=int(seconds * second))
            chat = otlp.chat_span(1000, 200, more, trace=trace, parent=root.span_id)
            service.send(otlp.request(root, chat, service=f"shop-{name}"))
            if name == "judged":
                at = {"trace_id": trace.hex(), "name": "groundedness"}
                scores += [
                    {**at, "value": 0.9, "id": "mended"},
                    {**at, "value": 0.2, "span_id": chat.span_id.hex()},
                    {"trace_id": trace.hex(), "name": "user_feedback", "label": "down"},
                ]
            if name == "liked":
                scores += [
                    {"trace_id": trace.hex(), "name": "groundedness", "value": 0.1, "id": "x"}
                ]
        service.settle()
        assert service.api("POST", "/api/v1/scores", json=scores).status_code == 201
        # The same id again takes the place of the first.
        mended = {**scores[-1], "value": 0.95}
        assert service.api("POST", "/api/v1/scores", json=mended).status_code == 201
        yield Stored(service, names)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("model:big-1", ["slow"]),
        ("model:big-1,gpt-none", ["slow"]),
        ("model:BIG*", ["slow"]),
        ("latency:>3500ms", ["slow", "streamed"]),
        ("latency:>2s latency:<5s -tag:vip", ["prompted", "streamed"]),
        ("tag:vip", ["slow"]),
        ("prompt:answer", ["prompted"]),
        ("prompt:answer@3", ["prompted"]),
        ("prompt:answer@2", []),
        ("ttft:>2s", ["streamed"]),
        ("score.groundedness:<0.5", ["judged"]),
        ("score.groundedness:>=0.9", ["judged", "liked"]),
        ("has:score.groundedness -score.groundedness:<0.5", ["liked"]),
        ("score.user_feedback:down", ["judged"]),
        ('user:"ana, of accounts"', ["judged"]),
        ("attr.http.route:/v1/*", ["judged"]),
        ("has:attr.http.route", ["judged"]),
        ("content:refund", ["liked"]),
        ('"get /plain"', ["plain"]),
        ("get shop-slow", ["slow"]),
        ("-get", []),
        ("tokens:>1k status:ok spans:2 operation:chat service:shop-plain", ["plain"]),
        ("status:error", []),
        ("has:user", ["judged"]),
    ],
)
def test_a_query_finds_what_it_says(stored: Stored, query: str, found: list[str]) -> None:
    assert stored.found(query) == found


def test_every_field_can_be_asked_for(stored: Stored) -> None:
    answer = stored.service.get("/api/v1/traces/query", query="", at=0)
    assert answer["completion"]["options"][0]["insert"] == "model:"
    for field in FIELDS.values():
        key = {Of.SCORE: ".groundedness", Of.ATTRIBUTE: ".http.route"}.get(field.of, "")
        value = ">0" if field.is_number else field.choices[0] if field.choices else "none*"
        if field.of is Of.ANY:
            value = "tool"
        stored.found(f"{field.name}{key}:{value}")
        if field.of not in (Of.ANY, Of.CONTENT):
            stored.found(f"-has:{field.name}{key}")


def test_a_broken_query_is_refused_with_its_place(stored: Stored) -> None:
    for path in ("/api/v1/traces", "/api/v1/traces/timeline"):
        answer = stored.service.api("GET", path, params={"query": "model:x latency:soon"})
        assert answer.status_code == 400
        assert "wrong at character 17: a duration like 2s" in answer.json()["detail"]
    understood = stored.service.get("/api/v1/traces/query", query="model:x latency:soon")
    assert understood["terms"] == []
    assert understood["problem"]["at"] == 16
    assert understood["problem"]["length"] == 4
    (term,) = stored.service.get("/api/v1/traces/query", query="-latency:>=150ms")["terms"]
    assert (term["field"], term["operator"], term["number"]) == ("latency", ">=", 0.15)
    assert (term["negated"], term["start"], term["end"]) == (True, 0, 16)


@pytest.mark.parametrize(
    ("text", "inserted", "first"),
    [
        ("mod|", "model:", "model:"),
        ("env|", "environment:", "environment:"),
        ("service:slow|", "service:shop-slow", "shop-slow"),
        ("tag:vip -model:|", "tag:vip -model:gpt-4o-mini", "gpt-4o-mini"),
        ("prompt:|", "prompt:answer@3", "answer@3"),
        ("user:|", 'user:"ana, of accounts"', '"ana, of accounts"'),
        ("score.gr|", "score.groundedness:", "score.groundedness:"),
        ("score.user_feedback:d|", "score.user_feedback:down", "down"),
        ("attr.http|", "attr.http.route:", "attr.http.route:"),
        ("attr.http.route:|", "attr.http.route:/v1/ask", "/v1/ask"),
        ("status:e| model:x", "status:error model:x", "error"),
        ("model:x,b|", "model:x,big-1", "big-1"),
    ],
)
def test_real_values_are_offered(stored: Stored, text: str, inserted: str, first: str) -> None:
    at = text.index("|")
    text = text.replace("|", "")
    offered = stored.service.get("/api/v1/traces/query", query=text, at=at)["completion"]
    inserts = [option["insert"] for option in offered["options"]]
    assert first in inserts
    assert text[: offered["start"]] + first + text[offered["end"] :] == inserted


def test_traces_over_time_are_those_of_the_list(stored: Stored) -> None:
    now = time.time()
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 3600))
    answer = stored.service.get("/api/v1/traces/timeline", start=start, query="latency:>2s")
    assert answer["total"] == 3
    assert answer["errors"] == 0
    assert sum(step["traces"] for step in answer["steps"]) == 3
    assert answer["step_s"] == 60
    assert 60 <= len(answer["steps"]) <= 63


@pytest.mark.parametrize(
    ("metric", "by", "query", "expected"),
    [
        ("traces", "", "", {"": 6.0}),
        ("traces", "environment", "latency:>2s", {"": 3.0}),
        ("traces", "tag", "has:tag", {"beta": 1.0, "vip": 1.0}),
        ("traces", "model", "model:BIG*", {"big-1": 1.0}),
        ("errors", "status", "", None),
        ("cost", "user", "tag:nobody", {}),
    ],
)
def test_a_list_as_a_chart(
    stored: Stored, metric: str, by: str, query: str, expected: dict[str, float] | None
) -> None:
    answer = stored.service.get("/api/v1/traces/chart", metric=metric, by=by, query=query)
    lines = answer["lines"]
    if expected is not None:
        assert {line["name"]: line["value"] for line in lines} == expected
    else:
        assert sum(line["traces"] for line in lines) == len(stored.names)
    assert answer["groups"] == len(lines)
    for line in lines:
        assert len(line["values"]) == len(answer["times"])
        if metric == "traces":
            assert sum(line["values"]) == line["value"] == line["traces"]
        else:
            assert {value for value in line["values"] if value is not None} <= {0.0, 1.0}


def test_a_chart_of_many_groups_shows_the_largest(stored: Stored) -> None:
    answer = stored.service.get("/api/v1/traces/chart", by="service", metric="duration_p95")
    assert 0 < len(answer["lines"]) <= MOST_GROUPS
    assert answer["groups"] >= len(answer["lines"])
    assert all(line["value"] > 0 for line in answer["lines"])
    refused = stored.service.api("GET", "/api/v1/traces/chart", params={"by": "trace_id"})
    assert refused.status_code in (400, 422)
    assert "by" in refused.json()["detail"]


def test_keys_without_the_grant_search_no_content_and_others_see_their_project(
    stored: Stored,
) -> None:
    blind = stored.service.key("read", payload=False)
    other = stored.service.key("read", project="other")
    answer = stored.service.api("GET", "/api/v1/traces", blind, params={"query": "content:refund"})
    assert answer.status_code == 403
    assert "may not read" in answer.json()["detail"]
    assert stored.found("score.groundedness:<0.5", blind) == ["judged"]
    assert stored.found("score.groundedness:<0.5", other) == []
    offered = stored.service.get("/api/v1/traces/query", other, query="score.", at=6)
    assert offered["completion"]["options"] == []
    assert stored.service.get("/api/v1/traces/timeline", other)["total"] == 0
    ingest = stored.service.key("ingest")
    assert stored.service.get("/api/v1/traces/chart", other)["lines"] == []
    for path in ("/api/v1/traces/query", "/api/v1/traces/timeline", "/api/v1/traces/chart"):
        assert stored.service.api("GET", path, ingest).status_code == 403
        assert stored.service.api("GET", path, "").status_code == 401
