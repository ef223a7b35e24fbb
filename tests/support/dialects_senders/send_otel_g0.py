"""OpenTelemetry GenAI before 1.37: messages as span events, as Azure's client sends them."""

import contextlib
import os

os.environ["AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED"] = "true"

import conversation as c
from azure.ai.inference import ChatCompletionsClient
from azure.ai.inference.models import (
    AssistantMessage,
    ChatCompletionsToolDefinition,
    FunctionDefinition,
    SystemMessage,
    ToolMessage,
    UserMessage,
)
from azure.ai.inference.tracing import AIInferenceInstrumentor
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.core.settings import settings
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

settings.tracing_implementation = "opentelemetry"
provider = TracerProvider(resource=Resource({"service.name": "otel-g0-sender"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(c.OTLP_URL + "/v1/traces")))
trace.set_tracer_provider(provider)
AIInferenceInstrumentor().instrument()
client = ChatCompletionsClient(
    endpoint=c.SAMPLE_URL, credential=AzureKeyCredential("any"), retry_total=0
)
tool = ChatCompletionsToolDefinition(function=FunctionDefinition(**c.TOOL["function"]))
messages = [SystemMessage(c.SYSTEM), UserMessage(c.ORDER_QUESTION)]
first = client.complete(messages=messages, model=c.MODEL, tools=[tool], temperature=0.5)
calls = first.choices[0].message.tool_calls
messages.append(AssistantMessage(tool_calls=calls))
for call in calls:
    messages.append(ToolMessage('{"status": "shipped"}', tool_call_id=call.id))
client.complete(messages=messages, model=c.MODEL, tools=[tool])
pieces = client.complete(messages=[UserMessage(c.QUESTION)], model=c.MODEL, stream=True)
for _ in pieces:
    pass
with contextlib.suppress(HttpResponseError):
    client.complete(
        messages=[UserMessage(c.QUESTION)], model=c.MODEL, headers={"x-sample-fault": "429"}
    )
provider.shutdown()
