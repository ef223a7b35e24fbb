"""A bundled OpenAI-compatible server for demonstrations and tests.

It has no model weights. It answers from the documents of an invented shop, the same way for the
same seed, and speaks the protocol as the official clients expect it: streams, tools, structured
output, embeddings, usage, and errors on demand.

    python -m sample_server --port 8410 --seed 7

In a test or a program:

    with BackgroundServer(Settings(speed=0)) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="any")
"""

from __future__ import annotations

from .app import create_app
from .server import BackgroundServer
from .settings import Settings

__all__ = ["BackgroundServer", "Settings", "create_app"]
