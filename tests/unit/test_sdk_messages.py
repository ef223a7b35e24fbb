"""Messages of several providers in OpenTelemetry's form."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from spanglass._documents import documents
from spanglass._messages import input_messages, instructions, output_messages, tool_definitions


def text(content: str) -> dict[str, str]:
    return {"type": "text", "content": content}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("hello", [{"role": "user", "parts": [text("hello")]}]),
        ({"role": "user", "content": "a"}, [{"role": "user", "parts": [text("a")]}]),
        (
            [{"role": "user", "name": "ada", "content": ["a", {"type": "text", "text": "b"}]}],
            [{"role": "user", "name": "ada", "parts": [text("a"), text("b")]}],
        ),
        (
            [{"role": "tool", "tool_call_id": "c1", "content": "42"}],
            [
                {
                    "role": "tool",
                    "parts": [{"type": "tool_call_response", "response": "42", "id": "c1"}],
                }
            ],
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "look", "arguments": '{"id": 1}'},
                        },
                        {"id": "c2", "function": {"name": "bad", "arguments": "{not json"}},
                    ],
                }
            ],
            [
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "tool_call", "name": "look", "id": "c1", "arguments": {"id": 1}},
                        {
                            "type": "tool_call",
                            "name": "bad",
                            "id": "c2",
                            "arguments": "{not json",
                        },
                    ],
                }
            ],
        ),
        # Anthropic
        (
            [
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm"},
                        {"type": "tool_use", "id": "t1", "name": "look", "input": {"id": 1}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}],
                },
            ],
            [
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "reasoning", "content": "hm"},
                        {"type": "tool_call", "name": "look", "id": "t1", "arguments": {"id": 1}},
                    ],
                },
                {
                    "role": "user",
                    "parts": [{"type": "tool_call_response", "response": "ok", "id": "t1"}],
                },
            ],
        ),
        # OpenAI's Responses
        (
            [
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "done"},
            ],
            [
                {
                    "role": "assistant",
                    "parts": [{"type": "tool_call", "name": "f", "id": "c", "arguments": {}}],
                },
                {
                    "role": "tool",
                    "parts": [{"type": "tool_call_response", "response": "done", "id": "c"}],
                },
            ],
        ),
        # parts already
        (
            [{"role": "user", "parts": [text("a")]}],
            [{"role": "user", "parts": [text("a")]}],
        ),
        # what nobody knows is kept
        (
            [{"role": "user", "content": [{"type": "hologram", "depth": 3}]}],
            [{"role": "user", "parts": [{"type": "hologram", "depth": 3}]}],
        ),
        ([], []),
        (None, []),
    ],
)
def test_conversations(given: Any, expected: Any) -> None:
    assert input_messages(given) == expected


def test_pictures_by_reference_and_inline_ones_by_hash() -> None:
    message = {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "Q"}},
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
            {"type": "file", "file": {"file_id": "f-1"}},
        ],
    }
    [found] = input_messages([message])
    link, inline, block, audio, file = found["parts"]
    assert link == {"type": "uri", "modality": "image", "uri": "https://x.example/a.png"}
    assert (inline["type"], inline["mime_type"], inline["content"]) == ("blob", "image/png", "")
    assert inline["base64_characters"] == 4
    assert len(inline["sha256"]) == 64
    assert "QUJD" not in str(found)
    assert block["mime_type"] == "image/png"
    assert audio["mime_type"] == "audio/mp3"
    assert file == {"type": "file", "modality": "document", "file_id": "f-1"}


def test_the_message_is_copied_and_the_callers_is_left_alone() -> None:
    parts = [text("a")]
    messages = [{"role": "user", "parts": parts}]
    input_messages(messages)
    output_messages(messages, ["stop"])
    assert messages == [{"role": "user", "parts": [text("a")]}]


def test_answers() -> None:
    assert output_messages("hi") == [{"role": "assistant", "parts": [text("hi")]}]
    assert output_messages(["a", "b"], ["stop", "length"]) == [
        {"role": "assistant", "parts": [text("a")], "finish_reason": "stop"},
        {"role": "assistant", "parts": [text("b")], "finish_reason": "length"},
    ]


def test_the_objects_of_the_openai_client() -> None:
    response = ChatCompletion.model_validate(
        {
            "id": "r",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "reasoning_content": "hm",
                        "tool_calls": [
                            {
                                "id": "c",
                                "type": "function",
                                "function": {"name": "f", "arguments": '{"a": 1}'},
                            }
                        ],
                    },
                }
            ],
        }
    )
    [found] = output_messages(response)
    assert found == {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "hm"},
            {"type": "tool_call", "name": "f", "id": "c", "arguments": {"a": 1}},
        ],
        "finish_reason": "tool_call",
    }
    message = ChatCompletionMessage(role="assistant", content="x", refusal="no")
    assert output_messages(message)[0]["parts"] == [
        text("x"),
        {"type": "refusal", "content": "no"},
    ]


def test_tools_of_both_forms() -> None:
    schema = {"type": "object"}
    assert tool_definitions(
        [
            {"type": "function", "function": {"name": "f", "parameters": schema}},
            {"name": "g", "description": "d", "input_schema": schema},
            {"type": "function", "name": "h", "parameters": schema},
        ]
    ) == [
        {"type": "function", "name": "f", "parameters": schema},
        {"type": "function", "name": "g", "description": "d", "parameters": schema},
        {"type": "function", "name": "h", "parameters": schema},
    ]


def test_instructions_apart_from_the_conversation() -> None:
    assert instructions("be kind") == [text("be kind")]
    assert instructions([{"type": "text", "text": "a"}]) == [text("a")]


class LangChainLike:
    def __init__(self) -> None:
        self.page_content = "text"
        self.metadata = {"page": 3}


class NodeLike:
    def __init__(self) -> None:
        self.id_ = "n1"
        self.text = "text"


class ScoredNodeLike:
    def __init__(self) -> None:
        self.node = NodeLike()
        self.score = 0.5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a", "b"], [{"content": "a"}, {"content": "b"}]),
        (
            [{"id": 1, "text": "a", "score": 0.5, "title": "t"}],
            [{"title": "t", "id": "1", "score": 0.5, "content": "a"}],
        ),
        (
            [("a", 0.5), (0.7, "b")],
            [{"content": "a", "score": 0.5}, {"content": "b", "score": 0.7}],
        ),
        ([LangChainLike()], [{"content": "text", "metadata": {"page": 3}}]),
        ([ScoredNodeLike()], [{"id": "n1", "content": "text", "score": 0.5}]),
        ({"documents": ["a"], "took": 1}, [{"content": "a"}]),
        ([], []),
        ("not a list", "not a list"),
    ],
)  # fmt: skip
def test_documents(given: Any, expected: Any) -> None:
    assert documents(given) == expected
