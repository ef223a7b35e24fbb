"""Anthropic's messages."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from spanglass import _messages
from spanglass._generation import Generation
from spanglass._pieces import Pieces, size_of
from spanglass.clients import _usage
from spanglass.clients._exchange import Exchange
from spanglass.clients._values import get, items, text

#: What a piece of a block adds to: kind of delta, its field, and the block's field.
_DELTAS: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("partial_json", "input"),
}
#: More blocks of one answer than this are not put together.
_MOST: Final = 1000


class Messages(Exchange):
    """A message that Claude answers with."""

    prompt: ClassVar[tuple[str, ...]] = ("system", "messages", "tools")

    def __init__(self, body: Any, limit: int) -> None:
        super().__init__(body, limit)
        self._blocks: dict[int, Any] = {}
        self._pieces: dict[int, tuple[str, Pieces]] = {}
        self._usage: dict[str, Any] = {}

    def content(self) -> dict[str, Any]:
        return {
            "messages": self.body.get("messages"),
            "system": self.body.get("system"),
            "tools": self.body.get("tools"),
        }

    def more(self) -> dict[str, Any]:
        form = get(self.body, "output_config", "format") or get(self.body, "output_format")
        return {
            "reasoning_effort": get(self.body, "output_config", "effort"),
            "response_format": {"type": "json_schema"} if form else None,
            "gen_ai.request.thinking_tokens": get(self.body, "thinking", "budget_tokens"),
        }

    def whole(self, call: Generation, answer: Any) -> None:
        call.response(model=text(answer, "model") or None, id=text(answer, "id") or None)
        content = items(answer, "content")
        self.heard += sum(_block_size(block) for block in content)
        self.counted = _usage.record_anthropic(call, get(answer, "usage")) or self.counted
        self._stop_for(call, get(answer, "stop_reason"))
        self._record(call, {"role": "assistant", "content": content})

    def piece(self, call: Generation, piece: Any) -> None:
        kind = text(piece, "type")
        if kind == "content_block_delta":
            self._add(call, get(piece, "index") or 0, get(piece, "delta"))
            return
        call._arrive(False)
        if kind == "message_start":
            message = get(piece, "message")
            call.response(model=text(message, "model") or None, id=text(message, "id") or None)
            self._count(call, get(message, "usage"))
            # What has been said so far is next to nothing; the real count comes at the end.
            self.counted = False
        elif kind == "content_block_start":
            if len(self._blocks) < _MOST:
                self._blocks[get(piece, "index") or 0] = get(piece, "content_block")
        elif kind == "message_delta":
            self._count(call, get(piece, "usage"))
            self._stop_for(call, get(piece, "delta", "stop_reason"))

    def end(self, call: Generation) -> None:
        if self._blocks:
            blocks = [self._whole(index) for index in sorted(self._blocks)]
            self._record(call, {"role": "assistant", "content": blocks})

    def estimate(self, call: Generation) -> None:
        """Estimates; what the start of a stream said about the prompt stays."""
        if not self.counted:
            known = self._usage.get("input_tokens")
            super().estimate(call)
            if known is not None:
                _usage.record_anthropic(call, {**self._usage, "output_tokens": None})

    def _add(self, call: Generation, index: int, delta: Any) -> None:
        kind = text(delta, "type")
        field, target = _DELTAS.get(kind, ("", ""))
        said = text(delta, field) if field else ""
        self.heard += size_of(said)
        call._arrive(bool(said), reasoning=kind == "thinking_delta")
        if said and index in self._blocks:
            if index not in self._pieces:
                self._pieces[index] = (target, Pieces(self.limit))
            self._pieces[index][1].add(said)

    def _whole(self, index: int) -> Any:
        """A block with all that has come of it."""
        block = self._blocks[index]
        if index not in self._pieces:
            return block
        target, pieces = self._pieces[index]
        kept = ("type", "id", "name")
        about = {name: get(block, name) for name in kept if get(block, name) is not None}
        key = "arguments" if target == "input" else target
        return {**about, key: str(pieces)}

    def _count(self, call: Generation, usage: Any) -> None:
        """Records token counts; later ones are totals, and may leave out what is known."""
        for name in (
            "input_tokens", "output_tokens", "cache_read_input_tokens",
            "cache_creation_input_tokens", "output_tokens_details",
        ):  # fmt: skip
            value = get(usage, name)
            if value is not None:
                self._usage[name] = value
        self.counted = _usage.record_anthropic(call, self._usage) or self.counted

    def _stop_for(self, call: Generation, reason: Any) -> None:
        if reason:
            self._finish_for(call, [_messages.finish_reason(reason)])


def _block_size(block: Any) -> int:
    return sum(size_of(text(block, name)) for name in ("text", "thinking", "name")) + (
        len(str(get(block, "input") or ""))
    )
