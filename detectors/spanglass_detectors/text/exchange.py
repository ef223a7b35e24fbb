"""What was asked, what the model was given to answer from, and what it answered."""

import json
import re
from collections import deque
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from spanglass_detectors.content import Passage, parsed_json, passages_of, plain_text
from spanglass_detectors.span import Span
from spanglass_detectors.text.sentences import without_blobs

#: Operations whose output is a model's answer.
ANSWERS: Final = ("chat", "text_completion", "generate_content")
#: Characters of one text that are read.
MOST: Final = 200_000
#: Where what comes after is something to answer from: a heading, a tag or a phrase.
_CONTEXT: Final = re.compile(
    r"(?im)^[ \t#*<\[]*(?:the |retrieved |relevant |following |reference |supporting )*"
    r"(?:context|documents?|passages?|sources?|excerpts?|search results|knowledge base|articles?"
    r"|background|kontext|dokumente?|contexte|contexto|documentos?)\b[^\n:>]{0,40}[:>\]]"
    r"|\b(?:following|below|provided|given)\s+(?:pieces? of )?"
    r"(?:context|documents?|passages?|sources?|excerpts?|articles?)\b[^\n:]{0,60}:\s"
)
_QUESTION: Final = re.compile(
    r"(?im)^[ \t#*<\[]*(?:user |the )?(?:question|query|frage|pregunta)[ \t]*[:>\]][ \t]*\**"
)
_TAG: Final = re.compile(r"</?(?:question|query|context|documents?)>", re.IGNORECASE)
#: What is shorter is no context.
_SHORTEST_CONTEXT: Final = 30


@dataclass(frozen=True)
class ToolCall:
    """A call that the model asked for.

    Attributes:
        name: of the tool.
        arguments: as they were given: JSON text, or what it held.
    """

    name: str
    arguments: Any


@dataclass
class Exchange:
    """A call of a model.

    Attributes:
        question: what the user said last, without what was put around it.
        context: what the model was given to answer from, each with the role that wrote it.
        instructions: the system's, without context.
        answer: as plain text.
        tool_calls: in the answer.
        refusal: what the provider says is a refusal.
    """

    question: str = ""
    context: list[Passage] = field(default_factory=list)
    instructions: str = ""
    answer: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    refusal: str = ""

    @cached_property
    def prose(self) -> str:
        """The answer, without what nobody reads."""
        return without_blobs(self.answer[:MOST])

    @property
    def has_context(self) -> bool:
        """Whether there is something that the answer could be grounded in."""
        return sum(len(each.text) for each in self.context) >= _SHORTEST_CONTEXT


def exchange_of(span: Span) -> Exchange:
    """What a span of a model call holds."""
    found = Exchange()
    messages = _messages(span.input)
    if messages is None:
        _user(found, span.input[:MOST])
    else:
        _read_input(found, messages)
    system = span.payload_attributes.get("gen_ai.system_instructions", "")
    if system:
        _system(found, plain_text(system) if (parsed_json(system) is None) else _all_text(system))
    for key, value in span.payload_attributes.items():
        if "document" in key and not key.startswith(("gen_ai.input", "gen_ai.output")):
            found.context += passages_of(key, value[:MOST], span.operation)
    _read_output(found, span)
    return found


def choices_of(span: Span) -> list[str]:
    """The answers of a call that asked for several, as plain text; fewer than two for any other.

    Each message of the output is one of them (OpenTelemetry's `gen_ai.output.messages`).
    """
    messages = _messages(span.output) or []
    roles = {str(message.get("role", "")).lower() for message in messages}
    if len(messages) < 2 or not roles <= {"assistant", "model", "ai"}:
        return []
    return [text[:MOST] for message in messages if (text := _text(message).strip())]


def _all_text(value: str) -> str:
    return "\n".join(each.text for each in passages_of("system", value))


