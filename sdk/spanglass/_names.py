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
CHOICES: Final = "gen_ai.request.choice.count"
STREAMED: Final = "gen_ai.request.stream"

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
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
RETRIEVAL_QUERY: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"
DIMENSIONS: Final = "gen_ai.embeddings.dimension.count"

EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_SCORE: Final = "gen_ai.evaluation.score.value"
EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"

#: OpenTelemetry's for OpenAI: `chat_completions` or `responses`.
OPENAI_API: Final = "openai.api.type"
OPENAI_REQUEST_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_TIER: Final = "openai.response.service_tier"
OPENAI_FINGERPRINT: Final = "openai.response.system_fingerprint"

SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
HTTP_STATUS: Final = "http.response.status_code"
#: How many times a request was sent again.
RESEND_COUNT: Final = "http.request.resend_count"

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
#: Seconds between two tokens of a streamed answer, after the first.
TIME_PER_OUTPUT_TOKEN: Final = "spanglass.time_per_output_token"  # noqa: S105
#: The provider's name for a request, which its support asks for.
REQUEST_ID: Final = "spanglass.request.id"
#: Seconds that the client waits before it sends a request again.
RETRY_WAIT: Final = "spanglass.retry.wait"
#: How many documents a reranker was given.
CANDIDATE_COUNT: Final = "spanglass.candidates"
#: How many documents a search has found.
DOCUMENT_COUNT: Final = "spanglass.documents"
#: Whether a guardrail has stopped what it looked at.
BLOCKED: Final = "spanglass.guardrail.blocked"
#: Number of a span among those of its process, from 1; a gap is a span that was lost.
SEQUENCE: Final = "spanglass.sequence"
#: Identity of the process, on the resource: sequences are counted within it. Not
#: `service.instance.id`, which children of a fork share.
INSTANCE: Final = "spanglass.instance.id"
#: How many spans one that was kept by sampling stands for.
SAMPLE_WEIGHT: Final = "spanglass.sample_weight"
#: What was taken out of a span, as JSON: how many of each entity.
REDACTED: Final = "spanglass.redacted"
#: How many texts of a span were left out because they could not be masked.
CONTENT_DROPPED: Final = "spanglass.content_dropped"
#: The event that carries a score.
EVALUATION: Final = "gen_ai.evaluation.result"
#: A score sent twice has one.
SCORE_ID: Final = "spanglass.score.id"
#: `human`, `user`, `code`, `judge` or `detector`.
SCORE_SOURCE: Final = "spanglass.score.source"
SCORE_EVALUATOR: Final = "spanglass.score.evaluator"
#: A JSON object.
SCORE_METADATA: Final = "spanglass.score.metadata"
#: The answer as it should have been.
CORRECTION: Final = "spanglass.correction"
#: Event, and beginning of the attributes, of the account that a process gives of its spans.
LEDGER: Final = "spanglass.ledger"
