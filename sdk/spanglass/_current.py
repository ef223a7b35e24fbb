"""Which span is current, and what `context` carries to the spans below it.

Both travel in OpenTelemetry's context, so they follow asyncio tasks and whatever else copies
context variables. Our current span has a key of its own beside OpenTelemetry's. Where another
OpenTelemetry set-up traces the same application, its current span stays its own: its traces keep
their shape, and ours take its trace id without becoming part of its tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from spanglass import _names as names
from spanglass import _state

if TYPE_CHECKING:
    from contextvars import Token

    from spanglass._runtime import Runtime
    from spanglass._spans import Span as OwnSpan

_SPAN_KEY: Final = otel_context.create_key("spanglass-span")
_ATTRIBUTES_KEY: Final = otel_context.create_key("spanglass-attributes")
#: The caller's span, from another service.
_REMOTE_KEY: Final = otel_context.create_key("spanglass-remote")


def parent(runtime: Runtime) -> tuple[Context, OwnSpan | None]:
    """What a span that starts now is below.

    Returns:
        The context whose current span is its parent, and our span around it.
    """
    context = otel_context.get_current()
    own = cast("OwnSpan | None", context.get(_SPAN_KEY))
    if own is None:
        remote = cast("Span | None", context.get(_REMOTE_KEY))
        if remote is not None and not runtime.owns(trace.get_current_span(context)):
            context = trace.set_span_in_context(remote, context)
        return context, None
    current = trace.get_current_span(context)
    # Deeper than ours can only be a span of our provider: an instrumentation that we feed.
    if current is own.otel or runtime.owns(current):
        return context, own
    return trace.set_span_in_context(own.otel, context), own


def attach_span(runtime: Runtime, span: OwnSpan) -> Token[Context]:
    """Makes a span current here; undone by `detach`."""
    context = otel_context.get_current()
    current = trace.get_current_span(context)
    about = current.get_span_context()
    if not about.is_valid or about.is_remote or runtime.owns(current):
        context = trace.set_span_in_context(span.otel, context)
    return otel_context.attach(otel_context.set_value(_SPAN_KEY, span, context))


def below_remote(remote: Span, context: Context) -> Context:
    """`context` with a caller's span as the parent of what starts in it.

    Where the application's own tracing has made a span for the request, that one stays current.
    """
    runtime = _state.runtime
    current = trace.get_current_span(context)
    own = cast("OwnSpan | None", context.get(_SPAN_KEY))
    about = current.get_span_context()
    ours = own is not None and (
        current is own.otel or (runtime is not None and runtime.owns(current))
    )
    if ours or not about.is_valid or about.is_remote:
        context = trace.set_span_in_context(remote, context)
    context = otel_context.set_value(_SPAN_KEY, None, context)
    return otel_context.set_value(_REMOTE_KEY, remote, context)


def below_inbound(inbound: dict[str, Any], context: Context) -> Context:
    """`context` with what a caller says about it; what the code has said goes before that."""
    said = attributes(context)
    merged = {**inbound, **said}
    if names.TAGS in inbound and names.TAGS in said:
        merged[names.TAGS] = list(dict.fromkeys([*said[names.TAGS], *inbound[names.TAGS]]))[:64]
    return otel_context.set_value(_ATTRIBUTES_KEY, merged, context)


def capture() -> Context:
    """The context as it is now, to be resumed later."""
    return otel_context.get_current()


def resume(context: Context) -> Token[Context]:
    """Makes a captured context current again; undone by `detach`."""
    return otel_context.attach(context)


def attach_attributes(attributes: dict[str, Any]) -> Token[Context]:
    """Makes attributes apply to every span that starts below; undone by `detach`."""
    return otel_context.attach(otel_context.set_value(_ATTRIBUTES_KEY, attributes))


def detach(token: Token[Context]) -> None:
    """Undoes what was attached."""
    otel_context.detach(token)


def attributes(context: Context | None = None) -> dict[str, Any]:
    """What `context` carries, as span attributes.

    Args:
        context: OpenTelemetry's; None for the current one.
    """
    found = otel_context.get_value(_ATTRIBUTES_KEY, context)
    return found if isinstance(found, dict) else {}


def current_span() -> Span:
    """Our current span, else OpenTelemetry's, which may be invalid."""
    context = otel_context.get_current()
    own = cast("OwnSpan | None", context.get(_SPAN_KEY))
    current = trace.get_current_span(context)
    runtime = _state.runtime
    around = own.otel if own is not None else None
    if around is None and runtime is not None:
        around = cast("Span | None", context.get(_REMOTE_KEY))
    if around is None or (runtime is not None and runtime.owns(current)):
        return current
    return around


def response_id() -> str | None:
    """The model's name for its answer, where our current span knows it."""
    own = cast("OwnSpan | None", otel_context.get_current().get(_SPAN_KEY))
    found = own.known(names.RESPONSE_ID) if own is not None else None
    return found if isinstance(found, str) else None
