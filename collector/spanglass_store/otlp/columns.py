"""Which attributes fill which typed column of `spans`: OpenTelemetry's GenAI names, as data.

A column takes the first attribute that a span has, in the order given. Older spellings and
other dialects are brought to these names before they reach the store.

Source: OpenTelemetry semantic conventions for generative AI, v1.37 and later.
"""

from typing import Final

TEXT: Final[dict[str, tuple[str, ...]]] = {
    "operation": ("gen_ai.operation.name",),
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "request_model": ("gen_ai.request.model",),
    "response_model": ("gen_ai.response.model",),
    "error_type": ("error.type",),
    "session_id": ("gen_ai.conversation.id", "session.id"),
    "user_id": ("user.id", "enduser.id"),
    "feature": ("spanglass.feature",),
    "prompt_name": ("gen_ai.prompt.name",),
    "prompt_version": ("gen_ai.prompt.version",),
    "agent_name": ("gen_ai.agent.name",),
    "tool_name": ("gen_ai.tool.name",),
}

INTEGER: Final[dict[str, tuple[str, ...]]] = {
    "input_tokens": ("gen_ai.usage.input_tokens",),
    "output_tokens": ("gen_ai.usage.output_tokens",),
    "cache_read_tokens": ("gen_ai.usage.cache_read.input_tokens",),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
    ),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens",),
}

#: Seconds.
FLOAT: Final[dict[str, tuple[str, ...]]] = {
    "time_to_first_token_s": (
        "gen_ai.response.time_to_first_chunk",
        "spanglass.time_to_first_token",
    ),
}

TEXT_LIST: Final[dict[str, str]] = {
    "finish_reasons": "gen_ai.response.finish_reasons",
    "tags": "spanglass.tags",
}

RESOURCE_TEXT: Final[dict[str, tuple[str, ...]]] = {
    "service": ("service.name",),
    "environment": ("deployment.environment.name", "deployment.environment"),
    "release": ("service.version",),
}