def _messages(value: str) -> list[dict[str, Any]] | None:
    parsed = parsed_json(value)
    if isinstance(parsed, dict):
        parsed = parsed.get("messages", [parsed] if "role" in parsed else None)
    if not isinstance(parsed, list) or not all(isinstance(each, dict) for each in parsed):
        return None
    return parsed if any("role" in each for each in parsed) else None


def _read_input(found: Exchange, messages: list[dict[str, Any]]) -> None:
    roles = [str(message.get("role", "")).lower() for message in messages]
    asked = max((n for n, role in enumerate(roles) if role in ("user", "human")), default=-1)
    for n, (message, role) in enumerate(zip(messages, roles, strict=True)):
        text = _text(message)[:MOST]
        results = _tool_results(message)
        if results:
            found.context += [Passage(each[:MOST], "input", "tool") for each in results]
        elif role in ("tool", "function"):
            found.context.append(Passage(text, "input", "tool"))
        elif role in ("system", "developer"):
            _system(found, text)
        elif n == asked:
            _user(found, text)


def _system(found: Exchange, text: str) -> None:
    marker = _CONTEXT.search(text)
    if marker is None:
        found.instructions += text
        return
    found.instructions += text[: marker.start()]
    _keep(found, text[marker.end() :])


def _user(found: Exchange, text: str) -> None:
    asked = next(iter(deque(_QUESTION.finditer(text), maxlen=1)), None)
    marker = _CONTEXT.search(text)
    if asked is not None:
        found.question = _TAG.sub("", text[asked.end() :]).strip()
        if marker is not None and marker.start() > asked.start():
            found.question = text[asked.end() : marker.start()].strip()
            _keep(found, text[marker.end() :])
        elif marker is not None:
            _keep(found, text[marker.end() : asked.start()])
    elif marker is not None and text[: marker.start()].strip():
        found.question = text[: marker.start()].strip()
        _keep(found, text[marker.end() :])
    elif marker is not None and "\n\n" in text[marker.end() :].strip():
        given, _, found.question = text[marker.end() :].strip().rpartition("\n\n")
        _keep(found, given)
    else:
        found.question = text.strip()


def _keep(found: Exchange, text: str) -> None:
    found.context += [
        Passage(each.strip(), "input", "document")
        for each in re.split(r"\n\s*\n", _TAG.sub("", text))
        if each.strip()
    ]


def _read_output(found: Exchange, span: Span) -> None:
    messages = _messages(span.output)
    if messages is None:
        found.answer = plain_text(span.output)[:MOST]
        return
    texts = []
    for message in messages:
        texts.append(_text(message))
        found.refusal = found.refusal or str(message.get("refusal") or "")
        for part in _parts(message):
            if part.get("type") == "refusal":
                found.refusal = str(part.get("refusal", part.get("content", "")))
            elif part.get("type") in ("tool_call", "tool_use"):
                arguments = part.get("arguments", part.get("input"))
                found.tool_calls.append(ToolCall(str(part.get("name", "")), arguments))
        for call in message.get("tool_calls") or ():
            function = call.get("function", call) if isinstance(call, dict) else {}
            found.tool_calls.append(
                ToolCall(str(function.get("name", "")), function.get("arguments"))
            )
    found.answer = "\n".join(text for text in texts if text)[:MOST]


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    parts = message.get("parts", message.get("content"))
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _text(message: dict[str, Any]) -> str:
    content = message.get("parts", message.get("content"))
    if isinstance(content, str):
        return content
    found = []
    for part in _parts(message):
        if part.get("type") in ("text", "input_text", "output_text"):
            text = part.get("content", part.get("text"))
            if isinstance(text, str):
                found.append(text)
    return "\n".join(found)


def _tool_results(message: dict[str, Any]) -> list[str]:
    found = []
    for part in _parts(message):
        if part.get("type") in ("tool_call_response", "tool_result"):
            given = part.get("response", part.get("result", part.get("content")))
            found.append(given if isinstance(given, str) else json.dumps(given, ensure_ascii=False))
    return found
