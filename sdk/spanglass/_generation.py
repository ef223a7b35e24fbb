"""`spanglass.generation`: a call of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry.trace import SpanKind

from spanglass import _messages as messages_
from spanglass import _names as names
from spanglass import _prompt_text
from spanglass._guard import guarded, nothing
from spanglass._kinds import Kind
from spanglass._pieces import Pieces
from spanglass._serialize import attribute, json_text, printable, text
from spanglass._spans import Capture, Span

#: What clients call a request's parameter, and OpenTelemetry's name for it.
_REQUEST: Final[dict[str, str]] = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "stop": "gen_ai.request.stop_sequences",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "encoding_format": "gen_ai.request.encoding_formats",
    "reasoning_effort": "gen_ai.request.reasoning.level",
    "previous_response_id": "gen_ai.request.previous_response.id",
    "dimensions": names.DIMENSIONS,
    "server_address": names.SERVER_ADDRESS,
    "server_port": names.SERVER_PORT,
    "output_type": names.OUTPUT_TYPE,
}
_LISTS: Final = frozenset({"gen_ai.request.stop_sequences", "gen_ai.request.encoding_formats"})
_FLOATS: Final = frozenset({"temperature", "top_p", "frequency_penalty", "presence_penalty"})
_OUTPUT_TYPES: Final = {"text": "text", "json_object": "json", "json_schema": "json"}


#: What may carry the conversation.
_CONTENT: Final = (
    names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.SYSTEM_INSTRUCTIONS,
    names.TOOL_DEFINITIONS, names.INPUT_VALUE, names.OUTPUT_VALUE,
)  # fmt: skip


class Generation(Span):
    """A call of a model: a `Span` that knows about messages, chunks and tokens."""

    __slots__ = ("_answer", "_chunks", "_first_ns", "_last_ns", "_thinks_aloud")

    def __init__(self, name: str, kind: Kind, start_time_ns: int | None) -> None:
        super().__init__(name, kind, start_time_ns)
        self._chunks = 0
        # When the first and the last piece with content came.
        self._first_ns = self._last_ns = 0
        self._thinks_aloud = False
        runtime = self._runtime
        wanted = runtime is not None and runtime.settings.capture_content
        limit = runtime.settings.max_content_chars if runtime is not None and wanted else 0
        #: The streamed answer; None once another one is recorded.
        self._answer: Pieces | None = Pieces(limit)

    @guarded(nothing)
    def chunk(self, content: str | None = None, *, time_ns: int | None = None) -> None:
        """Records a piece of a streamed answer. The first that has content is the first token.

        Args:
            content: the piece's text; None or empty for a piece without content.
            time_ns: when it came, in nanoseconds since 1970; None for now.
        """
        if not self._recording:
            return
        self._arrive(bool(content), time_ns)
        if content and self._answer is not None:
            self._answer.add(content)

    @guarded(nothing)
    def input(self, value: object) -> None:
        """Records the conversation that is sent: messages, or the text of one."""
        self._record_messages(value)

    @guarded(nothing)
    def output(
        self, value: object = None, *, finish_reason: str | Iterable[str] | None = None
    ) -> None:
        """Records the answer. Without it, the chunks put together are the answer.

        Args:
            value: text, a message, messages (one for each choice), or a response with `choices`.
            finish_reason: why the model stopped, as the provider says it; one for each choice.
        """
        if not self._recording:
            return
        reasons: list[str] = []
        if isinstance(finish_reason, str):
            reasons = [finish_reason]
        elif finish_reason is not None:
            reasons = [str(each) for each in finish_reason]
        if reasons:
            self._attributes[names.FINISH_REASONS] = reasons
        if value is None:
            return
        self._answer = None
        self._record_answer(value, reasons)

    @guarded(nothing)
    def usage(
        self,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        estimated: bool = False,
    ) -> None:
        """Records how many tokens the call took.

        Args:
            input_tokens: tokens of the prompt, those from a cache included.
            output_tokens: tokens of the answer, those of the reasoning included.
            cache_read_tokens: how many of the input tokens were read from a cache.
            cache_write_tokens: how many of the input tokens were written to a cache.
            reasoning_tokens: how many of the output tokens were reasoning.
            estimated: whether the numbers are a guess and not the provider's.
        """
        if not self._recording:
            return
        for key, value in (
            (names.INPUT_TOKENS, input_tokens),
            (names.OUTPUT_TOKENS, output_tokens),
            (names.CACHE_READ_TOKENS, cache_read_tokens),
            (names.CACHE_WRITE_TOKENS, cache_write_tokens),
            (names.REASONING_TOKENS, reasoning_tokens),
        ):
            if value is not None:
                self._attributes[key] = max(0, int(value))
        if estimated:
            self._attributes[names.TOKENS_ESTIMATED] = True

    @guarded(nothing)
    def response(self, *, model: str | None = None, id: str | None = None) -> None:  # noqa: A002
        """Records who answered.

        Args:
            model: the model that answered, which may be more exact than the one asked for.
            id: the provider's name for the answer.
        """
        if not self._recording:
            return
        for key, value in ((names.RESPONSE_MODEL, model), (names.RESPONSE_ID, id)):
            if value is not None:
                self._attributes[key] = attribute(str(value), 1000)

    def _fail(self, error: BaseException) -> None:
        super()._fail(error)
        if not isinstance(error, Exception):
            self._attributes[names.RESPONSE_STATUS] = "cancelled"

    def _arrive(
        self, has_content: bool, time_ns: int | None = None, *, reasoning: bool = False
    ) -> None:
        """A piece of a streamed answer has come.

        Args:
            has_content: whether anything in it was generated.
            time_ns: when, in nanoseconds since 1970; None for now.
            reasoning: whether it is reasoning.
        """
        self._chunks += 1
        if not has_content:
            return
        at = self._now_ns() if time_ns is None else time_ns
        if not self._first_ns:
            self._first_ns = at
            since = max(0, at - (self._start_ns or at))
            self._attributes.setdefault(names.TIME_TO_FIRST_CHUNK, since / 1e9)
        self._last_ns = at
        self._thinks_aloud = self._thinks_aloud or reasoning

    def _finish(self) -> None:
        attributes = self._attributes
        if self._chunks:
            attributes[names.CHUNKS] = self._chunks
        if self._last_ns > self._first_ns:
            self._time_tokens((self._last_ns - self._first_ns) / 1e9)
        if self._answer is not None and self._answer.size:
            self._record_answer(str(self._answer), attributes.get(names.FINISH_REASONS, ()))

    def _time_tokens(self, seconds: float) -> None:
        """Records the time per token, from how long all of them but the first took."""
        tokens = self._attributes.get(names.OUTPUT_TOKENS)
        hidden = self._attributes.get(names.REASONING_TOKENS, 0)
        if isinstance(tokens, int) and isinstance(hidden, int):
            # Reasoning that does not show is over when the first token comes.
            shown = tokens if self._thinks_aloud else tokens - hidden
            if shown > 1:
                self._attributes.setdefault(names.TIME_PER_OUTPUT_TOKEN, seconds / (shown - 1))

    def _record_messages(self, value: object) -> None:
        runtime = self._runtime
        if runtime is None or not self._captures(None, *_CONTENT):
            return
        limit = runtime.settings.max_content_chars
        if self._kind.operation in ("embeddings", "rerank"):
            self._attributes[names.INPUT_VALUE] = text(value, limit)
        else:
            found = messages_.input_messages(value)
            self._attributes[names.INPUT_MESSAGES] = json_text(found, limit)

    def _record_answer(self, value: object, reasons: Iterable[str]) -> None:
        runtime = self._runtime
        if runtime is None or not self._captures(None, *_CONTENT):
            return
        limit = runtime.settings.max_content_chars
        if self._kind.operation in ("embeddings", "rerank"):
            self._attributes[names.OUTPUT_VALUE] = text(value, limit)
            return
        found = messages_.output_messages(value, reasons)
        self._attributes[names.OUTPUT_MESSAGES] = json_text(found, limit)
        said = [m["finish_reason"] for m in found if "finish_reason" in m]
        if said and names.FINISH_REASONS not in self._attributes:
            self._attributes[names.FINISH_REASONS] = said

    def _record_request(self, parameters: Mapping[str, object]) -> None:
        runtime = self._runtime
        if runtime is None:
            return
        for key, value in parameters.items():
            if value is None:
                continue
            if key == "n":
                if value != 1:
                    self._attributes[names.CHOICES] = attribute(value, 100)
            elif key == "stream":
                if value:
                    self._attributes[names.STREAMED] = True
            elif key == "response_format":
                kind = value.get("type") if isinstance(value, Mapping) else "json_schema"
                self._attributes[names.OUTPUT_TYPE] = _OUTPUT_TYPES.get(str(kind), str(kind))
            else:
                self._record_parameter(key, value)

    def _record_parameter(self, key: str, value: object) -> None:
        name = _REQUEST.get(key) or (key if "." in key else f"gen_ai.request.{key}")
        if name in _LISTS and isinstance(value, str):
            value = [value]
        if key in _FLOATS and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        found = attribute(value, 4_000)
        if found is not None:
            self._attributes[printable(name)] = found


def _inert() -> Generation:
    result = Generation("", Kind(), None)
    result._runtime = None
    result._recording = False
    return result


@guarded(_inert)
def generation(
    model: str = "",
    *,
    provider: str = "",
    operation: str = "chat",
    messages: object = None,
    system: object = None,
    tools: object = None,
    capture_content: Capture | None = None,
    start_time_ns: int | None = None,
    **request: object,
) -> Generation:
    """A span around a call of a model, for `with` and `async with`.

        with spanglass.generation("gpt-4o-mini", provider="openai", messages=messages) as call:
            for chunk in client.chat.completions.create(…, stream=True):
                call.chunk(chunk.choices[0].delta.content)
            call.usage(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)

    Args:
        model: the model that is asked.
        provider: who serves it: `openai`, `anthropic`, `aws.bedrock`, …
        operation: `chat`, `text_completion`, `embeddings`, `generate_content`, …
        messages: the conversation: OpenAI's or Anthropic's messages, OpenTelemetry's, or text.
        system: instructions that are given apart from the conversation.
        tools: what the model may call, in OpenAI's or Anthropic's form.
        capture_content: whether the conversation is recorded: True, False or "redacted"; None
            for what `init` says.
        start_time_ns: start in nanoseconds since 1970, for a call that lies in the past; give
            its end to `end`. None for now.
        request: the request's parameters by the client's names (`temperature`, `max_tokens`,
            `seed`, `stop`, `n`, `stream`, `response_format`, …).
    """
    kind = Kind(operation, SpanKind.CLIENT, "", names.INPUT_MESSAGES, names.OUTPUT_MESSAGES)
    model = printable(str(model))
    result = Generation(kind.span_name(model), kind, start_time_ns)
    result._capture = capture_content
    runtime = result._runtime
    if runtime is None:
        return result
    if capture_content is not None:
        result._answer = Pieces(runtime.settings.max_content_chars if capture_content else 0)
    if provider:
        result._attributes[names.PROVIDER] = str(provider)
    if model:
        result._attributes[names.REQUEST_MODEL] = model
    result._record_request(request)
    if _prompt_text.is_used and (prompt := _prompt_text.prompt_of(messages, system)) is not None:
        result._attributes[names.PROMPT_NAME] = prompt.prompt_name
        if prompt.prompt_version:
            result._attributes[names.PROMPT_VERSION] = prompt.prompt_version
    if result._captures(None, *_CONTENT):
        limit = runtime.settings.max_content_chars
        if system is not None:
            found = messages_.instructions(system)
            result._attributes[names.SYSTEM_INSTRUCTIONS] = json_text(found, limit)
        if tools is not None:
            definitions = messages_.tool_definitions(tools)
            result._attributes[names.TOOL_DEFINITIONS] = json_text(definitions, limit)
        if messages is not None:
            result._record_messages(messages)
    return result
