"""Answers that are sent in pieces, and can break on purpose."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Send

from .prompt import Json

DONE = "data: [DONE]\n\n"
"""What ends a stream of chat completion chunks."""


class ConnectionCut(Exception):
    """Raised by a stream's source to cut the connection without ending the answer."""


class CuttableResponse(StreamingResponse):
    """A streaming response that can end as a failing server's would: in mid-air."""

    async def stream_response(self, send: Send) -> None:
        """Send the body; on `ConnectionCut` leave it unfinished.

        The server closes the connection of an answer that was not finished, so the client sees
        a peer that is gone.
        """
        try:
            await super().stream_response(send)
        except ConnectionCut:
            return


def event_stream(events: AsyncIterator[str], headers: Mapping[str, str]) -> CuttableResponse:
    """Return the response that sends server-sent events."""
    return CuttableResponse(
        events,
        media_type="text/event-stream",
        headers={**headers, "cache-control": "no-cache"},
    )


def to_json(value: Json) -> str:
    """Return compact JSON with characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def data(value: Json) -> str:
    """Return one event that carries data alone."""
    return f"data: {to_json(value)}\n\n"


def named(value: Json) -> str:
    """Return one event that carries its `type` as the event's name too."""
    return f"event: {value['type']}\n{data(value)}"
