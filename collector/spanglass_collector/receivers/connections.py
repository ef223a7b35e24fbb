"""HTTP connections with bounds: on what a request's head may take, and on how many there are.

httptools, which uvicorn reads requests with, has no limits of its own.
"""

import asyncio
import contextlib
import resource
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Most bytes of a request's line and headers together, and of what stands between the pieces of
#: a body.
MOST_HEAD: Final = 64 << 10
#: How long a request's head may take to arrive, in seconds.
HEAD_S: Final = 20.0
#: How long the rest of a body is let come, and thrown away, once the request has its answer: who
#: is still sending reads none from a connection that ends.
REST_S: Final = 10.0
#: How long an answer's next piece (of up to about 1 MiB) may stay unread, in seconds. What is made
#: while it is read holds a query of the store, and memory.
UNREAD_S: Final = 60.0
#: Open files that are left for everything but connections, and how many doors share the others.
_OTHER_FILES: Final = 256
_DOORS: Final = 4


def most_connections() -> int:
    """How many connections one door may have, so that files can still be opened.

    Raises this process's limit on open files as far as it may.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    files = wanted if soft == resource.RLIM_INFINITY else soft
    return (files - min(_OTHER_FILES, files // 2)) // _DOORS


def bounded(limit: int) -> "type[BoundedHttp]":
    """The protocol of a server that may have so many connections, for uvicorn."""
    return type("BoundedHttp", (BoundedHttp,), {"limit": limit})


@dataclass(frozen=True)
class _Refusal:
    status: int
    message: str

    def answer(self) -> bytes:
        text = self.message.encode()
        return (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            "content-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(text)}\r\n"
            "connection: close\r\n\r\n"
        ).encode() + text


_TOO_LONG: Final = _Refusal(
    431, f"The request's line and headers take more than {MOST_HEAD} bytes together."
)
_TOO_SLOW: Final = _Refusal(408, f"The request's headers did not come within {HEAD_S:.0f} s.")
_TOO_MANY: Final = _Refusal(503, "There are too many connections. Try again in a moment.")


class _Stop(Exception):
    """Ends the parser's work on a connection."""


class BoundedHttp(HttpToolsProtocol):
    """A connection that refuses heads that are too long or slow, or have not exactly one `Host`.

    Beyond `limit` connections the one that has been idle for longest is closed for a new one.
    """

    #: Most connections of one server.
    limit = 1 << 30

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head = 0  # Bytes of the head's fields.
        self._unread = 0  # Bytes since the head or a piece of the body was complete.
        self._since = 0.0
        self._deadline: asyncio.TimerHandle | None = None
        self._unread_end: asyncio.TimerHandle | None = None
        self._refusal: _Refusal | None = None

    # -- from the transport --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self.limit and not self._make_room():
            transport.write(_TOO_MANY.answer())
            transport.close()
            # What arrives meanwhile finds no parser.
            self.transport = transport
            return
        super().connection_made(transport)
        self._since = self.loop.time()
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        self._stop_unread()
        if self.flow is not None:
            super().connection_lost(exc)

    def pause_writing(self) -> None:
        # Not closed, which would wait until all is read.
        self._unread_end = self.loop.call_later(UNREAD_S, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stop_unread()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._since = self.loop.time()
        self._unread += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._unread > MOST_HEAD:
            self._refuse(_TOO_LONG)
        elif self._in_head and self._unread and self._deadline is None:
            self._start_deadline()

    # -- from the parser -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unread = 0
        self._stop_deadline()
        hosts = [value for name, value in self.headers if name == b"host"]
        # RFC 9112, section 3.2. Two of them are how one part is made to believe what another
        # does not.
        if len(hosts) > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            self._refusal = _Refusal(
                400, f"A request has one Host header; this one has {len(hosts)}."
            )
            raise _Stop
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._unread = 0
        self._stop_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The request has its answer; its body may not be there yet."""
        super().on_response_complete()
        if not self._in_head and not self.transport.is_closing():
            self._deadline = self.loop.call_later(REST_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """The parser has stopped: for a reason of ours, or one of its own."""
        self._refuse(self._refusal or _Refusal(400, msg))

    # ------------------------------------------------------------------------------------------

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> bool:
        idle = [each for each in self.connections if isinstance(each, BoundedHttp) and each._idle]
        if not idle:
            return False
        oldest = min(idle, key=lambda each: each._since)
        oldest.transport.close()
        # It goes at once, not when the loop comes round to it: others arrive before.
        self.connections.discard(oldest)
        return True

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MOST_HEAD:
            self._refusal = _TOO_LONG
            raise _Stop

    def _refuse(self, refusal: _Refusal) -> None:
        # An answer under way can't be followed by another.
        if self._idle:
            self.transport.write(refusal.answer())
        self.transport.close()

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEAD_S, self._too_slow)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_unread(self) -> None:
        if self._unread_end is not None:
            self._unread_end.cancel()
            self._unread_end = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refuse(_TOO_SLOW)
