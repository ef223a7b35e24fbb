"""What real instrumentations send ends in the same columns, whatever their dialect.

The captures are made by `support/dialects_capture.py`: each sender had the same conversation with
the sample server, so the numbers are known.
"""

import json
from typing import Any

import pytest

from spanglass_collector import dialects
from support import dialects as captured
from support import otlp
from support.running import RunningService

ANSWER = "Express delivery costs 12.50 EUR"
#: What a call of a model was in the plain conversation.
CHAT = {
    "operation": "chat",
    "provider": "openai",
    "request_model": "gpt-4o-mini",
    "input_tokens": 84,
    "output_tokens": 36,
}
SESSION = {"session_id": "session-42", "user_id": "user-7"}
TAGS = {"tags": ["shop", "test"]}
#: The second call of the conversation with a tool: what was read of it before is cached.
SECOND = {"input_tokens": 234, "output_tokens": 31, "cache_read_tokens": 160}


@pytest.fixture(scope="module")
def rows(shared_service: RunningService) -> dict[str, list[dict[str, Any]]]:
    """The stored spans of every capture, in the order of their start."""
    traces = {}
    for name in captured.NAMES:
        request = captured.as_of_now(name)
        shared_service.send(request)
        traces[name] = sorted({span.trace_id.hex() for span in captured.spans(request)})
    shared_service.settle()
    return {
        name: shared_service.sql(
            "SELECT *, input_text, output_text FROM spans WHERE trace_id IN {ids:Array(String)} ORDER BY start_time, span_id",
            ids=ids,
        )
        for name, ids in traces.items()
    }


