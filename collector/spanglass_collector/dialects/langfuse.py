"""Langfuse.

Source: the attributes that the Langfuse SDK 5 sends and its server reads.
"""

from typing import Any, Final

from spanglass_collector.dialects import convert, names
from spanglass_collector.dialects.model import SPAN_NAME, Dialect, Source, Unpacked
from spanglass_collector.dialects.parameters import exclusive_usage, request_parameters


def total_cost(value: Any) -> float | None:
    """The sum of what a call has cost, in US dollars."""
    found = convert.json_object(value)
    total = convert.cost(found.get("total"))
    if total is not None:
        return total
    return convert.cost(sum(convert.number(each) or 0 for each in found.values()))


def failed(level: Any, message: Any) -> str | None:
    """What went wrong, of an observation that says so; its span need not have a status."""
    return (convert.text(message) or "") if level == "ERROR" else None


def _unquoted(value: Any) -> str | None:
    """A text that may be written as JSON."""
    found = convert.loads(value) if isinstance(value, str) and value[:1] == '"' else value
    return convert.text(found)


DIALECT: Final = Dialect(
    name="Langfuse",
    scopes=("langfuse-sdk",),
    marks=("langfuse.",),
    attributes={
        names.OPERATION: (
            Source(
                "langfuse.observation.type",
                convert.one_of(
                    {
                        "generation": "chat",
                        "embedding": "embeddings",
                        "agent": "invoke_agent",
                        "tool": "execute_tool",
                        "chain": "invoke_workflow",
                        "retriever": "retrieval",
                        "guardrail": "guardrail",
                        "evaluator": "evaluate",
                    }
                ),
            ),
        ),
        names.AGENT_NAME: (
            Source("langfuse.observation.type", convert.named("agent"), (SPAN_NAME,)),
        ),
        names.TOOL_NAME: (
            Source("langfuse.observation.type", convert.named("tool"), (SPAN_NAME,)),
        ),
        names.REQUEST_MODEL: ("langfuse.observation.model.name",),
        names.REPORTED_COST: (Source("langfuse.observation.cost_details", total_cost),),
        names.PROMPT_NAME: ("langfuse.observation.prompt.name",),
        names.PROMPT_VERSION: ("langfuse.observation.prompt.version",),
        names.CONVERSATION: ("langfuse.session.id",),
        names.USER: ("langfuse.user.id",),
        names.TAGS: ("langfuse.trace.tags",),
        names.FEATURE: ("langfuse.trace.name",),
        names.FAILED: (
            Source("langfuse.observation.level", failed, ("langfuse.observation.status_message",)),
        ),
        names.ENVIRONMENT: ("langfuse.environment",),
        names.RELEASE: ("langfuse.release", "langfuse.version"),
        names.FINISH_REASONS: (
            Source(
                "langfuse.observation.metadata.finish_reason",
                lambda value: convert.finish_reasons(_unquoted(value)),
            ),
        ),
    },
    unpacked=(
        Unpacked("langfuse.observation.model.parameters", request_parameters),
        Unpacked("langfuse.observation.usage_details", exclusive_usage),
    ),
    input=("langfuse.observation.input",),
    output=("langfuse.observation.output",),
    first_chunk_time="langfuse.observation.completion_start_time",
)
