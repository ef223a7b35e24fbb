"""GenAI attributes land in typed columns; content is where the grant and the retention are."""

import json
from typing import Any

import pytest

from support import otlp
from support.running import RunningService

QUESTION = json.dumps(
    [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Where is Pärnu?"},
                {"type": "blob", "modality": "image", "content": "aGVsbG8="},
            ],
        },
    ],
    ensure_ascii=False,
)
ANSWER = json.dumps(
    [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "In Estonia."}],
            "finish_reason": "stop",
        }
    ]
)


def stored(service: RunningService, columns: str, attrs: Any, **fields: Any) -> dict[str, Any]:
    one = otlp.span(attrs=attrs, **fields)
    service.send(otlp.request(one, service="gen-ai"))
    return service.stored_span(one.span_id, columns)


def stored_all(service: RunningService, columns: str, cases: list[Any]) -> list[dict[str, Any]]:
    """The rows of several spans, in the order of their attributes."""
    trace, began = otlp.trace_id(), otlp.span().start_time_unix_nano
    spans = [otlp.span(trace=trace, attrs=each, start=began + n) for n, each in enumerate(cases)]
    service.send(otlp.request(*spans, service="gen-ai"))
    service.settle()
    rows = service.sql(
        f"SELECT {columns} FROM spans WHERE trace_id = {{t:String}} ORDER BY start_time",
        t=trace.hex(),
    )
    assert len(rows) == len(cases)
    return rows


@pytest.mark.parametrize("provider", ["gen_ai.provider.name", "gen_ai.system"])
def test_both_generations_fill_the_typed_columns(service: RunningService, provider: str) -> None:
    wanted = {
        "operation": "chat", "provider": "openai", "request_model": "gpt-4o",
        "response_model": "gpt-4o-2024-08-06", "input_tokens": 1200, "output_tokens": 34,
        "cache_read_tokens": 1000, "cache_write_tokens": 7, "reasoning_tokens": 12,
        "time_to_first_token_s": 0.25, "finish_reasons": ["stop", "length"],
        "session_id": "conversation-1", "user_id": "user-1", "error_type": "TimeoutError",
        "agent_name": "Helper", "tool_name": "search", "prompt_name": "greet",
        "prompt_version": "3", "feature": "checkout", "tags": ["a", "b"],
        "tokens_estimated": True, "sample_data": True, "sample_weight": 4.5,
    }  # fmt: skip
    attrs: dict[str, otlp.Value] = {
        "gen_ai.operation.name": "chat",
        provider: "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.usage.output_tokens": 34,
        "gen_ai.usage.cache_read.input_tokens": 1000,
        "gen_ai.usage.cache_creation.input_tokens": 7,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.response.finish_reasons": ["stop", "length"],
        "gen_ai.conversation.id": "conversation-1",
        "user.id": "user-1",
        "error.type": "TimeoutError",
        "gen_ai.agent.name": "Helper",
        "gen_ai.tool.name": "search",
        "gen_ai.prompt.name": "greet",
        "gen_ai.prompt.version": "3",
        "spanglass.feature": "checkout",
        "spanglass.tags": ["a", "b"],
        "spanglass.tokens_estimated": True,
        "spanglass.sample_data": True,
        "spanglass.sample_weight": 4.5,
    }
    row = stored(service, ", ".join([*wanted, "attributes"]), attrs, duration=1_250_000_000)
    assert {key: row[key] for key in wanted} == wanted
    # What fills a column stays an attribute, too; an older name is kept beside the new one.
    assert set(row["attributes"]) == {*attrs, "gen_ai.provider.name"}


def test_resource_attributes_fill_their_columns(service: RunningService) -> None:
    one = otlp.span()
    about = {"deployment.environment.name": "prod", "service.version": "1.2"}
    service.send(otlp.request(one, service="checkout", resource=about))
    assert service.stored_span(one.span_id, "service, environment, release") == {
        "service": "checkout", "environment": "prod", "release": "1.2",
    }  # fmt: skip


def test_an_older_name_of_the_environment(service: RunningService) -> None:
    one = otlp.span()
    service.send(otlp.request(one, resource={"deployment.environment": "staging"}))
    assert service.stored_span(one.span_id, "environment")["environment"] == "staging"


def test_the_newer_name_wins(service: RunningService) -> None:
    both = {
        "gen_ai.system": "old", "gen_ai.provider.name": "new",
        "session.id": "old", "gen_ai.conversation.id": "new",
    }  # fmt: skip
    empty = {"gen_ai.system": "old", "gen_ai.provider.name": "", "session.id": "old"}
    assert stored_all(service, "provider, session_id", [both, empty]) == [
        {"provider": "new", "session_id": "new"}, {"provider": "old", "session_id": "old"},
    ]  # fmt: skip


def test_zero_tokens_are_not_unknown_tokens(service: RunningService) -> None:
    row = stored(
        service, "input_tokens, output_tokens, reasoning_tokens",
        {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 5},
    )  # fmt: skip
    assert row == {"input_tokens": 0, "output_tokens": 5, "reasoning_tokens": None}


