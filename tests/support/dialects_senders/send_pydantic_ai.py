"""pydantic-ai: an agent with a tool, in each version of what it records."""

import asyncio

import conversation as c
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = TracerProvider(resource=Resource({"service.name": "pydantic-ai-sender"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(c.OTLP_URL + "/v1/traces")))


async def main() -> None:
    for version in (2, 3, 5):
        model = OpenAIChatModel(
            c.MODEL, provider=OpenAIProvider(base_url=c.SAMPLE_URL, api_key="any")
        )
        Agent.instrument_all(InstrumentationSettings(tracer_provider=provider, version=version))
        agent = Agent(model, name="shop-agent", system_prompt=c.SYSTEM)

        @agent.tool_plain
        def get_order_status(order_id: str) -> dict[str, str]:
            """Look up where an order is, by its number."""
            return c.order_status(order_id)

        await agent.run(c.ORDER_QUESTION, conversation_id=c.SESSION)


asyncio.run(main())
provider.shutdown()
