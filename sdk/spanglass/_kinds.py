"""What a span can stand for, as a table: OpenTelemetry's operation, span kind and names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from opentelemetry.trace import SpanKind

from spanglass import _names as names
from spanglass._documents import documents
from spanglass._guard import log
from spanglass._results import (
    document_facts,
    evaluation_facts,
    vector_facts,
    verdict_facts,
)

#: What a span stands for. `retrieval` is the same as `retriever`.
KindName: TypeAlias = Literal[
    "agent",
    "embedding",
    "evaluator",
    "generation",
    "guardrail",
    "rerank",
    "retrieval",
    "retriever",
    "tool",
    "workflow",
]


class Kind(NamedTuple):
    """One kind of span.

    Attributes:
        operation: value of `gen_ai.operation.name`; empty for an ordinary span.
        span_kind: OpenTelemetry's: CLIENT for what another service usually does.
        name_key: the attribute that carries the bare name; empty for none.
        input_key: the attribute that carries the input.
        output_key: the attribute that carries the output.
        shape: brings an output to the form that the conventions give it; None to leave it.
        facts: what an output says beyond its content, as attributes; None for nothing.
    """

    operation: str = ""
    span_kind: SpanKind = SpanKind.INTERNAL
    name_key: str = ""
    input_key: str = names.INPUT_VALUE
    output_key: str = names.OUTPUT_VALUE
    shape: Callable[[object], object] | None = None
    facts: Callable[[object], Mapping[str, Any]] | None = None

    @property
    def searches(self) -> bool:
        """Whether it goes from a query to documents."""
        return self.shape is documents

    def span_name(self, name: str) -> str:
        """The name that the conventions give to the span: `{operation} {name}`."""
        return f"{self.operation} {name}".rstrip() if self.operation else name


PLAIN: Final = Kind()
TOOL: Final = Kind(
    "execute_tool",
    name_key=names.TOOL_NAME,
    input_key=names.TOOL_ARGUMENTS,
    output_key=names.TOOL_RESULT,
)
RETRIEVAL: Final = Kind(
    "retrieval",
    SpanKind.CLIENT,
    input_key=names.RETRIEVAL_QUERY,
    output_key=names.RETRIEVAL_DOCUMENTS,
    shape=documents,
    facts=document_facts,
)
EMBEDDING: Final = Kind("embeddings", SpanKind.CLIENT, facts=vector_facts)

KINDS: Final[dict[str, Kind]] = {
    "agent": Kind("invoke_agent", name_key=names.AGENT_NAME),
    "embedding": EMBEDDING,
    "evaluator": Kind("evaluate", name_key=names.EVALUATION_NAME, facts=evaluation_facts),
    "generation": Kind("chat", SpanKind.CLIENT),
    "guardrail": Kind("guardrail", facts=verdict_facts),
    "rerank": RETRIEVAL._replace(operation="rerank"),
    "retrieval": RETRIEVAL,
    "retriever": RETRIEVAL,
    "tool": TOOL,
    "workflow": Kind("invoke_workflow", name_key=names.WORKFLOW_NAME),
}


def kind_of(name: str | None) -> Kind:
    """The kind with a name. A name that is not in the table is an operation of its own."""
    if name is None:
        return PLAIN
    kind = KINDS.get(name)
    if kind is None:
        log.warning("kind=%r is not one of %s; it is recorded as it is", name, ", ".join(KINDS))
        kind = Kind(str(name))
        if len(KINDS) < 100:
            KINDS[name] = kind  # warned of once
    return kind
