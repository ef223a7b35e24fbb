"""What is watched for drift without anybody asking: a metric is a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from spanglass_detectors.drift.results import Kind

#: `call`: a call of a model, each once; `request`: a root; `tool`, `retrieval`; `span`: all.
Scope = Literal["call", "request", "tool", "retrieval", "span"]

#: SQL of a call's model, as it was asked for: a call that failed has none that answered.
MODEL: Final = "if(request_model != '', request_model, response_model)"
#: Conditions over the columns of spans and `is_leaf`.
SCOPES: Final[dict[Scope, str]] = {
    "call": "is_leaf",
    "request": "parent_span_id = ''",
    "tool": "operation = 'execute_tool'",
    "retrieval": "operation = 'retrieval'",
    "span": "operation != ''",
}
#: Of conversations: questions that say what the one before said, and those that were given up.
REPHRASED: Final = "rephrased"
ABANDONED: Final = "abandoned"
#: What is counted hour by hour, and can't be read from single spans.
COUNTED: Final = (
    REPHRASED, ABANDONED, "topic", "topic_distance", "answer_topic", "answer_topic_distance",
)  # fmt: skip
#: Metrics of scores are named by the score behind this.
SCORE: Final = "score."
#: Scores that are what their label says, such as an answer's language. What people write is theirs.
LABELLED: Final = "value IS NULL AND label != '' AND source IN ('detector', 'judge', 'code')"


@dataclass(frozen=True)
class Metric:
    """Something that can drift.

    Attributes:
        value: SQL over the columns of `spans`: a number, a truth or a text.
        where: a condition beside the scope's.
        unit: of its values (`s`, `tokens`, `USD`), for people.
    """

    name: str
    kind: Kind
    scope: Scope
    value: str
    where: str = "1"
    unit: str = ""

    @property
    def condition(self) -> str:
        """Which spans have it."""
        return f"({SCOPES[self.scope]}) AND ({self.where})"


def _number(name: str, column: str, unit: str, scope: Scope = "call") -> Metric:
    return Metric(
        name, "numeric", scope, f"toFloat64(assumeNotNull({column}))", f"{column} IS NOT NULL", unit
    )


#: The beginning of an answer: of the first message's text, or of what is none of ours.
_BEGIN: Final = (
    r"""if(startsWith(output, '[{"role"'), extract(output, '"content": ?"(.{0,24})'),"""
    " substring(output, 1, 24))"
)
#: How an answer is laid out, by the first of these that it has. Line breaks are escaped in JSON.
FORMAT: Final = (
    "multiIf(position(output, '```') > 0, 'code',"
    " position(output, '\"tool_call\"') > 0, 'tool call',"
    f" match({_BEGIN}, '^[{{\\[]'), 'json', match(output, '\\|\\s?:?-{{3}}'), 'table',"
    f" match({_BEGIN}, '^#{{1,4}} ') OR match(output, '(\\\\\\\\n|\\n)#{{1,4}} '), 'headings',"
    f" match({_BEGIN}, '^([-*]|[0-9]+\\.) ')"
    " OR match(output, '(\\\\\\\\n|\\n)([-*]|[0-9]+\\.) '), 'list',"
    " position(output, '**') > 0, 'bold', 'prose')"
)
#: How an answer begins, by words that are nobody's own: nothing of a text is kept.
_OPENINGS: Final = (
    "sure", "certainly", "of course", "absolutely", "great question", "thank", "i'm sorry",
    "i am sorry", "sorry", "unfortunately", "i can't", "i cannot", "i'm unable", "as an ai", "yes",
    "no", "here", "based on", "according to", "to", "i", "you", "the",
)  # fmt: skip
OPENING: Final = (
    f"coalesce(nullIf(extract(lower({_BEGIN}),"
    f" '^({'|'.join(each.replace(chr(39), chr(92) + chr(39)) for each in _OPENINGS)})"
    r"\\b'), ''), 'other')"
)

#: Who speaks in what is asked: `system tool user`.
ROLES: Final = (
    "arrayStringConcat(arraySort(arrayDistinct("
    """extractAll(input, '"role": ?"([a-z_]{1,20})"'))), ' ')"""
)
#: The beginning of a system's message, by which templates are told apart. A hash of it is kept, of
#: which there are so few that a message that differs in every call does no harm.
_SYSTEM: Final = """extract(input, '"role": ?"system".{1,120}')"""
TEMPLATE: Final = f"concat('template ', toString(cityHash64({_SYSTEM}) % 997))"
#: The mean of what a retrieval says of the documents that it found.
_FOUND: Final = """'"(?:score|relevance_score|similarity)": ?([0-9.eE+-]+)'"""
RETRIEVAL_SCORE: Final = (
    f"arrayAvg(arrayMap(x -> toFloat64OrZero(x), extractAll(output, {_FOUND})))"
)

#: Names of the tools that a call was offered, in whatever shape, and those that its answer names.
_OFFERED: Final = (
    "arrayDistinct(extractAll(tool_definitions,"
    r""" '\\\\?"name\\\\?": ?\\\\?"([A-Za-z0-9_.:/-]{1,128})'))"""
)
_OFFERED_USED: Final = (
    f"arrayCount(name -> position(output, concat('\"', name, '\"')) > 0, {_OFFERED})"
)
TOOLS_OFFERED: Final = f"toFloat64(length({_OFFERED}))"
OFFERED_TOOLS_USED: Final = f"{_OFFERED_USED} / greatest(length({_OFFERED}), 1)"

WATCHED: Final = (
    Metric("request_duration_s", "numeric", "request", "duration_ns / 1e9", unit="s"),
    Metric("request_error", "boolean", "request", "status = 'error'"),
    Metric("duration_s", "numeric", "call", "duration_ns / 1e9", "status != 'error'", "s"),
    _number("time_to_first_token_s", "time_to_first_token_s", "s"),
    _number("time_per_output_token_s", "time_per_output_token_s", "s"),
    _number("input_tokens", "input_tokens", "tokens"),
    _number("output_tokens", "output_tokens", "tokens"),
    _number("reasoning_tokens", "reasoning_tokens", "tokens"),
    _number("cost_usd", "cost_usd", "USD"),
    Metric(
        "cached_share", "numeric", "call",
        "assumeNotNull(cache_read_tokens) / greatest(assumeNotNull(input_tokens), 1)",
        "cache_read_tokens IS NOT NULL AND input_tokens > 0",
    ),
    Metric("input_bytes", "numeric", "call", "toFloat64(length(input))", "input != ''", "bytes"),
    Metric("output_bytes", "numeric", "call", "toFloat64(length(output))", "output != ''", "bytes"),
    Metric(
        "messages", "numeric", "call", "toFloat64(countSubstrings(input, '\"role\"'))",
        "startsWith(input, '[')", "messages",
    ),
    Metric("roles", "categorical", "call", ROLES, "startsWith(input, '[')"),
    Metric("template", "categorical", "call", TEMPLATE, f"{_SYSTEM} != ''"),
    Metric(
        "tool_calls", "numeric", "call", "toFloat64(countSubstrings(output, '\"tool_call\"'))",
        "startsWith(output, '[')", "calls",
    ),
    Metric("tools_offered", "numeric", "call", TOOLS_OFFERED, "tool_definitions != ''", "tools"),
    Metric(
        "offered_tools_used", "numeric", "call", OFFERED_TOOLS_USED,
        "tool_definitions != '' AND status != 'error'",
    ),
    Metric("input_has_code", "boolean", "call", "position(input, '```') > 0", "input != ''"),
    Metric("output_has_code", "boolean", "call", "position(output, '```') > 0", "output != ''"),
    Metric("output_empty", "boolean", "call", "output = ''", "status != 'error' AND input != ''"),
    Metric(
        "output_word_bytes", "numeric", "call",
        "length(output) / (countSubstrings(output, ' ') + 1)", "output != ''", "bytes",
    ),
    # Line breaks are escaped in JSON.
    Metric(
        "output_lines", "numeric", "call",
        r"toFloat64(countSubstrings(output, '\\n') + countSubstrings(output, '\n') + 1)",
        "output != ''", "lines",
    ),
    Metric(
        "bytes_per_token", "numeric", "call",
        "length(output) / greatest(assumeNotNull(output_tokens), 1)",
        "output != '' AND output_tokens > 0", "bytes",
    ),
    Metric("output_format", "categorical", "call", FORMAT, "output != ''"),
    Metric("output_opening", "categorical", "call", OPENING, "output != ''"),
    Metric("error", "boolean", "call", "status = 'error'"),
    Metric("error_type", "categorical", "call", "toString(error_type)", "status = 'error'"),
    Metric(
        "finish_reason", "categorical", "call", "toString(finish_reasons[1])",
        "notEmpty(finish_reasons)",
    ),
    Metric("model", "categorical", "call", f"toString({MODEL})", f"{MODEL} != ''"),
    Metric(
        "response_model", "categorical", "call", "toString(response_model)", "response_model != ''"
    ),
    Metric(
        "prompt", "categorical", "call", "concat(prompt_name, ' ', prompt_version)",
        "prompt_name != ''",
    ),
    Metric("operation", "categorical", "span", "toString(operation)"),
    Metric("tool", "categorical", "tool", "toString(tool_name)", "tool_name != ''"),
    Metric("tool_error", "boolean", "tool", "status = 'error'"),
    Metric("tool_duration_s", "numeric", "tool", "duration_ns / 1e9", unit="s"),
    Metric("retrieval_duration_s", "numeric", "retrieval", "duration_ns / 1e9", unit="s"),
    Metric(
        "retrieved_nothing", "boolean", "retrieval", "output IN ('', '[]')", "status != 'error'"
    ),
    Metric("retrieval_score", "numeric", "retrieval", RETRIEVAL_SCORE, f"match(output, {_FOUND})"),
)  # fmt: skip

#: Before the names of services that are canaries.
CANARY: Final = "canary "
#: Before the names of what is watched of a model over all services.
FINGERPRINT: Final = "fingerprint."
#: What a model's answers are known by, and what says that it was asked otherwise.
ANSWERED: Final = (
    "response_model", "output_tokens", "output_bytes", "output_word_bytes", "output_lines",
    "bytes_per_token", "output_format", "output_opening", "output_has_code", "finish_reason",
)  # fmt: skip
ASKED: Final = (
    "input_tokens", "input_bytes", "messages", "roles", "template", "input_has_code", "prompt",
)  # fmt: skip

#: What golden sets have, too: texts of what is asked and of what should be answered.
OF_TEXTS: Final = (
    "input_bytes", "input_has_code", "output_bytes", "output_word_bytes", "output_lines",
    "output_has_code", "output_format", "output_opening",
)  # fmt: skip
BY_NAME: Final = {each.name: each for each in WATCHED}
#: Columns of spans that these read, and that cells are told apart by.
COLUMNS: Final = (
    "project, trace_id, span_id, parent_span_id, operation, service, start_time, duration_ns,"
    " time_to_first_token_s, time_per_output_token_s, status, error_type, finish_reasons,"
    " request_model, response_model, input_tokens, output_tokens, cache_read_tokens,"
    " reasoning_tokens, cost_usd, prompt_name, prompt_version, tool_name, input, output,"
    " payload_attributes['gen_ai.tool.definitions'] AS tool_definitions"
)
#: The end of them: payload, which not everybody may read.
PAYLOAD_COLUMNS: Final = COLUMNS[COLUMNS.index(", input, output,") :]
