"""Whatever stands in the attributes of a dialect, nothing fails, and the originals stay."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector import dialects
from spanglass_collector.dialects import engine, tables
from spanglass_collector.dialects.attributes import plain
from spanglass_collector.dialects.engine import apply_to, meanings_of
from spanglass_collector.dialects.tables import FIRST_CHUNKS, KNOWN, LISTS
from support import dialects as captured
from support import otlp

INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"
LLM = {"openinference.span.kind": "LLM"}

_INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
JSONS = st.recursive(
    st.none() | st.booleans() | _INTEGERS | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            [
                "role", "content", "parts", "type", "text", "messages", "message", "choices",
                "tool_calls", "function", "name", "arguments", "input", "output", "kwargs", "args",
                "lc", "id", "data", "system", "tools", "image_url", "url", "source", "details",
                "prompt_tokens_details", "total", "finish_reason", "generations", "anthropic",
            ]
        )
        | st.text(max_size=4),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
TEXTS = (
    st.text(max_size=20)
    | JSONS.map(lambda value: json.dumps(value))
    | JSONS.map(lambda value: json.dumps(value)[:-1])
    | st.sampled_from(["LLM", "TOOL", "RETRIEVER", "generation", "ai.toolCall", "chat", "tool"])
)
VALUES = TEXTS | JSONS.map(otlp.any_value) | st.binary(max_size=6) | st.integers(-(1 << 63), 99)
INDEXED = st.builds(
    lambda root, index, rest: f"{root}{index}{rest}",
    st.sampled_from(sorted(LISTS)),
    st.integers(0, 3).map(str) | st.sampled_from(["", "x", "-1", "٣", "9" * 30, "²"]),
    st.sampled_from(
        [
            "", ".", ".role", ".content", ".message.content", ".message.role", "..",
            ".message.tool_calls.0.tool_call.function.name", ".message.tool_calls.x.id",
            ".message.contents.1.message_content.image.image.url", ".tool.json_schema",
            ".message.contents.1.message_content.type", ".document.metadata", ".a" * 40,
        ]
    ),
)  # fmt: skip
NAMES = st.sampled_from(sorted(KNOWN)) | INDEXED | st.text(max_size=8)


def fresh(attrs: Any, **fields: Any) -> Span:
    return otlp.span(attrs=attrs, **fields)


def added(span: Span, scope: str = "") -> dict[str, Any]:
    """What applying the dialects adds; what was there is untouched."""
    before = list(span.attributes)
    apply_to(span, meanings_of(scope))
    assert list(span.attributes)[: len(before)] == before
    return {each.key: plain(each.value) for each in list(span.attributes)[len(before) :]}


@given(
    attrs=st.lists(st.tuples(NAMES, VALUES), max_size=12),
    events=st.lists(
        st.tuples(
            st.sampled_from(
                ["gen_ai.user.message", "gen_ai.choice", "exception", *FIRST_CHUNKS,
                 "db.query.result", "db.search.result",
                 "gen_ai.content.prompt", "gen_ai.tool.message"]
            ),
            st.dictionaries(
                st.sampled_from(["content", "role", "message", "id", "gen_ai.event.content",
                                 "gen_ai.prompt", "exception.type", "tool_calls",
                                 "db.query.result.id", "db.search.result.entity",
                                 "db.query.result.metadata"]),
                VALUES,
                max_size=3,
            ),
        ),
        max_size=3,
    ),
    scope=st.sampled_from(["", "logfire"]),
)  # fmt: skip
def test_nothing_fails(
    attrs: list[tuple[str, Any]], events: list[tuple[str, Any]], scope: str
) -> None:
    span = fresh(attrs, events=[otlp.event(name, values) for name, values in events])
    made = added(span, scope)
    assert Span.FromString(span.SerializeToString()) == span
    given_names = {name for name, _ in attrs}
    assert given_names.isdisjoint(made)
    for name in (INPUT, OUTPUT):
        if name in made:
            for message in json.loads(made[name]):
                assert isinstance(message["role"], str)
                assert all(isinstance(part["type"], str) for part in message["parts"])


def test_holes_and_any_order() -> None:
    attrs = LLM | {
        "llm.input_messages.7.message.content": "last",
        "llm.input_messages.7.message.role": "user",
        "llm.input_messages.2.message.role": "system",
        "llm.input_messages.2.message.content": "first",
        "llm.input_messages.x.message.content": "no index",
        "llm.input_messages.4": "no message",
    }
    found = json.loads(added(fresh(attrs))[INPUT])
    assert [(m["role"], m["parts"][0]["content"]) for m in found] == [
        ("system", "first"), ("user", "last"),
    ]  # fmt: skip


def test_ten_thousand_messages() -> None:
    attrs = dict(LLM)
    for n in range(10_000):
        attrs[f"llm.input_messages.{n}.message.role"] = "user"
        attrs[f"llm.input_messages.{n}.message.content"] = f"message {n}"
    found = json.loads(added(fresh(attrs))[INPUT])
    assert [m["parts"][0]["content"] for m in found] == [f"message {n}" for n in range(10_000)]


@pytest.mark.parametrize(
    ("attrs", "wanted"),
    [
        # Wrong types are left out, and say nothing about the others.
        (
            {"llm.token_count.prompt": "many", "llm.token_count.completion": 5.0},
            {"gen_ai.usage.output_tokens": 5},
        ),
        ({"llm.token_count.prompt": -1, "llm.model_name": 4}, {"gen_ai.request.model": "4"}),
        ({"llm.token_count.prompt": math.inf, "tag.tags": 3}, {}),
        ({"llm.token_count.prompt": True, "tag.tags": ["a", 1]}, {"spanglass.tags": ["a"]}),
        # JSON that breaks off.
        ({"llm.invocation_parameters": '{"temperature": 0.5, "max_to'}, {}),
        (
            {"llm.invocation_parameters": '{"temperature": "hot", "max_tokens": 7}'},
            {"gen_ai.request.max_tokens": 7},
        ),
        # Deeper than JSON is read.
        ({"llm.invocation_parameters": "[" * 100_000}, {}),
    ],
)
def test_wrong_types_and_broken_json(attrs: Any, wanted: dict[str, Any]) -> None:
    made = added(fresh(attrs | LLM))
    assert made.pop("gen_ai.operation.name") == "chat"
    assert made == wanted


def test_content_that_breaks_off_is_text() -> None:
    broken = '[{"role": "user", "content": "Where is m'
    made = added(
        fresh({"langfuse.observation.type": "generation", "langfuse.observation.input": broken})
    )
    assert json.loads(made[INPUT]) == [
        {"role": "user", "parts": [{"type": "text", "content": broken}]}
    ]


def test_json_too_deep_to_write_stays_as_it_came() -> None:
    deep = '{"role": "user", "content": ' + '{"a":' * 500 + "1" + "}" * 501
    made = added(
        fresh({"langfuse.observation.type": "generation", "langfuse.observation.input": deep})
    )
    assert made.get("gen_ai.operation.name") == "chat"


def test_names_that_anybody_may_use_are_only_read_in_their_scope() -> None:
    attrs = {"model_name": "m", "agent_name": "a", "final_result": "r"}
    assert added(fresh(attrs)) == {}
    assert added(fresh(attrs), "pydantic-ai") == {
        "gen_ai.agent.name": "a", "gen_ai.request.model": "m", "output.value": "r",
    }  # fmt: skip


def test_a_name_that_comes_again_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    key = "langfuse.observation.cost_details"
    (place,) = tables.RULES_OF[key]
    rules = list(tables.RULES)
    rules[place] = rules[place]._replace(convert=seen.append)
    monkeypatch.setattr(engine, "RULES", rules)
    added(fresh([(key, '{"total": 1}'), (key, '{"total": 2}')] * 100))
    assert seen == ['{"total": 1}']


def test_two_dialects_in_one_span() -> None:
    """What both say is taken from the first; what one says, from that one."""
    attrs = LLM | {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "model-l",
        "llm.model_name": "model-o",
        "llm.provider": "xai",
        "traceloop.association.properties.session_id": "s",
        "ai.telemetry.metadata.userId": "u",
        "gen_ai.usage.prompt_tokens": 9,
    }
    assert added(fresh(attrs)) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "model-l",
        "gen_ai.provider.name": "x_ai",
        "gen_ai.conversation.id": "s",
        "user.id": "u",
        "gen_ai.usage.input_tokens": 9,
    }


def test_a_cost_in_two_halves_and_what_a_prompt_was_filled_with() -> None:
    made = added(fresh(LLM | {
        "llm.cost.prompt": 0.25, "llm.cost.completion": "0.5",
        "llm.prompt_template.variables": '{"name": "Ann", "items": [1, 2], "": 3}',
    }))  # fmt: skip
    assert made["spanglass.reported_cost_usd"] == 0.75
    assert {k: v for k, v in made.items() if k.startswith("gen_ai.prompt.variable.")} == {
        "gen_ai.prompt.variable.name": "Ann", "gen_ai.prompt.variable.items": "[1,2]",
    }  # fmt: skip
    assert added(fresh(LLM | {"llm.prompt_template.variables": '["broken'})) == {
        "gen_ai.operation.name": "chat"
    }


@pytest.mark.parametrize(
    ("attrs", "status", "wanted"),
    [
        ({"level": "ERROR", "status_message": "no answer"}, 0, (2, "no answer")),
        ({"level": "ERROR"}, 0, (2, "")),
        ({"level": "ERROR", "status_message": 7.5}, 1, (1, "")),
        ({"level": "WARNING", "status_message": "slow"}, 0, (0, "")),
        ({"level": ["ERROR"]}, 0, (0, "")),
    ],
)
def test_langfuses_level_is_the_status_where_there_is_none(
    attrs: dict[str, Any], status: int, wanted: tuple[int, str]
) -> None:
    span = fresh({f"langfuse.observation.{key}": value for key, value in attrs.items()})
    span.status.code = status  # type: ignore[assignment]
    request = otlp.request(span)
    dialects.apply(request)
    (after,) = otlp.all_spans(request)
    assert (after.status.code, after.status.message) == wanted


def test_what_announces_a_span_is_not_one_more() -> None:
    """Logfire sends the beginning of a span ahead of it, with an identity of its own."""
    pending = {"logfire.span_type": "pending_span", "logfire.pending_parent_id": "0" * 16}
    spans = [otlp.span("work", attrs=pending), otlp.span("work"), otlp.span("more", attrs=pending)]
    request = otlp.request(*spans, scope=InstrumentationScope(name="shop"))
    assert dialects.may_apply(request.SerializeToString())
    assert dialects.apply(request)
    assert [each.span_id for each in otlp.all_spans(request)] == [spans[1].span_id]


def test_spans_tell_where_they_run() -> None:
    def told(*environments: Any, **resource: Any) -> list[tuple[dict[str, Any], list[str]]]:
        spans = [
            otlp.span(f"{n}", attrs={"langfuse.environment": each, "langfuse.release": "7"})
            for n, each in enumerate(environments)
        ]
        request = otlp.request(*spans, otlp.span("plain"))
        (only,) = request.resource_spans
        only.resource.attributes.extend(otlp.attributes(resource))
        assert dialects.apply(request)
        return [
            (
                {a.key: plain(a.value) for a in each.resource.attributes if "." in a.key
                 and a.key != "service.name"},
                [span.name for scope in each.scope_spans for span in scope.spans],
            )
            for each in request.resource_spans
        ]  # fmt: skip

    def place(environment: str) -> dict[str, str]:
        return {"deployment.environment.name": environment, "service.version": "7"}

    assert told("staging", "staging") == [(place("staging"), ["0", "1", "plain"])]
    assert told("a", "b", "a") == [
        ({}, ["plain"]), (place("a"), ["0", "2"]), (place("b"), ["1"]),
    ]  # fmt: skip
    # What the resource says already stays.
    kept = {"deployment.environment": "production", "service.version": "1"}
    assert told("a", "b", **kept) == [(kept, ["0", "1", "plain"])]
    # Spans that each say something else do not make a resource each.
    many = told(*map(str, range(100)))
    assert len(many) == 17
    assert sum(len(spans) for _, spans in many) == 101


def test_what_is_canonical_stays() -> None:
    attrs = LLM | {
        "gen_ai.request.model": "kept", "llm.model_name": "other", "gen_ai.input.messages": "[]",
        "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Hi",
        "gen_ai.usage.input_tokens": 3, "llm.token_count.prompt": 7,
    }  # fmt: skip
    assert added(fresh(attrs)) == {"gen_ai.operation.name": "chat"}


def test_a_canonical_request_is_not_touched() -> None:
    request = otlp.request(
        otlp.chat_span(attrs={"gen_ai.input.messages": "[]", "session.id": "s"}),
        scope=InstrumentationScope(name="opentelemetry.instrumentation.genai.openai"),
    )
    body = request.SerializeToString()
    assert not dialects.may_apply(body)
    assert not dialects.apply(request)
    assert request.SerializeToString() == body


@pytest.mark.parametrize("name", captured.NAMES)
def test_every_capture_is_noticed(name: str) -> None:
    """By its scope, and most by their attributes too, in a scope of the user's own."""
    request = captured.load(name).request
    assert dialects.may_apply(request.SerializeToString())


