"""Writes into the audit log what passes through the API: changes, and reads of payload.

Every method but reading is a change, so a new route is in the log without a word about it. Which
routes show payload has to be said: `PAYLOAD_ROUTES`. Reads over loopback while there are no keys
are left out: there is nobody to name.
"""

import asyncio
import logging
from typing import Final
from urllib.parse import parse_qs

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanglass_dashboards.context import Context, remembered, who_asks
from spanglass_dashboards.problems import problem
from spanglass_store.access import READS, Denied
from spanglass_store.errors import StoreError

log = logging.getLogger(__name__)

#: How the log calls an answer with what people and models wrote.
PAYLOAD_READ: Final = "payload.read"
#: Requests that ask something by another method, by how they end.
_QUESTIONS: Final = ("/preview", "/render")
#: Requests that bring data, which is no change of what is there.
_DATA: Final = ("/api/v1/scores", "/api/v1/experiments/", "/feedback/")
#: Beginnings of addresses whose answers show what people and models wrote, to who may see it.
PAYLOAD_ROUTES: Final = (
    "/api/v1/traces/", "/api/v1/sql", "/api/v1/export/", "/api/v1/scores", "/api/v1/pii/subjects",
    "/api/v1/conversations/", "/api/v1/datasets/", "/api/v1/experiments/",
    "/api/v1/quality/examples", "/api/v1/review/queues/", "/api/v1/dead-letters/",
)  # fmt: skip
#: Of those, what is asked by POST.
_ASKED_BY_POST: Final = ("/api/v1/sql", "/api/v1/pii/subjects")
#: Of those, what shows none.
_WITHOUT_PAYLOAD: Final = (
    "/api/v1/traces/facets", "/api/v1/traces/query", "/api/v1/traces/timeline",
    "/api/v1/traces/chart",
)  # fmt: skip
#: Lists of traces: who asks for words of the content learns from the answer who wrote them.
_SEARCHES: Final = (
    "/api/v1/traces", "/api/v1/traces/timeline", "/api/v1/conversations", "/api/v1/users",
)  # fmt: skip
_CANNOT: Final = problem(
    503,
    "The audit log can't be written",
    "What is read or changed is written down first, and that failed. The service's log says why:"
    " a full disk, perhaps. Try again when it is mended.",
)


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
        remembered(scope)
        is_refused = False

        async def watch(message: Message) -> None:
            nonlocal is_refused
            if message["type"] == "http.response.start" and int(message["status"]) < 400:
                # Before the first byte: what could not be written down is not shown.
                try:
                    await asyncio.to_thread(self._write, scope, action, int(message["status"]))
                except (SQLAlchemyError, StoreError):
                    log.exception("the audit log can't be written")
                    is_refused = True
                    await _CANNOT(scope, receive, send)
            if not is_refused:
                await send(message)

        await self._app(scope, receive, watch)

    def _write(self, scope: Scope, action: str, status: int) -> None:
        audit = self._context.audit
        assert audit is not None
        try:
            who = who_asks(self._context, scope)
        except Denied:
            return
        if action == PAYLOAD_READ and not (who.payload and who.key_id):
            return
        project = who.project if who.projects is not None else ""
        audit.add(who.name, action, str(scope["path"]), project, {"status": status})


def _action(scope: Scope) -> str:
    """What a request does, as the log calls it; empty for what is not written down."""
    path, method = str(scope["path"]), str(scope["method"])
    is_read = method in READS or path.startswith(_ASKED_BY_POST)
    if is_read and path.startswith(PAYLOAD_ROUTES) and not path.startswith(_WITHOUT_PAYLOAD):
        return PAYLOAD_READ
    if is_read and path in _SEARCHES and _asks_content(scope):
        return PAYLOAD_READ
    is_question = method == "POST" and path.endswith(_QUESTIONS)
    if is_read or is_question or not path.startswith("/api/"):
        return ""
    if method == "POST" and path.startswith(_DATA):
        return ""
    return f"{method} {'/'.join(path.split('/')[:4])}"


def _asks_content(scope: Scope) -> bool:
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("query", [])
    return any("content:" in each.lower() for each in asked)
