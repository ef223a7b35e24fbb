"""Who serves a model, by client and address; and tokens where nobody counts them."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

from spanglass._estimate import prompt_size, tokens_of
from spanglass.clients._providers import Provider, address_of, named, provider_of
from spanglass.clients._routes import exchange_for


@pytest.mark.parametrize(
    ("url", "name", "counts"),
    [
        ("https://api.openai.com/v1", "openai", True),
        ("https://eu.api.openai.com/v1", "openai", True),
        ("https://shop.openai.azure.com/openai/v1", "azure.ai.openai", True),
        ("https://api.groq.com/openai/v1", "groq", True),
        ("https://api.mistral.ai/v1", "mistral_ai", False),
        ("https://api.deepseek.com", "deepseek", True),
        ("https://api.x.ai/v1", "x_ai", True),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "gcp.gemini", True),
        ("https://openrouter.ai/api/v1", "openrouter", True),
        ("http://localhost:8000/v1", "vllm", True),
        ("http://127.0.0.1:11434/v1", "ollama", True),
        ("http://10.0.3.7:30000/v1", "sglang", True),
        ("http://gateway:4000/v1", "litellm", True),
        ("http://192.168.1.9:3000/v1", "tgi", True),
        ("http://text-generation-inference/v1", "tgi", True),
        ("http://vllm-7b.models.svc.cluster.local/v1", "vllm", True),
        ("https://litellm.corp.example/v1", "litellm", True),
        # Nobody knows: it speaks like OpenAI.
        ("http://localhost:1234/v1", "openai", False),
        ("https://models.example:8000/v1", "openai", False),
        ("https://notopenai.com/v1", "openai", False),
    ],
)
def test_compatible_servers(url: str, name: str, counts: bool) -> None:
    client = openai.OpenAI(base_url=url, api_key="any")
    assert provider_of(client) == Provider(name, counts)


def test_clients_of_clouds() -> None:
    azure = openai.AsyncAzureOpenAI(
        azure_endpoint="https://gateway.example", api_key="any", api_version="2023-05-15"
    )
    assert provider_of(azure) == Provider("azure.ai.openai", False)
    assert provider_of(anthropic.Anthropic(api_key="any")).name == "anthropic"
    bedrock = anthropic.AnthropicBedrock(
        aws_access_key="a", aws_secret_key="b", aws_region="eu-west-1"
    )
    assert provider_of(bedrock).name == "aws.bedrock"


def test_addresses() -> None:
    assert address_of(openai.OpenAI(api_key="any")) == ("api.openai.com", 443)
    assert address_of(openai.OpenAI(api_key="any", base_url="http://H/v1")) == ("h", 80)
    assert address_of(object()) == ("", None)


def test_a_provider_that_is_named() -> None:
    assert named("vllm").counts_streams
    assert named("openai").counts_streams
    assert named("our-gateway") == Provider("our-gateway", False)


@pytest.mark.parametrize(
    ("url", "operation"),
    [
        ("/chat/completions", "chat"),
        ("/openai/v1/chat/completions", "chat"),
        ("chat/completions", "chat"),
        ("/completions", "text_completion"),
        ("/responses", "chat"),
        ("/embeddings", "embeddings"),
        ("/images/edits", "generate_content"),
        ("/audio/translations", "generate_content"),
        ("/v1/messages?beta=true", "chat"),
        ("/v1/messages/count_tokens", None),
        ("/v1/messages/batches", None),
        ("/threads/t/messages", None),
        ("/responses/resp_1/cancel", None),
        ("/chat/completions/id", None),
        ("/files", None),
    ],
)
def test_what_asks_a_model(url: str, operation: str | None) -> None:
    found = exchange_for("post", url)
    assert (found.operation if found else None) == operation
    assert exchange_for("get", url) is None


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # What OpenAI's o200k_base makes of these.
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("Express delivery costs 12.50 EUR and arrives on the next working day.", 16),
        ("我们的商店出售帐篷、背包和登山鞋。", 14),
        ("", 0),
    ],
)
def test_estimates_are_near(text: str, tokens: int) -> None:
    assert tokens_of(prompt_size(text)) == pytest.approx(tokens, rel=0.35)


def test_a_prompt_is_what_a_model_reads() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 99_000}}
    message: dict[str, Any] = {
        "role": "user",
        "content": [{"type": "text", "text": "abc"}, picture],
    }
    assert prompt_size([message]) == 3 + 16
    assert prompt_size(None, 3, object()) == 0
    deep: list[Any] = []
    deep.append(deep)
    assert prompt_size(deep) == 0