@pytest.mark.parametrize(
    "key",
    [
        "openinference.span.kind", "langfuse.trace.name", "ai.operationId", "llm.request.type",
        "traceloop.span.kind", "langsmith.span.kind", "gen_ai.system",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scope", ["shop", ""])
def test_a_single_span_in_a_scope_of_the_users_own_is_noticed(key: str, scope: str) -> None:
    spans = [otlp.chat_span() for _ in range(50)]
    plainly = otlp.request(*spans, scope=InstrumentationScope(name=scope))
    assert not dialects.may_apply(plainly.SerializeToString())
    spans[40].attributes.extend(otlp.attributes({key: "x"}))
    found = otlp.request(*spans, scope=InstrumentationScope(name=scope))
    assert dialects.may_apply(found.SerializeToString())


@given(body=st.binary(max_size=60))
def test_looking_at_any_bytes_fails_for_none(body: bytes) -> None:
    dialects.may_apply(body)


@pytest.mark.parametrize(
    ("usage", "tokens", "output"),
    [
        # Buckets that have nothing in common are added up.
        ({"input": 10, "output": 2, "input_cached_tokens": 30}, 40, 2),
        ({"input": 10, "output": 2, "cache_read_input_tokens": 30}, 40, 2),
        ({"input": 10, "output": 2, "output_reasoning_tokens": 5}, 10, 7),
        ({"input_tokens": 10, "output_tokens": 2, "cache_creation_input_tokens": 4}, 14, 2),
        # A total that says otherwise, and OpenAI's own object.
        ({"input": 40, "output": 2, "total": 42, "input_cached_tokens": 30}, 40, 2),
        (
            {
                "prompt_tokens": 40, "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 30},
            },
            40, 2,
        ),
    ],
)  # fmt: skip
def test_langfuses_tokens_become_inclusive(usage: Any, tokens: int, output: int) -> None:
    attrs = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.usage_details": json.dumps(usage),
    }
    made = added(fresh(attrs))
    assert made["gen_ai.usage.input_tokens"] == tokens
    assert made["gen_ai.usage.output_tokens"] == output


@pytest.mark.parametrize(
    ("provider", "more", "tokens"),
    [
        ("anthropic.messages", {}, 150),
        ("anthropic.messages", {"ai.usage.inputTokenDetails.cacheReadTokens": 100}, 110),
        ("openai.chat", {}, 110),
    ],
)
def test_vercels_tokens_become_inclusive(provider: str, more: Any, tokens: int) -> None:
    attrs = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.provider": provider,
        "ai.usage.inputTokens": 110,
        "ai.usage.cachedInputTokens": 30,
        "ai.response.providerMetadata": '{"anthropic":{"cacheCreationInputTokens":10}}',
    }
    assert added(fresh(attrs | more))["gen_ai.usage.input_tokens"] == tokens


def test_cached_tokens_are_counted_in_where_they_are_more() -> None:
    attrs = LLM | {
        "llm.token_count.prompt": 10, "llm.token_count.prompt_details.cache_read": 90,
    }  # fmt: skip
    assert added(fresh(attrs))["gen_ai.usage.input_tokens"] == 100


def test_a_very_large_span_keeps_its_content_once() -> None:
    attrs = LLM | {"llm.model_name": "m", "input.value": "x" * (9 << 20)}
    request = ExportTraceServiceRequest()
    request.CopyFrom(otlp.request(fresh(attrs)))
    assert dialects.apply(request)
    (span,) = otlp.all_spans(request)
    names = captured.keys(span)
    assert "gen_ai.request.model" in names
    assert INPUT not in names


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://api.example.com:8443/v1", "api.example.com"),
        ("http://[", None),
        ("no address", None),
        (7, None),
    ],
)
def test_the_host_that_was_called(base: Any, expected: str | None) -> None:
    found = added(fresh({"gen_ai.openai.api_base": base}), "opentelemetry.instrumentation.openai")
    assert found.get("server.address") == expected
