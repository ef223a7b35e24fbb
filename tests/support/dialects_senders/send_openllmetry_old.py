"""OpenLLMetry's old shape, with indexed keys, as its instrumentation of `openai` sent it in 2024."""

import conversation as c
import openai
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource({"service.name": "openllmetry-old-sender"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(c.OTLP_URL + "/v1/traces")))
OpenAIInstrumentor().instrument(tracer_provider=provider)
client = openai.OpenAI(base_url=c.SAMPLE_URL, api_key="any", max_retries=0)
c.with_tool(client)
c.chat(client, user=c.USER)
c.stream(client)
c.embed(client)
c.fail(client)
provider.shutdown()
