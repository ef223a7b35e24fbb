"""Anthropic's protocol and media of the sample server, driven by the official clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from sample_server import BackgroundServer, Settings
from support.sdk_clients import (
    CLAUDE,
    CLAUDE_TOOL,
    ORDER_QUESTION,
    QUESTION,
    anthropic_client,
    fault,
    openai_client,
    user,
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with BackgroundServer(Settings(speed=0)) as server:
        yield server.base_url


@pytest.fixture(scope="module")
def client(url: str) -> Any:
    return anthropic_client("sync", url)


def ask(client: Any, question: str = QUESTION, **more: Any) -> Any:
    arguments = {"model": CLAUDE, "max_tokens": 2000, "messages": user(question), **more}
    return client.messages.create(**arguments)


def test_whole_and_streamed_are_the_same(client: Any) -> None:
    whole = ask(client, thinking={"type": "enabled", "budget_tokens": 1024})
    assert whole.model == "claude-haiku-4-5-20251001"
    thought, text = whole.content
    assert (thought.type, whole.stop_reason) == ("thinking", "end_turn")
    assert "12.50 EUR" in text.text
    with client.messages.stream(
        model=CLAUDE, max_tokens=2000, messages=user(QUESTION),
        thinking={"type": "enabled", "budget_tokens": 1024},
    ) as stream:  # fmt: skip
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert final.content[1].text == text.text
    assert final.content[0].thinking == thought.thinking
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert 0 < whole.usage.output_tokens_details.thinking_tokens < whole.usage.output_tokens


def test_why_it_stopped(client: Any) -> None:
    assert ask(client, max_tokens=3).stop_reason == "max_tokens"
    stopped = ask(client, stop_sequences=["EUR"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "EUR")
    assert ask(client, extra_headers=fault("refusal")).stop_reason == "refusal"
    used = ask(client, ORDER_QUESTION, tools=[CLAUDE_TOOL])
    assert (used.stop_reason, used.content[0].input) == ("tool_use", {"order_id": "HO-10482"})
    named = ask(
        client, tools=[CLAUDE_TOOL], tool_choice={"type": "tool", "name": "get_order_status"}
    )
    assert named.stop_reason == "tool_use"
    never = ask(client, ORDER_QUESTION, tools=[CLAUDE_TOOL], tool_choice={"type": "none"})
    assert never.stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("kind", "error", "name"),
    [
        ("401", anthropic.AuthenticationError, "authentication_error"),
        ("404", anthropic.NotFoundError, "not_found_error"),
        ("429", anthropic.RateLimitError, "rate_limit_error"),
        ("500", anthropic.InternalServerError, "api_error"),
        ("529", anthropic.APIStatusError, "overloaded_error"),
    ],
)
def test_errors_in_its_own_words(client: Any, kind: str, error: Any, name: str) -> None:
    with pytest.raises(error) as caught:
        ask(client, extra_headers=fault(kind))
    assert caught.value.body["error"]["type"] == name
    assert caught.value.status_code == int(kind)
    assert ("retry-after" in caught.value.response.headers) is (kind in ("429", "529"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": []},
        {"messages": [{"role": "system", "content": "x"}]},
        {"messages": [{"role": "user", "content": 3}]},
        {"messages": [{"role": "user", "content": [{"text": "no type"}]}]},
        {"max_tokens": 0},
        {"tools": [{"description": "no name"}]},
        {"system": 3},
        {"stop_sequences": "EUR"},
        {"extra_body": {"temperature": 7}},
    ],
)
def test_what_is_wrong_is_refused(client: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        ask(client, **wrong)
    assert caught.value.body["error"]["type"] == "invalid_request_error"


def test_a_key_is_asked_for_in_either_header() -> None:
    with BackgroundServer(Settings(speed=0, api_key="k" * 20)) as server:
        url = server.base_url.removesuffix("/v1")
        with pytest.raises(anthropic.AuthenticationError):
            ask(anthropic.Anthropic(base_url=url, api_key="wrong", max_retries=0))
        assert ask(anthropic.Anthropic(base_url=url, api_key="k" * 20, max_retries=0)).content
        assert ask(anthropic.Anthropic(base_url=url, auth_token="k" * 20, max_retries=0)).content


def test_pictures_and_sounds_are_real_files(url: str) -> None:
    client = openai_client("sync", url)
    image = client.images.generate(model="gpt-image-1", prompt="a tent")
    again = client.images.generate(model="gpt-image-1", prompt="a tent")
    assert image.data[0].b64_json == again.data[0].b64_json
    assert image.data[0].b64_json.startswith("iVBORw0KGgo")
    speech = client.audio.speech.create(model="tts-1", voice="alloy", input="hello there")
    assert speech.content[:4] == b"RIFF"
    text = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", speech.content))
    assert text.text
    with pytest.raises(openai.BadRequestError):
        client.audio.speech.create(model="tts-1", voice=None, input="x")