def test_tokens_that_are_no_number_do_not_fail_a_span(service: RunningService) -> None:
    key = "gen_ai.usage.input_tokens"
    values: list[otlp.Value] = [
        "many", -1, 1.5, [1], {"a": 1}, True, None, "", b"\x01", "0x10", str(2**64), str(2**63),
    ]  # fmt: skip
    rows = stored_all(service, f"input_tokens, attributes['{key}'] AS kept", [
        {key: value} for value in values
    ])  # fmt: skip
    assert [row["input_tokens"] for row in rows] == [None] * 11 + [2**63]
    assert [row["kept"] for row in rows[:5]] == ["many", "-1", "1.5", "[1]", '{"a":1}']


def test_time_per_output_token(service: RunningService) -> None:
    attrs: dict[str, otlp.Value] = {
        "gen_ai.usage.output_tokens": 11, "gen_ai.response.time_to_first_chunk": 0.5,
    }  # fmt: skip
    columns = "time_to_first_token_s AS first, time_per_output_token_s AS each"
    row = stored(service, columns, attrs, duration=1_500_000_000)
    assert row == {"first": 0.5, "each": pytest.approx(0.1)}
    row = stored(service, columns, attrs, duration=400_000_000)
    assert row == {"first": 0.5, "each": None}, "first chunk after the end: clocks differ"
    row = stored(service, columns, attrs | {"gen_ai.usage.output_tokens": 1})
    assert row["each"] is None
    row = stored(service, columns, attrs | {"spanglass.time_per_output_token": 0.02})
    assert row["each"] == 0.02, "as the sender measured it"


def test_numbers_that_are_none_stay_out_of_typed_columns(service: RunningService) -> None:
    trace = otlp.trace_id()
    spans = [
        otlp.span(
            trace=trace,
            attrs={
                "gen_ai.response.time_to_first_chunk": value,
                "gen_ai.usage.output_tokens": 5,
                "spanglass.sample_weight": value,
            },
        )
        for value in (float("nan"), float("inf"), "nan", "-inf")
    ]
    service.send(otlp.request(*spans))
    service.settle()
    response = service.api("GET", f"/api/v1/traces/{trace.hex()}")

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    shown = json.loads(response.text, parse_constant=refuse)["spans"]
    assert [one["time_to_first_token_s"] for one in shown] == [None] * 4
    assert [one["sample_weight"] for one in shown] == [1] * 4


# -- content -------------------------------------------------------------------------------------

CONTENT: dict[str, otlp.Value] = {
    "gen_ai.input.messages": QUESTION,
    "gen_ai.output.messages": ANSWER,
    "gen_ai.system_instructions": '[{"type":"text","content":"secret"}]',
    "gen_ai.tool.definitions": [{"name": "search", "secret": True}],
    "gen_ai.tool.call.arguments": {"query": "secret"},
    "gen_ai.tool.call.result": "secret",
    "gen_ai.prompt.0.content": "secret",
    "gen_ai.completion.0.content": "secret",
    "gen_ai.retrieval.query.text": "secret",
    "input.value": "secret",
    "output.value": "secret",
    "llm.input_messages.0.message.content": "secret",
    "llm.output_messages.0.message.tool_calls.0.function.arguments": "secret",
    "retrieval.documents.0.document.content": "secret",
    "traceloop.entity.input": "secret",
    "langfuse.observation.output": "secret",
    "langfuse.trace.input": "secret",
    "pydantic_ai.all_messages": "secret",
    "all_messages_events": "secret",
    "ai.prompt.messages": "secret",
    "ai.response.text": "secret",
    "ai.toolCall.args": "secret",
    "spanglass.reference": "secret",
}
PLAIN: dict[str, otlp.Value] = {
    "gen_ai.operation.name": "chat", "gen_ai.request.temperature": 0.5, "my.own": "plain",
    "gen_ai.prompt.name": "greet", "gen_ai.output.type": "text", "llm.headers": "m",
}  # fmt: skip
CONTENT_EVENTS = (
    "gen_ai.content.prompt", "gen_ai.content.completion", "gen_ai.user.message",
    "gen_ai.system.message", "gen_ai.assistant.message", "gen_ai.tool.message", "gen_ai.choice",
    "gen_ai.client.inference.operation.details",
)  # fmt: skip


@pytest.fixture(scope="module")
def contentful(shared_service: RunningService) -> bytes:
    events = [otlp.event(name, {"content": "secret", "n": 1}) for name in CONTENT_EVENTS]
    plain = [otlp.event("exception", {"exception.type": "E"}), otlp.event("retry", {"n": 2})]
    one = otlp.span(attrs=CONTENT | PLAIN, events=[*events, *plain])
    shared_service.send(otlp.request(one))
    return one.span_id


