"""Real clients of model providers against the sample server, traced and bare, sync and async."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Literal

import anthropic
import openai

import spanglass

Style = Literal["sync", "async"]
STYLES: tuple[Style, ...] = ("sync", "async")

MODEL = "gpt-4o-mini"
CLAUDE = "claude-haiku-4-5"
QUESTION = "How much is express delivery?"
ORDER_QUESTION = "Where is my order HO-10482?"

_SCHEMA = {
    "type": "object",
    "properties": {"order_id": {"type": "string"}},
    "required": ["order_id"],
}
_ABOUT = {"name": "get_order_status", "description": "Look up where an order is, by its number."}
TOOL: dict[str, Any] = {"type": "function", "function": {**_ABOUT, "parameters": _SCHEMA}}
CLAUDE_TOOL: dict[str, Any] = {**_ABOUT, "input_schema": _SCHEMA}


def user(text: str) -> list[dict[str, Any]]:
    """A conversation of one turn."""
    return [{"role": "user", "content": text}]


def fault(kind: str) -> dict[str, str]:
    """Headers that make the sample server fail."""
    return {"x-sample-fault": kind}


def openai_client(style: Style, base_url: str, **options: Any) -> Any:
    """A client of the `openai` package."""
    kind = openai.OpenAI if style == "sync" else openai.AsyncOpenAI
    return kind(base_url=base_url, api_key="any", **{"max_retries": 0, "timeout": 20, **options})


def anthropic_client(style: Style, base_url: str, **options: Any) -> Any:
    """A client of the `anthropic` package."""
    kind = anthropic.Anthropic if style == "sync" else anthropic.AsyncAnthropic
    options = {"max_retries": 0, "timeout": 20, **options}
    return kind(base_url=base_url.removesuffix("/v1"), api_key="any", **options)


def traced(client: Any, **wishes: Any) -> Any:
    """The same client, traced; without wishes it is taken for its provider's own service."""
    module = type(client).__module__.partition(".")[0]
    return spanglass.wrap(client, **({"provider": module} | wishes))


def call(client: Any, method: str, **arguments: Any) -> Any:
    """What a method comes to: a stream's pieces as a list, an async one's in a loop of its own.

    Args:
        client: sync or async.
        method: by its path, such as `chat.completions.create`.
        arguments: of the method.
    """
    return run(client, lambda it: _method(it, method)(**arguments))


def run(client: Any, use: Callable[[Any], Any]) -> Any:
    """What using a client comes to, read to its end."""
    is_async = inspect.iscoroutinefunction(type(client).request)
    if not is_async:
        result = use(client)
        return list(result) if hasattr(result, "__next__") else result

    async def later() -> Any:
        result = await use(client)
        return [each async for each in result] if hasattr(result, "__anext__") else result

    return asyncio.run(later())


def _method(client: Any, path: str) -> Any:
    for name in path.split("."):
        client = getattr(client, name)
    return client
