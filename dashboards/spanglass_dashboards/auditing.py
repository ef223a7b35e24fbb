"""Writes into the audit log what passes through the API: changes, and reads of payload.

Every method but reading is a change, so a new route is in the log without a word about it. Which
routes show payload has to be said: `PAYLOAD_ROUTES`.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanglass_dashboards.context import Context
from spanglass_store.access import Denied

log = logging.getLogger(__name__)

#: Methods that change nothing.
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: Requests that send a question or data, and change nothing that is kept but what they bring.
_QUESTIONS: Final = ("/api/v1/purges/preview", "/feedback/")
#: Beginnings of addresses whose answers show what people and models wrote, to who may see it.
PAYLOAD_ROUTES: Final = (
    "/api/v1/traces/", "/api/v1/sql", "/api/v1/export/", "/api/v1/scores", "/api/v1/pii/subjects",
)  # fmt: skip
#: Of those, what shows none.
_WITHOUT_PAYLOAD: Final = ("/api/v1/traces/facets", "/api/v1/traces/query", "/api/v1/traces/over")


class Auditing:
    """The ASGI layer.

    Args:
        app: what is behind it.
        context: its gate knows who asks, its log is written.
    """

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        action = _action(scope) if scope["type"] == "http" else ""
        if not action or self._context.audit is None:
            await self._app(scope, receive, send)
            return
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                # Before the first byte: what could not be written down is not shown.
                if status < 400:
                    await asyncio.to_thread(self._write, scope, action, status)
            await send(message)

        await self._app(scope, receive, watch)

    def _write(self, scope: Scope, action: str, status: int) -> None:
        audit = self._context.audit
        assert audit is not None
        headers: Mapping[str, str] = {
            name.lower(): value for name, value in Headers(scope=scope).items()
        }
        try:
            who = self._context.gate.admit(headers, None)
        except Denied:
            return
        if action == "payload.read" and not who.payload:
            return
        project = who.project if who.projects is not None else ""
        try:
            audit.add(who.name, action, str(scope["path"]), project, {"status": status})
        except SQLAlchemyError:
            log.exception("the audit log can't be written")
            raise


def _action(scope: Scope) -> str:
    """What a request does, as the log calls it; empty for what is not written down."""
    path, method = str(scope["path"]), str(scope["method"])
    if path.startswith(_QUESTIONS):
        return ""
    if path.startswith(PAYLOAD_ROUTES) and (method == "GET" or path.startswith("/api/v1/sql")):
        return "" if path.startswith(_WITHOUT_PAYLOAD) else "payload.read"
    if method in _READS or not path.startswith("/api/"):
        return ""
    return f"{method} {'/'.join(path.split('/')[:4])}"
