"""Requests that nobody should send: each is answered with what is wrong, and does nothing."""

from collections.abc import Iterator

import pytest

from spanglass_store.queries.search.fields import FIELDS, Of
from support import otlp
from support.running import RunningService


@pytest.fixture
def dataset(service: RunningService, unique: str) -> Iterator[str]:
    path = f"/api/v1/datasets/{unique}"
    answer = service.api("POST", f"{path}/items", json={"items": [{"input": "one"}]})
    assert answer.status_code == 201, answer.text
    yield path
    service.api("DELETE", path)


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/purges", {"service": "nobody", "usr_id": "42"}, "usr_id"),
        ("/purges/preview", {"user": "42"}, "user"),
        ("/keys", {"scope": "read", "expire_days": 1}, "expire_days"),
        ("/dead-letters/discard", {"names": ["x"], "project": "shop"}, "project"),
        ("/prices/recompute", {"model": "gpt-4o"}, "model"),
    ],
)
def test_a_misspelt_condition_is_not_passed_over(
    service: RunningService, path: str, body: dict[str, object], name: str
) -> None:
    answer = service.api("POST", f"/api/v1{path}", json=body)
    assert answer.status_code == 422, answer.text
    assert name in answer.json()["detail"]


def test_half_of_a_character_is_refused(service: RunningService, dataset: str) -> None:
    answer = service.api(
        "POST", f"{dataset}/items/remove", content=b'{"ids": ["\\ud800"]}',
        headers={"content-type": "application/json"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["title"]) == (422, "Not valid")
    assert "half of a character" in answer.json()["detail"]


def test_no_statement_is_said_to_be_none(service: RunningService) -> None:
    for text in (" ", ";", " ; "):
        answer = service.api("POST", "/api/v1/sql", json={"query": text})
        assert (answer.status_code, answer.json()["title"]) == (400, "Bad request")
        assert answer.json()["detail"] == "There is no statement. Write a SELECT."


def test_missing_rows_are_said_to_be_missing(service: RunningService) -> None:
    for count, said in ((100_000, None), (100_001, "true")):
        query = {"query": f"SELECT 1 AS a FROM numbers({count})"}
        answer = service.api("POST", "/api/v1/sql/rows", json=query)
        assert len(answer.json()) == 100_000
        assert answer.headers.get("x-spanglass-truncated") == said


@pytest.mark.parametrize("path", ["traces", "traces/timeline", "conversations", "users"])
def test_every_field_can_be_asked_of_every_list(service: RunningService, path: str) -> None:
    """The timeline had a name of its own for a column: `errors:0` was refused by ClickHouse."""
    keys = {Of.SCORE: ".x", Of.ATTRIBUTE: ".x"}
    for field in FIELDS.values():
        if field.of is Of.ANY:
            continue
        name = field.name + keys.get(field.of, "")
        value = field.choices[0] if field.choices else ">0" if field.is_number else "x*"
        for query in (f"{name}:{value}", f"-{name}:{value}"):
            answer = service.api("GET", f"/api/v1/{path}", params={"query": query})
            assert answer.status_code == 200, (query, answer.text)


def test_a_star_stands_for_something(service: RunningService, unique: str) -> None:
    """Not for nothing: traces without an error, a prompt or a release have none that fits."""
    names = {}
    for name, more in (
        ("plain", {}),
        ("failed", {"error.type": "Timeout"}),
        ("prompted", {"gen_ai.prompt.name": "answer"}),
    ):
        trace = otlp.trace_id()
        names[trace.hex()] = name
        service.send(otlp.request(otlp.chat_span(attrs=more, trace=trace), service=unique))
    service.settle()
    for query, expected in (
        ("error:*", {"failed"}), ("-error:*", {"plain", "prompted"}), ("prompt:*", {"prompted"}),
        ("prompt:@", set()), ("prompt:*@*", {"prompted"}), ("release:*", set()),
        ("model:*", {"plain", "failed", "prompted"}),
    ):  # fmt: skip
        page = service.get("/api/v1/traces", service=unique, query=query)
        assert {names[each["trace_id"]] for each in page["items"]} == expected, query
