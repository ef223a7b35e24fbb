"""What `init` sets up: a tracer provider of our own, and where its spans go.

Imported by `init`, because it brings the OpenTelemetry SDK with it.
"""

from __future__ import annotations

import os
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from spanglass import _current, _state
from spanglass import _names as names
from spanglass._guard import log, report
from spanglass._logs import Event
from spanglass._recorded import MAX_ATTRIBUTES, RecordedSpan, Recorder
from spanglass._sampling import SamplingSink
from spanglass._settings import Settings
from spanglass._stats import Stats
from spanglass._version import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.id_generator import IdGenerator

_SCOPE: Final = "spanglass"
_COUNT_LIMITS: Final = ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")
#: What OpenTelemetry's SDK decides by about each span. Where one is set, its spans are used.
_SDK_VARIABLES: Final = (
    "OTEL_TRACES_SAMPLER",
    *_COUNT_LIMITS,
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
)


class Sink(Protocol):
    """Where spans go when they have ended."""

    def offer(self, span: ReadableSpan | RecordedSpan) -> None:
        """Takes a span; never waits and never raises."""

    def begin(self, resource: Resource) -> None:
        """Says what sends, once, before all else."""

    def offer_score(self, event: Event) -> None:
        """Takes a score; never waits and never raises."""

    def refuse_score(self, reason: str) -> None:
        """Counts a score that cannot be recorded."""

    def leave_out(self, count: int) -> None:
        """Counts spans that sampling leaves out."""

    def flush(self, timeout_s: float) -> bool:
        """Sends what it has; False where that did not work out in time."""

    def close(self, timeout_s: float, reason: str) -> int:
        """Ends; returns how many spans were lost."""

    def retire(self, timeout_s: float, reason: str) -> None:
        """Takes no more, and ends by itself."""

    def stats(self) -> Stats:
        """What became of the spans."""


