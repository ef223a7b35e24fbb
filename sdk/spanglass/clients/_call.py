"""One call of a model through a client: its span, from the request to the last piece."""

from __future__ import annotations

import sys
import time
from contextvars import ContextVar, Token
from typing import Any, Final

from opentelemetry.trace import SpanContext

from spanglass import _failures
from spanglass import _names as names
from spanglass._generation import Generation
from spanglass._guard import guard
from spanglass.clients._exchange import Exchange
from spanglass.clients._values import get, items

#: The call that the client works on here. What the client does in between is part of it.
current: Final[ContextVar[Call | None]] = ContextVar("spanglass_call", default=None)


class Call:
    """The span of a call. No method raises.

    Args:
        span: not started yet.
        exchange: reads what is sent and received.
        hides_usage: whether a chunk with nothing but token counts is kept from the caller.

    Attributes:
        reading: whether the client is waiting for a piece. What it closes then is its own
            affair and not the caller giving up.
        done: whether the span has ended.
    """

    __slots__ = (
        "__weakref__", "_exchange", "_hides_usage", "_last_ns", "_resent", "_span", "_status",
        "_streamed", "_token", "done", "reading",
    )  # fmt: skip

    def __init__(self, span: Generation, exchange: Exchange, hides_usage: bool = False) -> None:
        self._span = span
        self._exchange = exchange
        self._hides_usage = hides_usage
        self._token: Token[Call | None] | None = None
        self._status: int | None = None
        self._resent = 0
        self._streamed = False
        self._last_ns: int | None = None
        self.reading = False
        self.done = False

    # While the client works

    def enter(self) -> None:
        """Starts the span, and makes it current while the client works."""
        with guard("wrap"):
            self._span._start()
            self._span._attach()
            self._token = current.set(self)

    def span_context(self) -> SpanContext:
        """Where the call's span is in its trace."""
        return self._span.otel.get_span_context()

    def leave(self) -> None:
        """The client has come back, with a result or an exception."""
        with guard("wrap"):
            token, self._token = self._token, None
            if token is not None:
                current.reset(token)
        with guard("wrap"):
            self._span._detach()

    def refused(self, status: object) -> None:
        """A server has answered with a status that the client may try to get around."""
        self._status = status if isinstance(status, int) else None

    def resend(self, wait_s: float) -> None:
        """The client sends the request again.

        Args:
            wait_s: seconds that it waits before.
        """
        with guard("wrap"):
            self._resent += 1
            about: dict[str, Any] = {names.RESEND_COUNT: self._resent, names.RETRY_WAIT: wait_s}
            status, self._status = self._status, None
            error = sys.exc_info()[1]
            if status is not None:
                about[names.HTTP_STATUS] = status
                about[names.ERROR_TYPE] = str(status)
            elif error is not None:
                about[names.ERROR_TYPE] = _failures.type_name(error)
            self._span.event("retry", **about)
            self._span.set({names.RESEND_COUNT: self._resent})

    # The answer

    def whole(self, answer: Any, request_id: str | None = None) -> None:
        """The answer has come in one piece.

        Args:
            answer: the client's object, or parsed JSON.
            request_id: the provider's name for the request.
        """
        with guard("wrap"):
            if self._span._recording:
                self._identify(request_id or get(answer, "_request_id"))
                self._exchange.whole(self._span, answer)
                self._exchange.estimate(self._span)
        self._end()

    def streams(self, headers: Any) -> None:
        """The answer comes in pieces from now on."""
        with guard("wrap"):
            self._streamed = True
            self._identify(request_id_of(headers))

    def take(self, piece: Any) -> bool:
        """A piece has come; whether the caller is to see it."""
        seen = True
        with guard("wrap"):
            self._last_ns = self._span._now_ns()
            if self._span._recording:
                self._exchange.piece(self._span, piece)
            if self._hides_usage and get(piece, "usage") is not None:
                seen = bool(items(piece, "choices"))
        return seen

    def exhausted(self) -> None:
        """All pieces have been read."""
        with guard("wrap"):
            if not self.done and self._span._recording and not self._exchange.finished:
                # The provider has not said that this was all.
                self._span.set({names.RESPONSE_STATUS: "incomplete"})
        self._end_stream()

    def fail(self, error: BaseException) -> None:
        """The client has raised."""
        if self.done:
            return
        with guard("wrap"):
            status = getattr(error, "status_code", None)
            if isinstance(status, int) and status >= 400:
                self._span.set({names.HTTP_STATUS: status})
            self._identify(getattr(error, "request_id", None))
        self._end_stream(error)

    def touched(self) -> bool:
        """Something has happened to the answer; whether something had before."""
        before, self._last_ns = self._last_ns, self._span._now_ns()
        return before is not None

    def give_up(self) -> None:
        """The caller reads no further, or has dropped the answer."""
        if self.done:
            return
        complete = self._exchange.finished or not self._streamed
        self._end_stream(None if complete else GeneratorExit())

    def __del__(self) -> None:
        if not self.done and not sys.is_finalizing():
            # Dropped unread. When the garbage collector came does not matter to anybody.
            last = self._last_ns
            if last is None and self._span._start_ns is not None:
                last = time.time_ns()
            complete = self._exchange.finished or not self._streamed
            self._end_stream(None if complete else GeneratorExit(), last)

    def _identify(self, request_id: object) -> None:
        if isinstance(request_id, str) and request_id:
            self._span.set({names.REQUEST_ID: request_id})

    def _end_stream(self, error: BaseException | None = None, at_ns: int | None = None) -> None:
        if self.done:
            return
        with guard("wrap"):
            if self._streamed and self._span._recording:
                self._exchange.end(self._span)
                self._exchange.estimate(self._span)
        self._end(error, at_ns)

    def _end(self, error: BaseException | None = None, at_ns: int | None = None) -> None:
        if self.done:
            return
        self.done = True
        with guard("wrap"):
            if error is not None and self._span._recording:
                self._span._fail(error)
        with guard("wrap"):
            self._span._end(at_ns)


def request_id_of(headers: Any) -> str | None:
    """The provider's name for a request, from the headers of its answer."""
    for name in ("x-request-id", "request-id", "apim-request-id"):
        found = headers.get(name) if headers is not None else None
        if isinstance(found, str):
            return found
    return None
