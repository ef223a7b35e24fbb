"""`python product_senders.py PRODUCT`: one span, as the product's own SDK sends it.

Addresses and keys are in the variables that the product's documentation names, and nowhere else.
"""

import os
import sys


def langfuse() -> None:
    from langfuse import get_client

    client = get_client()
    with client.start_as_current_observation(name="work", as_type="span"):
        pass
    client.flush()


def phoenix() -> None:
    from phoenix.otel import register

    provider = register(
        batch=False, set_global_tracer_provider=False, verbose=False,
        protocol=os.environ.get("PROTOCOL"),  # type: ignore[arg-type]
    )  # fmt: skip
    with provider.get_tracer("t").start_as_current_span("work"):
        pass
    provider.shutdown()


def langsmith() -> None:
    from langsmith import Client, traceable

    client = Client()

    @traceable(name="work", client=client)
    def work() -> int:
        return 1

    work()
    client.flush()
    from opentelemetry import trace

    trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]


def braintrust() -> None:
    from braintrust.otel import BraintrustSpanProcessor
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider()
    provider.add_span_processor(BraintrustSpanProcessor())
    with provider.get_tracer("t").start_as_current_span("work"):
        pass
    provider.shutdown()


if __name__ == "__main__":
    {each.__name__: each for each in (langfuse, phoenix, langsmith, braintrust)}[sys.argv[1]]()
