"""What of a span may leave the process: the redaction of content, and the application's mask.

It works on the exporter's thread, on what was recorded already, so that no call waits for it.
Whatever goes wrong here costs the text that it went wrong with, and never shows it.
"""

from __future__ import annotations

import functools
import json
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import Status

from spanglass import _names as names
from spanglass import _state
from spanglass._guard import log
from spanglass._recorded import Event, RecordedSpan
from spanglass._shown import Shown
from spanglass.redaction._presidio import PresidioRedactor
from spanglass.redaction._redactor import CUT_MARK, Redactor, mapped
from spanglass.redaction._rules import has_announcing_names

if TYPE_CHECKING:
    from spanglass._queue import AnySpan

#: Attributes that carry content, in the dialects of instrumentations that we may be given.
_CONTENT: Final = (
    names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.SYSTEM_INSTRUCTIONS, names.TOOL_DEFINITIONS,
    names.TOOL_ARGUMENTS, names.TOOL_RESULT, names.RETRIEVAL_QUERY, names.RETRIEVAL_DOCUMENTS,
    names.INPUT_VALUE, names.OUTPUT_VALUE, "gen_ai.prompt.variable.", "gen_ai.completion",
    "gen_ai.content.", "llm.input_messages", "llm.output_messages", "llm.prompts",
    "llm.prompt_template.template", "llm.prompt_template.variables", "llm.completions", "llm.tools",
    "retrieval.documents", "reranker.input_documents", "reranker.output_documents",
    "reranker.query", "embedding.embeddings",
    "traceloop.entity.input", "traceloop.entity.output",
    names.EVALUATION_EXPLANATION, names.CORRECTION, names.SCORE_METADATA,
)  # fmt: skip
#: The prompt of an older dialect, which is content, and today's, which is a name.
_OLD_PROMPT: Final = "gen_ai.prompt"
#: What names things and is no text of anybody.
_STRUCTURE: Final = (
    "gen_ai.", "llm.", "server.", "client.", "http.", "rpc.", "db.system", "code.", "thread.",
    "telemetry.", "service.", "deployment.", "openai.", "aws.",
)  # fmt: skip
#: Who it was, which the application says on purpose, and what our own attributes say.
_KEPT: Final = frozenset(
    {names.SESSION, names.USER, names.FEATURE, names.TAGS, names.ERROR_TYPE, names.EXCEPTION_TYPE}
)


@functools.lru_cache(maxsize=2048)
def is_content(key: str) -> bool:
    """Whether an attribute carries what people or models have said."""
    if key.startswith(_OLD_PROMPT):
        rest = key[len(_OLD_PROMPT) :]
        return rest == "" or rest[1:2].isdigit() or rest.startswith(".variable")
    return key.startswith(_CONTENT)


@functools.lru_cache(maxsize=2048)
def _is_looked_at(key: str) -> bool:
    if is_content(key) or key.startswith(names.METADATA):
        return True
    if key in _KEPT or key.startswith("spanglass."):
        return False
    return not key.startswith(_STRUCTURE)


