"""`spanglass.span`: a piece of work, from `with` to its end."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

from opentelemetry import trace

from spanglass import _clock, _current, _failures, _state
from spanglass import _names as names
from spanglass._guard import guard, guarded, nothing
from spanglass._kinds import PLAIN, TOOL, Kind, KindName, kind_of
from spanglass._serialize import attribute, json_text, printable, text

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

    from spanglass._runtime import Runtime

#: Attributes that a sampler can decide by.
_KNOWN_AT_START: Final = frozenset(
    {
        names.OPERATION, names.PROVIDER, names.REQUEST_MODEL, names.AGENT_NAME, names.TOOL_NAME,
        names.WORKFLOW_NAME, "server.address", "server.port",
    }
)  # fmt: skip

#: Whether content is recorded: yes, no, or without personal data and secrets.
Capture: TypeAlias = bool | Literal["redacted"]

#: Stands for "nothing given" where None is a value.
UNSET: Any = object()


class Span:
    """A span: one piece of work in a trace. Made by `spanglass.span` and `spanglass.generation`.

    As a context manager (`with` or `async with`) it starts, is the parent of what happens
    inside, and ends; an exception that passes through is recorded and goes on unchanged. No
    method raises, and after the end, or without `spanglass.init`, all do nothing.

    Attributes:
        otel: OpenTelemetry's span, for what this class has no method for.
    """

    __slots__ = (
        "_attributes",
        "_capture",
        "_ended",
        "_kind",
        "_name",
        "_outer",
        "_recorded_below",
        "_recording",
        "_redact",
        "_runtime",
        "_start_counter",
        "_start_ns",
        "_token",
        "otel",
    )

    def __init__(self, name: str, kind: Kind = PLAIN, start_time_ns: int | None = None) -> None:
        self._name = name
        self._kind = kind
        self._start_ns = start_time_ns
        self._start_counter = 0
        self._attributes: dict[str, Any] = {}
        self.otel: trace.Span = trace.INVALID_SPAN
        self._runtime: Runtime | None = _state.runtime
        self._recording = self._runtime is not None
        # What this span's call says about its content, before what `init` says.
        self._capture: Capture | None = None
        # Attributes that are to be redacted though `init` does not say so.
        self._redact: set[str] | None = None
        self._ended = False
        self._token: Token[Context] | None = None
        self._outer: Span | None = None
        # The exception that a span inside has recorded, stack and all.
        self._recorded_below: tuple[object, ...] = ()

    # What application code calls

    @property
    def trace_id(self) -> str | None:
        """The trace's id, 32 hexadecimal digits; None where nothing is recorded."""
        about = self.otel.get_span_context()
        return trace.format_trace_id(about.trace_id) if about.is_valid else None

    @property
    def span_id(self) -> str | None:
        """The span's id, 16 hexadecimal digits; None where nothing is recorded."""
        about = self.otel.get_span_context()
        return trace.format_span_id(about.span_id) if about.is_valid else None

    @guarded(nothing)
    def set(self, attributes: Mapping[str, object] | None = None, /, **more: object) -> None:
        """Sets attributes. What is no number, text or list of these is recorded as JSON."""
        runtime = self._runtime
        if runtime is None or not self._recording:
            return
        limit = runtime.settings.max_content_chars
        for key, value in {**(attributes or {}), **more}.items():
            found = attribute(value, limit)
            if found is not None:
                self._attributes[printable(str(key))] = found

    @guarded(nothing)
    def input(self, value: object) -> None:
        """Records what the work started from: arguments, a query, a prompt."""
        self._record_input(value)

    @guarded(nothing)
    def output(self, value: object) -> None:
        """Records what came of the work: a result, documents, an answer."""
        self._record_output(value)

    @guarded(nothing)
    def event(self, name: str, /, *, time_ns: int | None = None, **attributes: object) -> None:
        """Records something that happened at a moment within the span.

        Args:
            name: what happened.
            time_ns: when, in nanoseconds since 1970; None for now.
            attributes: more about it.
        """
        runtime = self._runtime
        if runtime is None or not self._recording:
            return
        limit = runtime.settings.max_content_chars
        found = {key: attribute(value, limit) for key, value in attributes.items()}
        shown: Any = {key: value for key, value in found.items() if value is not None}
        self.otel.add_event(printable(name), shown, self._now_ns() if time_ns is None else time_ns)

    @guarded(nothing)
    def error(self, error: BaseException | str) -> None:
        """Marks the span as failed. For what does not leave the block as an exception."""
        if not self._recording:
            return
        if isinstance(error, BaseException):
            _failures.record_exception(self.otel, error, self._now_ns())
        else:
            _failures.record_failure(self.otel, str(error))

    @guarded(nothing)
    def end(self, end_time_ns: int | None = None) -> None:
        """Ends the span. The end of the `with` block does it otherwise.

        Args:
            end_time_ns: when it ended, in nanoseconds since 1970; None for now.
        """
        self._end(end_time_ns)

    def start(self) -> Self:
        """Starts the span without making it the parent of anything. `end` is then yours."""
        with guard("span"):
            self._start()
        return self

    def __enter__(self) -> Self:
        with guard("span"):
            self._start()
            self._attach()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave(error)

    # What the rest of the SDK calls

    def known(self, key: str) -> Any:
        """An attribute that is set already; None without."""
        return self._attributes.get(key)

    def _start(self) -> None:
        runtime = self._runtime
        if runtime is None:
            _state.miss()
            return
        if self.otel is not trace.INVALID_SPAN:
            return
        if _state.masking and _state.is_masking():
            self._recording = False
            return
        self._start_counter = _clock.steady()
        if self._start_ns is None:
            self._start_ns = _clock.wall()
        known: dict[str, Any] | None = None
        if self._kind.operation:
            # What a sampler may want to see is given at the start.
            self._attributes.setdefault(names.OPERATION, self._kind.operation)
            early = _KNOWN_AT_START & self._attributes.keys()
            known = {key: self._attributes.pop(key) for key in early}
        context, self._outer = _current.parent(runtime)
        self.otel = runtime.start_span(
            self._name, context, self._kind.span_kind, known, self._start_ns
        )
        self._recording = self.otel.is_recording()

    def _attach(self) -> None:
        started = self.otel is not trace.INVALID_SPAN
        if started and self._runtime is not None and self._token is None:
            self._token = _current.attach_span(self._runtime, self)

    def _detach(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            _current.detach(token)

    def _leave(self, error: BaseException | None) -> None:
        """Ends what `__enter__` began. Never raises."""
        with guard("span"):
            self._detach()
        with guard("span"):
            if error is not None and self._recording and not self._ended:
                self._fail(error)
        with guard("span"):
            self._end(None)

    def _fail(self, error: BaseException) -> None:
        about = _failures.identity(error)
        with_stack = about != self._recorded_below
        _failures.record_exception(self.otel, error, self._now_ns(), with_stack=with_stack)
        if self._outer is not None:
            self._outer._recorded_below = about

    def _now_ns(self) -> int:
        """The start and what a clock that never jumps says has passed since, in nanoseconds."""
        return (self._start_ns or 0) + _clock.steady() - self._start_counter

    def _end(self, end_time_ns: int | None) -> None:
        if self._ended or self.otel is trace.INVALID_SPAN:
            return
        self._ended = True
        end_time_ns = self._now_ns() if end_time_ns is None else end_time_ns
        try:
            if self._recording:
                self._finish()
        finally:
            # Whoever still has this span in its context keeps neither content nor ancestors.
            attributes, self._attributes, self._outer = self._attributes, {}, None
            if self._redact is not None:
                attributes = _redacted(attributes, self._redact)
            recording, self._recording = self._recording, False
            finish = getattr(self.otel, "finish", None)
            if finish is not None:
                finish(attributes, end_time_ns)
            else:
                # One by one is much faster than all at once; another thread may still add some.
                for key, value in list(attributes.items()) if recording else ():
                    self.otel.set_attribute(key, value)
                self.otel.end(end_time_ns)

    def _finish(self) -> None:
        """What is left to record at the end."""

    def _captures(self, wanted: Capture | None, *keys: str) -> bool:
        """Whether content is to be recorded; what the call says goes before the setting.

        Args:
            wanted: what the call says; None where it says nothing.
            keys: attributes that it will be recorded as.
        """
        runtime = self._runtime
        if runtime is None or not self._recording:
            return False
        if wanted is None:
            wanted = self._capture
        if wanted is None:
            return bool(runtime.settings.capture_content)
        if wanted == "redacted":
            self._redact = (self._redact or set()).union(keys)
        return bool(wanted)

    def _record_input(self, value: object, wanted: Capture | None = None) -> None:
        runtime = self._runtime
        if runtime is not None and self._captures(wanted, self._kind.input_key):
            write = json_text if self._kind is TOOL and not isinstance(value, str) else text
            limit = runtime.settings.max_content_chars
            self._attributes[self._kind.input_key] = write(value, limit)

    def _record_output(self, value: object, wanted: Capture | None = None) -> None:
        runtime = self._runtime
        if self._kind.shape is not None and self._recording:
            value = self._kind.shape(value)
        if self._kind.facts is not None and self._recording:
            self._attributes.update(self._kind.facts(value))
        if runtime is not None and self._captures(wanted, self._kind.output_key):
            limit = runtime.settings.max_content_chars
            self._attributes[self._kind.output_key] = text(value, limit)

    def _write_output(self, written: str, wanted: Capture | None) -> None:
        """Records an output that is text already."""
        if self._captures(wanted, self._kind.output_key):
            self._attributes[self._kind.output_key] = written


def _redacted(attributes: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    from spanglass._privacy import redacted

    return redacted(attributes, keys)


def inert() -> Span:
    """A span that records nothing, for where one could not be made."""
    result = Span("")
    result._runtime = None
    result._recording = False
    return result


@guarded(inert)
def span(
    name: str,
    *,
    kind: KindName | None = None,
    input: object = UNSET,  # noqa: A002 - the word that the user writes
    capture_content: Capture | None = None,
    start_time_ns: int | None = None,
    **attributes: object,
) -> Span:
    """A span around a block of code, for `with` and `async with`.

        with spanglass.span("rank", kind="rerank", input=query, candidates=40) as span:
            best = rank(query)
            span.output(best)

    Args:
        name: what the block does.
        kind: what it stands for; gives the span OpenTelemetry's operation and names.
        input: what it starts from; not recorded where content is off.
        capture_content: whether input and output are recorded: True, False or "redacted"; None
            for what `init` says.
        start_time_ns: start in nanoseconds since 1970, for work that lies in the past; give its
            end to `Span.end`. None for now. Spans inside do not inherit it.
        attributes: more about it.
    """
    about = kind_of(kind)
    name = printable(str(name))
    result = Span(about.span_name(name), about, start_time_ns)
    result._capture = capture_content
    if result._runtime is not None:
        if about.name_key:
            result._attributes[about.name_key] = name
        result.set(attributes)
        if input is not UNSET:
            result.input(input)
    return result
