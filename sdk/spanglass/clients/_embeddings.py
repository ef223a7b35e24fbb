"""Embeddings, as OpenAI's API has them."""

from __future__ import annotations

from typing import Any, ClassVar

from spanglass import _names as names
from spanglass._generation import Generation
from spanglass.clients import _usage
from spanglass.clients._exchange import Exchange
from spanglass.clients._values import get, items, text


class Embeddings(Exchange):
    """Texts that become vectors. The texts are recorded, the vectors by how long they are."""

    operation: ClassVar[str] = "embeddings"
    prompt: ClassVar[tuple[str, ...]] = ("input",)
    generates: ClassVar[bool] = False

    def content(self) -> dict[str, Any]:
        given = self.body.get("input")
        # Token ids say nothing to anybody.
        readable = isinstance(given, str) or (
            isinstance(given, list) and all(isinstance(each, str) for each in given)
        )
        return {"messages": given if readable else None}

    def whole(self, call: Generation, answer: Any) -> None:
        call.response(model=text(answer, "model") or None)
        self.counted = _usage.record_openai(call, get(answer, "usage"))
        vectors = items(answer, "data")
        first = get(vectors[0], "embedding") if vectors else None
        if isinstance(first, list):
            call.set({names.DIMENSIONS: len(first)})
