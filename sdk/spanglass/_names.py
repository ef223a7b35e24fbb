"""Attribute names: OpenTelemetry's where it has one, else ours.

Source: OpenTelemetry semantic conventions for generative AI, v1.41 and its unreleased successor.
"""

from typing import Final

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_STATUS: Final = "gen_ai.response.status"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
#: Seconds from the start of the span.
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
OUTPUT_TYPE: Final = "gen_ai.output.type"

INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"

#: Input tokens include those read from and written to a cache; output tokens include reasoning.
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"

TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
RETRIEVAL_QUERY: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"
DIMENSIONS: Final = "gen_ai.embeddings.dimension.count"

CONVERSATION: Final = "gen_ai.conversation.id"
SESSION: Final = "session.id"
USER: Final = "user.id"
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"

ERROR_TYPE: Final = "error.type"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

#: OpenInference's, for what has no name in OpenTelemetry.
INPUT_VALUE: Final = "input.value"
OUTPUT_VALUE: Final = "output.value"

FEATURE: Final = "spanglass.feature"
TAGS: Final = "spanglass.tags"
METADATA: Final = "spanglass.metadata."
SAMPLE_DATA: Final = "spanglass.sample_data"
TOKENS_ESTIMATED: Final = "spanglass.tokens_estimated"
#: True where the work was given up from outside: a cancelled task, a stream nobody read on.
CANCELLED: Final = "spanglass.cancelled"
#: How many pieces a stream had.
CHUNKS: Final = "spanglass.chunks"
