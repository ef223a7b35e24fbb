"""OpenTelemetry's GenAI attributes that dialects are brought to, with their types.

Source: OpenTelemetry semantic conventions for generative AI, v1.37 and later, with the names of
its unreleased successor. `input.value` and `output.value` (OpenInference's) hold what has no name
there: what went into and came out of a span that is no call of a model.
"""

from collections.abc import Mapping
from typing import Final

from spanglass_collector.dialects import convert
from spanglass_collector.dialects.model import Convert

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
TOOL_NAME: Final = "gen_ai.tool.name"
QUERY: Final = "gen_ai.retrieval.query.text"
DOCUMENTS: Final = "gen_ai.retrieval.documents"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"
REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
CONVERSATION: Final = "gen_ai.conversation.id"
USER: Final = "user.id"
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
ERROR_TYPE: Final = "error.type"
INPUT_VALUE: Final = "input.value"
OUTPUT_VALUE: Final = "output.value"
PROMPT_VARIABLE: Final = "gen_ai.prompt.variable."
TAGS: Final = "spanglass.tags"
FEATURE: Final = "spanglass.feature"
#: What the sender says that the call has cost, in US dollars.
REPORTED_COST: Final = "spanglass.reported_cost_usd"


# Targets that are no attributes of the span.
#: That it failed: the message of its status, which can be empty.
FAILED: Final = "\0failed"
#: Attributes of the resource, by what tells them.
OF_RESOURCE: Final[Mapping[str, str]] = {
    "\0environment": "deployment.environment.name",
    "\0release": "service.version",
}
ENVIRONMENT, RELEASE = OF_RESOURCE
#: That another span says all that this one does: it is left out.
REPEATS: Final = "\0repeats"

#: How a value becomes one of the attribute's type; what is not listed is text.
TYPES: Final[Mapping[str, Convert]] = {
    PROVIDER: convert.provider,
    FINISH_REASONS: convert.finish_reasons,
    FIRST_CHUNK: convert.number,
    TOOL_DEFINITIONS: convert.json_text,
    TOOL_ARGUMENTS: convert.json_text,
    TOOL_RESULT: convert.json_text,
    INPUT_TOKENS: convert.integer,
    OUTPUT_TOKENS: convert.integer,
    CACHE_READ: convert.integer,
    CACHE_WRITE: convert.integer,
    REASONING: convert.integer,
    "gen_ai.usage.audio.input_tokens": convert.integer,
    "gen_ai.usage.audio.output_tokens": convert.integer,
    TAGS: convert.texts,
    REPORTED_COST: convert.cost,
    "gen_ai.request.temperature": convert.number,
    "gen_ai.request.top_p": convert.number,
    "gen_ai.request.top_k": convert.number,
    "gen_ai.request.frequency_penalty": convert.number,
    "gen_ai.request.presence_penalty": convert.number,
    "gen_ai.request.max_tokens": convert.integer,
    "gen_ai.request.seed": convert.integer,
    "gen_ai.request.choice.count": convert.integer,
    "gen_ai.request.stream": convert.true,
    "gen_ai.request.stop_sequences": convert.texts,
    "gen_ai.request.encoding_formats": convert.texts,
    "gen_ai.embeddings.dimension.count": convert.integer,
    "gen_ai.retrieval.top_k": convert.integer,
}
