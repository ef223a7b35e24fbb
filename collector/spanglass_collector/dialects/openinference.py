"""OpenInference (Arize Phoenix and others).

Source: openinference-semantic-conventions 0.1.42 and what its instrumentations send.
"""

from typing import Any, Final

from spanglass_collector.dialects import convert, names
from spanglass_collector.dialects.model import SPAN_NAME, Dialect, Indexed, Source, Unpacked
from spanglass_collector.dialects.parameters import prompt_variables, request_parameters

_OPERATIONS: Final = convert.one_of(
    {
        "llm": "chat",
        "embedding": "embeddings",
        "retriever": "retrieval",
        "reranker": "rerank",
        "tool": "execute_tool",
        "agent": "invoke_agent",
        "chain": "invoke_workflow",
        "guardrail": "guardrail",
        "evaluator": "evaluate",
    }
)


def operation(kind: Any, prompt: Any) -> str | None:
    """What a span of a kind does; a model that is given a bare prompt completes text."""
    return "text_completion" if prompt is not None and kind == "LLM" else _OPERATIONS(kind)


@convert.remembered
def _model(value: Any) -> str | None:
    return convert.text(convert.json_object(value).get("model"))


def response_model(value: Any, request: Any) -> str | None:
    """The model that answered: of another name than the one that was asked for."""
    asked = _model(request)
    return value if isinstance(value, str) and asked and asked != value else None


def arguments(value: Any) -> str | None:
    """A tool's arguments; many instrumentations put what it takes, a schema, in their place."""
    found = convert.json_object(value)
    return None if "properties" in found and "type" in found else convert.json_text(value)


def summed_cost(prompt: Any, completion: Any) -> float | None:
    """What both halves of a call have cost, in US dollars."""
    return convert.cost(sum(convert.cost(each) or 0 for each in (prompt, completion)))


def only_read(value: Any) -> int | None:
    """Tokens, none of which is nothing to tell."""
    return convert.integer(value) or None


DIALECT: Final = Dialect(
    name="OpenInference",
    scopes=("openinference.instrumentation", "@arizeai/openinference"),
    marks=("openinference.span.kind",),
    attributes={
        names.OPERATION: (
            Source("openinference.span.kind", operation, ("llm.prompts.0.prompt.text",)),
        ),
        names.PROVIDER: (
            Source("llm.provider", convert.provider, ("llm.system",)),
            "llm.system",
            Source("decision.provider", convert.provider, ("decision.system",)),
            "decision.system",
        ),
        names.REQUEST_MODEL: (
            "llm.request.model_name",
            Source("llm.invocation_parameters", _model),
            "llm.model_name",
            "embedding.model_name",
            "reranker.model_name",
            "decision.model_name",
        ),
        names.RESPONSE_MODEL: (
            "llm.response.model_name",
            Source("llm.model_name", response_model, ("llm.invocation_parameters",)),
        ),
        names.RESPONSE_ID: (Source("output.value", convert.leading_id),),
        names.INPUT_TOKENS: ("llm.token_count.prompt", "decision.token_count.input"),
        names.OUTPUT_TOKENS: ("llm.token_count.completion", "decision.token_count.output"),
        names.CACHE_READ: (
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
        ),
        names.CACHE_WRITE: ("llm.token_count.prompt_details.cache_write",),
        names.REASONING: ("llm.token_count.completion_details.reasoning",),
        "gen_ai.usage.audio.input_tokens": (
            Source("llm.token_count.prompt_details.audio", only_read),
        ),
        "gen_ai.usage.audio.output_tokens": (
            Source("llm.token_count.completion_details.audio", only_read),
        ),
        names.REPORTED_COST: (
            "llm.cost.total",
            Source("llm.cost.prompt", summed_cost, ("llm.cost.completion",)),
            "llm.cost.completion",
        ),
        names.FINISH_REASONS: ("llm.finish_reason",),
        names.TOOL_NAME: ("tool.name",),
        "gen_ai.tool.description": ("tool.description",),
        "gen_ai.tool.call.id": ("tool_call.id", "tool.id"),
        names.TOOL_ARGUMENTS: (Source("tool.parameters", arguments),),
        names.AGENT_NAME: (
            "agent.name",
            Source("openinference.span.kind", convert.named("agent"), (SPAN_NAME,)),
        ),
        names.PROMPT_NAME: ("llm.prompt_template.name", "prompt.id"),
        names.PROMPT_VERSION: ("llm.prompt_template.version",),
        names.TAGS: ("tag.tags",),
        names.QUERY: ("reranker.query",),
        "gen_ai.retrieval.top_k": ("reranker.top_k",),
    },
    unpacked=(
        Unpacked("llm.invocation_parameters", request_parameters),
        Unpacked("embedding.invocation_parameters", request_parameters),
        Unpacked("llm.prompt_template.variables", prompt_variables),
    ),
    indexed=(
        Indexed("llm.input_messages.", "input"),
        Indexed("llm.output_messages.", "output"),
        Indexed("llm.prompts.", "input"),
        Indexed("llm.choices.", "output"),
        Indexed("llm.tools.", "tools"),
        Indexed("retrieval.documents.", "documents"),
        Indexed("reranker.output_documents.", "documents"),
    ),
    input=("input.value",),
    output=("output.value",),
    first_chunk=("First Token Stream Event",),
)
