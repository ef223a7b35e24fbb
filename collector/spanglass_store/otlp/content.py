"""Which attributes and events carry content: what people and models wrote.

Content is kept apart from the other attributes (`payload_attributes`, `payload_events`,
`input`, `output`), because it has a grant and a retention of its own. The tables cover every
dialect that Spanglass knows, also those whose other attributes are mapped elsewhere: a key that
is missing here would be readable without the grant.

Sources: OpenTelemetry GenAI semantic conventions (v1.36 to v1.41 and the unreleased successor),
OpenInference, OpenLLMetry, Langfuse, Logfire and pydantic-ai, Vercel AI SDK, OpenLIT, MCP.
"""

from typing import Final

#: What becomes the column `input`, the first that a span has. It is stored there alone;
#: `input_key` says which it was.
INPUT_KEYS: Final = (
    "gen_ai.input.messages",
    "gen_ai.tool.call.arguments",
    "gen_ai.retrieval.query.text",
    "input.value",
)

#: What becomes the column `output`, the first that a span has.
OUTPUT_KEYS: Final = (
    "gen_ai.output.messages",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.documents",
    "output.value",
)

#: Regular expressions (RE2, matched against the whole key) of attributes that carry content.
CONTENT_KEYS: Final = (
    # OpenTelemetry GenAI, all generations, with OpenLLMetry's and OpenLIT's additions
    r"gen_ai\.(input|output)\.messages",
    r"gen_ai\.system_instructions",
    r"gen_ai\.tool\.(definitions|call\.arguments|call\.result|args|input|output|result)",
    r"gen_ai\.retrieval\.(query|query\.text|documents|documents\..*)",
    r"gen_ai\.memory\.(query\.text|records)",
    r"gen_ai\.prompt(\.variable\..*|\.[0-9]+\..*)?",
    r"gen_ai\.completion(\.[0-9]+\..*)?",
    r"gen_ai\.(content|agent\.(goal|context|backstory))(\..*)?",
    r"gen_ai\.(workflow|task)\.(input|output)",
    r"gen_ai\.evaluation\.explanation",
    r"gen_ai\.usage\.raw",
    # OpenInference
    r"(input|output)\.value",
    r"llm\.(input_messages|output_messages|prompts|choices|completions|tools)(\..*)?",
    r"llm\.(request\.functions|function_call)(\..*)?",
    r"llm\.prompt_template\.(template|variables)",
    r"retrieval\.documents(\..*)?",
    r"reranker\.(query|input_documents|output_documents)(\..*)?",
    r"embedding\.(embeddings|text|vector)(\..*)?",
    r"tool\.parameters|tool_call\..*|message\..*|document\..*",
    r"((trace|session)\.)?(annotations|evaluations)\.[0-9]+\..*\.(explanation|metadata)",
    # OpenLLMetry
    r"traceloop\.entity\.(input|output)",
    r"traceloop\.prompt\.(template|template_variables)",
    r"mcp\.(request\.argument|response\.value)",
    r"db\.(query|search)\.result\..*",
    # Langfuse
    r"langfuse\.(observation|trace)\.(input|output)",
    r"langfuse\.experiment\.item\.(expected_output|metadata)",
    # Logfire and pydantic-ai
    r"request_data|response_data|events|all_messages_events|final_result",
    r"tool_arguments|tool_response|model_request_parameters",
    r"pydantic_ai\.all_messages",
    # Vercel AI
    r"ai\.prompt(\..*)?",
    r"ai\.(response|result)\.(text|toolCalls|object|reasoning|files)",
    r"ai\.toolCall\.(args|result)|ai\.(values?|embeddings?|documents|ranking)",
    # Laminar and ours
    r"lmnr\.span\.(input|output)",
    r"spanglass\.(reference|correction)",
)

#: Regular expressions (RE2, whole name) of span events that carry content.
CONTENT_EVENTS: Final = (
    r"gen_ai\.content\.(prompt|completion)",
    r"gen_ai\.(system|user|assistant|tool)\.message|gen_ai\.choice",
    r"gen_ai\.client\.inference\.operation\.details",
    r"db\.(query|search)\.(result|embeddings)|message",
)


def pattern(expressions: tuple[str, ...]) -> str:
    """One anchored regular expression that matches what any of `expressions` matches."""
    return "^(?:" + "|".join(expressions) + ")$"
