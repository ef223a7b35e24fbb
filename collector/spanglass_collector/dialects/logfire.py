"""Logfire's integrations and pydantic-ai, all versions of what they record.

Source: what logfire 5.2 and pydantic-ai 2.68 send.
"""

from typing import Any, Final

from spanglass_collector.dialects import convert, names
from spanglass_collector.dialects.model import Dialect, Source, Unpacked
from spanglass_collector.dialects.parameters import details_of_usage

_DETAILS: Final = "gen_ai.usage.details."


def tools(value: Any) -> str | None:
    """The tools that a model was offered."""
    found: str | None = convert.tool_definitions(convert.json_object(value).get("function_tools"))
    return found


DIALECT: Final = Dialect(
    name="Logfire and pydantic-ai",
    scopes=("logfire", "pydantic-ai", "pydantic_ai"),
    marks=("logfire.pending_parent_id",),
    attributes={
        names.AGENT_NAME: ("agent_name",),
        names.REQUEST_MODEL: (
            "model_name",
            Source("request_data", lambda v: convert.text(convert.json_object(v).get("model"))),
        ),
        names.TOOL_ARGUMENTS: ("tool_arguments",),
        names.TOOL_RESULT: ("tool_response",),
        names.TOOL_DEFINITIONS: (Source("model_request_parameters", tools),),
        names.REPORTED_COST: ("operation.cost",),
        names.CACHE_READ: (_DETAILS + "cache_read_tokens", _DETAILS + "cached_tokens"),
        names.CACHE_WRITE: (
            _DETAILS + "cache_write_tokens",
            _DETAILS + "cache_creation_input_tokens",
        ),
        names.REASONING: (_DETAILS + "reasoning_tokens",),
        names.TAGS: ("logfire.tags",),
        # The beginning of a span, sent ahead of it under an identity of its own.
        names.REPEATS: ("logfire.pending_parent_id",),
    },
    unpacked=(Unpacked("gen_ai.usage.raw", details_of_usage),),
    input=("request_data", "pydantic_ai.all_messages", "all_messages_events", "events"),
    output=("response_data", "final_result"),
)
