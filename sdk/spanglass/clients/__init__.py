"""`spanglass.wrap`: every call that a client makes to a model is a span.

Nothing of a provider's package is imported here: a client is recognised by the classes that it
is made of, and what it sends and receives is read by name.
"""

from __future__ import annotations

from typing import TypeVar

from spanglass._guard import forgiving, log, report

Client = TypeVar("Client")

__all__ = ["wrap"]


@forgiving
def wrap(
    client: Client, /, *, provider: str | None = None, include_usage: bool | None = None
) -> Client:
    """Makes every call of a model through a client a span, and returns the client.

        client = spanglass.wrap(openai.OpenAI())

    The client stays the object that it was: same class, same methods, same results, same
    exceptions; `with_options`, `with_raw_response` and `with_streaming_response` are traced, too.
    Wrapping twice is wrapping once. It never raises: what it does not know it returns untouched,
    with a warning.

    Traced are chat completions, completions, responses, embeddings, images and audio of the
    `openai` package's clients (Azure's included) and of packages made the same way, and messages
    of the `anthropic` package's; whole and streamed, sync and async, by themselves or through
    `parse` and `stream`. Attempts that the client repeats are events of one span.

    Args:
        client: `openai.OpenAI`, `AsyncOpenAI`, `AzureOpenAI`, `anthropic.Anthropic`, …
        provider: who serves it, as `gen_ai.provider.name`: `openai`, `vllm`, `ollama`, …; None
            to tell by the client's class, host or port.
        include_usage: whether streamed chats ask for the token counts
            (`stream_options.include_usage`) where the caller did not say; the additional chunk
            that carries them is kept from the caller. None to ask where the provider is known to
            understand it. Where no counts come, tokens are estimated and marked as estimated.
    """
    try:
        from spanglass.clients._client import install, is_client

        if is_client(client):
            install(client, provider, include_usage)
        else:
            log.warning(
                "spanglass.wrap is for clients of the openai and anthropic packages and stays"
                " out of %s",
                type(client).__name__ if not isinstance(client, type) else client.__name__,
            )
    except Exception as error:
        report("wrap", error)
    return client