class Processor(SpanProcessor):
    """Gives every span what `context` says, and every ended span to the sink."""

    def __init__(self, sink: Sink, sampler: SamplingSink | None) -> None:
        self.sink = sink
        self._sampler = sampler

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        try:
            attributes = _current.attributes(parent_context)
            if attributes:
                span.set_attributes(attributes)
            about = span.get_span_context()
            is_ours = about is not None and about.trace_flags.sampled and not _state.is_masking()
            if self._sampler is not None and about is not None and is_ours:
                operation = (span.attributes or {}).get(names.OPERATION, "")
                self._sampler.started(about.trace_id, span.name, str(operation))
        except Exception as error:
            report("on_start", error)

    def on_end(self, span: ReadableSpan) -> None:
        try:
            about = span.get_span_context()
            if about is not None and about.trace_flags.sampled and not _state.is_masking():
                self.sink.offer(span)
        except Exception as error:
            report("on_end", error)

    def shutdown(self) -> None:
        """Left to `Runtime.close`."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.sink.flush(timeout_millis / 1000)


class Runtime:
    """Tracer, settings and sink of one `init`.

    Args:
        settings: what holds.
        sink: where spans go.
        ids: makes the ids; None for random ones.
    """

    def __init__(self, settings: Settings, sink: Sink, ids: IdGenerator | None = None) -> None:
        self.settings = settings
        self.sampler = SamplingSink(sink, settings) if settings.samples else None
        self.sink = sink = self.sampler or sink
        self._shared = settings.use_global_provider
        self.provider = self._provider(settings, ids)
        self.scope = InstrumentationScope(_SCOPE, __version__)
        sink.begin(self.provider.resource)
        self._processor = Processor(sink, self.sampler)
        self.provider.add_span_processor(self._processor)
        self.tracer: trace.Tracer = self.provider.get_tracer(_SCOPE, __version__)
        self._recorder: Recorder | None = None
        if not self._shared and not any(name in os.environ for name in _SDK_VARIABLES):
            self._recorder = Recorder(
                sink,
                self.provider.resource,
                self.scope,
                self.provider.id_generator,
            )

    def owns(self, span: trace.Span) -> bool:
        """Whether a span is one of ours and not another OpenTelemetry set-up's."""
        return self._shared or getattr(span, "resource", None) is self.provider.resource

    def start_span(
        self,
        name: str,
        context: Context,
        kind: trace.SpanKind,
        attributes: dict[str, Any] | None,
        start_time_ns: int,
    ) -> trace.Span:
        """Starts a span: one of ours, or one of the SDK's where its settings have to hold."""
        if self._recorder is not None:
            span = self._recorder.start_span(name, context, kind, attributes, start_time_ns)
            if self.sampler is not None:
                operation = str(span.attributes.get(names.OPERATION, ""))
                self.sampler.started(span.context.trace_id, name, operation)
            return span
        return self.tracer.start_span(
            name,
            context,
            kind,
            attributes,
            start_time=start_time_ns,
            record_exception=False,
            set_status_on_exception=False,
        )

    def delivered(self) -> tuple[float, int]:
        """When the endpoint last took something (seconds since 1970), and bytes on disk."""
        sink: Any = self.sampler.inner if self.sampler is not None else self.sink
        found: tuple[float, int] = getattr(sink, "delivered", lambda: (0.0, 0))()
        return found

    def replaced(self) -> None:
        """Another runtime takes over: sends what is queued, in its own time."""
        self.sink.retire(self.settings.exit_timeout_s, "exit")

    def close(self, timeout_s: float) -> None:
        """Sends what is queued and takes no more.

        Args:
            timeout_s: seconds to wait at most.
        """
        self.sink.close(timeout_s, "shutdown")

    def _provider(self, settings: Settings, ids: IdGenerator | None) -> TracerProvider:
        existing = trace.get_tracer_provider() if self._shared else None
        if isinstance(existing, TracerProvider):
            return existing
        # Another set-up's decision not to sample is not a decision about ours.
        sampler = None if os.environ.get("OTEL_TRACES_SAMPLER") else ALWAYS_ON
        provider = TracerProvider(
            sampler=sampler,
            resource=_resource(settings),
            shutdown_on_exit=False,
            id_generator=ids,
            span_limits=_limits(),
        )
        if self._shared:
            if type(existing).__name__ not in ("ProxyTracerProvider", "NoOpTracerProvider"):
                log.warning(
                    "spanglass: the global tracer provider is %r and takes no span processor;"
                    " spanglass keeps one of its own",
                    type(existing).__name__,
                )
                self._shared = False
            else:
                trace.set_tracer_provider(provider)
        return provider


def _limits() -> SpanLimits:
    """OpenTelemetry's limits, with room for more attributes unless the environment says how many.

    Its 128 push out the oldest, and those are the ones that say what the span is.
    """
    if any(name in os.environ for name in _COUNT_LIMITS):
        return SpanLimits()
    return SpanLimits(max_span_attributes=MAX_ATTRIBUTES)


def _resource(settings: Settings) -> Resource:
    named = {
        "service.name": settings.service,
        "service.version": settings.release,
        "deployment.environment.name": settings.environment,
        "telemetry.distro.name": "spanglass",
        "telemetry.distro.version": __version__,
    }
    attributes: dict[str, Any] = dict(settings.resource_attributes)
    attributes |= {key: value for key, value in named.items() if value}
    if settings.sample_data:
        attributes[names.SAMPLE_DATA] = True
    resource = Resource.create(attributes)
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": _program()}))
    return resource


def _program() -> str:
    """The program's name, where nobody has given the service one."""
    # An embedded interpreter may have no arguments.
    argv = getattr(sys, "argv", None) or [""]
    path = PurePath(argv[0])
    name = path.parent.name if path.stem == "__main__" else path.stem
    return "unknown_service" if name in ("", "-c", "-m", "-") else name
