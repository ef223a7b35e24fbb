"""Logfire: its instrumentation of `openai`, in both versions of what it records."""

import conversation as c
import logfire
import openai
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

logfire.configure(
    service_name="logfire-sender",
    service_version="1.0",
    send_to_logfire=False,
    console=False,
    metrics=False,
    additional_span_processors=[BatchSpanProcessor(OTLPSpanExporter(c.OTLP_URL + "/v1/traces"))],
)
for version in (1, "latest"):
    client = openai.OpenAI(base_url=c.SAMPLE_URL, api_key="any", max_retries=0)
    logfire.instrument_openai(client, version=version)
    with logfire.span("answer {question}", question=c.ORDER_QUESTION, _tags=["shop", "test"]):
        c.with_tool(client)
    c.chat(client)
    c.stream(client)
    c.embed(client)
    c.fail(client)
logfire.shutdown()
