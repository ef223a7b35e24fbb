"""LangSmith.

Source: what langsmith 0.15 exports.
"""

from typing import Final

from spanglass_collector.dialects import convert, names
from spanglass_collector.dialects.model import SPAN_NAME, Dialect, Source, Unpacked
from spanglass_collector.dialects.parameters import inclusive_usage

_METADATA: Final = "langsmith.metadata."


DIALECT: Final = Dialect(
    name="LangSmith",
    scopes=("langsmith",),
    marks=("langsmith.",),
    attributes={
        names.OPERATION: (
            Source(
                "langsmith.span.kind",
                convert.one_of(
                    {
                        "llm": "chat",
                        "chain": "invoke_workflow",
                        "tool": "execute_tool",
                        "retriever": "retrieval",
                        "embedding": "embeddings",
                    }
                ),
            ),
        ),
        names.PROVIDER: (_METADATA + "ls_provider",),
        names.REQUEST_MODEL: (_METADATA + "ls_model_name",),
        names.TOOL_NAME: (Source("langsmith.span.kind", convert.named("tool"), (SPAN_NAME,)),),
        names.CONVERSATION: (
            "langsmith.trace.session_id",
            _METADATA + "session_id",
            _METADATA + "thread_id",
            _METADATA + "conversation_id",
        ),
        names.USER: (_METADATA + "user_id",),
        names.TAGS: (Source("langsmith.span.tags", convert.comma_separated),),
        "gen_ai.request.temperature": (_METADATA + "ls_temperature",),
        "gen_ai.request.max_tokens": (_METADATA + "ls_max_tokens",),
        "gen_ai.request.top_p": (_METADATA + "ls_top_p",),
        "gen_ai.request.top_k": (_METADATA + "ls_top_k",),
        "gen_ai.request.seed": (_METADATA + "ls_seed",),
        "gen_ai.request.stop_sequences": (
            _METADATA + "ls_stop_sequences",
            _METADATA + "ls_stop",
        ),
        "gen_ai.request.stream": ("langsmith.request.streaming",),
        "openai.response.service_tier": ("gen_ai.response.service_tier",),
        "openai.response.system_fingerprint": ("gen_ai.response.system_fingerprint",),
    },
    unpacked=(
        Unpacked("langsmith.usage_metadata", inclusive_usage),
        Unpacked(_METADATA + "usage_metadata", inclusive_usage),
    ),
)
