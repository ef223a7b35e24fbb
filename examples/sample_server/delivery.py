"""Sends answers at a model's pace, and spoils them where a fault says so."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from . import sse
from .errors import ApiError, server_fault
from .faults import Fault
from .latency import Pacer
from .prompt import Json

_ERROR_EVENT = sse.data(server_fault(500).body)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one answer is sent.

    Attributes:
        pacer: Times of the model.
        prompt_tokens: Prompt tokens that had to be read.
        reasoning_tokens: Tokens generated before the first visible one.
        fault: The fault in force.
        hang: Waits until the client leaves.
        error_event: What a stream says that fails in the middle.
    """

    pacer: Pacer
    prompt_tokens: int
    reasoning_tokens: int
    fault: Fault
    hang: Callable[[], Awaitable[None]]
    error_event: str = _ERROR_EVENT

    async def whole(self, body: Json, visible_tokens: int) -> Response:
        """Return an answer in one piece, after the time that generating it takes.

        Raises:
            ApiError: The fault in force ends the request.
        """
        await self._begin()
        await self.pacer.tokens(visible_tokens)
        text = sse.to_json(body)
        match self.fault.kind:
            case "error-event":
                raise server_fault(500)
            case "stall":
                await self.hang()
            case "malformed":
                return Response(text[: len(text) // 2], media_type="application/json")
            case "break":
                return sse.CuttableResponse(_cut(text), media_type="application/json")
        return Response(text, media_type="application/json")

    async def events(self, at_once: Sequence[str], paced: Sequence[str]) -> AsyncIterator[str]:
        """Yield the events of a stream.

        Args:
            at_once: Events that come before the first token.
            paced: Events that come one token after the other.

        Raises:
            ConnectionCut: The fault in force cuts the connection.
        """
        for event in at_once:
            yield event
        await self._begin()
        middle = max(1, len(paced) // 2)
        for position, event in enumerate(paced):
            if position:
                await self.pacer.tokens(1)
            if position == middle:
                match self.fault.kind:
                    case "break":
                        raise sse.ConnectionCut
                    case "stall":
                        with contextlib.suppress(ApiError):
                            await self.hang()
                        # The answer has begun, so it is too late for a status.
                        raise sse.ConnectionCut
                    case "malformed":
                        yield event[: len(event) // 2] + "\n\n"
                        return
                    case "error-event":
                        yield self.error_event
                        return
            yield event

    async def _begin(self) -> None:
        await self.pacer.first_token(self.prompt_tokens, self.reasoning_tokens)


async def _cut(text: str) -> AsyncIterator[str]:
    yield text[: len(text) // 2]
    raise sse.ConnectionCut
