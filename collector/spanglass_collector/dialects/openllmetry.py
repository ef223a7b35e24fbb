"""OpenLLMetry (Traceloop), in its old shape with indexed keys and its present one.

Source: opentelemetry-semantic-conventions-ai and the instrumentations 0.33 to 0.62.
"""

from typing import Any, Final

from spanglass_collector.dialects import convert, names
from spanglass_collector.dialects.model import Dialect, Indexed, Source, Unpacked
from spanglass_collector.dialects.parameters import prompt_variables

_OF_USER: Final = "traceloop.association.properties."


#: What its instrumentations are of: they are called like OpenTelemetry's own, which has others.
_LIBRARIES: Final = (
    "agno", "alephalpha", "anthropic", "bedrock", "chromadb", "cohere", "crewai",
    "google_generativeai", "groq", "haystack", "lancedb", "langchain", "litellm", "llamaindex",
    "marqo", "milvus", "mistralai", "ollama", "openai.", "openai_agents", "pinecone", "qdrant",
    "replicate", "sagemaker", "together", "transformers", "vertexai", "voyageai", "watsonx",
    "weaviate", "writer",
)  # fmt: skip


def _search(value: Any) -> str | None:
    """What a span of a vector database does that says how many it was asked for."""
    return "retrieval" if convert.integer(value) is not None else None


DIALECT: Final = Dialect(
    name="OpenLLMetry",
    scopes=("traceloop.", *(f"opentelemetry.instrumentation.{name}" for name in _LIBRARIES)),
    marks=("traceloop.", "llm.request.type"),
    attributes={
        names.OPERATION: (
            Source(
                "traceloop.span.kind",
                convert.one_of(
                    {
                        "workflow": "invoke_workflow",
                        "task": "invoke_workflow",
                        "agent": "invoke_agent",
                        "tool": "execute_tool",
                    }
                ),
            ),
            Source(
                "llm.request.type",
                convert.one_of(
                    {
                        "chat": "chat",
                        "completion": "text_completion",
                        "embedding": "embeddings",
                        "rerank": "rerank",
                    }
                ),
            ),
            Source("db.vector.query.top_k", _search),
            Source("db.chroma.query.n_results", _search),
        ),
        "gen_ai.retrieval.top_k": ("db.vector.query.top_k", "db.chroma.query.n_results"),
        names.AGENT_NAME: (
            Source("traceloop.span.kind", convert.named("agent"), ("traceloop.entity.name",)),
        ),
        names.TOOL_NAME: (
            Source("traceloop.span.kind", convert.named("tool"), ("traceloop.entity.name",)),
        ),
        names.WORKFLOW_NAME: ("traceloop.workflow.name",),
        names.CONVERSATION: (
            _OF_USER + "session_id",
            _OF_USER + "thread_id",
            _OF_USER + "conversation_id",
            _OF_USER + "chat_id",
            "traceloop.correlation.id",
        ),
        names.USER: (
            _OF_USER + "user_id",
            _OF_USER + "customer_id",
            "llm.user",
            "gen_ai.user",
        ),
        names.TAGS: (_OF_USER + "tags",),
        names.PROMPT_NAME: ("traceloop.prompt.key",),
        names.PROMPT_VERSION: (
            "traceloop.prompt.version",
            "traceloop.prompt.version_name",
            "traceloop.prompt.version_hash",
        ),
        names.INPUT_TOKENS: ("llm.usage.prompt_tokens",),
        names.OUTPUT_TOKENS: ("llm.usage.completion_tokens",),
        names.CACHE_READ: ("gen_ai.usage.cache_read_input_tokens",),
        names.CACHE_WRITE: ("gen_ai.usage.cache_creation_input_tokens",),
        names.REASONING: ("gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens"),
        names.FINISH_REASONS: (
            "gen_ai.response.finish_reason",
            "llm.response.finish_reason",
            "gen_ai.response.stop_reason",
        ),
        names.REQUEST_MODEL: ("llm.request.model",),
        names.RESPONSE_MODEL: ("llm.response.model",),
        "gen_ai.request.stream": ("gen_ai.is_streaming", "llm.is_streaming"),
        "gen_ai.request.frequency_penalty": ("llm.frequency_penalty",),
        "gen_ai.request.presence_penalty": ("llm.presence_penalty",),
        "gen_ai.request.top_k": ("llm.top_k",),
        "gen_ai.request.stop_sequences": ("llm.chat.stop_sequences",),
        "gen_ai.request.choice.count": ("gen_ai.request.n",),
        "gen_ai.request.max_tokens": (
            "gen_ai.request.max_completion_tokens",
            "llm.request.max_tokens",
        ),
        "gen_ai.request.temperature": ("llm.request.temperature", "llm.temperature"),
        "gen_ai.request.top_p": ("llm.top_p",),
        "gen_ai.request.reasoning.level": (
            "gen_ai.request.reasoning_effort",
            "llm.request.reasoning_effort",
        ),
        "openai.response.system_fingerprint": ("gen_ai.openai.system_fingerprint",),
        "server.address": (Source("gen_ai.openai.api_base", convert.host),),
        "gen_ai.output.type": (
            Source("gen_ai.request.structured_output_schema", lambda v: "json" if v else None),
        ),
    },
    unpacked=(Unpacked("traceloop.prompt.template_variables", prompt_variables),),
    indexed=(
        Indexed("gen_ai.prompt.", "input"),
        Indexed("gen_ai.completion.", "output"),
        # `llm.prompts.` is OpenInference's, too, and read the same way.
        Indexed("llm.completions.", "output"),
        Indexed("llm.request.functions.", "tools"),
    ),
    input=("traceloop.entity.input",),
    output=("traceloop.entity.output",),
    first_chunk=("gen_ai.content.completion.chunk", "llm.content.completion.chunk"),
)
