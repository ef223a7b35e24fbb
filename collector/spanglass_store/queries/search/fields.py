"""What a query can ask about: names, kinds of values, and where the store has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What values look like."""

    TEXT = "text"
    CHOICE = "choice"
    DURATION = "duration"
    MONEY = "money"
    COUNT = "count"
    NUMBER = "number"


class Of(StrEnum):
    """What has the value: a trace, one of its spans, a score of it."""

    TRACE = "trace"
    SPAN = "span"
    ATTRIBUTE = "attribute"
    CONTENT = "content"
    SCORE = "score"
    ANY = "any"


@dataclass(frozen=True)
class Field:
    """Something that can be asked about.

    Attributes:
        sql: the column, in the unit of `Kind`: seconds, dollars, a number.
        is_list: whether the column is an array, of which one has to fit.
        choices: all values there are.
        about: what it is, in a few words.
        examples: values to begin with, where real ones are numbers.
    """

    name: str
    about: str
    of: Of = Of.TRACE
    kind: Kind = Kind.TEXT
    sql: str = ""
    is_list: bool = False
    choices: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        return self.kind not in (Kind.TEXT, Kind.CHOICE)


_TIMES: Final = (">1s", ">5s", "<200ms")

_FIELDS: Final = (
    Field("model", "A model that was called", sql="models", is_list=True),
    Field("service", "A service it went through", sql="services", is_list=True),
    Field("status", "ok, or error if any span failed", kind=Kind.CHOICE, sql="toString(status)",
          choices=("ok", "error")),
    Field("latency", "How long it took", kind=Kind.DURATION, sql="duration_ns / 1e9",
          examples=(">2s", ">10s", "<500ms")),
    Field("cost", "US dollars", kind=Kind.MONEY, sql="cost_usd", examples=(">0.01", ">1")),
    Field("tokens", "Tokens in and out", kind=Kind.COUNT, sql="total_tokens",
          examples=(">1k", ">100k")),
    Field("score", "A score by name: score.groundedness:<0.5", Of.SCORE, Kind.NUMBER, "value",
          examples=("<0.5", ">=0.9")),
    Field("environment", "Where it ran", sql="environment"),
    Field("operation", "What a span did: chat, retrieval, execute_tool …", sql="operations",
          is_list=True),
    Field("session", "Session", sql="session_id"),
    Field("user", "User", sql="user_id"),
    Field("feature", "Feature of the product", sql="feature"),
    Field("tag", "A tag", sql="tags", is_list=True),
    Field("prompt", "A prompt: name, or name@version", Of.SPAN,
          sql="if(prompt_version = '', prompt_name, concat(prompt_name, '@', prompt_version))"),
    Field("tool", "A tool that was called", Of.SPAN, sql="tool_name"),
    Field("agent", "An agent that took part", Of.SPAN, sql="agent_name"),
    Field("provider", "Who runs the model", Of.SPAN, sql="provider"),
    Field("ttft", "Time to the first token of a call", Of.SPAN, Kind.DURATION,
          "time_to_first_token_s", examples=_TIMES),
    Field("error", "Type of an error", Of.SPAN, sql="error_type"),
    Field("finish", "Why a model stopped", Of.SPAN, sql="finish_reasons", is_list=True),
    Field("span", "Name of any span", Of.SPAN, sql="name"),
    Field("name", "Name of the root span", sql="root_name"),
    Field("release", "Version of the application", sql="release"),
    Field("input_tokens", "Tokens in", kind=Kind.COUNT, sql="input_tokens", examples=(">1k",)),
    Field("output_tokens", "Tokens out", kind=Kind.COUNT, sql="output_tokens", examples=(">1k",)),
    Field("spans", "How many spans", kind=Kind.COUNT, sql="spans", examples=(">10",)),
    Field("errors", "How many spans failed", kind=Kind.COUNT, sql="errors", examples=(">0",)),
    Field("sample", "Whether it is sample data", kind=Kind.CHOICE,
          sql="if(sample_data, 'yes', 'no')", choices=("yes", "no")),
    Field("project", "Project", sql="project"),
    Field("trace", "The trace's id", sql="trace_id"),
    Field("content", "Words in messages, documents or tool calls", Of.CONTENT),
    Field("attr", "An attribute by key: attr.http.route:/v1/ask", Of.ATTRIBUTE),
    Field("has", "Whether there is one at all: has:user, has:score.groundedness", Of.ANY),
)  # fmt: skip

FIELDS: Final[Mapping[str, Field]] = {field.name: field for field in _FIELDS}

#: Other names that people know fields by.
ALIASES: Final[Mapping[str, str]] = {
    "env": "environment", "op": "operation", "duration": "latency", "session_id": "session",
    "user_id": "user", "tags": "tag", "trace_id": "trace", "id": "trace", "tool_name": "tool",
    "agent_name": "agent", "prompt_name": "prompt", "time_to_first_token": "ttft",
    "total_tokens": "tokens", "cost_usd": "cost", "root": "name", "scores": "score",
    "error_type": "error", "attribute": "attr", "is": "status",
}  # fmt: skip

#: Fields that have a key of their own after a dot.
KEYED: Final = frozenset({"score", "attr"})


def find(name: str) -> tuple[Field, str] | None:
    """The field of a name, and the key after its dot; None if there is no such field."""
    head, _, key = name.partition(".")
    head = head.lower()
    field = FIELDS.get(ALIASES.get(head, head))
    if field is None or bool(key) != (field.name in KEYED):
        return None
    return field, key