def like(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(row[key] == value for key, value in wanted.items())


def find(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The first span with these values; what it has otherwise is said where there is none."""
    for row in rows:
        if like(row, wanted):
            return row
    keys = sorted({"name", *wanted})
    raise AssertionError(f"{wanted} is none of {[{k: row[k] for k in keys} for row in rows]}")


def roles(text: str) -> list[str]:
    return [message["role"] for message in json.loads(text)]


def kinds(text: str) -> list[str]:
    return [part["type"] for message in json.loads(text) for part in message["parts"]]


PLAIN = {
    "openinference": {**CHAT, **SESSION, **TAGS, "response_model": "gpt-4o-mini-2024-07-18"},
    "openllmetry": {**CHAT, **SESSION},
    "openllmetry-old": {**CHAT, "user_id": "user-7"},
    # Langfuse has one name for the model, and none for who runs it.
    "langfuse": {
        **CHAT, **SESSION, **TAGS, "provider": "", "request_model": "gpt-4o-mini-2024-07-18",
    },
    "logfire": CHAT,
    "openlit": {**CHAT, "user_id": "user-7"},
    "openlit-old": {**CHAT, "user_id": "user-7"},
    "langsmith": {**CHAT, **SESSION, **TAGS},
    "vercel": {
        **CHAT, **SESSION, **TAGS, "input_tokens": 41, "output_tokens": 38,
        "feature": "shop-support",
    },
    "vercel5": {
        **CHAT, **SESSION, **TAGS, "input_tokens": 41, "output_tokens": 38,
        "feature": "shop-support",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_a_call_of_a_model(rows: dict[str, list[dict[str, Any]]], name: str) -> None:
    row = find(rows[name], **PLAIN[name])
    assert ANSWER in row["output_text"]
    assert "How much is express delivery?" in row["input_text"]
    assert "assistant of an outdoor shop" in row["input_text"]
    if name != "openlit-old":
        assert roles(row["input"]) == ["system", "user"]


# OpenLIT leaves out the assistant's own message.
TOOLS = ["openinference", "openllmetry", "openllmetry-old", "langfuse", "logfire", "langsmith"]


@pytest.mark.parametrize("name", TOOLS)
def test_messages_with_tools(rows: dict[str, list[dict[str, Any]]], name: str) -> None:
    wanted = SECOND if name != "openllmetry-old" else {"input_tokens": 234}
    second = find(rows[name], operation="chat", **wanted)
    assert roles(second["input"]) == ["system", "user", "assistant", "tool"]
    assert kinds(second["input"]) == ["text", "text", "tool_call", "tool_call_response"]
    _, _, asked, told = json.loads(second["input"])
    assert asked["parts"][0]["id"] == told["parts"][0]["id"]
    assert asked["parts"][0]["name"] == "get_order_status"
    first = find(rows[name], operation="chat", input_tokens=164)
    assert first["finish_reasons"] in (["tool_call"], ["tool_calls"], [])
    assert kinds(first["output"]) == ["tool_call"]


@pytest.mark.parametrize(
    "name",
    ["openinference", "openllmetry", "langfuse", "langsmith", "pydantic-ai", "vercel", "vercel5"],
)
def test_a_call_of_a_tool(rows: dict[str, list[dict[str, Any]]], name: str) -> None:
    row = find(rows[name], operation="execute_tool", tool_name="get_order_status")
    assert json.loads(row["input"]) == {"order_id": "HO-10482"}
    assert json.loads(row["output"])["status"] == "shipped"


def test_a_tool_behind_mcp(rows: dict[str, list[dict[str, Any]]]) -> None:
    row = find(rows["mcp-openllmetry"], operation="execute_tool", tool_name="get_order_status")
    assert json.loads(row["input"]) == {"order_id": "HO-10482"}
    assert find(rows["mcp"], operation="execute_tool", error_type="tool_error")
    assert find(rows["mcp"], prompt_name="greeting")


@pytest.mark.parametrize("name", ["openinference", "langfuse"])
def test_a_search(rows: dict[str, list[dict[str, Any]]], name: str) -> None:
    row = find(rows[name], operation="retrieval")
    assert row["input"] == "How much is express delivery?"
    assert json.loads(row["output"])[0]["content"] == ANSWER + "."


@pytest.mark.parametrize(
    ("name", "operation", "agent"),
    [
        ("openinference", "invoke_agent", "shop-agent"),
        ("openinference", "invoke_workflow", ""),
        ("openllmetry", "invoke_agent", "shop-agent"),
        ("openllmetry", "invoke_workflow", ""),
        ("langfuse", "invoke_agent", "shop_agent"),
        ("pydantic-ai", "invoke_agent", "shop-agent"),
        ("vercel", "invoke_agent", ""),
    ],
)
def test_who_works_with_models(
    rows: dict[str, list[dict[str, Any]]], name: str, operation: str, agent: str
) -> None:
    row = find(rows[name], operation=operation, agent_name=agent)
    assert row["input"]
    assert row["output"]


@pytest.mark.parametrize(
    "name", ["openinference", "openllmetry", "openllmetry-old", "langfuse", "openlit", "vercel"]
)
def test_the_first_token_of_a_stream(rows: dict[str, list[dict[str, Any]]], name: str) -> None:
    found = [row for row in rows[name] if row["time_to_first_token_s"] is not None]
    assert found
    for row in found:
        assert 0 < row["time_to_first_token_s"] <= row["duration_ns"] / 1e9


@pytest.mark.parametrize(
    "name", ["openinference", "openllmetry", "langsmith", "logfire", "openlit", "otel-g0", "vercel"]
)
def test_the_kind_of_an_error(rows: dict[str, list[dict[str, Any]]], name: str) -> None:
    failed = [row for row in rows[name] if row["status"] == "error" and row["operation"] == "chat"]
    assert failed
    assert all(row["error_type"] for row in failed)


def test_messages_in_events(rows: dict[str, list[dict[str, Any]]]) -> None:
    row = find(rows["otel-g0"], operation="chat", input_tokens=209)
    assert row["provider"] == "azure.ai.inference"
    assert roles(row["input"]) == ["system", "user", "assistant", "tool"]
    assert "The status is shipped." in row["output_text"]


def test_usage_by_hand_counts_cached_tokens_in(rows: dict[str, list[dict[str, Any]]]) -> None:
    row = find(rows["langfuse"], name="by-hand")
    assert (row["input_tokens"], row["cache_read_tokens"], row["cache_write_tokens"]) == (
        125,
        100,
        5,
    )
    assert row["attributes"]["spanglass.reported_cost_usd"] == "0.0005"


def test_a_search_in_a_vector_database(rows: dict[str, list[dict[str, Any]]]) -> None:
    stored, found = rows["openllmetry-chroma"]
    assert (stored["name"], stored["operation"]) == ("chroma.add", "")
    assert (found["operation"], found["attributes"]["gen_ai.retrieval.top_k"]) == ("retrieval", "2")
    first, second = json.loads(found["output"])
    assert (first["id"], first["content"], first["metadata"]) == (
        "shipping", "Express delivery costs 12.50 EUR.", {"page": 3},
    )  # fmt: skip
    assert first["distance"] < second["distance"]
    assert "score" not in first


def test_a_release_that_spans_tell(rows: dict[str, list[dict[str, Any]]]) -> None:
    assert {row["release"] for row in rows["langfuse"]} == {"1.2.0"}


TOTALS = {
    # Agent, chain and tool above; two calls of a model below.
    "openinference": [(398, 54)],
    "openllmetry": [(482, 90)],
    "langfuse": [(566, 139)],
    "langsmith": [(566, 139)],
    "pydantic-ai": [(410, 45), (410, 45), (410, 45)],
    # The outer spans repeat the sums of the inner ones.
    "vercel": [(41, 38), (368, 51), (41, 64)],
}  # fmt: skip


@pytest.mark.parametrize("name", TOTALS)
def test_totals_are_counted_once(
    shared_service: RunningService, rows: dict[str, list[dict[str, Any]]], name: str
) -> None:
    found = shared_service.sql(
        "SELECT input_tokens, output_tokens FROM traces WHERE trace_id IN {ids:Array(String)}"
        " AND spans > 1",
        ids=sorted({row["trace_id"] for row in rows[name]}),
    )
    sums = [(row["input_tokens"], row["output_tokens"]) for row in found]
    for wanted in TOTALS[name]:
        assert wanted in sums
        sums.remove(wanted)


@pytest.mark.parametrize("name", captured.NAMES)
def test_the_originals_stay(rows: dict[str, list[dict[str, Any]]], name: str) -> None:
    for span, row in _pairs(name, rows[name]):
        stored = {*row["attributes"], *row["payload_attributes"]}
        stored |= {row["input_key"], row["output_key"]}
        assert captured.keys(span) <= stored


def _pairs(name: str, stored: list[dict[str, Any]]) -> list[tuple[Any, dict[str, Any]]]:
    sent = sorted(captured.load(name).spans(), key=lambda s: (s.start_time_unix_nano, s.name))
    there = sorted(stored, key=lambda row: (row["start_time"], row["name"]))
    assert [span.name for span in sent] == [row["name"] for row in there]
    return list(zip(sent, there, strict=True))


@pytest.mark.parametrize("name", captured.NAMES)
def test_the_columns_that_the_table_says(rows: dict[str, list[dict[str, Any]]], name: str) -> None:
    capture = captured.load(name)
    dialects.apply(capture.request)
    said = set().union(*(captured.filled(captured.keys(s)) for s in capture.spans()))
    there = {c for row in rows[name] for c in captured.COLUMNS if row.get(c) not in ("", None, [])}
    if any("spanglass.reported_cost_usd" in row["attributes"] for row in rows[name]):
        there.add("reported cost")
    assert there == said


def test_the_table_in_the_documentation() -> None:
    now, wanted = captured.document()
    assert now == wanted, "run: python tests/support/dialects.py"


def test_a_large_batch_in_a_dialect(service: RunningService, unique: str) -> None:
    """It is checked aside, and nothing of it is lost."""
    attrs = {
        "openinference.span.kind": "LLM",
        "llm.token_count.prompt": 7,
        "input.value": "x" * 900,
    }
    trace = otlp.trace_id()
    many = [otlp.span(trace=trace, attrs=attrs) for _ in range(500)]
    service.send(otlp.request(*many, service=unique))
    service.settle()
    found = service.one(
        "SELECT count() AS n, sum(input_tokens) AS tokens FROM spans WHERE service = {s:String}"
        " AND operation = 'chat'",
        s=unique,
    )
    assert (found["n"], found["tokens"]) == (500, 3500)
