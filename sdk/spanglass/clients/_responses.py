"""OpenAI's Responses."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from spanglass import _messages
from spanglass import _names as names
from spanglass._generation import Generation
from spanglass._pieces import Pieces, size_of
from spanglass.clients import _usage
from spanglass.clients._exchange import Exchange
from spanglass.clients._values import get, items, text

#: Events that carry generated text, and what it is.
_DELTAS: Final = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "arguments",
    "response.audio.transcript.delta": "text",
}
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
#: More items of one answer than this are not put together.
_MOST: Final = 1000


class Responses(Exchange):
    """A response."""

    prompt: ClassVar[tuple[str, ...]] = ("instructions", "input", "tools", "text")

    def __init__(self, body: Any, limit: int) -> None:
        super().__init__(body, limit)
        self._items: dict[int, Any] = {}
        self._pieces: dict[tuple[int, str], Pieces] = {}
        self._recorded = False

    def content(self) -> dict[str, Any]:
        given = self.body.get("input")
        return {
            "messages": given,
            "system": self.body.get("instructions"),
            "tools": self.body.get("tools"),
        }

    def more(self) -> dict[str, Any]:
        conversation = get(self.body, "conversation")
        form = text(self.body, "text", "format", "type")
        return {
            names.OPENAI_API: "responses",
            names.OPENAI_REQUEST_TIER: get(self.body, "service_tier"),
            "reasoning_effort": get(self.body, "reasoning", "effort"),
            "response_format": {"type": form} if form else None,
            names.CONVERSATION: get(conversation, "id") or conversation,
        }

    def whole(self, call: Generation, answer: Any) -> None:
        self._recorded = True
        call.response(model=text(answer, "model") or None, id=text(answer, "id") or None)
        output = items(answer, "output")
        self.heard = max(self.heard, sum(_item_size(item) for item in output))
        self.counted = _usage.record_openai(call, get(answer, "usage")) or self.counted
        status = text(answer, "status")
        call.set(
            {
                names.RESPONSE_STATUS: status or None,
                names.OPENAI_RESPONSE_TIER: text(answer, "service_tier") or None,
            }
        )
        if status == "completed":
            called = any(text(item, "type").endswith("tool_call") for item in output)
            called = called or any(text(item, "type") == "function_call" for item in output)
            self._finish_for(call, ["tool_call" if called else "stop"])
        elif status == "incomplete":
            why = get(answer, "incomplete_details", "reason") or "length"
            self._finish_for(call, [_messages.finish_reason(why)])
        elif status == "failed":
            self._finish_for(call, ["error"])
            call.error(text(answer, "error", "message") or "the response failed")
        if output:
            self._record(call, [_messages.answer_of(output)])

    def piece(self, call: Generation, piece: Any) -> None:
        kind = text(piece, "type")
        what = _DELTAS.get(kind)
        if what is not None:
            said = text(piece, "delta")
            self.heard += size_of(said)
            self._keep(get(piece, "output_index") or 0, what, said)
            call._arrive(bool(said), reasoning=what == "reasoning")
            return
        call._arrive(False)
        if kind in _ENDS:
            self.whole(call, get(piece, "response"))
        elif kind == "response.created":
            about = get(piece, "response")
            call.response(model=text(about, "model") or None, id=text(about, "id") or None)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            index = get(piece, "output_index") or 0
            if len(self._items) < _MOST:
                self._items[index] = get(piece, "item")
            if kind == "response.output_item.done":
                for each in _WHATS:
                    self._pieces.pop((index, each), None)

    def end(self, call: Generation) -> None:
        """Records an answer that was cut off: the items that are done, and the rest as it came."""
        if self._recorded or not (self._items or self._pieces):
            return
        parts: list[Any] = []
        for index in sorted({*self._items, *(index for index, _ in self._pieces)}):
            begun = {w: str(p) for (at, w), p in self._pieces.items() if at == index}
            item = self._items.get(index)
            if not begun and item is not None:
                parts.extend(_messages.answer_of([item])["parts"])
            elif "arguments" in begun:
                about = {name: get(item, name) for name in ("call_id", "name")}
                call_item = {"type": "function_call", **about, "arguments": begun["arguments"]}
                parts.extend(_messages.answer_of([call_item])["parts"])
            else:
                parts.extend({"type": what, "content": said} for what, said in begun.items())
        self._record(call, [{"role": "assistant", "parts": parts}])

    def _keep(self, index: int, what: str, said: str) -> None:
        if (index, what) not in self._pieces:
            if len(self._pieces) >= _MOST:
                return
            self._pieces[index, what] = Pieces(self.limit)
        self._pieces[index, what].add(said)


_WHATS: Final = frozenset(_DELTAS.values())


def _item_size(item: Any) -> int:
    """Bytes of what was generated in one item of an answer."""
    size = size_of(text(item, "name")) + size_of(text(item, "arguments"))
    for part in (*items(item, "content"), *items(item, "summary")):
        size += size_of(text(part, "text")) + size_of(text(part, "refusal"))
    return size
