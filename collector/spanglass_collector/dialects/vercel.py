"""Vercel AI SDK, versions 3 to 6.

The outer span of a call repeats what its inner ones (`.doGenerate` and the like) have used, so it
is an agent's, not a model's.

Source: what `ai` 5.0 and 6.0 send.
"""

from typing import Any, Final

from spanglass_collector.dialects import convert, names
from spanglass_collector.dialects.model import Assembled, Dialect, Source

_METADATA: Final = "ai.telemetry.metadata."


def operation(value: Any) -> str | None:
    """What a span does, by the name of the function that made it."""
    if not isinstance(value, str) or not value.startswith("ai."):
        return None
    if value == "ai.toolCall":
        return "execute_tool"
    outer, _, inner = value[3:].partition(".")
    if inner:
        return {"doEmbed": "embeddings", "doRerank": "rerank"}.get(inner, "chat")
    return "invoke_workflow" if outer in ("embed", "embedMany", "rerank") else "invoke_agent"


def input_tokens(value: Any, details: Any, cached: Any, provider: Any, metadata: Any) -> int | None:
    """Tokens read; up to version 5 those of Anthropic's models are without the cached ones."""
    count = convert.integer(value)
    if count is None or details is not None or not _is_anthropic(provider):
        return count
    return count + (convert.integer(cached) or 0) + (cache_write(metadata) or 0)


def cache_write(value: Any) -> int | None:
    """Tokens written to a cache, of what the provider itself has said."""
    of_provider = convert.json_object(value).get("anthropic")
    if not isinstance(of_provider, dict):
        return None
    return convert.integer(of_provider.get("cacheCreationInputTokens"))


def _is_anthropic(provider: Any) -> bool:
    return isinstance(provider, str) and provider.startswith(("anthropic", "vertex.anthropic"))


_INPUT_OTHERS: Final = (
    "ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens",
    "ai.model.provider", "ai.response.providerMetadata",
)  # fmt: skip
_ANSWER: Final = Assembled(
    {
        "reasoning": "ai.response.reasoning",
        "content": "ai.response.text",
        "tool_calls": "ai.response.toolCalls",
        "object": "ai.response.object",
    }
)
_OLDER_ANSWER: Final = Assembled(
    {
        "content": "ai.result.text",
        "tool_calls": "ai.result.toolCalls",
        "object": "ai.result.object",
    }
)
DIALECT: Final = Dialect(
    name="Vercel AI",
    marks=("ai.operationId",),
    attributes={
        names.OPERATION: (Source("ai.operationId", operation),),
        names.PROVIDER: ("ai.model.provider",),
        names.REQUEST_MODEL: ("ai.model.id",),
        names.RESPONSE_MODEL: ("ai.response.model",),
        names.RESPONSE_ID: ("ai.response.id",),
        names.FINISH_REASONS: ("ai.response.finishReason", "ai.finishReason"),
        names.FIRST_CHUNK: (
            Source("ai.response.msToFirstChunk", convert.seconds_of_milliseconds),
            Source("ai.stream.msToFirstChunk", convert.seconds_of_milliseconds),
        ),
        names.INPUT_TOKENS: (
            Source("ai.usage.inputTokens", input_tokens, _INPUT_OTHERS),
            Source("ai.usage.promptTokens", input_tokens, _INPUT_OTHERS),
            "ai.usage.tokens",
        ),
        names.OUTPUT_TOKENS: ("ai.usage.outputTokens", "ai.usage.completionTokens"),
        names.CACHE_READ: (
            "ai.usage.inputTokenDetails.cacheReadTokens",
            "ai.usage.cachedInputTokens",
        ),
        names.CACHE_WRITE: (
            "ai.usage.inputTokenDetails.cacheWriteTokens",
            Source("ai.response.providerMetadata", cache_write),
        ),
        names.REASONING: (
            "ai.usage.outputTokenDetails.reasoningTokens",
            "ai.usage.reasoningTokens",
        ),
        names.TOOL_NAME: ("ai.toolCall.name",),
        "gen_ai.tool.call.id": ("ai.toolCall.id",),
        names.TOOL_ARGUMENTS: ("ai.toolCall.args",),
        names.TOOL_RESULT: ("ai.toolCall.result",),
        names.TOOL_DEFINITIONS: (Source("ai.prompt.tools", convert.tool_definitions),),
        names.FEATURE: ("ai.telemetry.functionId",),
        names.CONVERSATION: (
            _METADATA + "sessionId",
            _METADATA + "session_id",
            _METADATA + "threadId",
            _METADATA + "conversationId",
            _METADATA + "chatId",
        ),
        names.USER: (_METADATA + "userId", _METADATA + "user_id"),
        names.TAGS: (_METADATA + "tags",),
        "gen_ai.request.temperature": ("ai.settings.temperature",),
        "gen_ai.request.top_p": ("ai.settings.topP",),
        "gen_ai.request.top_k": ("ai.settings.topK",),
        "gen_ai.request.max_tokens": ("ai.settings.maxOutputTokens", "ai.settings.maxTokens"),
        "gen_ai.request.seed": ("ai.settings.seed",),
    },
    input=("ai.prompt.messages", "ai.prompt", "ai.values", "ai.value", "ai.documents"),
    output=(_ANSWER, _OLDER_ANSWER, "ai.ranking"),
)
