"""`spanglass.wrap` around real clients of the `openai` package, against the sample server."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import BaseModel

import spanglass
from spanglass.testing import CapturedSpan, CapturedSpans, capture
from support.sdk_clients import (
    MODEL,
    ORDER_QUESTION,
    QUESTION,
    STYLES,
    TOOL,
    Style,
    call,
    fault,
    openai_client,
    run,
    traced,
    user,
)

pytestmark = pytest.mark.usefixtures("strict")

both = pytest.mark.parametrize("style", STYLES)
ANSWER = "12.50 EUR"


def only(spans: CapturedSpans) -> CapturedSpan:
    [found] = spans.all()
    return found


def said(span: CapturedSpan) -> str:
    [message] = span.output
    return "".join(part["content"] for part in message["parts"] if part["type"] == "text")


@both
def test_a_chat(style: Style, url: str, spans: CapturedSpans) -> None:
    client = traced(openai_client(style, url))
    answer = call(
        client, "chat.completions.create",
        model=MODEL, messages=user(QUESTION), temperature=0, max_completion_tokens=200, seed=3,
    )  # fmt: skip
    span = only(spans)
    assert (span.name, span.kind, span.status) == (f"chat {MODEL}", "client", "unset")
    attributes = dict(span.attributes)
    assert attributes.pop("gen_ai.input.messages")
    assert said(span) == answer.choices[0].message.content
    assert ANSWER in said(span)
    del attributes["gen_ai.output.messages"]
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": 200,
        "gen_ai.request.seed": 3,
        "gen_ai.response.model": answer.model,
        "gen_ai.response.id": answer.id,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": answer.usage.completion_tokens,
        "openai.api.type": "chat_completions",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": answer.system_fingerprint,
        "server.address": "127.0.0.1",
        "server.port": int(url.split(":")[2].removesuffix("/v1")),
        "spanglass.request.id": answer._request_id,
    }


@both
def test_a_streamed_chat(style: Style, url: str, spans: CapturedSpans) -> None:
    bare = call(
        openai_client(style, url), "chat.completions.create",
        model=MODEL, messages=user(QUESTION), stream=True,
    )  # fmt: skip
    pieces = call(
        traced(openai_client(style, url)), "chat.completions.create",
        model=MODEL, messages=user(QUESTION), stream=True,
    )  # fmt: skip
    span = only(spans)
    assert [p.choices[0].delta for p in pieces] == [p.choices[0].delta for p in bare], (
        "the chunk with the counts is kept from who did not ask for it"
    )
    assert all(piece.usage is None for piece in pieces)
    assert said(span) == "".join(p.choices[0].delta.content or "" for p in pieces)
    attributes = span.attributes
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert attributes["gen_ai.usage.output_tokens"] == len(pieces) - 2
    assert "spanglass.tokens_estimated" not in attributes
    assert attributes["spanglass.chunks"] == len(pieces) + 1
    duration = (span.end_ns - span.start_ns) / 1e9
    first = attributes["gen_ai.response.time_to_first_chunk"]
    each = attributes["spanglass.time_per_output_token"]
    assert 0 < first < duration
    assert 0 < each * (attributes["gen_ai.usage.output_tokens"] - 1) <= duration - first


@both
def test_who_asks_for_the_counts_gets_them(style: Style, url: str, spans: CapturedSpans) -> None:
    *_, last = call(
        traced(openai_client(style, url)), "chat.completions.create",
        model=MODEL, messages=user(QUESTION), stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    assert last.choices == []
    assert only(spans).attributes["gen_ai.usage.input_tokens"] == last.usage.prompt_tokens


@pytest.mark.parametrize(
    ("wishes", "asked"),
    [
        ({"provider": None}, False),
        ({"provider": "mistral_ai"}, False),
        ({"provider": "vllm"}, True),
        ({"provider": None, "include_usage": True}, True),
        ({"provider": "openai", "include_usage": False}, False),
    ],
)
def test_tokens_that_nobody_counts_are_estimated(
    wishes: dict[str, Any], asked: bool, url: str, spans: CapturedSpans
) -> None:
    client = traced(openai_client("sync", url), **wishes)
    whole = call(client, "chat.completions.create", model=MODEL, messages=user(QUESTION)).usage
    spans.clear()
    call(client, "chat.completions.create", model=MODEL, messages=user(QUESTION), stream=True)
    attributes = only(spans).attributes
    assert attributes.get("spanglass.tokens_estimated", False) is not asked
    counts = (
        attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]
    )  # fmt: skip
    if asked:
        assert counts == (whole.prompt_tokens, whole.completion_tokens)
    else:
        assert counts[0] == pytest.approx(whole.prompt_tokens, rel=0.5)
        assert counts[1] == pytest.approx(whole.completion_tokens, rel=0.5)


def test_what_the_caller_said_about_the_stream_is_sent(url: str, spans: CapturedSpans) -> None:
    pieces = call(
        traced(openai_client("sync", url)), "chat.completions.create",
        model=MODEL, messages=user(QUESTION), stream=True,
        stream_options={"include_usage": False},
    )  # fmt: skip
    assert all(piece.choices for piece in pieces)
    assert only(spans).attributes["spanglass.tokens_estimated"] is True


@both
@pytest.mark.parametrize("stream", [False, True])
def test_tools(style: Style, stream: bool, url: str, spans: CapturedSpans) -> None:
    call(
        traced(openai_client(style, url)), "chat.completions.create",
        model=MODEL, messages=user(ORDER_QUESTION), tools=[TOOL], stream=stream,
    )  # fmt: skip
    span = only(spans)
    [message] = span.output
    [part] = message["parts"]
    assert (part["type"], part["name"]) == ("tool_call", "get_order_status")
    assert part["arguments"] == {"order_id": "HO-10482"}
    assert part["id"].startswith("call_")
    assert message["finish_reason"] == "tool_call"
    assert span.attributes["gen_ai.response.finish_reasons"] == ("tool_call",)
    [tool] = json.loads(span.attributes["gen_ai.tool.definitions"])
    assert tool["parameters"]["required"] == ["order_id"]
    if stream:
        assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0


@both
def test_several_choices(style: Style, url: str, spans: CapturedSpans) -> None:
    call(
        traced(openai_client(style, url)), "chat.completions.create",
        model=MODEL, messages=user(QUESTION), n=3, stream=True,
    )  # fmt: skip
    span = only(spans)
    assert span.attributes["gen_ai.request.choice.count"] == 3
    assert span.attributes["gen_ai.response.finish_reasons"] == ("stop",) * 3
    assert [ANSWER in message["parts"][0]["content"] for message in span.output] == [True] * 3


def test_a_refusal(url: str, spans: CapturedSpans) -> None:
    for stream in (False, True):
        call(
            traced(openai_client("sync", url)), "chat.completions.create", model=MODEL,
            messages=user(QUESTION), stream=stream, extra_headers=fault("refusal"),
        )  # fmt: skip
    for span in spans:
        assert span.output[0]["parts"][0]["type"] == "refusal"


def test_reasoning_does_not_count_as_time_per_token(url: str, spans: CapturedSpans) -> None:
    call(
        traced(openai_client("sync", url)), "chat.completions.create",
        model="o3-mini", messages=user(QUESTION), stream=True, reasoning_effort="high",
    )  # fmt: skip
    attributes = only(spans).attributes
    assert attributes["gen_ai.request.reasoning.level"] == "high"
    shown = (
        attributes["gen_ai.usage.output_tokens"]
        - attributes["gen_ai.usage.reasoning.output_tokens"]
    )
    assert attributes["gen_ai.usage.reasoning.output_tokens"] > 0
    assert shown == attributes["spanglass.chunks"] - 3


class Reply(BaseModel):
    answer: str
    stars: int


@both
def test_structured_output(style: Style, url: str, spans: CapturedSpans) -> None:
    parsed = call(
        traced(openai_client(style, url)), "chat.completions.parse",
        model=MODEL, messages=user(QUESTION), response_format=Reply,
    ).choices[0].message.parsed  # fmt: skip
    assert isinstance(parsed, Reply)
    span = only(spans)
    assert span.attributes["gen_ai.output.type"] == "json"
    assert json.loads(said(span)) == parsed.model_dump()


def test_the_helper_that_streams(url: str, spans: CapturedSpans) -> None:
    client = traced(openai_client("sync", url))
    with client.chat.completions.stream(
        model=MODEL, messages=user(QUESTION), response_format=Reply
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.usage is None
    assert isinstance(final.choices[0].message.parsed, Reply)
    assert json.loads(said(only(spans))) == final.choices[0].message.parsed.model_dump()


def test_the_helper_that_streams_asynchronously(url: str, spans: CapturedSpans) -> None:
    async def main() -> str:
        client = traced(openai_client("async", url))
        async with client.chat.completions.stream(model=MODEL, messages=user(QUESTION)) as stream:
            final = await stream.get_final_completion()
        return str(final.choices[0].message.content)

    assert asyncio.run(main()) == said(only(spans))


@both
@pytest.mark.parametrize("stream", [False, True])
def test_responses(style: Style, stream: bool, url: str, spans: CapturedSpans) -> None:
    result = call(
        traced(openai_client(style, url)), "responses.create",
        model="o3-mini", input=ORDER_QUESTION, instructions="Be brief.", stream=stream,
        tools=[{"type": "function", **TOOL["function"]}], reasoning={"effort": "low"},
    )  # fmt: skip
    response = result[-1].response if stream else result
    span = only(spans)
    assert span.name == "chat o3-mini"
    attributes = span.attributes
    assert attributes["openai.api.type"] == "responses"
    assert attributes["gen_ai.response.id"] == response.id
    assert attributes["gen_ai.response.status"] == "completed"
    assert attributes["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert attributes["gen_ai.usage.input_tokens"] == response.usage.input_tokens
    assert attributes["gen_ai.usage.reasoning.output_tokens"] > 0
    assert json.loads(attributes["gen_ai.system_instructions"]) == [
        {"type": "text", "content": "Be brief."}
    ]
    [message] = span.output
    [part] = message["parts"]
    assert part["arguments"] == {"order_id": "HO-10482"}
    assert ("spanglass.chunks" in attributes) is stream


@both
def test_a_response_that_is_cut_off(style: Style, url: str, spans: CapturedSpans) -> None:
    call(
        traced(openai_client(style, url)), "responses.create",
        model=MODEL, input=QUESTION, max_output_tokens=16, stream=True,
    )  # fmt: skip
    attributes = only(spans).attributes
    assert attributes["gen_ai.response.status"] == "incomplete"
    assert attributes["gen_ai.response.finish_reasons"] == ("length",)


def test_responses_that_are_parsed_and_streamed_by_the_helper(
    url: str, spans: CapturedSpans
) -> None:
    client = traced(openai_client("sync", url))
    parsed = client.responses.parse(model=MODEL, input=QUESTION, text_format=Reply)
    assert isinstance(parsed.output_parsed, Reply)
    with client.responses.stream(model=MODEL, input=QUESTION) as stream:
        final = stream.get_final_response()
    first, second = spans.all()
    assert first.attributes["gen_ai.output.type"] == "json"
    assert said(second) == final.output_text


def test_a_broken_response_keeps_what_came(url: str, spans: CapturedSpans) -> None:
    client = traced(openai_client("sync", url))
    stream = client.responses.create(model=MODEL, input=QUESTION, stream=True)
    heard = ""
    for event in stream:
        if event.type == "response.output_text.delta":
            heard += event.delta
            if len(heard) > 20:
                break
    stream.close()
    span = only(spans)
    assert said(span) == heard
    assert span.attributes["spanglass.cancelled"] is True
    assert span.attributes["spanglass.tokens_estimated"] is True


@both
def test_embeddings(style: Style, url: str, spans: CapturedSpans) -> None:
    answer = call(
        traced(openai_client(style, url)), "embeddings.create",
        model="text-embedding-3-small", input=["one", "two"], dimensions=256,
    )  # fmt: skip
    span = only(spans)
    assert (span.name, span.kind) == ("embeddings text-embedding-3-small", "client")
    assert span.input == ["one", "two"]
    assert span.attributes["gen_ai.embeddings.dimension.count"] == len(answer.data[0].embedding)
    assert span.attributes["gen_ai.usage.input_tokens"] == answer.usage.prompt_tokens
    assert "gen_ai.usage.output_tokens" not in span.attributes
    assert span.output is None


@both
def test_images_and_audio(style: Style, url: str, spans: CapturedSpans) -> None:
    image = call(
        traced(openai_client(style, url)), "images.generate",
        model="gpt-image-1", prompt="A tent in the rain", n=2, size="1024x1024",
    )  # fmt: skip
    speech = call(
        traced(openai_client(style, url)), "audio.speech.create",
        model="tts-1", voice="alloy", input="Your order is on its way.",
    )  # fmt: skip
    written = call(
        traced(openai_client(style, url)), "audio.transcriptions.create",
        model="whisper-1", file=("order.wav", speech.content),
    )  # fmt: skip
    first, second, third = spans.all()
    assert [span.attributes["gen_ai.output.type"] for span in spans] == ["image", "speech", "text"]
    assert first.input[0]["parts"][0]["content"] == "A tent in the rain"
    [pictures] = first.output
    assert [part["modality"] for part in pictures["parts"]] == ["image", "image"]
    assert image.data[0].b64_json not in str(first.attributes)
    assert first.attributes["gen_ai.request.size"] == "1024x1024"
    assert first.attributes["gen_ai.usage.output_tokens"] == 128
    assert second.output[0]["parts"][0]["bytes"] == len(speech.content)
    assert third.input[0]["parts"] == [media(speech.content, "audio", name="order.wav")]
    assert said(third) == written.text
    assert third.attributes["spanglass.audio.duration"] > 0


def media(content: bytes, modality: str, **more: str) -> dict[str, Any]:
    """What is recorded of a file that is sent."""
    about = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    return {"type": "blob", "modality": modality, "content": "", **about, **more}


@both
def test_files_by_size_and_hash_wherever_they_come_from(
    style: Style, url: str, spans: CapturedSpans, tmp_path: Path
) -> None:
    content = b"RIFF" * 100
    sound = tmp_path / "order.wav"
    sound.write_bytes(content)
    with sound.open("rb") as file, sound.open("rb", buffering=0) as unbuffered:
        given = (content, sound, file, unbuffered, io.BytesIO(content), ("order.wav", file))
        for each in given:
            answer = call(
                traced(openai_client(style, url)), "audio.transcriptions.create",
                model="whisper-1", file=each,
            )  # fmt: skip
            assert answer.text
    call(
        traced(openai_client(style, url)), "images.edit", model="gpt-image-1", prompt="In red",
        image=[("a.png", content, "image/png"), io.BytesIO(content)], mask=content,
    )  # fmt: skip
    *sounds, edited = spans.all()
    assert [span.input[0]["parts"] for span in sounds] == [
        [media(content, "audio", **more)]
        for more in ({}, *({"name": "order.wav"},) * 3, {}, {"name": "order.wav"})
    ]
    assert edited.input[0]["parts"] == [
        media(content, "image", mime_type="image/png", name="a.png"),
        *[media(content, "image")] * 2,
        {"type": "text", "content": "In red"},
    ]


def test_a_file_that_only_reading_shows_is_the_clients_to_read(
    url: str, spans: CapturedSpans
) -> None:
    with tempfile.SpooledTemporaryFile() as file:
        file.write(b"RIFF" * 100)
        call(
            traced(openai_client("sync", url)), "audio.transcriptions.create",
            model="whisper-1", file=("order.wav", file),
        )  # fmt: skip
    part = {"type": "file", "modality": "audio", "file_id": "", "name": "order.wav"}
    assert only(spans).input[0]["parts"] == [part]


@both
@pytest.mark.parametrize("stream", [False, True])
def test_retries_are_events_of_one_span(
    style: Style, stream: bool, url: str, spans: CapturedSpans
) -> None:
    call(
        traced(openai_client(style, url, max_retries=3)), "chat.completions.create",
        model=MODEL, messages=user(QUESTION), stream=stream,
        extra_headers=fault("429; retry-after=0.01; times=2"),
    )  # fmt: skip
    span = only(spans)
    assert span.status == "unset"
    assert [(event.name, dict(event.attributes)) for event in span.events] == [
        (
            "retry",
            {
                "http.request.resend_count": attempt,
                "http.response.status_code": 429,
                "error.type": "429",
                "spanglass.retry.wait": 0.01,
            },
        )
        for attempt in (1, 2)
    ]
    assert span.attributes["http.request.resend_count"] == 2


@both
def test_a_server_that_is_not_there(style: Style, spans: CapturedSpans) -> None:
    client = traced(openai_client(style, "http://127.0.0.1:9/v1", max_retries=1))
    with pytest.raises(openai.APIConnectionError):
        call(client, "chat.completions.create", model=MODEL, messages=user(QUESTION))
    span = only(spans)
    assert span.status == "error"
    assert span.attributes["error.type"] == "openai.APIConnectionError"
    retry, exception = span.events
    assert retry.name == "retry"
    assert retry.attributes["error.type"].endswith("ConnectError")
    assert exception.name == "exception"


@both
def test_an_error_says_its_status_and_the_request(
    style: Style, url: str, spans: CapturedSpans
) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        call(
            traced(openai_client(style, url)), "chat.completions.create",
            model=MODEL, messages=user(QUESTION), extra_headers=fault("429"),
        )  # fmt: skip
    span = only(spans)
    assert (span.status, span.attributes["error.type"]) == ("error", "openai.RateLimitError")
    assert span.attributes["http.response.status_code"] == 429
    assert span.attributes["spanglass.request.id"] == caught.value.request_id


@both
@pytest.mark.parametrize("kind", ["break", "error-event", "malformed"])
def test_a_broken_stream_keeps_what_came(
    style: Style, kind: str, url: str, spans: CapturedSpans
) -> None:
    with pytest.raises(Exception) as caught:
        call(
            traced(openai_client(style, url)), "chat.completions.create",
            model=MODEL, messages=user(QUESTION), stream=True, extra_headers=fault(kind),
        )  # fmt: skip
    span = only(spans)
    assert span.status == "error"
    assert span.attributes["error.type"].endswith(type(caught.value).__name__)
    assert said(span).startswith("Express delivery")
    assert span.attributes["spanglass.tokens_estimated"] is True
    assert span.attributes["gen_ai.usage.output_tokens"] > 0


def test_a_stream_that_is_closed_early_is_cancelled(url: str, spans: CapturedSpans) -> None:
    client = traced(openai_client("sync", url))
    with client.chat.completions.create(model=MODEL, messages=user(QUESTION), stream=True) as s:
        for _ in range(4):
            piece = next(s)
    span = only(spans)
    assert piece.choices[0].delta.content in said(span)
    assert (span.status, span.attributes["spanglass.cancelled"]) == ("unset", True)
    assert span.attributes["gen_ai.response.status"] == "cancelled"
    assert span.attributes["spanglass.tokens_estimated"] is True


def test_a_stream_that_is_dropped_ends_where_it_was_read_last(
    url: str, spans: CapturedSpans
) -> None:
    client = traced(openai_client("sync", url))
    stream = client.chat.completions.create(model=MODEL, messages=user(QUESTION), stream=True)
    next(stream)
    next(stream)
    assert not spans.all()
    del stream
    gc.collect()
    span = only(spans)
    assert span.attributes["spanglass.cancelled"] is True
    assert span.attributes["spanglass.chunks"] == 2


def test_a_stream_that_is_left_after_its_last_word_is_complete(
    url: str, spans: CapturedSpans
) -> None:
    client = traced(openai_client("sync", url))
    stream = client.chat.completions.create(model=MODEL, messages=user(QUESTION), stream=True)
    for piece in stream:
        if piece.choices[0].finish_reason:
            break
    stream.close()
    span = only(spans)
    assert "spanglass.cancelled" not in span.attributes
    assert span.attributes["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_task_that_is_cancelled(url: str, spans: CapturedSpans) -> None:
    async def main() -> None:
        client = traced(openai_client("async", url))
        begun = asyncio.Event()

        async def read() -> None:
            stream = await client.chat.completions.create(
                model=MODEL, messages=user(QUESTION), stream=True, extra_headers=fault("stall")
            )
            async for _ in stream:
                begun.set()

        task = asyncio.create_task(read())
        await begun.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    span = only(spans)
    assert (span.status, span.attributes["spanglass.cancelled"]) == ("unset", True)
    assert said(span).startswith("Express")


@both
def test_what_is_recorded_is_what_was_sent(style: Style, url: str, spans: CapturedSpans) -> None:
    """Chat loops append the answer to the list that they sent."""
    messages = user(QUESTION)

    def use(client: Any) -> Any:
        asked = client.chat.completions.create(model=MODEL, messages=messages, stream=True)
        if style == "sync":
            messages[0]["content"] = "changed my mind"
            messages.append({"role": "assistant", "content": "changed"})
        return asked

    async def use_async(client: Any) -> Any:
        stream = await use(client)
        messages[0]["content"] = "changed my mind"
        return stream

    client = traced(openai_client(style, url))
    run(client, use if style == "sync" else use_async)
    [message] = only(spans).input
    assert message["parts"] == [{"type": "text", "content": QUESTION}]


@pytest.mark.parametrize("stream", [False, True])
def test_raw_responses(stream: bool, url: str, spans: CapturedSpans) -> None:
    client = traced(openai_client("sync", url))
    arguments: dict[str, Any] = {"model": MODEL, "messages": user(QUESTION), "stream": stream}
    raw = client.chat.completions.with_raw_response.create(**arguments)
    assert raw.headers["x-request-id"]
    parsed = raw.parse()
    if stream:
        assert isinstance(parsed, openai.Stream)
        assert all(piece.choices for piece in parsed)
    with client.chat.completions.with_streaming_response.create(**arguments) as raw:
        read = list(raw.parse()) if stream else raw.parse()
    assert read
    with client.chat.completions.with_streaming_response.create(**arguments) as raw:
        lines = list(raw.iter_lines())
    assert lines
    first, second, third = spans.all()
    for span in (first, second):
        assert ANSWER in said(span)
        assert span.attributes["spanglass.request.id"]
    assert third.name == f"chat {MODEL}"
    assert third.status == "unset"
    assert "spanglass.cancelled" not in third.attributes


def test_raw_responses_asynchronously(url: str, spans: CapturedSpans) -> None:
    async def main() -> None:
        client = traced(openai_client("async", url))
        arguments: dict[str, Any] = {"model": MODEL, "messages": user(QUESTION)}
        raw = await client.chat.completions.with_raw_response.create(**arguments)
        raw.parse()
        async with client.chat.completions.with_streaming_response.create(
            **arguments, stream=True
        ) as raw:
            assert [piece async for piece in await raw.parse()]

    asyncio.run(main())
    assert [ANSWER in said(span) for span in spans] == [True, True]


def test_copies_of_a_client_are_traced(url: str, spans: CapturedSpans) -> None:
    client = traced(openai_client("sync", url), provider="litellm")
    call(
        client.with_options(timeout=5).copy(max_retries=1), "chat.completions.create",
        model=MODEL, messages=user(QUESTION),
    )  # fmt: skip
    assert only(spans).attributes["gen_ai.provider.name"] == "litellm"


@pytest.mark.parametrize("version", ["2024-02-01", "2025-01-01-preview"])
def test_azure(version: str, url: str, spans: CapturedSpans) -> None:
    client = spanglass.wrap(
        openai.AzureOpenAI(
            azure_endpoint=url.removesuffix("/v1"), api_version=version, api_key="any"
        )
    )
    call(client, "chat.completions.create", model=MODEL, messages=user(QUESTION), stream=True)
    attributes = only(spans).attributes
    assert attributes["gen_ai.provider.name"] == "azure.ai.openai"
    assert ("spanglass.tokens_estimated" in attributes) is (version == "2024-02-01")


@both
def test_what_else_azure_serves(style: Style, url: str, spans: CapturedSpans) -> None:
    def ask(method: str, **arguments: Any) -> None:
        kind = openai.AzureOpenAI if style == "sync" else openai.AsyncAzureOpenAI
        client = kind(
            azure_endpoint=url.removesuffix("/v1"), api_version="2025-04-01-preview",
            api_key="any", max_retries=2,
        )  # fmt: skip
        call(spanglass.wrap(client), method, **arguments)

    again = fault("429; retry-after=0.01; times=1")
    ask("chat.completions.create", model=MODEL, messages=user(QUESTION), extra_headers=again)
    ask("responses.create", model=MODEL, input=QUESTION)
    ask("embeddings.create", model="text-embedding-3-small", input=["a tent"])
    found = spans.all()
    assert {each.attributes["gen_ai.provider.name"] for each in found} == {"azure.ai.openai"}
    assert [each.attributes["gen_ai.operation.name"] for each in found] == [
        "chat", "chat", "embeddings",
    ]  # fmt: skip
    assert [[event.name for event in each.events] for each in found] == [["retry"], [], []]
    assert all(each.attributes["gen_ai.usage.input_tokens"] for each in found)


def test_spans_are_below_what_is_current(url: str, spans: CapturedSpans) -> None:
    client = traced(openai_client("sync", url))

    @spanglass.observe(kind="agent")
    def assistant() -> None:
        stream = client.chat.completions.create(model=MODEL, messages=user("Hi"), stream=True)
        for _ in stream:
            with spanglass.span("between"):
                pass
            break
        stream.close()

    with spanglass.context(session_id="s-1"):
        assistant()
    assert spans.tree() == ["invoke_agent " + assistant.__qualname__.rpartition(".")[2],
                            [f"chat {MODEL}", "between"]]  # fmt: skip
    assert spans.one(f"chat {MODEL}").attributes["session.id"] == "s-1"


def test_content_stays_out_where_it_is_off(url: str) -> None:
    with capture(capture_content=False) as spans:
        for stream in (False, True):
            call(
                traced(openai_client("sync", url)), "chat.completions.create",
                model=MODEL, messages=user(ORDER_QUESTION), tools=[TOOL], stream=stream,
            )  # fmt: skip
        call(
            traced(openai_client("sync", url)), "images.generate",
            model="gpt-image-1", prompt="HO-10482",
        )  # fmt: skip
    for span in spans.all():
        assert "HO-10482" not in str(span.attributes)
        assert span.input is None
        assert span.output is None
        assert span.attributes["gen_ai.usage.input_tokens"] > 0
    assert spans.all()[1].attributes["gen_ai.response.finish_reasons"] == ("tool_call",)
