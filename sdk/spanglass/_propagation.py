"""Traces across services: `inject` into a request's headers, `continue_trace` from them.

Identity travels as W3C Trace Context, what `spanglass.context` says as W3C Baggage. Both belong
to OpenTelemetry, too, so either side may as well be an application that knows nothing of this
SDK.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, overload

from opentelemetry import trace

from spanglass import _baggage, _current
from spanglass._attachment import Attachment
from spanglass._guard import guard, guarded

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

Carrier = TypeVar("Carrier", bound=MutableMapping[str, str])

#: Headers as frameworks have them: a mapping, or pairs of text or bytes.
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]

_TRACEPARENT: Final = "traceparent"
_TRACESTATE: Final = "tracestate"


@overload
def inject(headers: Carrier) -> Carrier: ...


@overload
def inject(headers: None = None) -> dict[str, str]: ...


def inject(headers: MutableMapping[str, str] | None = None) -> MutableMapping[str, str]:
    """Writes the current trace, and what `context` says, into the headers of a request.

        httpx.post(url, json=body, headers=spanglass.inject())
        queue.publish(body, headers=spanglass.inject({"content-type": "application/json"}))

    Session, user, tags, feature, metadata and prompt go along, so give such headers to services
    of your own only.

    Args:
        headers: where to write: any mapping of names to texts; None for new ones. Members that a
            `baggage` header has already are kept.

    Returns:
        The headers.
    """
    carrier: MutableMapping[str, str] = {} if headers is None else headers
    with guard("inject"):
        span = _current.current_span()
        about = span.get_span_context()
        if about.is_valid:
            # Whether the application's own tracing samples is for it to say, not for us.
            own = trace.get_current_span().get_span_context()
            flags = own.trace_flags if own.trace_id == about.trace_id else about.trace_flags
            ids = trace.format_trace_id(about.trace_id), trace.format_span_id(about.span_id)
            _write(carrier, _TRACEPARENT, f"00-{ids[0]}-{ids[1]}-{flags:02x}")
            if about.trace_state:
                _write(carrier, _TRACESTATE, about.trace_state.to_header())
        attributes = _current.attributes()
        if attributes:
            existing = ",".join(_values(carrier, _baggage.HEADER))
            members = _baggage.encode(attributes, existing)
            if members:
                _write(carrier, _baggage.HEADER, members)
    return carrier


@guarded(_current.capture)
def extract(headers: Headers, *, baggage: bool = True) -> Context:
    """OpenTelemetry's context for what happens on behalf of a request.

    It is the current context with the request's trace and baggage in it. Give it to
    OpenTelemetry's functions as `context=`; for a block of code, `continue_trace` is simpler.

    Args:
        headers: of the request.
        baggage: whether session, user, tags, feature, metadata and prompt are taken from it.
    """
    given = headers if isinstance(headers, Mapping) else list(headers)
    traceparent = _values(given, _TRACEPARENT)
    found = _current.capture()
    # More than one is an error by W3C's rules.
    if len(traceparent) == 1:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {_TRACEPARENT: traceparent, _TRACESTATE: _values(given, _TRACESTATE)}
        read = TraceContextTextMapPropagator().extract(carrier)
        remote = trace.get_current_span(read)
        if remote.get_span_context().is_valid:
            found = _current.below_remote(remote, found)
    if baggage:
        inbound = _baggage.decode(_values(given, _baggage.HEADER))
        if inbound:
            found = _current.below_inbound(inbound, found)
    return found


class ContinuedTrace(Attachment):
    """What `continue_trace` returns: a context manager, for `with` and `async with`."""

    __slots__ = ("_baggage", "_headers")

    what = "continue_trace"

    def __init__(self, headers: Headers, baggage: bool) -> None:
        super().__init__()
        self._headers = headers
        self._baggage = baggage

    def _attach(self) -> Token[Context]:
        return _current.resume(extract(self._headers, baggage=self._baggage))


def continue_trace(headers: Headers, *, baggage: bool = True) -> ContinuedTrace:
    """Makes the spans inside part of the trace that a request came with.

        with spanglass.continue_trace(request.headers):
            answer(question)

    What the request says about session, user and so on holds where the code says nothing: a
    `context` outside or inside goes before it, tags add up. Headers that cannot be read are
    passed over. `spanglass.middleware` does this for ASGI and WSGI applications.

    Args:
        headers: of the request, or of a message: a mapping, or pairs of text or bytes.
        baggage: whether session, user, tags, feature, metadata and prompt are taken from it.
            Say False where anybody on the internet can send requests.
    """
    return ContinuedTrace(headers, baggage)


def _values(headers: object, name: str) -> list[str]:
    """Every value of a header, whatever the case of its name."""
    pairs: Iterable[object] = ()
    if isinstance(headers, Mapping):
        pairs = headers.items()
    elif isinstance(headers, list):
        pairs = headers
    found: list[str] = []
    for pair in pairs:
        if isinstance(pair, tuple | list) and len(pair) == 2 and _latin(pair[0]).lower() == name:
            values = pair[1] if isinstance(pair[1], list | tuple) else [pair[1]]
            found += [_latin(value) for value in values if isinstance(value, str | bytes)]
    return found


def _latin(text: object) -> str:
    """Text of a header: bytes as HTTP has them."""
    if isinstance(text, bytes):
        return text.decode("latin-1")
    return text if isinstance(text, str) else ""


def _write(headers: MutableMapping[str, str], name: str, value: str) -> None:
    """Sets a header, in place of one whose name differs in case only."""
    there = next((key for key in headers if _latin(key).lower() == name), name)
    headers[there] = value
