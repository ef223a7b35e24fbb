"""`python sdk_conversations.py PRODUCT`: a conversation with the sample server, traced by an SDK.

The SDK is told a host and a key by the variables that its own documentation names, and nothing
else about us. It runs where that SDK is installed (`tests/support/sdks`).
"""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "dialects_senders"))

import conversation as c


def _openai() -> Any:
    import openai

    return openai.OpenAI(base_url=c.SAMPLE_URL, api_key="any", max_retries=0)


def _talk(client: Any) -> None:
    c.with_tool(client)
    c.stream(client)


def langfuse() -> None:
    from langfuse import get_client
    from langfuse.openai import OpenAI

    client = get_client()
    _talk(OpenAI(base_url=c.SAMPLE_URL, api_key="any", max_retries=0))
    client.flush()


def phoenix() -> None:
    import litellm
    from openinference.instrumentation.litellm import LiteLLMInstrumentor
    from phoenix.otel import register

    provider = register(batch=True, verbose=False, protocol="http/protobuf")
    LiteLLMInstrumentor().instrument(tracer_provider=provider)

    def create(model: str, **arguments: Any) -> Any:
        return litellm.completion(
            model=f"openai/{model}", api_base=c.SAMPLE_URL, api_key="any", **arguments
        )

    _talk(SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create))))
    provider.shutdown()


def traceloop() -> None:
    from opentelemetry import trace
    from traceloop.sdk import Traceloop

    Traceloop.init(app_name="shop", telemetry_enabled=False)
    _talk(_openai())
    trace.get_tracer_provider().shutdown()  # type: ignore[attr-defined]


def logfire() -> None:
    import logfire as sdk

    sdk.configure(send_to_logfire=False, console=False)
    client = _openai()
    sdk.instrument_openai(client)
    _talk(client)
    sdk.shutdown()


def openlit() -> None:
    import openlit as sdk
    from opentelemetry import trace

    sdk.init(application_name="shop", disable_metrics=True)
    _talk(_openai())
    trace.get_tracer_provider().shutdown()  # type: ignore[attr-defined]


if __name__ == "__main__":
    os.environ.setdefault("OTEL_BSP_SCHEDULE_DELAY", "200")
    {each.__name__: each for each in (langfuse, phoenix, traceloop, logfire, openlit)}[
        sys.argv[1]
    ]()
