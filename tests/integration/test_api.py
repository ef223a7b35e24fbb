"""The HTTP API: lists, filters, cursors, scores, problems, health."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from support import otlp
from support.running import RunningService

PROBLEM = "application/problem+json"
COUNT = 23


def problem(response: httpx.Response, status: int) -> str:
    """What a problem document says."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    document = response.json()
    assert set(document) == {"type", "title", "status", "detail"}
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return str(document["detail"])


@pytest.fixture(scope="module")
def many(shared_service: RunningService) -> str:
    """The service of 23 traces that differ in everything that lists sort and filter by."""
    name = f"many-{time.time_ns()}"
    now = time.time_ns()
    message = otlp.request(service=name, resource={"deployment.environment.name": "prod"})
    spans = message.resource_spans[0].scope_spans[0].spans
    for n in range(COUNT):
        trace = otlp.trace_id()
        about: dict[str, otlp.Value] = {
            "gen_ai.conversation.id": f"session-{n % 5}", "user.id": f"user {n % 4}",
            "spanglass.feature": f"feature-{n % 3}", "spanglass.tags": [f"tag-{n % 2}", "all"],
            "spanglass.sample_data": n % 2 == 0,
            "gen_ai.request.model": f"model-{n % 3}",
        }  # fmt: skip
        root = otlp.chat_span(
            # Ties in every order: cursors have to get past them.
            100 * (n // 4), n % 2, about, trace=trace,
            start=now - (n // 3) * otlp.SECOND, duration=(n // 5 + 1) * 1_000_000_000,
            error="failed" if n % 6 == 0 else None,
        )  # fmt: skip
        root.name = f"Root {n} 50%_x"
        spans.append(root)
        for child in range(n % 4):
            spans.append(otlp.span(trace=trace, parent=root.span_id, start=now,
                                   error="child" if child == 2 else None))  # fmt: skip
    shared_service.send(message)
    shared_service.settle()
    return name


def pages(running: RunningService, **params: Any) -> list[dict[str, Any]]:
    """All items, by following cursors."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = running.get("/api/v1/traces", **params, cursor=cursor)
        assert len(page["items"]) <= params.get("limit", 50)
        items += page["items"]
        cursor = page["next"]
        if not cursor:
            return items


KEYS = {
    "start_time": "start_time", "duration": "duration_ns", "tokens": "total_tokens",
    "cost": "cost_usd", "spans": "spans", "errors": "errors",
}  # fmt: skip


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", KEYS)
def test_pages_cover_every_trace_once_in_order(
    service: RunningService, many: str, sort: str, order: str
) -> None:
    items = pages(service, service=many, sort=sort, order=order, limit=4)
    assert len({item["trace_id"] for item in items}) == len(items) == COUNT
    keys = [item[KEYS[sort]] for item in items]
    assert keys == sorted(keys, reverse=order == "desc")
    whole = service.get("/api/v1/traces", service=many, sort=sort, order=order, limit=COUNT)
    assert whole["items"] == items
    assert whole["next"] == ""


def test_a_new_trace_does_not_move_the_pages(service: RunningService, many: str) -> None:
    first = service.get("/api/v1/traces", service=many, limit=10)
    service.send(otlp.request(otlp.span("new"), service=f"{many}-not"))
    service.settle()
    rest = pages(service, service=many, limit=10)
    assert rest[:10] == first["items"]


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, lambda n: True),
        ({"status": "error"}, lambda n: n % 6 == 0 or n % 4 == 3),
        ({"status": "ok"}, lambda n: not (n % 6 == 0 or n % 4 == 3)),
        ({"session_id": "session-3"}, lambda n: n % 5 == 3),
        ({"user_id": "user 2"}, lambda n: n % 4 == 2),
        ({"feature": "feature-1"}, lambda n: n % 3 == 1),
        ({"tag": "tag-1"}, lambda n: n % 2 == 1),
        ({"tag": "all"}, lambda n: True),
        ({"tag": "tag"}, lambda n: False),
        ({"model": "model-2"}, lambda n: n % 3 == 2),
        ({"operation": "chat"}, lambda n: True),
        ({"operation": "embeddings"}, lambda n: False),
        ({"environment": "prod"}, lambda n: True),
        ({"environment": "test"}, lambda n: False),
        ({"text": "ROOT 1"}, lambda n: n == 1 or 10 <= n <= 19),
        ({"text": "50%_X"}, lambda n: True),
        ({"text": "5__"}, lambda n: False),
        ({"min_tokens": 400}, lambda n: 100 * (n // 4) + n % 2 >= 400),
        ({"min_tokens": 0}, lambda n: True),
        ({"sample_data": "true"}, lambda n: n % 2 == 0),
        ({"sample_data": "false"}, lambda n: n % 2 == 1),
        ({"min_cost_usd": 0.001}, lambda n: False),
        ({"session_id": "session-3", "status": "error"}, lambda n: n in (3, 18)),
        ({"project": "default"}, lambda n: True),
        ({"project": "other"}, lambda n: False),
        ({"user_id": "'; DROP TABLE traces; --"}, lambda n: False),
        ({"text": "\\'\t\n%{}{x:String}"}, lambda n: False),
    ],
)
def test_filters(service: RunningService, many: str, params: dict[str, Any], wanted: Any) -> None:
    items = service.get("/api/v1/traces", service=many, limit=100, **params)["items"]
    found = {int(item["root_name"].split()[1]) for item in items}
    assert found == {n for n in range(COUNT) if wanted(n)}


def test_durations_are_filtered_in_milliseconds(service: RunningService, many: str) -> None:
    items = service.get("/api/v1/traces", service=many, limit=100)["items"]
    bound = sorted(item["duration_ns"] for item in items)[COUNT // 2]
    above = service.get("/api/v1/traces", service=many, limit=100, min_duration_ms=bound / 1e6)[
        "items"
    ]
    below = service.get("/api/v1/traces", service=many, limit=100, max_duration_ms=bound / 1e6)[
        "items"
    ]
    assert len(above) == sum(item["duration_ns"] >= bound for item in items)
    assert len(below) == sum(item["duration_ns"] <= bound for item in items)


def test_the_range_of_time_is_half_open_to_the_microsecond(service: RunningService) -> None:
    name = f"range-{time.time_ns()}"
    second = time.time_ns() // otlp.SECOND - 100
    for offset in (0, 123_456, 654_321, 999_999):
        start = second * otlp.SECOND + offset * 1_000
        service.send(otlp.request(otlp.span(str(offset), start=start), service=name))
    service.settle()

    def between(first: int, last: int) -> set[str]:
        def at(micros: int) -> str:
            moment = datetime.fromtimestamp(second, UTC).replace(microsecond=micros)
            return moment.isoformat()

        page = service.get("/api/v1/traces", service=name, start=at(first), end=at(last))
        return {item["root_name"] for item in page["items"]}

    assert between(0, 999_999) == {"0", "123456", "654321"}
    assert between(123_456, 654_321) == {"123456"}
    assert between(123_457, 654_322) == {"654321"}
    assert between(0, 0) == set()


def test_an_item_says_what_a_list_shows(service: RunningService, many: str) -> None:
    (item,) = service.get("/api/v1/traces", service=many, text="root 22 ")["items"]
    wanted = {
        "project": "default", "root_name": "Root 22 50%_x", "root_service": many,
        "root_operation": "chat", "environment": "prod", "release": "", "status": "ok",
        "complete": True, "spans": 3, "errors": 0, "input_tokens": 500, "output_tokens": 0,
        "total_tokens": 500, "cost_usd": 0.0, "services": [many], "operations": ["chat"],
        "models": ["model-1"], "session_id": "session-2", "user_id": "user 2",
        "feature": "feature-1", "sample_data": True,
    }  # fmt: skip
    assert {key: item[key] for key in wanted} == wanted
    assert sorted(item["tags"]) == ["all", "tag-0"]
    assert item["start_time"].endswith("Z")
    (by_id,) = service.get("/api/v1/traces", text=item["trace_id"].upper())["items"]
    assert by_id == item


def test_facets_count_the_values(service: RunningService, many: str) -> None:
    facets = service.get("/api/v1/traces/facets")
    services = {each["value"]: each["traces"] for each in facets["service"]}
    assert services[many] == COUNT
    tags = {each["value"]: each["traces"] for each in facets["tag"]}
    assert tags["all"] >= COUNT
    counts = [each["traces"] for each in facets["service"]]
    assert counts == sorted(counts, reverse=True)


# -- what is refused -----------------------------------------------------------------------------


def cursor_of(running: RunningService, many: str, **params: Any) -> str:
    page = running.get("/api/v1/traces", service=many, limit=2, **params)
    return str(page["next"])


def test_cursors_that_are_not_of_this_list_are_refused(service: RunningService, many: str) -> None:
    def made(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    wrong = [
        "x", "!!!!", "e30", made([]), made(["start_time", "a", "b"]), made({"a": 1}),
        made(["start_time", 1]), made(["start_time", 1, 2]), made(["start_time", None, "x"]),
        cursor_of(service, many, sort="tokens"), "é", made(["start_time", 1e400, "x"]),
        made(["start_time", 2**70, "x"]), made(["start_time", 1.5, "x"]),
        made(["start_time", True, "x"]),
    ]  # fmt: skip
    for cursor in wrong:
        response = service.api("GET", "/api/v1/traces", params={"cursor": cursor})
        assert "cursor" in problem(response, 400).lower(), cursor


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"limit": 0}, 422), ({"limit": 501}, 422), ({"limit": "x"}, 422), ({"sort": "name"}, 422),
        ({"order": "up"}, 422), ({"status": "bad"}, 422), ({"min_tokens": -1}, 422),
        ({"min_duration_ms": "nan"}, 422), ({"min_duration_ms": "inf"}, 422),
        ({"min_cost_usd": "nan"}, 422), ({"min_cost_usd": "inf"}, 422),
        ({"min_tokens": 2**60}, 422), ({"start": "yesterday"}, 422), ({"start": "0.5"}, 422), ({"end": "1760000000"}, 422),
        ({"cursor": "x" * 501}, 422),
        ({"start": "0001-01-01T00:00:00Z"}, 400), ({"end": "9999-12-31T23:59:59Z"}, 400),
        ({"end": "0001-01-01T00:00:00Z"}, 400), ({"service": "x" * 1001}, 422),
    ],
)  # fmt: skip
def test_wrong_parameters_are_problems(
    service: RunningService, params: dict[str, Any], status: int
) -> None:
    problem(service.api("GET", "/api/v1/traces", params=params), status)


@pytest.mark.parametrize(
    ("method", "path", "advice"),
    [
        ("GET", "/api/v1/traces?modle=gpt-4o", "Did you mean 'model'?"),
        ("GET", "/api/v1/traces?limit=5&zzz=1", "there are "),
        ("GET", "/api/v1/session?since=1", "this operation has none"),
        ("POST", "/api/v1/sql?limit=1", "this operation has none"),
    ],
)
def test_parameters_that_are_not_there_are_problems(
    service: RunningService, method: str, path: str, advice: str
) -> None:
    body = {"query": "SELECT 1"} if method == "POST" else None
    said = problem(service.api(method, path, json=body), 422)
    assert said.startswith("query.")
    assert advice in said


@pytest.mark.parametrize(
    "id", ["0" * 32, "abc", "g" * 32, "0" * 33, "%00", "..", "' OR 1", "0" * 31 + "%0A"]
)
def test_traces_that_are_not_there(service: RunningService, id: str) -> None:  # noqa: A002
    problem(service.api("GET", f"/api/v1/traces/{id}"), 404)


def test_other_addresses_and_methods_are_problems(service: RunningService) -> None:
    for path in ("/api/v1/nothing", "/v1/traces", "/api/v1/traces/x/y/z", "/healthz/x"):
        problem(service.api("GET", path), 404)
    for method, path in (("DELETE", "/api/v1/traces"), ("GET", "/api/v1/sql"), ("PUT", "/healthz")):
        response = service.api(method, path)
        problem(response, 405)
        assert response.headers["allow"]
    allowed = service.api("DELETE", "/api/v1/scores").headers["allow"]
    assert set(allowed.split(", ")) == {"GET", "POST"}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"query": 5}', b'{"query": ""}', b'{"query": "SELECT 1", "params": 5}',
     b'{"query": null}', b'"SELECT 1"'],
)  # fmt: skip
def test_bodies_that_are_no_query_are_problems(service: RunningService, content: bytes) -> None:
    response = service.api(
        "POST", "/api/v1/sql", content=content, headers={"content-type": "application/json"}
    )
    problem(response, 422)


def test_a_body_that_is_no_text_is_a_problem(service: RunningService) -> None:
    response = service.api(
        "POST", "/api/v1/sql", content=b"\xff", headers={"content-type": "application/json"}
    )
    problem(response, 400)


def test_a_page_of_somebody_else_can_not_ask(service: RunningService) -> None:
    for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}):
        for path in ("/api/v1/traces", "/metrics"):
            problem(service.api("GET", path, key="", headers=headers), 403)
        response = service.api(
            "POST", "/api/v1/sql", key="", headers=headers, json={"query": "SELECT 1"}
        )
        problem(response, 403)
        assert "access-control-allow-origin" not in response.headers


# -- SQL -----------------------------------------------------------------------------------------


def test_sql_answers_columns_types_and_rows(service: RunningService) -> None:
    response = service.ask(
        "SELECT 1 AS n, 'ü\n\u2028' AS t, [1.5, nan] AS l, map('a', NULL) AS m,"
        " toDateTime64('2026-01-02 03:04:05.123456789', 9, 'UTC') AS at, 18446744073709551615 AS b;"
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "columns": ["n", "t", "l", "m", "at", "b"],
        "types": ["UInt8", "String", "Array(Float64)", "Map(String, Nullable(Nothing))",
                  "DateTime64(9, 'UTC')", "UInt64"],
        "rows": [[1, "ü\n\u2028", [1.5, "nan"], {"a": None}, "2026-01-02T03:04:05.123456789Z",
                  18446744073709551615]],
        "truncated": False,
    }  # fmt: skip


def test_sql_takes_parameters(service: RunningService) -> None:
    values: dict[str, Any] = {
        "s": "it's \\ {x:String} %s \t\n\x00 ü", "n": -5, "f": 1.5, "b": True, "a": ["x", "y'z"],
        "u": None, "unused": 1,
    }  # fmt: skip
    row = service.one(
        "SELECT {s:String} AS s, {n:Int64} AS n, {f:Float64} AS f, {b:Bool} AS b,"
        " {a:Array(String)} AS a, {u:Nullable(String)} AS u",
        **values,
    )
    assert row == {key: value for key, value in values.items() if key != "unused"}
    assert service.one("SELECT '100%' AS x, '%(y)s' AS y", y=1) == {"x": "100%", "y": "%(y)s"}


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("SELECT {n:UInt8}", {}), ("SELECT {n:UInt8}", {"n": "x"}), ("SELECT {n:UInt8}", {"n": {}}),
        ("SELECT {n:NoType}", {"n": 1}), ("SELECT {n:UInt8}", {"n": [1, {"a": None}]}),
        ("SELECT {n:Identifier}", {"n": "nothing"}), ("SELECT $n$", {"$n$": "x"}),
        ("SELEC", {}), ("SELECT", {"": ""}), ("SELECT * FROM nothing", {}),
        ("SELECT throwIf(1, 'because')", {}), ("SELECT 1 AS `", {}), ("\x00", {}),
    ],
)  # fmt: skip
def test_sql_that_fails_says_why(
    service: RunningService, query: str, params: dict[str, Any]
) -> None:
    problem(service.ask(query, params), 400)


def test_explain_is_answered_as_rows(service: RunningService) -> None:
    for kind in ("", "AST ", "SYNTAX ", "PIPELINE ", "QUERY TREE "):
        answer = service.ask(f"EXPLAIN {kind}SELECT 1").json()
        assert answer["columns"] == ["explain"]
        assert answer["rows"]


# -- scores --------------------------------------------------------------------------------------


def test_scores_are_stored(service: RunningService, unique: str) -> None:
    one: dict[str, Any] = {
        "name": "user_feedback", "value": 0.75, "label": "good", "source": "user",
        "explanation": "because ü", "evaluator": "form v1", "trace_id": "AB" * 16,
        "span_id": "CD" * 8, "session_id": unique, "metadata": {"k": "v"},
    }  # fmt: skip
    created = service.api("POST", "/api/v1/scores", json=one)
    assert created.status_code == 201
    several = [{"name": "x", "label": "l", "session_id": unique} for _ in range(3)]
    many_created = service.api("POST", "/api/v1/scores", json=several)
    assert len(set(many_created.json()["ids"])) == 3
    rows = service.sql("SELECT * FROM scores WHERE session_id = {s:String}", s=unique)
    assert len(rows) == 4
    (stored,) = [row for row in rows if row["score_id"] == created.json()["ids"][0]]
    wanted = one | {"trace_id": "ab" * 16, "span_id": "cd" * 8, "project": "default"}
    assert {key: stored[key] for key in wanted} == wanted
    again = service.api("POST", "/api/v1/scores", json=one | {"id": stored["score_id"], "value": 0})
    assert again.json()["ids"] == [stored["score_id"]]
    values = service.sql(
        "SELECT value FROM scores WHERE score_id = {i:String}", i=stored["score_id"]
    )
    assert values == [{"value": 0}]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": "x"}, {"name": "x", "value": 1}, {"name": "", "value": 1, "session_id": "s"},
        {"name": "x", "value": 1, "trace_id": "short"}, [], [{}], "x", None,
        {"name": "x", "value": 1, "span_id": "ab" * 8, "session_id": "s"},
        {"name": "x", "value": 1, "session_id": "s", "source": "oracle"},
        {"name": "x", "value": "NaN", "session_id": "s"},
        {"name": "x", "value": 1, "session_id": "s", "metadata": {"a": 1}},
        {"name": "x" * 201, "value": 1, "session_id": "s"},
        {"name": "x", "value": 1, "trace_id": "ab" * 16 + "\n"},
    ],
)  # fmt: skip
def test_scores_that_say_nothing_are_problems(service: RunningService, body: Any) -> None:
    problem(service.api("POST", "/api/v1/scores", json=body), 422)


def test_what_is_wrong_of_a_score_is_named(service: RunningService) -> None:
    wrong = [{"name": "x", "value": 1, "session_id": "s"}, {"name": "x", "session_id": "s"}]
    one = problem(service.api("POST", "/api/v1/scores", json=wrong[1]), 422)
    assert "give a value, a label, or both" in one
    several = problem(service.api("POST", "/api/v1/scores", json=wrong), 422)
    assert "give a value, a label, or both" in several
    assert ".1:" in several


# -- health --------------------------------------------------------------------------------------


def test_health_readiness_and_metrics(service: RunningService) -> None:
    assert service.api("GET", "/healthz").text == "ok\n"
    assert service.api("GET", "/readyz").text == "ready\n"
    response = service.api("GET", "/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    metrics = service.metrics()
    for name in (
        "spanglass_spans_received_total", "spanglass_spans_stored_total",
        "spanglass_spans_dead_lettered", "spanglass_spans_spooled", "spanglass_spool_bytes",
        "spanglass_spool_segments", "spanglass_inserts_total", "spanglass_insert_retries_total",
        "spanglass_requests_total", "spanglass_resident_bytes", "spanglass_store_resident_bytes",
        "spanglass_store_restarts_total", "spanglass_start_time_seconds",
    ):  # fmt: skip
        assert name in metrics
    assert metrics["spanglass_store_resident_bytes"][()] > 50 << 20
    assert abs(metrics["spanglass_start_time_seconds"][()] - time.time()) < 3600


def test_answers_are_hardened(service: RunningService) -> None:
    for path in ("/healthz", "/api/v1/traces", "/api/v1/nothing", "/api/openapi.json"):
        headers = service.api("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_the_description_is_openapi(service: RunningService) -> None:
    document = service.get("/api/openapi.json")
    assert document["openapi"].startswith("3.")
    for path in ("/api/v1/traces", "/api/v1/traces/{trace_id}", "/api/v1/sql", "/api/v1/scores",
                 "/healthz", "/readyz", "/metrics"):  # fmt: skip
        assert path in document["paths"]


def test_a_large_trace_comes_whole(service: RunningService) -> None:
    trace = otlp.trace_id()
    root = otlp.span("root", trace=trace)
    message = otlp.request(root)
    spans = message.resource_spans[0].scope_spans[0].spans
    child = otlp.chat_span(2, 1, {"input.value": "x" * 200}, trace=trace, parent=root.span_id)
    for n in range(1, 3_000):
        child.span_id = n.to_bytes(8, "big")
        spans.append(child)
    service.send(message)
    shown = service.trace(trace)
    assert len({one["span_id"] for one in shown}) == 3_000
    assert sum(one["input_tokens"] or 0 for one in shown) == 2 * 2_999
    row = service.one("SELECT spans, total_tokens FROM traces WHERE trace_id = {t:String}",
                      t=trace.hex())  # fmt: skip
    assert row == {"spans": 3_000, "total_tokens": 3 * 2_999}