class Privacy:
    """Applies the settings `capture_content` and `mask` to spans that have ended.

    Args:
        capture: what `init` says of content: True, False, "redacted" or "presidio".
        mask: the application's function; None without one.

    Attributes:
        redacted: what was taken out so far, by entity.
        dropped: texts that were left out because they could not be masked.
    """

    def __init__(self, capture: bool | str, mask: Callable[[str], Any] | None) -> None:
        self._off = capture is False
        self._redactor: Redactor | None = None
        if capture == "redacted":
            self._redactor = Redactor()
        elif capture == "presidio":
            self._redactor = PresidioRedactor()
        self._mask = mask
        self.redacted: Counter[str] = Counter()
        self.dropped = 0
        self._warned = False

    def shown(self, span: AnySpan) -> Any:
        """The span as it may leave. It reads like a span."""
        if self._redactor is None and self._mask is None:
            if not self._off or isinstance(span, RecordedSpan):
                return span
            return self._without_content(span)
        counts: Counter[str] = Counter()
        stream = names.CHUNKS in (span.attributes or ())
        before = self.dropped
        attributes = self._attributes(span.attributes or {}, counts, stream)
        events = [
            Event(event.name, self._attributes(event.attributes or {}, counts), event.timestamp)
            for event in span.events
        ]
        status = span.status
        if status.description:
            description = self._text(status.description, counts)
            status = Status(status.status_code, description or None)
        if counts:
            attributes[names.REDACTED] = json.dumps(dict(sorted(counts.items())))
            self.redacted.update(counts)
        if self.dropped > before:
            attributes[names.CONTENT_DROPPED] = self.dropped - before
        return Shown(span, attributes, events, status)

    def shown_attributes(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """The attributes of an event as they may leave."""
        if self._redactor is None and self._mask is None:
            return found
        counts: Counter[str] = Counter()
        before = self.dropped
        shown = self._attributes(found, counts)
        if counts:
            shown[names.REDACTED] = json.dumps(dict(sorted(counts.items())))
            self.redacted.update(counts)
        if self.dropped > before:
            shown[names.CONTENT_DROPPED] = self.dropped - before
        return shown

    def only(self, attributes: dict[str, Any], keys: Collection[str]) -> dict[str, Any]:
        """Attributes, those of some names as they may leave."""
        found = {key: value for key, value in attributes.items() if key in keys}
        rest = {key: value for key, value in attributes.items() if key not in keys}
        counts: Counter[str] = Counter()
        rest |= self._attributes(found, counts, names.CHUNKS in attributes)
        if counts:
            rest[names.REDACTED] = json.dumps(dict(sorted(counts.items())))
        return rest

    def _without_content(self, span: AnySpan) -> Any:
        """Another instrumentation's span where content is off; ours never had it."""
        scope = span.instrumentation_scope
        found = span.attributes or {}
        if scope is not None and scope.name == "spanglass":
            return span
        if not any(is_content(key) for key in found):
            return span
        return Shown(span, {key: each for key, each in found.items() if not is_content(key)})

    def _attributes(
        self, found: Mapping[str, Any], counts: Counter[str], stream: bool = False
    ) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in found.items():
            if not _is_looked_at(key):
                result[key] = value
            elif isinstance(value, str):
                text = self._text(value, counts, stream)
                if text is not None:
                    result[key] = text
            elif isinstance(value, list | tuple) and value and isinstance(value[0], str):
                texts = [self._text(each, counts) for each in value]
                result[key] = [text for text in texts if text is not None]
            else:
                result[key] = value
        return result

    def _text(self, value: str, counts: Counter[str], stream: bool = False) -> str | None:
        """A text as it may leave; None where it may not."""
        try:
            if value[:1] in ("{", "["):
                if self._is_clean(value, stream):
                    return value
                try:
                    parsed = json.loads(value)
                except (ValueError, RecursionError):
                    return self._plain(value, counts)
                return self._json(value, parsed, counts, stream)
            return self._plain(value, counts)
        except Exception as error:
            self.dropped += 1
            if not self._warned:
                self._warned = True
                log.warning(
                    "spanglass: mask failed with %s; what it can't mask is left out",
                    type(error).__name__,
                )
            return None

    def _is_clean(self, value: str, stream: bool) -> bool:
        """Whether nothing can be found in the texts of a JSON value, without reading it.

        Texts without escapes stand in JSON as they are, between quotes, which belong to nothing
        that is looked for.
        """
        redactor = self._redactor
        if redactor is None or self._mask is not None or stream or "\\" in value:
            return False
        if CUT_MARK in value or has_announcing_names(value):
            return False
        return not redactor.find(value)

    def _json(self, value: str, parsed: Any, counts: Counter[str], stream: bool) -> str:
        """Text by text: an escape is no part of what it stands beside."""
        changed = parsed
        if self._redactor is not None:
            changed = self._redactor.redact_value(parsed, counts, stream=stream)
        if self._mask is not None:
            changed = mapped(changed, lambda text, _: self._masked(text))
        written = json.dumps(changed, ensure_ascii=False)
        return value if written == value else written

    def _plain(self, value: str, counts: Counter[str]) -> str:
        if self._redactor is not None:
            value = self._redactor.redact(value, counts)
        return self._masked(value) if self._mask is not None else value

    def _masked(self, value: str) -> str:
        """What the application's function makes of a text.

        Raises:
            Exception: it raises, or returns anything but text.
        """
        assert self._mask is not None
        here = threading.get_ident()
        _state.masking.add(here)
        try:
            masked = self._mask(value)
        finally:
            _state.masking.discard(here)
        if not isinstance(masked, str):
            raise TypeError(f"mask returned {type(masked).__name__}")
        return masked


_by_call: Final = Privacy("redacted", None)


def redacted(attributes: dict[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Attributes, those of some names redacted: where a call asks for it and `init` does not."""
    return _by_call.only(attributes, keys)
