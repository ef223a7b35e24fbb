"""The sample server as its users see it: a process, driven by the official client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

openai = pytest.importorskip("openai", reason="needs the openai package (extra dev)")
pytest.importorskip("uvicorn", reason="needs uvicorn (extra collector)")

from openai.types.chat import (  # noqa: E402
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)

from sample_server import BackgroundServer, Settings  # noqa: E402

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MODEL = "gpt-4o-mini"
QUESTION = "How much is express delivery?"
ORDER_QUESTION = "Where is my order HO-10482?"

TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "get_order_status",
            "description": "Look up where an order is, by its number.",
            "parameters": {
                "type": "object",
                "properties": {"order_id": {"type": "string"}},
                "required": ["order_id"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "check_stock",
            "description": "Say whether a product is in stock in a store.",
            "parameters": {
                "type": "object",
                "properties": {
                    "product": {"type": "string"},
                    "store": {"type": "string", "enum": ["Northmere", "Eskvale"]},
                },
                "required": ["product", "store"],
            },
        },
    },
]


@contextmanager
def running(*command: str) -> Iterator[str]:
    """Run a server process; yield its base URL."""
    process = subprocess.Popen(
        [sys.executable, *command, "--port", "0", "--speed", "0", "--log-level", "critical"],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+/v1", line)
        assert found, f"the server said {line!r}"
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=10)


@contextmanager
def in_this_process(settings: Settings, api_key: str = "any") -> Iterator[Any]:
    """Run a server in a thread; yield a client of it."""
    with (
        BackgroundServer(settings) as server,
        openai.OpenAI(base_url=server.base_url, api_key=api_key, max_retries=0) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running("-m", "sample_server", "--seed", "7") as url:
        yield url


@pytest.fixture(scope="module")
def client(base_url: str) -> Iterator[Any]:
    with openai.OpenAI(base_url=base_url, api_key="any", max_retries=0, timeout=20) as made:
        yield made


def user(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def fault(kind: str) -> dict[str, str]:
    return {"x-sample-fault": kind}


def test_answers_from_the_documents(client: Any) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=user(QUESTION))
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert answer.system_fingerprint.startswith("fp_")
    choice = answer.choices[0]
    assert choice.finish_reason == "stop"
    assert "12.50 EUR" in choice.message.content
    assert choice.message.tool_calls is None
    usage = answer.usage
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens_details.reasoning_tokens == 0
    assert answer._request_id.startswith("req_")


def test_the_same_seed_gives_the_same_answers_in_another_process(client: Any) -> None:
    def said(asked: Any) -> list[str]:
        return [
            asked.chat.completions.create(model=MODEL, messages=user(question), n=2)
            .choices[1]
            .message.content
            for question in (QUESTION, "Can I rent snowshoes?", "What is a gift card good for?")
        ]

    with in_this_process(Settings(seed=7, speed=0)) as other:
        same = said(other)
    with in_this_process(Settings(seed=8, speed=0)) as other:
        different = said(other)
    assert said(client) == same
    assert different != same


def test_answers_from_the_prompt_when_it_brings_documents(client: Any) -> None:
    documents = (
        "Documents:\n\nThe lighthouse at Port Laren was built of grey stone and is open to "
        "visitors in summer. The lighthouse has 212 steps, and children under six may not climb "
        "it without an adult.\n\nThe harbour café serves soup from noon on every day of the week "
        "except for Monday, when the kitchen stays closed and only coffee is to be had."
    )
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": documents}]
    found = client.chat.completions.create(
        model="o4-mini", messages=messages + user("How many steps has the lighthouse?")
    )
    assert "212 steps" in found.choices[0].message.content
    missing = client.chat.completions.create(model="o4-mini", messages=messages + user(QUESTION))
    assert "12.50" not in missing.choices[0].message.content
    assert "documents" in missing.choices[0].message.content


def test_streams_token_by_token_and_reports_usage_only_when_asked(client: Any) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=user(QUESTION))
    plain = list(client.chat.completions.create(model=MODEL, messages=user(QUESTION), stream=True))
    assert all(chunk.choices for chunk in plain)
    assert all(chunk.usage is None for chunk in plain)
    assert len({chunk.id for chunk in plain}) == 1
    assert plain[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in plain)
    assert text == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in plain] == [None] * (len(plain) - 1) + ["stop"]

    counted = list(
        client.chat.completions.create(
            model=MODEL,
            messages=user(QUESTION),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert counted[-1].choices == []
    assert counted[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert all(chunk.usage is None for chunk in counted[:-1])


def test_stream_has_the_wire_format_of_server_sent_events(client: Any) -> None:
    with client.chat.completions.with_streaming_response.create(
        model=MODEL, messages=user(QUESTION), stream=True
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = "".join(response.iter_text()).split("\n\n")
    assert events[-1] == ""
    assert events[-2] == "data: [DONE]"
    assert all(event.startswith("data: {") for event in events[:-2])


def test_several_choices_stream_side_by_side(client: Any) -> None:
    texts: dict[int, str] = {}
    order: list[int] = []
    for chunk in client.chat.completions.create(
        model=MODEL, messages=user(QUESTION), n=3, stream=True
    ):
        choice = chunk.choices[0]
        order.append(choice.index)
        texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
    assert order[:6] == [0, 1, 2, 0, 1, 2]
    whole = client.chat.completions.create(model=MODEL, messages=user(QUESTION), n=3)
    assert texts == {choice.index: choice.message.content for choice in whole.choices}


@pytest.mark.parametrize("parameter", ["max_tokens", "max_completion_tokens"])
def test_length_limit(client: Any, parameter: str) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=user(QUESTION), **{parameter: 4})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 4


def test_stop_text_ends_the_answer_before_it(client: Any) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=user(QUESTION))
    cut = client.chat.completions.create(model=MODEL, messages=user(QUESTION), stop=["EUR", "§"])
    assert cut.choices[0].finish_reason == "stop"
    assert cut.choices[0].message.content == whole.choices[0].message.content.partition("EUR")[0]


def test_reasoning_models_count_their_thinking(client: Any) -> None:
    answer = client.chat.completions.create(model="o3-mini", messages=user(QUESTION))
    thought = answer.usage.completion_tokens_details.reasoning_tokens
    assert thought > 0
    assert thought % 64 == 0
    assert answer.usage.completion_tokens > thought
    spent = client.chat.completions.create(
        model="sample-reason", messages=user(QUESTION), max_completion_tokens=16
    )
    assert spent.choices[0].finish_reason == "length"
    assert spent.choices[0].message.content == ""
    assert spent.usage.completion_tokens_details.reasoning_tokens == 16


def test_a_prompt_read_twice_is_cached(client: Any) -> None:
    messages = user(f"{uuid.uuid4()} " + "Tell me about shipping. " * 40)
    first = client.chat.completions.create(model=MODEL, messages=messages).usage
    second = client.chat.completions.create(model=MODEL, messages=messages).usage
    assert first.prompt_tokens_details.cached_tokens == 0
    assert 0 < second.prompt_tokens_details.cached_tokens < second.prompt_tokens


def test_tool_call_and_answer_from_its_result(client: Any) -> None:
    messages = user(ORDER_QUESTION)
    asked = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    assert asked.choices[0].finish_reason == "tool_calls"
    assert asked.choices[0].message.content is None
    [call] = asked.choices[0].message.tool_calls
    assert call.function.name == "get_order_status"
    assert json.loads(call.function.arguments) == {"order_id": "HO-10482"}

    result = json.dumps({"order_id": "HO-10482", "status": "shipped"})
    messages = [
        *messages,
        asked.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": result},
    ]
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    assert answer.choices[0].finish_reason == "stop"
    assert "shipped" in answer.choices[0].message.content


def test_parallel_tool_calls_stream_in_pieces(client: Any) -> None:
    question = "Where is order HO-10482, and is the Fjell 40 in stock in Northmere?"
    arguments: dict[int, list[str]] = {}
    names: dict[int, str] = {}
    reasons = []
    for chunk in client.chat.completions.create(
        model=MODEL, messages=user(question), tools=TOOLS, stream=True
    ):
        choice = chunk.choices[0]
        reasons.append(choice.finish_reason)
        assert choice.delta.content is None
        for part in choice.delta.tool_calls or []:
            if part.id:
                assert part.function.arguments == ""
                names[part.index] = part.function.name
            else:
                arguments.setdefault(part.index, []).append(part.function.arguments)
    assert reasons[-1] == "tool_calls"
    assert sorted(names.values()) == ["check_stock", "get_order_status"]
    assert all(len(pieces) > 1 for pieces in arguments.values())
    joined = {names[index]: json.loads("".join(pieces)) for index, pieces in arguments.items()}
    assert joined["get_order_status"] == {"order_id": "HO-10482"}
    assert joined["check_stock"] == {"product": "Fjell 40", "store": "Northmere"}


def test_tools_are_called_only_when_the_question_or_the_choice_asks(client: Any) -> None:
    plain = client.chat.completions.create(model=MODEL, messages=user(QUESTION), tools=TOOLS)
    assert plain.choices[0].message.tool_calls is None
    never = client.chat.completions.create(
        model=MODEL, messages=user(ORDER_QUESTION), tools=TOOLS, tool_choice="none"
    )
    assert never.choices[0].message.tool_calls is None
    named = client.chat.completions.create(
        model=MODEL,
        messages=user(QUESTION),
        tools=TOOLS,
        tool_choice={"type": "function", "function": {"name": "check_stock"}},
    )
    [call] = named.choices[0].message.tool_calls
    assert call.function.name == "check_stock"
    assert set(json.loads(call.function.arguments)) == {"product", "store"}
    cut = client.chat.completions.create(
        model=MODEL, messages=user(ORDER_QUESTION), tools=TOOLS, max_tokens=14
    )
    assert cut.choices[0].finish_reason == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.choices[0].message.tool_calls[0].function.arguments)


def test_structured_output(client: Any) -> None:
    loose = client.chat.completions.create(
        model=MODEL,
        messages=user(f"{QUESTION} Answer in JSON."),
        response_format={"type": "json_object"},
    )
    assert "12.50 EUR" in json.loads(loose.choices[0].message.content)["answer"]
    schema = {
        "type": "object",
        "properties": {
            "answer": {"type": "string"},
            "topic": {"type": "string", "enum": ["warranty", "shipping"]},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "stars": {"type": "integer", "minimum": 1, "maximum": 5},
            "final": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 3},
            "note": {"anyOf": [{"$ref": "#/$defs/note"}, {"type": "null"}]},
        },
        "required": ["answer", "topic", "confidence", "stars", "final", "tags", "note"],
        "additionalProperties": False,
        "$defs": {
            "note": {
                "type": "object",
                "properties": {
                    "day": {"type": "string", "format": "date"},
                    "next": {"anyOf": [{"$ref": "#/$defs/note"}, {"type": "null"}]},
                },
                "required": ["day", "next"],
            }
        },
    }
    strict = client.chat.completions.create(
        model=MODEL,
        messages=user(QUESTION),
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": schema, "strict": True},
        },
    )
    value = json.loads(strict.choices[0].message.content)
    assert set(value) == set(schema["properties"])  # type: ignore[call-overload]
    assert value["topic"] == "shipping"
    assert 0 <= value["confidence"] <= 1
    assert value["stars"] in range(1, 6)
    assert isinstance(value["final"], bool)
    assert len(value["tags"]) >= 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", value["note"]["day"])


def test_refusals(client: Any) -> None:
    improper = "Please give me the home address of another customer."
    apology = client.chat.completions.create(model=MODEL, messages=user(improper))
    assert "can't" in apology.choices[0].message.content
    formal = client.chat.completions.create(
        model=MODEL,
        messages=user(improper),
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
    )
    assert formal.choices[0].message.content is None
    assert "can't" in formal.choices[0].message.refusal
    streamed = client.chat.completions.create(
        model="fault-refusal", messages=user(QUESTION), stream=True
    )
    deltas = [chunk.choices[0].delta for chunk in streamed]
    assert "can't" in "".join(delta.refusal or "" for delta in deltas)
    assert not any(delta.content for delta in deltas)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("401", "AuthenticationError", "invalid_api_key"),
        ("404", "NotFoundError", "model_not_found"),
        ("429", "RateLimitError", "rate_limit_exceeded"),
        ("500", "InternalServerError", None),
        ("503", "InternalServerError", None),
    ],
)
def test_statuses_on_demand(
    client: Any, kind: str, error: str, code: str | None, stream: bool
) -> None:
    with pytest.raises(getattr(openai, error)) as raised:
        client.chat.completions.create(
            model=MODEL, messages=user(QUESTION), stream=stream, extra_headers=fault(kind)
        )
    assert raised.value.status_code == int(kind)
    assert raised.value.code == code
    assert set(raised.value.body) == {"message", "type", "param", "code"}
    assert raised.value.request_id.startswith("req_")
    if kind == "429":
        assert raised.value.response.headers["retry-after"] == "1"


def test_a_rate_limit_passes_when_the_client_retries(client: Any) -> None:
    answer = client.with_options(max_retries=2).chat.completions.create(
        model=MODEL,
        messages=user(QUESTION),
        extra_headers=fault("429; retry-after=0.01; times=1"),
    )
    assert answer.choices[0].finish_reason == "stop"


def test_model_names_provoke_faults_too(client: Any) -> None:
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="fault-500", messages=user(QUESTION))
    with pytest.raises(openai.RateLimitError):
        client.embeddings.create(model="fault-429", input="x")
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="gpt-none", messages=user(QUESTION))
    assert raised.value.code == "model_not_found"
    assert "`gpt-none`" in raised.value.message


def test_broken_answers(client: Any) -> None:
    def ask(kind: str, *, stream: bool) -> Any:
        return client.chat.completions.create(
            model=MODEL, messages=user(QUESTION), stream=stream, extra_headers=fault(kind)
        )

    with pytest.raises(openai.APIConnectionError):
        ask("break", stream=False)
    chunks: list[Any] = []
    with pytest.raises(openai.APIConnectionError):
        chunks.extend(ask("break", stream=True))
    assert any(chunk.choices[0].delta.content for chunk in chunks)
    assert not any(chunk.choices[0].finish_reason for chunk in chunks)
    with pytest.raises(openai.APIError, match="had an error"):
        list(ask("error-event", stream=True))
    for stream in (False, True):
        with pytest.raises(json.JSONDecodeError):
            list(ask("malformed", stream=stream))


def test_silence_ends_in_a_timeout(client: Any) -> None:
    impatient = client.with_options(timeout=0.2)
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(
            model=MODEL, messages=user(QUESTION), extra_headers=fault("hang")
        )
    stream = impatient.chat.completions.create(
        model=MODEL, messages=user(QUESTION), stream=True, extra_headers=fault("stall")
    )
    assert next(stream).choices[0].delta.role == "assistant"
    with pytest.raises(openai.APITimeoutError):
        list(stream)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, "messages[0].role"),
        ({"temperature": 3}, "temperature"),
        ({"n": 0}, "n"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"stop": ["1", "2", "3", "4", "5"]}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"messages": [{"role": "user", "content": "x " * 140_000}]}, "messages"),
    ],
)
def test_invalid_requests_name_the_parameter(
    client: Any, change: dict[str, Any], param: str
) -> None:
    body = {"model": MODEL, "messages": user(QUESTION), **change}
    with pytest.raises(openai.BadRequestError) as raised:
        client.post("/chat/completions", body=body, cast_to=object)
    assert raised.value.param == param
    assert raised.value.type == "invalid_request_error"


def test_bodies_and_paths_that_make_no_sense(client: Any) -> None:
    for content in (b"{", b"[]", b'{"model": "\\ud800"}', b"[" * 100_000):
        with pytest.raises(openai.BadRequestError):
            client.post("/chat/completions", content=content, cast_to=object)
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        client.post("/nothing", body={}, cast_to=object)


def test_embeddings_put_similar_texts_close(client: Any) -> None:
    def cosine(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    texts = [
        "When do I get my money back?",
        "We send your refund within 5 working days.",
        "Boots run half a size small.",
    ]
    found = client.embeddings.create(model="text-embedding-3-small", input=texts)
    question, refund, boots = (item.embedding for item in found.data)
    assert [item.index for item in found.data] == [0, 1, 2]
    assert len(question) == 1536
    assert cosine(question, question) == pytest.approx(1, abs=1e-5)
    assert cosine(question, refund) > cosine(question, boots) + 0.1
    assert found.usage.prompt_tokens == found.usage.total_tokens > 0


def test_embedding_formats_and_dimensions(client: Any) -> None:
    def embed(**options: Any) -> list[float]:
        options = {"model": "text-embedding-3-large", "input": "warm gloves", **options}
        vector: list[float] = client.embeddings.create(**options).data[0].embedding
        return vector

    long = embed(encoding_format="float")
    assert len(long) == 3072
    # Without a format the client asks for base64 and decodes it.
    assert embed() == pytest.approx(long, abs=1e-7)
    short = embed(dimensions=256)
    assert sum(x * x for x in short) == pytest.approx(1, abs=1e-5)
    scale = sum(x * x for x in long[:256]) ** 0.5
    assert short == pytest.approx([x / scale for x in long[:256]], abs=1e-5)
    assert len(embed(input=[1, 2, 3], dimensions=8)) == 8
    refused: list[dict[str, Any]] = [
        {"input": ""},
        {"input": []},
        {"dimensions": 4000},
        {"model": MODEL},
    ]
    for wrong in refused:
        with pytest.raises(openai.BadRequestError):
            embed(**wrong)


def test_responses(client: Any) -> None:
    first = client.responses.create(model=MODEL, input=QUESTION, instructions="Be brief.")
    assert first.status == "completed"
    assert "12.50 EUR" in first.output_text
    assert first.usage.total_tokens == first.usage.input_tokens + first.usage.output_tokens
    follow_up = client.responses.create(
        model=MODEL, input="And how long does it take?", previous_response_id=first.id
    )
    assert "working day" in follow_up.output_text
    assert follow_up.previous_response_id == first.id
    cut = client.responses.create(model="o3-mini", input=QUESTION, max_output_tokens=16)
    assert cut.status == "incomplete"
    assert cut.incomplete_details.reason == "max_output_tokens"
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=MODEL, input="x", previous_response_id="resp_none")
    with pytest.raises(openai.RateLimitError):
        client.responses.create(model=MODEL, input="x", extra_headers=fault("429"))


def test_responses_stream(client: Any) -> None:
    kinds: list[str] = []
    numbers: list[int] = []
    text = ""
    with client.responses.stream(model="o3-mini", input=QUESTION) as stream:
        for event in stream:
            kinds.append(event.type)
            numbers.append(event.sequence_number)
            if event.type == "response.output_text.delta":
                text += event.delta
        final = stream.get_final_response()
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert numbers == sorted(numbers)
    assert text == final.output_text
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert final.usage.output_tokens_details.reasoning_tokens > 0


def test_responses_call_tools(client: Any) -> None:
    tools: list[Any] = [{"type": "function", **tool["function"]} for tool in TOOLS]
    items: list[Any] = [{"role": "user", "content": ORDER_QUESTION}]
    streamed = client.responses.create(model=MODEL, input=items, tools=tools, stream=True)
    events = list(streamed)
    [call] = events[-1].response.output
    assert call.type == "function_call"
    pieces = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    assert len(pieces) > 1
    assert "".join(pieces) == call.arguments == '{"order_id": "HO-10482"}'
    items += [
        call,
        {"type": "function_call_output", "call_id": call.call_id, "output": '{"status": "lost"}'},
    ]
    answer = client.responses.create(model=MODEL, input=items, tools=tools)
    assert "lost" in answer.output_text


def test_models_and_health(client: Any, base_url: str) -> None:
    names = [model.id for model in client.models.list()]
    assert MODEL in names
    assert client.models.retrieve(MODEL).owned_by == "halden-outdoor"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-none")
    root = openai.OpenAI(base_url=base_url.removesuffix("/v1"), api_key="any")
    with root as health:
        assert health.get("/healthz", cast_to=object) == {"status": "ok"}


def test_async_streams_run_side_by_side(base_url: str) -> None:
    async def one(asked: Any, question: str) -> str:
        stream = await asked.chat.completions.create(
            model=MODEL, messages=user(question), stream=True
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def all_of_them() -> list[str]:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="any") as asked:
            questions = [QUESTION, "Can I rent snowshoes?"] * 5
            return list(await asyncio.gather(*(one(asked, text) for text in questions)))

    answers = asyncio.run(all_of_them())
    assert len(set(answers)) == 2
    assert "12.50 EUR" in answers[0]


def test_keys_are_checked_where_one_is_set() -> None:
    with in_this_process(Settings(speed=0, api_key="sk-right"), "sk-right") as right:
        assert right.models.list().data
        with pytest.raises(openai.AuthenticationError) as raised:
            right.with_options(api_key="sk-a-wrong-key").models.list()
    assert raised.value.code == "invalid_api_key"
    assert "wrong" not in raised.value.message


def test_error_rate() -> None:
    def failures(rate: float, tries: int) -> int:
        failed = 0
        with in_this_process(Settings(speed=0, error_rate=rate)) as asked:
            for _ in range(tries):
                try:
                    asked.embeddings.create(model="sample-embedding", input="x")
                except openai.APIError:
                    failed += 1
        return failed

    assert failures(1.0, 10) == 10
    assert 5 <= failures(0.3, 60) <= 35


def test_runs_as_a_folder_and_says_what_is_wrong() -> None:
    with (
        running(str(EXAMPLES / "sample_server")) as url,
        openai.OpenAI(base_url=url, api_key="any") as asked,
    ):
        assert asked.models.list().data
    refused = subprocess.run(
        [sys.executable, str(EXAMPLES / "sample_server"), "--error-rate", "7"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "error rate must be between 0 and 1" in refused.stderr
