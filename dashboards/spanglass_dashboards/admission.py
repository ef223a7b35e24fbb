"""What stands before the application: a body is read only of somebody who may send one.

The application reads a body whole before it asks who sends it. So that is asked here, of the
headers, and what is read has a limit of size, of time, and of room for all bodies together.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanglass_dashboards.context import Context, who_asks
from spanglass_dashboards.problems import denial, problem, unavailable
from spanglass_store.access import READS, Denied
from spanglass_store.errors import StoreUnavailable

#: Most bytes of one body, and of all that are read at a time.
MOST_BODY: Final = 16 << 20
MOST_BODIES: Final = 128 << 20
#: How long a body may take to arrive, in seconds.
BODY_S: Final = 60.0

#: Addresses that bring what allows them: who may post there is asked of it. A small body will do.
_WITHOUT_KEY: Final = "/feedback/"
#: Where people sign in, which takes none either.
_SIGN_IN: Final = ("POST", "/api/v1/session")
MOST_WITHOUT_KEY: Final = 256 << 10
#: Most bytes of all of those: who has no key can't take the room of those who have.
MOST_BODIES_WITHOUT_KEY: Final = 16 << 20


class _Refused(Exception):
    def __init__(self, status: int, title: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.answer = problem(status, title, detail, **headers)


class Admission:
    """The ASGI layer.

    Args:
        app: what is behind it.
        context: its gate decides who may send anything.
    """

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context
        #: Bytes that are held, by whether they came with a key.
        self._held = {True: 0, False: 0}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in READS:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most, room = MOST_BODY, MOST_BODIES
        is_sign_in = (scope["method"], scope["path"]) == _SIGN_IN
        has_key = not (is_sign_in or scope["path"].startswith(_WITHOUT_KEY))
        if not has_key:
            most, room = MOST_WITHOUT_KEY, MOST_BODIES_WITHOUT_KEY
        else:
            try:
                who_asks(self._context, scope)
            except Denied as error:
                await denial(error)(scope, receive, send)
                return
            except StoreUnavailable as error:
                await unavailable(error)(scope, receive, send)
                return
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if held + size > most:
                raise _Refused(
                    413, "Too large", f"The body is larger than {most} bytes. Send less at once."
                )
            if self._held[has_key] + size > room:
                raise _Refused(
                    503, "Not available right now", "Too many bodies are being read at once.",
                    **{"Retry-After": "2"},
                )  # fmt: skip
            held += size
            self._held[has_key] += size

        try:
            try:
                body = await _read(headers, receive, hold, most)
            except _Refused as refused:
                await refused.answer(scope, receive, send)
                return
            if body is not None:
                await self._app(scope, _replayed(body, receive), send)
        finally:
            self._held[has_key] -= held


async def _read(
    headers: Headers, receive: Receive, hold: Callable[[int], None], most: int
) -> bytes | None:
    """The body; None if the sender goes away before its end."""
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        hold(int(declared))
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                chunk = message.get("body", b"")
                hold(len(chunk))
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError as error:
        raise _Refused(
            408, "Too slow", f"The body did not come within {BODY_S:.0f} s. Send less at once."
        ) from error


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, then what else comes."""
    left = [body]

    async def replay() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replay
