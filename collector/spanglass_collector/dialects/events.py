"""What the events of a span say: messages of older generations, the first part of an answer.

Source: OpenTelemetry semantic conventions v1.28 to v1.36, "GenAI events", as span events, and
before them `gen_ai.content.prompt` and `gen_ai.content.completion`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector.dialects import convert
from spanglass_collector.dialects.attributes import plain
from spanglass_collector.dialects.tables import FIRST_CHUNKS

#: Events that are messages that went in, with whose they are.
MESSAGES: Final[Mapping[str, str]] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
#: The event that is an answer.
CHOICE: Final = "gen_ai.choice"
#: Events with all that went in, or came out, in one attribute.
_WHOLE: Final[Mapping[str, tuple[str, str]]] = {
    "gen_ai.content.prompt": ("gen_ai.prompt", "user"),
    "gen_ai.content.completion": ("gen_ai.completion", "assistant"),
}
#: Events that are a document that was found, as OpenLLMetry's instrumentations of vector databases
#: send them, with what stands before the name of each of its fields.
_FOUND: Final[Mapping[str, str]] = {
    "db.query.result": "db.query.result.",
    "db.search.result": "db.search.result.",
}
#: Fields that say nothing to anybody: the document's vector.
_VECTORS: Final = frozenset({"vector"})
_EXCEPTION: Final = "exception"


@dataclass(slots=True)
class Said:
    """What events have said.

    Attributes:
        input: what went in, each with whose it is.
        output: what came out.
        first_chunk_ns: when the first part of an answer came, in nanoseconds since 1970.
        documents: that were found.
        error: the type of the last exception.
    """

    input: list[tuple[Any, str]] = field(default_factory=list)
    output: list[tuple[Any, str]] = field(default_factory=list)
    first_chunk_ns: int | None = None
    documents: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    @property
    def is_model(self) -> bool:
        """Whether it is of a call of a model."""
        return bool(self.input or self.output or self.first_chunk_ns)


def read(span: Span) -> Said | None:
    """What a span's events say; None where that is nothing."""
    said = Said()
    for event in span.events:
        name = event.name
        if name in FIRST_CHUNKS:
            if said.first_chunk_ns is None:
                said.first_chunk_ns = event.time_unix_nano
        elif name in MESSAGES:
            said.input.append((_body(event), MESSAGES[name]))
        elif name == CHOICE:
            said.output.append((_body(event), "assistant"))
        elif name in _WHOLE:
            key, role = _WHOLE[name]
            found = _attributes(event).get(key)
            if found is not None:
                (said.input if role == "user" else said.output).append((found, role))
        elif name in _FOUND:
            said.documents.append(_document(event, _FOUND[name]))
        elif name == _EXCEPTION:
            found = _attributes(event).get("exception.type")
            said.error = found if isinstance(found, str) else said.error
    return said if said.is_model or said.documents or said.error else None


def _document(event: Span.Event, prefix: str) -> dict[str, Any]:
    """What was found; how far it is from the query stays a distance: no score is the same."""
    made = {
        each.key.removeprefix(prefix): plain(each.value)
        for each in event.attributes
        if each.key.startswith(prefix)
    }
    return {key: value for key, value in made.items() if key not in _VECTORS and value is not None}


def _attributes(event: Span.Event) -> dict[str, Any]:
    return {each.key: each.value.string_value or _other(each.value) for each in event.attributes}


def _other(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in ("int_value", "string_value", "bool_value") else None


def _body(event: Span.Event) -> Any:
    """The message: JSON in one attribute, or attributes that are its parts."""
    found = _attributes(event)
    whole = found.get("gen_ai.event.content") or found.get("event.body")
    if whole is not None:
        return whole
    body = {key: value for key, value in found.items() if not key.startswith("gen_ai.")}
    if "id" in body:
        body.setdefault("tool_call_id", body["id"])
    inner = convert.loads(body.get("message"))
    return body | {"message": inner} if isinstance(inner, dict) else body
