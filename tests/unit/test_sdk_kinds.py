"""What spans of each kind say about what they stand for."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

import spanglass
from spanglass._documents import documents
from spanglass._kinds import KindName
from spanglass.testing import CapturedSpans, capture

pytestmark = pytest.mark.usefixtures("strict")


def facts(kind: KindName, result: object) -> dict[str, Any]:
    """What a function of a kind says about its result where content is off."""
    with capture(capture_content=False) as captured:

        @spanglass.observe(kind=kind)
        def work() -> object:
            return result

        assert work() is result
    [span] = captured.all()
    left_out = ("gen_ai.operation.name", "gen_ai.evaluation.name")
    return {
        key: value for key, value in span.attributes.items()
        if key not in left_out and span.attributes.get("gen_ai.tool.name") is None
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "operation", "otel"),
    [
        ("retrieval", "retrieval", "client"),
        ("embedding", "embeddings", "client"),
        ("rerank", "rerank", "client"),
        ("tool", "execute_tool", "internal"),
        ("agent", "invoke_agent", "internal"),
        ("workflow", "invoke_workflow", "internal"),
        ("guardrail", "guardrail", "internal"),
        ("evaluator", "evaluate", "internal"),
        ("generation", "chat", "client"),
    ],
)
def test_operations(kind: KindName, operation: str, otel: str, spans: CapturedSpans) -> None:
    with spanglass.span("x", kind=kind):
        pass
    [span] = spans.all()
    assert (span.name, span.kind) == (f"{operation} x", otel)
    assert span.attributes["gen_ai.operation.name"] == operation


def test_a_tool_is_described_as_its_author_did(spans: CapturedSpans) -> None:
    @spanglass.observe(kind="tool")
    def get_order_status(order_id: str, *, verbose: bool = False) -> dict[str, Any]:
        """Look up where an order is.

        Args:
            order_id: its number.
        """
        return {"order_id": order_id, "status": "shipped"}

    get_order_status("HO-1", verbose=True)
    assert spans.one("execute_tool get_order_status").attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "get_order_status",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": "Look up where an order is.",
        "gen_ai.tool.call.arguments": '{"order_id": "HO-1", "verbose": true}',
        "gen_ai.tool.call.result": '{"order_id": "HO-1", "status": "shipped"}',
    }


def test_a_reranker(spans: CapturedSpans) -> None:
    @spanglass.observe(kind="rerank")
    def rerank(query: str, documents: list[str], top_k: int) -> dict[str, Any]:
        found = {"index": 1, "relevance_score": 0.9, "document": {"text": documents[1]}}
        return {"results": [found][:top_k]}

    rerank("tents?", ["a boat", "a tent"], top_k=1)
    span = spans.one("rerank rerank")
    assert span.input == "tents?"
    assert span.output == [{"content": "a tent", "score": 0.9, "index": 1}]
    assert span.attributes["gen_ai.retrieval.top_k"] == 1
    assert span.attributes["spanglass.candidates"] == 2
    assert span.attributes["spanglass.documents"] == 1


def chroma() -> dict[str, Any]:
    return {
        "ids": [["a", "b"]],
        "documents": [["a tent", "a boat"]],
        "metadatas": [[{"page": 1}, None]],
        "distances": [[0.1, 0.4]],
        "embeddings": None,
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            chroma(),
            [
                {"id": "a", "content": "a tent", "distance": 0.1, "metadata": {"page": 1}},
                {"id": "b", "content": "a boat", "distance": 0.4},
            ],
        ),
        (
            {"matches": [{"id": "a", "score": 0.5, "metadata": {"text": "a tent", "page": 2}}]},
            [{"id": "a", "score": 0.5, "metadata": {"page": 2}, "content": "a tent"}],
        ),
        (
            SimpleNamespace(
                points=[SimpleNamespace(id=7, score=0.5, payload={"text": "a tent"}, version=1)]
            ),
            [{"id": "7", "score": 0.5, "content": "a tent"}],
        ),
        (
            {"hits": {"total": 1, "hits": [{"_id": "a", "_score": 2.0, "_source": {"body": "t"}}]}},
            [{"id": "a", "score": 2.0, "content": "t"}],
        ),
        (
            {"results": [{"index": 3, "relevance_score": 0.5}]},
            [{"index": 3, "score": 0.5}],
        ),
        (chroma() | {"ids": []}, []),
        ({"page": 3}, [{"page": 3}]),
        (7, 7),
    ],
)
def test_what_databases_and_rerankers_answer(given: Any, expected: Any) -> None:
    before = repr(given)
    assert documents(given) == expected
    assert repr(given) == before, "the caller's own objects are left alone"


@pytest.mark.parametrize(
    ("result", "size"),
    [
        ([0.1] * 8, 8),
        ([[0.1] * 8, [0.2] * 8], 8),
        (numpy.zeros((3, 16)), 16),
        ([numpy.zeros(16)], 16),
        (SimpleNamespace(data=[SimpleNamespace(embedding=[0.1] * 4)]), 4),
        ({"embeddings": [[0.1] * 5]}, 5),
        ([], None),
        ("no vector", None),
        (None, None),
    ],
)
def test_how_long_vectors_are(result: object, size: int | None) -> None:
    found = facts("embedding", result)
    assert found.pop("gen_ai.embeddings.dimension.count", None) == size
    assert found == {}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (0.5, {"gen_ai.evaluation.score.value": 0.5}),
        (True, {"gen_ai.evaluation.score.value": 1.0, "gen_ai.evaluation.score.label": "true"}),
        ("pass", {"gen_ai.evaluation.score.label": "pass"}),
        (
            {"score": 2, "label": "good", "reason": "short"},
            {
                "gen_ai.evaluation.score.value": 2.0,
                "gen_ai.evaluation.score.label": "good",
                "gen_ai.evaluation.explanation": "short",
            },
        ),
        (SimpleNamespace(value=float("nan"), label=None), {}),
        (object(), {}),
    ],
)
def test_what_an_evaluator_finds(result: object, expected: dict[str, Any]) -> None:
    assert facts("evaluator", result) == expected


def test_an_evaluators_name(spans: CapturedSpans) -> None:
    with spanglass.span("groundedness", kind="evaluator") as span:
        span.output({"score": 0.8})
    attributes = spans.one("evaluate groundedness").attributes
    assert attributes["gen_ai.evaluation.name"] == "groundedness"
    assert attributes["gen_ai.evaluation.score.value"] == 0.8


@pytest.mark.parametrize(
    ("result", "blocked"),
    [
        (True, False),
        (False, True),
        ({"flagged": True, "categories": {}}, True),
        ({"allowed": True}, False),
        (SimpleNamespace(passed=False), True),
        (SimpleNamespace(tripwire_triggered=False), False),
        ("fine", None),
        (None, None),
    ],
)
def test_what_a_guardrail_decides(result: object, blocked: bool | None) -> None:
    assert facts("guardrail", result).get("spanglass.guardrail.blocked") is blocked


def test_documents_of_a_retriever_are_counted_where_content_is_off() -> None:
    assert facts("retrieval", ["a", "b"]) == {"spanglass.documents": 2}


def test_what_an_agent_starts_from_and_comes_to(spans: CapturedSpans) -> None:
    @spanglass.observe(kind="agent")
    def assistant(question: str) -> dict[str, str]:
        return {"answer": question.upper()}

    assistant("hi")
    span = spans.one("invoke_agent assistant")
    assert span.attributes["gen_ai.agent.name"] == "assistant"
    assert (span.input, span.output) == ({"question": "hi"}, {"answer": "HI"})
    assert json.loads(str(span.attributes["input.value"])) == {"question": "hi"}
