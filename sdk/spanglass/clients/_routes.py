"""Which address of an API is for what."""

from __future__ import annotations

from typing import Final

from spanglass.clients._anthropic import Messages
from spanglass.clients._chat import Chat, Completion
from spanglass.clients._embeddings import Embeddings
from spanglass.clients._exchange import Exchange
from spanglass.clients._media import Images, Speech, Transcription
from spanglass.clients._responses import Responses

#: Ends of addresses. Others, such as lists of models and files, are none of our business.
_ROUTES: Final[dict[str, type[Exchange]]] = {
    "/chat/completions": Chat,
    "/completions": Completion,
    "/responses": Responses,
    "/embeddings": Embeddings,
    "/images/generations": Images,
    "/images/edits": Images,
    "/images/variations": Images,
    "/audio/speech": Speech,
    "/audio/transcriptions": Transcription,
    "/audio/translations": Transcription,
    "/v1/messages": Messages,
}


def exchange_for(method: str, url: str) -> type[Exchange] | None:
    """What a request is; None for one that asks no model.

    Args:
        method: of HTTP.
        url: the path that the client was told, with or without what comes before it.
    """
    if method.lower() != "post":
        return None
    path = url.partition("?")[0].rstrip("/")
    if not path.startswith("/"):
        path = f"/{path}"
    for end, exchange in _ROUTES.items():
        if path.endswith(end):
            return exchange
    return None
