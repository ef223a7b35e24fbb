"""`spanglass.wrap` around real clients of the `anthropic` package, against the sample server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from spanglass.testing import CapturedSpan, CapturedSpans
from support.sdk_clients import (
    CLAUDE,
    CLAUDE_TOOL,
    ORDER_QUESTION,
    QUESTION,
    STYLES,
    Style,
    anthropic_client,
    call,
    fault,
    traced,
    user,
)

pytestmark = pytest.mark.usefixtures("strict")

both = pytest.mark.parametrize("style", STYLES)
ANSWER = "12.50 EUR"
ASK: dict[str, Any] = {"model": CLAUDE, "max_tokens": 500, "messages": user(QUESTION)}


def only(spans: CapturedSpans) -> CapturedSpan:
    [found] = spans.all()
    return found


def said(span: CapturedSpan) -> str:
    [message] = span.output
    return "".join(part["content"] for part in message["parts"] if part["type"] == "text")


@both
@pytest.mark.parametrize("stream", [False, True])
def test_a_message(style: Style, stream: bool, url: str, spans: CapturedSpans) -> None:
    result = call(
        traced(anthropic_client(style, url)), "messages.create",
        **ASK, stream=stream, system="Be brief.", stop_sequences=["§"],
        extra_body={"temperature": 0, "top_k": 5},
    )  # fmt: skip
    message = result[0].message if stream else result
    span = only(spans)
    assert (span.name, span.kind, span.status) == (f"chat {CLAUDE}", "client", "unset")
    attributes = dict(span.attributes)
    assert ANSWER in said(span)
    assert span.input == [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}]
    assert json.loads(attributes["gen_ai.system_instructions"]) == [
        {"type": "text", "content": "Be brief."}
    ]
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": CLAUDE,
        "gen_ai.request.max_tokens": 500,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.stop_sequences": ("§",),
        "gen_ai.response.model": message.model,
        "gen_ai.response.id": message.id,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": message.usage.input_tokens,
        "server.address": "127.0.0.1",
    }
    assert expected.items() <= attributes.items()
    assert "spanglass.tokens_estimated" not in attributes
    if stream:
        last = result[-2].usage.output_tokens
        assert attributes["gen_ai.usage.output_tokens"] == last
        assert attributes["spanglass.chunks"] == len(result)
        assert attributes["gen_ai.response.time_to_first_chunk"] > 0
        assert attributes["spanglass.time_per_output_token"] > 0
    else:
        assert attributes["gen_ai.usage.output_tokens"] == message.usage.output_tokens


@both
@pytest.mark.parametrize("stream", [False, True])
def test_thinking_and_tools(style: Style, stream: bool, url: str, spans: CapturedSpans) -> None:
    call(
        traced(anthropic_client(style, url)), "messages.create",
        model=CLAUDE, max_tokens=4000, messages=user(ORDER_QUESTION), tools=[CLAUDE_TOOL],
        thinking={"type": "enabled", "budget_tokens": 1024}, stream=stream,
    )  # fmt: skip
    span = only(spans)
    [message] = span.output
    thought, tool = message["parts"]
    assert thought["type"] == "reasoning"
    assert thought["content"].startswith("The question")
    assert (tool["type"], tool["name"]) == ("tool_call", "get_order_status")
    assert tool["arguments"] == {"order_id": "HO-10482"}
    assert tool["id"]
    assert message["finish_reason"] == "tool_call"
    assert span.attributes["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert span.attributes["gen_ai.request.thinking_tokens"] == 1024
    [definition] = json.loads(span.attributes["gen_ai.tool.definitions"])
    assert definition["parameters"]["required"] == ["order_id"]


def test_a_tools_result_goes_back(url: str, spans: CapturedSpans) -> None:
    client = traced(anthropic_client("sync", url))
    asked = client.messages.create(
        model=CLAUDE, max_tokens=400, messages=user(ORDER_QUESTION), tools=[CLAUDE_TOOL]
    )
    [use] = [block for block in asked.content if block.type == "tool_use"]
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "shipped"}
    client.messages.create(
        model=CLAUDE,
        max_tokens=400,
        tools=[CLAUDE_TOOL],
        messages=[
            *user(ORDER_QUESTION),
            {"role": "assistant", "content": asked.content},
            {"role": "user", "content": [result]},
        ],
    )
    _, second = spans.all()
    _, answer, tool = second.input
    assert answer["parts"][0]["arguments"] == {"order_id": "HO-10482"}
    assert tool["parts"] == [{"type": "tool_call_response", "response": "shipped", "id": use.id}]


@both
@pytest.mark.parametrize("stream", [False, True])
def test_input_tokens_include_those_of_the_cache(
    style: Style, stream: bool, url: str, spans: CapturedSpans, unique: str
) -> None:
    text = f"{unique} " + "Answer from the help centre alone. " * 40
    system = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
    for _ in range(2):
        call(
            traced(anthropic_client(style, url)), "messages.create",
            **ASK, system=system, stream=stream,
        )  # fmt: skip
    first, second = (span.attributes for span in spans)
    assert first["gen_ai.usage.input_tokens"] == second["gen_ai.usage.input_tokens"]
    written = first["gen_ai.usage.cache_write.input_tokens"]
    read = second["gen_ai.usage.cache_read.input_tokens"]
    assert 0 < written <= first["gen_ai.usage.input_tokens"]
    assert 0 < read < second["gen_ai.usage.input_tokens"]


def test_the_helper_that_streams(url: str, spans: CapturedSpans) -> None:
    client = traced(anthropic_client("sync", url))
    with client.messages.stream(**ASK) as stream:
        heard = "".join(stream.text_stream)
        final = stream.get_final_message()
    with client.messages.stream(**ASK) as stream:
        next(iter(stream.text_stream))
    whole, cut = spans.all()
    assert heard == said(whole) == final.content[0].text
    assert whole.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert cut.attributes["spanglass.cancelled"] is True
    assert cut.attributes["gen_ai.usage.input_tokens"] == final.usage.input_tokens
    assert cut.attributes["spanglass.tokens_estimated"] is True
    assert heard.startswith(said(cut))


def test_the_helper_that_streams_asynchronously(url: str, spans: CapturedSpans) -> None:
    async def main() -> str:
        client = traced(anthropic_client("async", url))
        async with client.messages.stream(**ASK) as stream:
            return await stream.get_final_text()

    assert asyncio.run(main()) == said(only(spans))


@both
def test_overload_is_retried(style: Style, url: str, spans: CapturedSpans) -> None:
    arguments = {**ASK, "extra_headers": fault("529; retry-after=0.01; times=1")}
    call(traced(anthropic_client(style, url, max_retries=2)), "messages.create", **arguments)
    with pytest.raises(anthropic.APIStatusError) as caught:
        call(traced(anthropic_client(style, url)), "messages.create", **arguments)
    answered, failed = spans.all()
    [retry] = answered.events
    assert (retry.name, retry.attributes["http.response.status_code"]) == ("retry", 529)
    assert answered.status == "unset"
    assert failed.status == "error"
    assert failed.attributes["http.response.status_code"] == 529
    assert failed.attributes["error.type"] == f"anthropic.{type(caught.value).__name__}"
    assert failed.attributes["spanglass.request.id"] == caught.value.request_id


@both
@pytest.mark.parametrize("kind", ["break", "error-event"])
def test_a_broken_stream_keeps_what_came(
    style: Style, kind: str, url: str, spans: CapturedSpans
) -> None:
    with pytest.raises(Exception) as caught:
        call(
            traced(anthropic_client(style, url)), "messages.create",
            **ASK, stream=True, extra_headers=fault(kind),
        )  # fmt: skip
    span = only(spans)
    assert span.status == "error"
    assert span.attributes["error.type"].endswith(type(caught.value).__name__)
    assert said(span)
    assert span.attributes["spanglass.tokens_estimated"] is True


def test_raw_responses_and_copies(url: str, spans: CapturedSpans) -> None:
    client = traced(anthropic_client("sync", url)).with_options(timeout=10)
    assert client.messages.with_raw_response.create(**ASK).parse().content
    with client.messages.with_streaming_response.create(**ASK) as raw:
        assert raw.parse().content
    stream = client.messages.with_raw_response.create(**ASK, stream=True).parse()
    assert [event.type for event in stream][-1] == "message_stop"
    assert [ANSWER in said(span) for span in spans] == [True] * 3


def test_pictures_and_documents_stay_out(url: str, spans: CapturedSpans) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "QUJDREVGRw=="}
    document = {"type": "base64", "media_type": "application/pdf", "data": "SElKS0xNTk8="}
    content = [
        {"type": "image", "source": source},
        {"type": "document", "source": document, "title": "Terms"},
        {"type": "text", "text": QUESTION},
    ]
    traced(anthropic_client("sync", url)).messages.create(
        model=CLAUDE, max_tokens=100, messages=[{"role": "user", "content": content}]
    )
    span = only(spans)
    assert "QUJDREVGRw" not in str(span.attributes)
    assert "SElKS0xNTk8" not in str(span.attributes)
    picture, paper, text = span.input[0]["parts"]
    assert (picture["modality"], paper["modality"]) == ("image", "document")
    assert (paper["name"], text["content"]) == ("Terms", QUESTION)


def test_counting_tokens_asks_no_model(url: str, spans: CapturedSpans) -> None:
    client = traced(anthropic_client("sync", url))
    assert client.messages.count_tokens(model=CLAUDE, messages=user(QUESTION)).input_tokens > 0
    assert not spans.all()


@both
@pytest.mark.parametrize("stream", [False, True])
def test_iterators_are_the_clients_to_read(
    style: Style, stream: bool, url: str, spans: CapturedSpans
) -> None:
    """A generator can be read once: by the client, whose request is what it would have been."""

    def ask(client: Any) -> Any:
        blocks = ({"type": "text", "text": part} for part in ("How much is ", "delivery?"))
        messages = ({"role": "user", "content": each} for each in [blocks])
        tools = (tool for tool in [CLAUDE_TOOL])
        return call(
            client, "messages.create", model=CLAUDE, max_tokens=500, messages=messages,
            tools=tools, stream=stream, system=(block for block in [{"type": "text", "text": "Hi"}]),
        )  # fmt: skip

    plain, wrapped = ask(anthropic_client(style, url)), ask(traced(anthropic_client(style, url)))
    usage = [(each[0].message if stream else each).usage.input_tokens for each in (plain, wrapped)]
    assert usage[0] == usage[1] > 10
    [message] = only(spans).input
    assert [part["content"] for part in message["parts"]] == ["How much is ", "delivery?"]


@both
def test_an_iterator_that_raises_raises_into_the_caller(
    style: Style, url: str, spans: CapturedSpans
) -> None:
    def messages() -> Iterator[Any]:
        yield {"role": "user", "content": "How much is delivery?"}
        raise LookupError("theirs")

    for client in (anthropic_client(style, url), traced(anthropic_client(style, url))):
        with pytest.raises(LookupError, match="theirs"):
            call(client, "messages.create", model=CLAUDE, max_tokens=5, messages=messages())
    assert only(spans).status == "error"
