"""An application that knows OpenTelemetry: the real `openai` client, instrumented by openai-v2.

    python openai_sender.py OTLP_URL

Calls the bundled sample server: a plain chat, a streamed one, one with tools, embeddings, and one
that fails. Prints one line of JSON: the trace id of each call by its name.
"""

import contextlib
import json
import os
import sys

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from sample_server import BackgroundServer, Settings

MODEL = "gpt-4o-mini"
QUESTION = "How much is express delivery?"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_order_status",
        "description": "Look up where an order is, by its number.",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}},
            "required": ["order_id"],
        },
    },
}


def call(client: openai.OpenAI, name: str) -> None:
    ask = [{"role": "user", "content": QUESTION}]
    chat = client.chat.completions
    if name == "chat":
        chat.create(model=MODEL, messages=ask, temperature=0.5, max_tokens=50)  # type: ignore[arg-type]
    elif name == "stream":
        options = {"include_usage": True}
        for _ in chat.create(model=MODEL, messages=ask, stream=True, stream_options=options):  # type: ignore[call-overload]
            pass
    elif name == "tools":
        order = [{"role": "user", "content": "Where is my order HO-10482?"}]
        answer = chat.create(model=MODEL, messages=order, tools=[TOOL])  # type: ignore[call-overload]
        assert answer.choices[0].message.tool_calls
    elif name == "embeddings":
        client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    else:
        headers = {"x-sample-fault": "429"}
        with contextlib.suppress(openai.RateLimitError):
            chat.create(model=MODEL, messages=ask, extra_headers=headers)  # type: ignore[arg-type]


def main() -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "openai-sender"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(sys.argv[1] + "/v1/traces")))
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    tracer = trace.get_tracer("tests")
    traces = {}
    with BackgroundServer(Settings(speed=0)) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0)
        for name in ("chat", "stream", "tools", "embeddings", "error"):
            with tracer.start_as_current_span(name) as span:
                traces[name] = trace.format_trace_id(span.get_span_context().trace_id)
                call(client, name)
        client.close()
    provider.shutdown()
    print(json.dumps(traces))


if __name__ == "__main__":
    main()
