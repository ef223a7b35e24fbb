"""From the SDK to SQL: every typed column, through the real collector."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

import spanglass
from support.running import RunningService


@pytest.fixture
def sdk(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SPANGLASS_RAISE_INTERNAL_ERRORS", "1")
    service.dirty = True
    spanglass.init(
        service.otlp, service="shop", environment="test", release="1.2", web_url=service.web
    )
    yield
    spanglass.shutdown()


def test_every_column_that_the_sdk_fills(service: RunningService, sdk: None) -> None:
    @spanglass.observe(kind="tool")
    def get_order_status(order_id: str) -> dict[str, str]:
        return {"status": "shipped"}

    @spanglass.observe(kind="retriever")
    def search(query: str) -> list[dict[str, Any]]:
        return [{"id": "d1", "score": 0.9, "text": "Tents are in aisle 3."}]

    @spanglass.observe(kind="agent")
    def assistant(question: str) -> str:
        search(question)
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": question},
        ]
        with spanglass.generation(
            "gpt-4o-mini", provider="openai", messages=messages, temperature=0.2, stream=True
        ) as call:
            call.chunk("On ")
            call.chunk("its way.")
            call.output(finish_reason="stop")
            call.usage(input_tokens=20, output_tokens=5, cache_read_tokens=4, reasoning_tokens=1)
            call.response(model="gpt-4o-mini-2024-07-18", id="r1")
        get_order_status("HO-1")
        return "On its way."

    about = spanglass.context(
        session_id="s1", user_id="u1", tags=["a", "b"], feature="help", prompt=("greet", 3),
        metadata={"plan": "pro"},
    )  # fmt: skip
    with about, spanglass.span("POST /ask") as root:
        assert assistant("Where is my order?") == "On its way."
        assert root.trace_id is not None
        assert spanglass.trace_url() == f"{service.web}/traces/{root.trace_id}"
    assert spanglass.flush(20) is True

    service.settle()
    rows = service.sql(
        "SELECT * EXCEPT (ingested_at), input_text, output_text FROM spans"
        f" WHERE trace_id = '{root.trace_id}'"
    )
    assert len(rows) == 5
    by_name = {row["name"]: row for row in rows}
    top = by_name["POST /ask"]
    agent = by_name["invoke_agent assistant"]
    retrieval = by_name["retrieval search"]
    chat = by_name["chat gpt-4o-mini"]
    tool = by_name["execute_tool get_order_status"]
    assert top["parent_span_id"] == ""
    assert agent["parent_span_id"] == top["span_id"]
    assert {row["parent_span_id"] for row in (retrieval, chat, tool)} == {agent["span_id"]}
    for row in by_name.values():
        assert (row["service"], row["environment"], row["release"]) == ("shop", "test", "1.2")
        assert (row["session_id"], row["user_id"], row["feature"]) == ("s1", "u1", "help")
        assert (row["tags"], row["prompt_name"], row["prompt_version"]) == (
            ["a", "b"], "greet", "3",
        )  # fmt: skip
        assert row["attributes"]["spanglass.metadata.plan"] == "pro"
        assert row["status"] == "unset"
        assert not row["sample_data"]
    assert (agent["operation"], agent["agent_name"]) == ("invoke_agent", "assistant")
    assert json.loads(agent["input"]) == {"question": "Where is my order?"}
    assert agent["output"] == "On its way."
    assert (retrieval["operation"], retrieval["input"]) == ("retrieval", "Where is my order?")
    assert retrieval["output_text"] == "Tents are in aisle 3."
    assert (tool["operation"], tool["tool_name"]) == ("execute_tool", "get_order_status")
    assert json.loads(tool["input"]) == {"order_id": "HO-1"}
    assert json.loads(tool["output"]) == {"status": "shipped"}
    assert (chat["operation"], chat["span_kind"], chat["provider"]) == ("chat", "client", "openai")
    assert chat["request_model"] == "gpt-4o-mini"
    assert chat["response_model"] == "gpt-4o-mini-2024-07-18"
    assert chat["finish_reasons"] == ["stop"]
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")
    assert [int(chat[name]) for name in tokens] == [20, 5, 4, 1]
    assert chat["time_to_first_token_s"] >= 0
    assert chat["time_per_output_token_s"] >= 0
    assert chat["input_text"] == "Be brief.\nWhere is my order?"
    assert chat["output_text"] == "On its way."
    assert not {"gen_ai.input.messages", "input.value"} & set(chat["attributes"])


def test_failures(service: RunningService, sdk: None) -> None:
    @spanglass.observe
    def order() -> None:
        raise LookupError("no tents")

    with pytest.raises(LookupError), spanglass.span("failing") as root:
        order()
    assert spanglass.flush(20) is True
    query = (
        "SELECT name, status, status_message, error_type, `events.name` AS events FROM spans"
        f" WHERE trace_id = '{root.trace_id}' ORDER BY name"
    )
    service.settle()
    assert [(r["name"], r["status"], r["error_type"]) for r in service.sql(query)] == [
        ("failing", "error", "LookupError"),
        ("order", "error", "LookupError"),
    ]
    assert service.sql(query)[1]["status_message"] == "LookupError: no tents"
    assert service.sql(query)[1]["events"] == ["exception"]


def test_a_week_that_lies_in_the_past(service: RunningService, unique: str) -> None:
    service.dirty = True
    spanglass.init(service.otlp, service=unique, sample_data=True)
    day = 24 * 3600 * 10**9
    now = time.time_ns()
    for back in range(7, 0, -1):
        start = now - back * day
        with spanglass.span("ask", start_time_ns=start) as ask:
            with spanglass.generation("m", start_time_ns=start + 10**9) as call:
                call.chunk("a", time_ns=start + 10**9 + 250_000_000)
                call.end(start + 2 * 10**9)
            ask.end(start + 3 * 10**9)
    assert spanglass.flush(20) is True
    spanglass.shutdown()
    query = (
        "SELECT name, count() AS n, uniq(toDate(start_time)) AS days, min(duration_ns) AS least,"
        " max(duration_ns) AS most, min(sample_data) AS sample,"
        " max(time_to_first_token_s) AS first_token"
        f" FROM spans WHERE service = '{unique}' GROUP BY name ORDER BY name"
    )
    service.settle()
    ask_, call_ = service.sql(query)
    assert (int(ask_["n"]), int(ask_["days"]), bool(ask_["sample"])) == (7, 7, True)
    assert int(ask_["least"]) == int(ask_["most"]) == 3 * 10**9
    assert int(call_["least"]) == int(call_["most"]) == 10**9
    assert call_["first_token"] == 0.25


def test_nothing_is_lost_under_load(service: RunningService, sdk: None) -> None:
    with spanglass.span("load") as root:
        for number in range(3_000):
            with spanglass.span("item", n=number, input="x" * 200):
                pass
    assert spanglass.flush(30) is True
    assert spanglass.stats().dropped.get("queue_full") is None
    query = f"SELECT count() AS n FROM spans WHERE trace_id = '{root.trace_id}'"
    service.settle()
    assert int(service.one(query)["n"]) == 3_001
