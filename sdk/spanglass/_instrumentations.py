"""Which OpenTelemetry instrumentations there are for which library, as a table.

Of a library's instrumentations the first that is installed is taken: OpenTelemetry's own, then
OpenInference's, then OpenLLMetry's, unless one of them does more for that library. They are told
apart by the names of their distributions, because the names of their entry points are the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Library(NamedTuple):
    """A library that can be instrumented.

    Attributes:
        name: what `instrument(only=[…])` calls it.
        distribution: the library's own, which is there where the library is.
        instrumentations: distributions of its instrumentations, the preferred one first.
        by_name_only: whether it has to be named, because it is no library for models.
    """

    name: str
    distribution: str
    instrumentations: tuple[str, ...]
    by_name_only: bool = False


def _library(name: str, distribution: str, *families: str, by_name_only: bool = False) -> Library:
    prefixes = {
        "genai": "opentelemetry-instrumentation-genai-",
        "otel": "opentelemetry-instrumentation-",
        "openinference": "openinference-instrumentation-",
        # The same as OpenTelemetry's own; the row says whose it is.
        "openllmetry": "opentelemetry-instrumentation-",
    }
    named = (family.split(":") for family in families)
    found = tuple(f"{prefixes[family]}{rest}" for family, rest in named)
    return Library(name, distribution, found, by_name_only)


LIBRARIES: Final = (
    _library(
        "openai", "openai",
        "genai:openai", "otel:openai-v2", "openinference:openai", "openllmetry:openai",
    ),
    _library(
        "anthropic", "anthropic",
        "genai:anthropic", "openinference:anthropic", "openllmetry:anthropic",
    ),
    _library(
        "langchain", "langchain-core",
        "genai:langchain", "openinference:langchain", "openllmetry:langchain",
    ),
    _library(
        "llama-index", "llama-index-core",
        "genai:llama-index", "openinference:llama-index", "openllmetry:llamaindex",
    ),
    _library("litellm", "litellm", "openinference:litellm", "openllmetry:litellm"),
    # OpenInference's carries the context to the server and makes no spans.
    _library("mcp", "mcp", "openllmetry:mcp", "openinference:mcp"),
    # OpenTelemetry's for botocore covers every other service of AWS, too.
    _library(
        "bedrock", "botocore",
        "genai:bedrock", "openinference:bedrock", "openllmetry:bedrock", "otel:botocore",
    ),
    _library(
        "google-genai", "google-genai",
        "otel:google-genai", "openinference:google-genai", "openllmetry:google-generativeai",
    ),
    _library(
        "vertexai", "google-cloud-aiplatform", "openinference:vertexai", "openllmetry:vertexai"
    ),
    _library(
        "openai-agents", "openai-agents",
        "genai:openai-agents", "openinference:openai-agents", "openllmetry:openai-agents",
    ),
    _library("agno", "agno", "genai:agno", "openinference:agno", "openllmetry:agno"),
    _library("autogen", "autogen-agentchat", "openinference:autogen-agentchat"),
    _library("beeai", "beeai-framework", "openinference:beeai"),
    _library("claude-agent-sdk", "claude-agent-sdk", "openinference:claude-agent-sdk"),
    _library("cohere", "cohere", "openinference:cohere", "openllmetry:cohere"),
    _library("crewai", "crewai", "openinference:crewai", "openllmetry:crewai"),
    _library("dspy", "dspy", "genai:dspy", "openinference:dspy"),
    _library("google-adk", "google-adk", "openinference:google-adk"),
    _library("groq", "groq", "openinference:groq", "openllmetry:groq"),
    _library("guardrails", "guardrails-ai", "openinference:guardrails"),
    _library("haystack", "haystack-ai", "openinference:haystack", "openllmetry:haystack"),
    _library("instructor", "instructor", "openinference:instructor"),
    _library("mistralai", "mistralai", "openinference:mistralai", "openllmetry:mistralai"),
    _library("ollama", "ollama", "openinference:ollama", "openllmetry:ollama"),
    _library("portkey", "portkey-ai", "genai:portkey", "openinference:portkey"),
    _library("replicate", "replicate", "openllmetry:replicate"),
    _library("sagemaker", "botocore", "openllmetry:sagemaker"),
    _library("smolagents", "smolagents", "genai:smolagents", "openinference:smolagents"),
    _library("together", "together", "openinference:together", "openllmetry:together"),
    _library("transformers", "transformers", "openllmetry:transformers"),
    _library("voyageai", "voyageai", "openllmetry:voyageai"),
    _library("watsonx", "ibm-watsonx-ai", "openllmetry:watsonx"),
    _library("writer", "writer-sdk", "openllmetry:writer"),
    _library("chromadb", "chromadb", "openllmetry:chromadb"),
    _library("lancedb", "lancedb", "openllmetry:lancedb"),
    _library("marqo", "marqo", "openllmetry:marqo"),
    _library("milvus", "pymilvus", "openllmetry:milvus"),
    _library("pinecone", "pinecone", "openllmetry:pinecone"),
    _library("qdrant", "qdrant-client", "openllmetry:qdrant"),
    _library("weaviate", "weaviate-client", "openllmetry:weaviate"),
    # Makes no spans: threads and thread pools keep the context that they were started in.
    _library("threading", "", "otel:threading", by_name_only=True),
)  # fmt: skip
