"""Who serves a model, told by the client and the address that it calls.

Source: OpenTelemetry semantic conventions for generative AI, `gen_ai.provider.name`, for names;
for names that it lacks, those that the servers have for themselves.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple


class Provider(NamedTuple):
    """Who serves a model.

    Attributes:
        name: value of `gen_ai.provider.name`.
        counts_streams: whether it understands `stream_options.include_usage`.
    """

    name: str
    counts_streams: bool = False


#: Ends of host names.
_HOSTS: Final = {
    "openai.com": Provider("openai", True),
    "openai.azure.com": Provider("azure.ai.openai", True),
    "cognitiveservices.azure.com": Provider("azure.ai.openai", True),
    "ai.azure.com": Provider("azure.ai.inference", True),
    "anthropic.com": Provider("anthropic"),
    "generativelanguage.googleapis.com": Provider("gcp.gemini", True),
    "aiplatform.googleapis.com": Provider("gcp.vertex_ai", True),
    "amazonaws.com": Provider("aws.bedrock", True),
    "cohere.ai": Provider("cohere", True),
    "cohere.com": Provider("cohere", True),
    "deepseek.com": Provider("deepseek", True),
    "groq.com": Provider("groq", True),
    "mistral.ai": Provider("mistral_ai"),  # counts unasked, and refuses to be asked
    "moonshot.ai": Provider("moonshot_ai", True),
    "moonshot.cn": Provider("moonshot_ai", True),
    "perplexity.ai": Provider("perplexity"),  # counts unasked
    "x.ai": Provider("x_ai", True),
    "ml.cloud.ibm.com": Provider("ibm.watsonx.ai"),
    "openrouter.ai": Provider("openrouter", True),
    "together.xyz": Provider("together_ai", True),
    "together.ai": Provider("together_ai", True),
    "fireworks.ai": Provider("fireworks_ai", True),
    "cerebras.ai": Provider("cerebras", True),
    "integrate.api.nvidia.com": Provider("nvidia", True),
    "huggingface.co": Provider("huggingface", True),
}

#: Servers that people run themselves, by the port that each has unless told otherwise.
_PORTS: Final = {
    3000: Provider("tgi", True),
    4000: Provider("litellm", True),
    8000: Provider("vllm", True),
    11434: Provider("ollama", True),
    30000: Provider("sglang", True),
}

#: The same by name: containers and hosts are called after what runs in them.
_SERVERS: Final = {
    **{each.name: each for each in _PORTS.values()},
    "text-generation-inference": _PORTS[3000],
    "llama-cpp": Provider("llama.cpp", True),
}

_CLASSES: Final = (
    ("AzureOpenAI", Provider("azure.ai.openai", True)),
    ("Bedrock", Provider("aws.bedrock")),
    ("Vertex", Provider("gcp.vertex_ai")),
    ("Foundry", Provider("azure.ai.inference")),
)

#: From this version of its API on, Azure understands to be asked for counts.
_AZURE_COUNTS_FROM: Final = "2024-09-01"


def provider_of(client: Any) -> Provider:
    """Who serves a client's models; by default whose package it is.

    Args:
        client: of the `openai` or `anthropic` package, or one made like them.
    """
    names = [kind.__name__ for kind in type(client).__mro__]
    for part, provider in _CLASSES:
        if any(part in name for name in names):
            return _of_azure(client) if part == "AzureOpenAI" else provider
    host, port = address_of(client)
    for end, provider in _HOSTS.items():
        if host == end or host.endswith(f".{end}"):
            return provider
    labels = host.replace("_", "-").split(".")
    for name, provider in _SERVERS.items():
        if any(label == name or label.startswith(f"{name}-") for label in labels):
            return provider
    if port in _PORTS and (_is_near(host) or "." not in host):
        return _PORTS[port]
    return Provider(_package(client))


def named(name: str) -> Provider:
    """The provider with a name that the application gives."""
    for provider in (*_HOSTS.values(), *_SERVERS.values()):
        if provider.name == name:
            return provider
    return Provider(name)


def address_of(client: Any) -> tuple[str, int | None]:
    """Host and port that a client calls; an empty host where it does not say."""
    url = getattr(client, "base_url", None)
    host = str(getattr(url, "host", "") or "").lower()
    port = getattr(url, "port", None)
    if port is None and host:
        port = 80 if getattr(url, "scheme", "") == "http" else 443
    return host, port


def _of_azure(client: Any) -> Provider:
    version = str(getattr(client, "_api_version", "") or "")
    old = version[:4].isdigit() and version[:10] < _AZURE_COUNTS_FROM
    return Provider("azure.ai.openai", not old)


def _is_near(host: str) -> bool:
    """Whether a host is this machine or one of a private network."""
    near = ("127.", "10.", "192.168.", *(f"172.{n}." for n in range(16, 32)))
    return host == "::1" or host.startswith(near) or host.endswith((".local", ".internal", ".svc"))


def _package(client: Any) -> str:
    for kind in type(client).__mro__:
        if kind.__name__ in ("SyncAPIClient", "AsyncAPIClient"):
            return kind.__module__.partition(".")[0]
    return ""
