"""The tracer provider that other people's instrumentations are given.

It outlives `init`: a tracer that an instrumentation has kept writes to whatever is set up when a
span starts. And it puts spans where ours would be, below our current span, also where the
application's own tracing has another one current. Inside the call of a wrapped client it makes
none: that call is recorded already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind

from spanglass import _current, _state
from spanglass._guard import report
from spanglass.clients import _call as _calls

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.util.types import Attributes

    from spanglass._runtime import Runtime


class CurrentProvider(trace.TracerProvider):
    """A tracer provider whose spans go to what `init` has set up last."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes | None = None,
    ) -> trace.Tracer:
        scope = (
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes,
        )  # fmt: skip
        return _CurrentTracer(scope)


class _CurrentTracer(trace.Tracer):
    def __init__(self, scope: tuple[str, str | None, str | None, Attributes | None]) -> None:
        self._scope = scope
        self._made: tuple[Runtime, trace.Tracer] | None = None

    def _tracer(self, runtime: Runtime) -> trace.Tracer:
        made = self._made
        if made is None or made[0] is not runtime:
            made = self._made = (runtime, runtime.provider.get_tracer(*self._scope))
        return made[1]

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        try:
            runtime = _state.runtime
            if runtime is None:
                _state.miss()
                return trace.INVALID_SPAN
            call = _calls.current.get()
            if call is not None:
                # A wrapped client is at work, and its call is recorded: what instruments the
                # same client inside would record it a second time.
                return trace.NonRecordingSpan(call.span_context())
            # A context that the instrumentation names is its own choice.
            if context is None:
                context, _ = _current.parent(runtime)
            return self._tracer(runtime).start_span(
                name, context, kind, attributes, links, start_time,
                record_exception, set_status_on_exception,
            )  # fmt: skip
        except Exception as error:
            report("instrument", error)
            return trace.INVALID_SPAN

    @contextmanager
    def _current(self, span: trace.Span, *options: bool) -> Iterator[trace.Span]:
        record_exception, set_status_on_exception, end_on_exit = options
        with trace.use_span(
            span,
            end_on_exit=end_on_exit,
            record_exception=record_exception,
            set_status_on_exception=set_status_on_exception,
        ):
            yield span

    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Any:
        span = self.start_span(
            name, context, kind, attributes, links, start_time,
            record_exception, set_status_on_exception,
        )  # fmt: skip
        return self._current(span, record_exception, set_status_on_exception, end_on_exit)
