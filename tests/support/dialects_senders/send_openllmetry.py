"""OpenLLMetry's present shape: the Traceloop SDK with its decorators, and `openai`."""

import conversation as c
import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import agent, task, tool, workflow

Traceloop.init(
    app_name="openllmetry-sender",
    exporter=OTLPSpanExporter(c.OTLP_URL + "/v1/traces"),
    telemetry_enabled=False,
)
client = openai.OpenAI(base_url=c.SAMPLE_URL, api_key="any", max_retries=0)


@tool(name="get_order_status")
def get_order_status(order_id: str) -> dict[str, str]:
    return c.order_status(order_id)


@agent(name="shop-agent")
def order_agent(question: str) -> str:
    return c.with_tool(client, get_order_status)


@task(name="ask")
def ask(question: str) -> str:
    return c.chat(client)


@workflow(name="support")
def support(question: str) -> str:
    Traceloop.set_association_properties(
        {"session_id": c.SESSION, "user_id": c.USER, "plan": "free"}
    )
    ask(c.QUESTION)
    return order_agent(question)


support(c.ORDER_QUESTION)
c.stream(client)
c.embed(client)
c.fail(client)
trace.get_tracer_provider().shutdown()
