"""OTLP over HTTP, as a bare ASGI application: most of its work is to hand bytes on.

Source: OpenTelemetry protocol 1.9, section "OTLP/HTTP".
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from google.rpc.status_pb2 import Status

from spanglass_collector.ingest.forms import Form
from spanglass_collector.ingest.intake import (
    RETRY_AFTER_S,
    Intake,
    Outcome,
    Overloaded,
    TooLarge,
    Unreadable,
)
from spanglass_collector.ingest.quotas import OverQuota
from spanglass_collector.receivers.compression import ENCODINGS, decompress
from spanglass_collector.receivers.otlp_json import camel_case, from_json
from spanglass_store.access import Denied, Gate
from spanglass_store.errors import StoreUnavailable
from spanglass_store.senders import signal_of
from spanglass_store.state.keys import Scope

log = logging.getLogger(__name__)

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_NO_PATH: Final = (
    "Not an OTLP path. Those are /v1/traces, /v1/metrics and /v1/logs, and where the SDKs of other"
    " products send them (docs/senders.md)."
)

#: How long a body may take to arrive, in seconds.
_BODY_S: Final = 60.0

# Bodies up to these sizes, in bytes, are unpacked and read while others wait.
_QUICK_PACKED: Final = 256 << 10
_QUICK_UNPACKED: Final = 1 << 20
_QUICK_JSON: Final = 8 << 10

# Codes of google.rpc.Status for the HTTP statuses that are sent.
_CODES: Final = {
    400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 411: 3, 413: 3, 415: 3, 429: 8, 500: 13,
    503: 14,
}  # fmt: skip


class _Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = tuple(headers)


class OtlpHttp:
    """The ASGI application.

    Args:
        intake: takes the requests.
        gate: decides who may send.
    """

    def __init__(self, intake: Intake, gate: Gate) -> None:
        self._intake = intake
        self._gate = gate

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        is_json = headers.get("content-type", "").partition(";")[0].strip().lower() == JSON
        signal = signal_of(scope["path"])
        try:
            if signal is None:
                raise _Refused(404, _NO_PATH)
            outcome = await self._handle(signal, scope, headers, is_json, receive)
        except _Refused as refused:
            await _respond(
                send, refused.status, _failure(refused.status, str(refused), is_json), is_json,
                refused.headers,
            )  # fmt: skip
            return
        form = self._intake.doors[signal].form
        await _respond(send, 200, _success(outcome, form, is_json), is_json)

    async def _handle(
        self,
        signal: str,
        scope: _Scope,
        headers: dict[str, str],
        is_json: bool,
        receive: _Receive,
    ) -> Outcome:
        stats = self._intake.stats
        if scope["method"] != "POST":
            raise _Refused(405, "OTLP is sent with POST.", [("allow", "POST")])
        try:
            principal = self._gate.admit(headers, Scope.INGEST)
        except Denied as denied:
            stats.denied += 1
            raise _Refused(denied.status, str(denied)) from denied
        except StoreUnavailable as error:
            raise _Refused(503, str(error), [("retry-after", str(RETRY_AFTER_S))]) from error
        try:
            self._intake.admit(principal.project)
        except OverQuota as over:
            raise _Refused(429, str(over), [("retry-after", str(over.retry_after_s))]) from over
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (PROTOBUF, JSON):
            stats.unsupported += 1
            raise _Refused(415, f"Content-Type {kind or 'missing'!r}: send {PROTOBUF} or {JSON}.")
        encoding = headers.get("content-encoding", "").strip().lower() or "identity"
        if encoding not in ENCODINGS:
            stats.unsupported += 1
            raise _Refused(
                415, f"Content-Encoding {encoding!r}: send {', '.join(ENCODINGS)}.",
                [("accept-encoding", ", ".join(ENCODINGS))],
            )  # fmt: skip
        held = 0

        def hold(size: int) -> None:
            # As it arrives: what a sender only announces must not take the room of others.
            nonlocal held
            self._intake.reserve(size, principal.project)
            held += size

        try:
            declared = headers.get("content-length", "")
            if declared.isdigit():
                self._check_size(int(declared))
            async with asyncio.timeout(_BODY_S):
                body = await self._read(receive, hold)
            content = await self._unpacked(body, encoding)
            if len(content) > held:
                hold(len(content) - held)
            if is_json:
                content = await self._from_json(content, self._intake.doors[signal].form)
            return await self._intake.take(signal, content, principal)
        except TimeoutError as error:
            stats.unreadable += 1
            raise _Refused(
                408,
                f"The body did not come within {_BODY_S:.0f} s. Send smaller batches.",
                [("connection", "close")],
            ) from error
        except Unreadable as error:
            stats.unreadable += 1
            raise _Refused(400, str(error)) from error
        except TooLarge as error:
            stats.too_large += 1
            raise _Refused(413, str(error)) from error
        except Overloaded as error:
            raise _Refused(503, str(error), [("retry-after", str(RETRY_AFTER_S))]) from error
        finally:
            self._intake.release(held, principal.project)

    def _check_size(self, size: int) -> None:
        if size > self._intake.max_body_bytes:
            raise TooLarge(self._intake.max_body_bytes)

    async def _unpacked(self, body: bytes, encoding: str) -> bytes:
        limit = self._intake.max_body_bytes
        if len(body) <= _QUICK_PACKED:
            try:
                return decompress(body, encoding, min(limit, _QUICK_UNPACKED))
            except TooLarge:
                pass
        elif encoding == "identity":
            return body
        return await self._intake.aside.run(decompress, body, encoding, limit)

    async def _from_json(self, content: bytes, form: Form) -> bytes:
        if len(content) <= _QUICK_JSON:
            return from_json(content, form)
        return await self._intake.aside.run(from_json, content, form)

    async def _read(self, receive: _Receive, hold: Callable[[int], None]) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Unreadable("The sender went away in the middle of the body.")
            chunk = message.get("body", b"")
            if chunk:
                size += len(chunk)
                self._check_size(size)
                hold(len(chunk))
                chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _success(outcome: Outcome, form: Form, is_json: bool) -> bytes:
    if not outcome.rejected:
        return b"{}" if is_json else b""
    if is_json:
        refused = camel_case(form.refused)
        partial = {refused: str(outcome.rejected), "errorMessage": outcome.message}
        return json.dumps({"partialSuccess": partial}).encode()
    return bytes(form.response(outcome.rejected, outcome.message).SerializeToString())


def _failure(status: int, message: str, is_json: bool) -> bytes:
    code = _CODES.get(status, 2)
    if is_json:
        return json.dumps({"code": code, "message": message}).encode()
    return bytes(Status(code=code, message=message).SerializeToString())


async def _respond(
    send: _Send,
    status: int,
    body: bytes,
    is_json: bool,
    headers: Iterable[tuple[str, str]] = (),
) -> None:
    fields = [
        (b"content-type", (JSON if is_json else PROTOBUF).encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.encode(), value.encode("latin-1", "replace")) for name, value in headers),
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
