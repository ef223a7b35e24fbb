"""LangSmith: its decorators and its wrapper of `openai`, exporting OpenTelemetry."""

import os

import conversation as c

os.environ |= {
    "LANGSMITH_TRACING": "true",
    "LANGSMITH_OTEL_ENABLED": "true",
    "LANGSMITH_OTEL_ONLY": "true",
    "LANGSMITH_API_KEY": "any",
    "LANGSMITH_PROJECT": "shop",
    "LANGSMITH_ENDPOINT": c.OTLP_URL,
    "OTEL_EXPORTER_OTLP_ENDPOINT": c.OTLP_URL + "/otel",
    "OTEL_SERVICE_NAME": "langsmith-sender",
}

import openai
from langsmith import traceable
from langsmith.run_trees import get_cached_client
from langsmith.wrappers import wrap_openai
from opentelemetry import trace

client = wrap_openai(openai.OpenAI(base_url=c.SAMPLE_URL, api_key="any", max_retries=0))


@traceable(run_type="tool")
def get_order_status(order_id: str) -> dict[str, str]:
    """Look up where an order is, by its number."""
    return c.order_status(order_id)


@traceable(run_type="retriever")
def search(query: str) -> list[dict[str, object]]:
    return [
        {"page_content": "Express delivery costs 12.50 EUR.", "type": "Document", "metadata": {}}
    ]


@traceable(tags=["shop", "test"], metadata={"session_id": c.SESSION, "user_id": c.USER})
def support(question: str) -> str:
    search(c.QUESTION)
    c.chat(client)
    c.stream(client)
    return c.with_tool(client, get_order_status)


support(c.ORDER_QUESTION)
c.embed(client)
c.fail(client)
get_cached_client().flush()
trace.get_tracer_provider().shutdown()