def test_content_is_not_among_the_attributes(contentful: bytes, service: RunningService) -> None:
    row = service.stored_span(contentful, "attributes, payload_attributes, input_key, output_key")
    assert set(row["attributes"]) == set(PLAIN)
    assert (row["input_key"], row["output_key"]) == (
        "gen_ai.input.messages", "gen_ai.output.messages",
    )  # fmt: skip
    assert set(row["payload_attributes"]) == set(CONTENT) - {row["input_key"], row["output_key"]}


def test_content_events_are_not_among_the_events(
    contentful: bytes, service: RunningService
) -> None:
    row = service.stored_span(
        contentful,
        "events.name AS plain, events.attributes AS about, payload_events.name AS content,"
        " payload_events.attributes AS said",
    )
    assert row["plain"] == ["exception", "retry"]
    assert row["about"] == [{"exception.type": "E"}, {"n": "2"}]
    assert row["content"] == list(CONTENT_EVENTS)
    assert row["said"] == [{"content": "secret", "n": "1"}] * len(CONTENT_EVENTS)


def test_no_column_that_is_read_without_the_grant_has_content(
    contentful: bytes, service: RunningService
) -> None:
    columns = service.sql("SELECT name FROM system.columns WHERE table = 'spans'")
    payload = {
        "input", "output", "input_text", "output_text", "payload_attributes",
        "payload_events.attributes",
    }  # fmt: skip
    names = [f"`{row['name']}`" for row in columns if row["name"] not in payload]
    assert len(names) > 60
    row = service.stored_span(contentful, ", ".join(names))
    assert "secret" not in json.dumps(row)
    assert "Estonia" not in json.dumps(row)


def test_the_api_shows_content_with_its_types(contentful: bytes, service: RunningService) -> None:
    trace = service.stored_span(contentful, "trace_id")["trace_id"]
    (shown,) = service.trace(bytes.fromhex(trace))
    assert shown["input"] == QUESTION
    assert shown["output"] == ANSWER
    assert shown["payload_attributes"]["gen_ai.tool.call.arguments"] == {"query": "secret"}
    assert shown["payload_attributes"]["gen_ai.tool.definitions"] == [
        {"name": "search", "secret": True}
    ]
    assert [event["attributes"] for event in shown["payload_events"]] == [
        {"content": "secret", "n": 1}
    ] * len(CONTENT_EVENTS)
    (without,) = service.trace(bytes.fromhex(trace), payload=False)
    assert "secret" not in json.dumps(without)
    assert without.get("input") is None


INPUTS: list[tuple[dict[str, otlp.Value], str, str]] = [
    ({"gen_ai.input.messages": QUESTION}, "gen_ai.input.messages", "Be brief.\nWhere is Pärnu?"),
    ({"gen_ai.input.messages": '[{"role":"user","content":"plain ö"}]'},
     "gen_ai.input.messages", "plain ö"),
    ({"gen_ai.input.messages":
        '[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"},'
        '{"type":"text","text":"b"}]}]'}, "gen_ai.input.messages", "a\nb"),
    ({"gen_ai.input.messages": [{"role": "user", "parts": [
        {"type": "text", "content": "as values"}]}]}, "gen_ai.input.messages", "as values"),
    ({"input.value": "just text"}, "input.value", "just text"),
    ({"gen_ai.input.messages": "[truncated json"}, "gen_ai.input.messages", "[truncated json"),
    ({"gen_ai.input.messages": "[]"}, "gen_ai.input.messages", ""),
    ({"gen_ai.input.messages": "[1, null, {}]"}, "gen_ai.input.messages", ""),
    ({"gen_ai.tool.call.arguments": '{"q": 1}'}, "gen_ai.tool.call.arguments", '{"q": 1}'),
    ({"gen_ai.tool.call.arguments": {"q": 1}}, "gen_ai.tool.call.arguments", '{"q":1}'),
    ({"gen_ai.input.messages": ""}, "gen_ai.input.messages", ""),
    ({"input.value": "other", "gen_ai.input.messages": '[{"content":"first"}]'},
     "gen_ai.input.messages", "first"),
    ({"unrelated": "x"}, "", ""),
]  # fmt: skip
OUTPUTS: list[tuple[dict[str, otlp.Value], str, str]] = [
    ({"gen_ai.output.messages": ANSWER}, "gen_ai.output.messages", "In Estonia."),
    ({"gen_ai.tool.call.result": "found"}, "gen_ai.tool.call.result", "found"),
    ({"output.value": 7}, "output.value", "7"),
]


@pytest.mark.parametrize(("side", "cases"), [("input", INPUTS), ("output", OUTPUTS)])
def test_the_text_of_what_was_said(
    service: RunningService, side: str, cases: list[tuple[dict[str, otlp.Value], str, str]]
) -> None:
    rows = stored_all(service, f"{side}_key, {side}_text", [attrs for attrs, *_ in cases])
    assert rows == [{f"{side}_key": key, f"{side}_text": text} for _, key, text in cases]
