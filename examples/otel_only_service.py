"""A question-answering service that knows OpenTelemetry and no observability product.

It retrieves passages, lets a model call tools, streams the answer, and now and then fails. What
it sends is what the OpenTelemetry SDK and the OpenAI instrumentation send by themselves, plus
spans of its own for retrieval and tools. Any OTLP receiver can read it:

    OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 python examples/otel_only_service.py

`OTEL_EXPORTER_OTLP_PROTOCOL` is `http/protobuf` (the default) or `grpc`. Without `--base-url` it
starts the bundled sample server in this process.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

# The instrumentation reads these once, when it is switched on.
os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental")
os.environ.setdefault("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
os.environ.setdefault("OTEL_SERVICE_NAME", "halden-assistant")
# Seconds. An exporter retries for this long, and a demonstration should not wait for nobody.
os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", "3")

import openai
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from opentelemetry import baggage, context, metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import SpanKind, Status, StatusCode

from sample_server import BackgroundServer, Settings
from sample_server.documents import DOCUMENTS, Document

TOP_K = 3
MAX_ROUNDS = 3
FAIL_EVERY = 4
QUESTIONS_PER_SESSION = 3

SYSTEM = (
    "You are the assistant of Halden Outdoor. Answer from the documents below and from your "
    "tools, in a few sentences. If neither says it, say so.\n\nDocuments:\n\n"
)

QUESTIONS = (
    "How long do I have to return a jacket I never wore?",
    "Where is my order HO-10482?",
    "How much is express delivery?",
    "Do Halden boots run small?",
    "Is the Fjell tent in stock in Northmere?",
    "The zip on my pack is broken, can you repair it?",
    "Where is my order HO-99999?",
    "How long is a gift card valid?",
    "How many points do I need for a voucher?",
    "Is the Eskvale store open on Saturday?",
)

TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "get_order_status",
            "description": "Look up where an order is, by its order number.",
            "parameters": {
                "type": "object",
                "properties": {"order_id": {"type": "string"}},
                "required": ["order_id"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "check_stock",
            "description": "Say how many pieces of a product are in stock in a store.",
            "parameters": {
                "type": "object",
                "properties": {
                    "product": {"type": "string"},
                    "store": {"type": "string", "enum": ["Northmere", "Eskvale", "Port Laren"]},
                },
                "required": ["product", "store"],
            },
        },
    },
]

ORDERS = {
    "HO-10482": {"status": "shipped", "expected_delivery": "2026-03-04"},
    "HO-20917": {"status": "packed", "expected_delivery": "2026-03-06"},
}


# By distribution. The first is the older one; its releases up to 2.4b0 stop working where
# opentelemetry-util-genai 1.2b0 or later is installed, or httpx is not. The second succeeds it.
INSTRUMENTATIONS = {
    "openai-v2": "opentelemetry.instrumentation.openai_v2",
    "genai-openai": "opentelemetry.instrumentation.genai.openai",
}


class PersonAndSession(SpanProcessor):
    """Copies who asks, and in which session, from baggage to every span."""

    def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:
        """Set the attributes of a span that begins."""
        for key in ("session.id", "user.id"):
            value = baggage.get_baggage(key, parent_context)
            if isinstance(value, str):
                span.set_attribute(key, value)


class CountingExporter(SpanExporter):
    """Counts spans that were delivered and spans that were not.

    Args:
        inner: The exporter that delivers.
    """

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.delivered = 0
        self.lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver spans, and count them."""
        result = self._inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.delivered += len(spans)
        else:
            self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        """End the exporter inside."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter inside."""
        return self._inner.force_flush(timeout_millis)


class PrintingExporter(SpanExporter):
    """Prints every span with its attributes and their types."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Print spans."""
        for span in spans:
            scope = span.instrumentation_scope.name if span.instrumentation_scope else ""
            print(
                f"  {span.name} [{span.kind.name.lower()}, {span.status.status_code.name}] {scope}"
            )
            for key, value in sorted((span.attributes or {}).items()):
                print(f"    {key}: {type(value).__name__} = {value!r}")
        return SpanExportResult.SUCCESS


@dataclass(slots=True)
class Call:
    """A tool call, put together from a stream."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Turn:
    """What the model said in one turn."""

    text: str = ""
    calls: dict[int, Call] = field(default_factory=dict)


class Assistant:
    """Answers questions about the shop.

    Args:
        client: Client of an OpenAI-compatible server.
        model: Chat model.
        embedding_model: Embedding model.
    """

    def __init__(self, client: openai.OpenAI, model: str, embedding_model: str) -> None:
        self._client = client
        self._model = model
        self._embedding_model = embedding_model
        self._tracer = trace.get_tracer("halden.assistant", "1.0.0")
        with self._tracer.start_as_current_span("index_documents"):
            vectors = self._embed([f"{d.title}. {d.text}" for d in DOCUMENTS])
        self._index = list(zip(DOCUMENTS, vectors, strict=True))

    def answer(self, question: str, headers: dict[str, str] | None = None) -> str:
        """Answer one question.

        Args:
            question: In natural language.
            headers: Sent to the model's server with each chat request.

        Raises:
            openai.OpenAIError: The model could not be asked.
        """
        passages = "\n\n".join(f"[{d.id}] {d.title}\n{d.text}" for d in self._retrieve(question))
        messages: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": SYSTEM + passages},
            {"role": "user", "content": question},
        ]
        for _ in range(MAX_ROUNDS):
            turn = self._chat(messages, headers or {})
            if not turn.calls:
                return turn.text
            calls = [turn.calls[position] for position in sorted(turn.calls)]
            messages.append(
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": call.id,
                            "type": "function",
                            "function": {"name": call.name, "arguments": call.arguments},
                        }
                        for call in calls
                    ],
                }
            )
            messages.extend(
                {"role": "tool", "tool_call_id": call.id, "content": self._use_tool(call)}
                for call in calls
            )
        return "I could not finish looking that up."

    def _embed(self, texts: list[str]) -> list[list[float]]:
        found = self._client.embeddings.create(model=self._embedding_model, input=texts)
        return [item.embedding for item in found.data]

    def _retrieve(self, question: str) -> list[Document]:
        with self._tracer.start_as_current_span(
            "retrieval halden-help",
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "retrieval",
                "gen_ai.data_source.id": "halden-help",
                "gen_ai.retrieval.query.text": question,
                "gen_ai.retrieval.top_k": TOP_K,
            },
        ) as span:
            asked = self._embed([question])[0]
            scored = [
                (sum(a * b for a, b in zip(asked, vector, strict=True)), document)
                for document, vector in self._index
            ]
            best = sorted(scored, key=lambda pair: -pair[0])[:TOP_K]
            found = [
                {"id": document.id, "score": round(score, 4), "content": document.text}
                for score, document in best
            ]
            span.set_attribute("gen_ai.retrieval.documents", json.dumps(found))
            return [document for _, document in best]

    def _chat(self, messages: list[ChatCompletionMessageParam], headers: dict[str, str]) -> Turn:
        stream = self._client.chat.completions.create(
            model=self._model,
            messages=messages,
            tools=TOOLS,
            temperature=0.2,
            max_tokens=400,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=headers,
        )
        turn = Turn()
        for chunk in stream:
            for choice in chunk.choices:
                turn.text += choice.delta.content or ""
                for part in choice.delta.tool_calls or []:
                    call = turn.calls.setdefault(part.index, Call())
                    call.id = part.id or call.id
                    if part.function:
                        call.name = part.function.name or call.name
                        call.arguments += part.function.arguments or ""
        return turn

    def _use_tool(self, call: Call) -> str:
        with self._tracer.start_as_current_span(
            f"execute_tool {call.name}",
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": call.name,
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": call.id,
                "gen_ai.tool.call.arguments": call.arguments,
            },
        ) as span:
            try:
                result = json.dumps(run_tool(call.name, json.loads(call.arguments)))
            except (KeyError, TypeError, ValueError) as error:
                # The model is told, and can say so; the span shows it too.
                mark_failed(span, error)
                result = json.dumps({"error": str(error)})
            span.set_attribute("gen_ai.tool.call.result", result)
            return result


def mark_failed(span: trace.Span, error: Exception) -> None:
    """Say on a span that what it stands for failed."""
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    )
    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, str(error)))
    span.set_attribute("error.type", name)


def run_tool(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run one of the service's tools.

    Args:
        name: The tool.
        arguments: As the model gave them.

    Raises:
        KeyError: An argument is missing.
        ValueError: There is no such tool or no such order.
    """
    if name == "get_order_status":
        order = ORDERS.get(arguments["order_id"])
        if order is None:
            raise ValueError(f"there is no order {arguments['order_id']}")
        return {"order_id": arguments["order_id"], **order}
    if name == "check_stock":
        product, store = str(arguments["product"]), str(arguments["store"])
        return {"product": product, "store": store, "in_stock": (len(product) * len(store)) % 7}
    raise ValueError(f"there is no tool {name}")


def otlp_exporters() -> tuple[SpanExporter, MetricExporter, str]:
    """Return the exporters that the standard variables ask for, and where they send to.

    Raises:
        ValueError: The protocol is unknown, or its exporter is not installed.
    """
    protocol = (
        os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        or "http/protobuf"
    )
    port = 4317 if protocol == "grpc" else 4318
    endpoint = (
        os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        or f"http://localhost:{port}"
    )
    # Only the exporter in use has to be installed.
    try:
        if protocol == "grpc":
            from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
            from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces

            return grpc_traces.OTLPSpanExporter(), grpc_metrics.OTLPMetricExporter(), endpoint
        if protocol == "http/protobuf":
            from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
            from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces

            return http_traces.OTLPSpanExporter(), http_metrics.OTLPMetricExporter(), endpoint
    except ImportError as error:
        raise ValueError(f"the exporter for {protocol} is not installed: {error}") from error
    raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; use 'grpc' or 'http/protobuf'")


def instrument_openai(wanted: str) -> str:
    """Switch on an OpenTelemetry instrumentation of the OpenAI client.

    Args:
        wanted: A key of `INSTRUMENTATIONS`; empty for the first that can be imported.

    Returns:
        The distribution that is now at work.

    Raises:
        ValueError: None can be imported; the message says why, for each.
    """
    reasons = []
    for key in [wanted] if wanted else INSTRUMENTATIONS:
        name = f"opentelemetry-instrumentation-{key}"
        try:
            module = importlib.import_module(INSTRUMENTATIONS[key])
        except ImportError as error:
            reasons.append(f"{name}: {error}")
            continue
        module.OpenAIInstrumentor().instrument()
        return name
    raise ValueError("no instrumentation of the OpenAI client works: " + "; ".join(reasons))


@contextlib.contextmanager
def telemetry(instrumentation: str, *, show_spans: bool) -> Iterator[Callable[[], str]]:
    """Set up OpenTelemetry, and flush at the end.

    Args:
        instrumentation: Which instrumentation of the OpenAI client to use; empty for any.
        show_spans: Whether to print every span as it ends.

    Yields:
        A function that says, after the end, what became of the spans.

    Raises:
        ValueError: The standard variables ask for something that is not there.
    """
    span_exporter, metric_exporter, endpoint = otlp_exporters()
    # This program counts and says what was lost; the exporters would repeat it with each retry.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    counting = CountingExporter(span_exporter)
    resource = Resource.create({"service.version": "1.0.0", "deployment.environment.name": "demo"})
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(PersonAndSession())
    if show_spans:
        tracing.add_span_processor(SimpleSpanProcessor(PrintingExporter()))
    tracing.add_span_processor(BatchSpanProcessor(counting))
    metering = MeterProvider([PeriodicExportingMetricReader(metric_exporter)], resource)
    trace.set_tracer_provider(tracing)
    metrics.set_meter_provider(metering)
    name = instrument_openai(instrumentation)
    print(f"instrumented by {name}")

    def outcome() -> str:
        if counting.lost:
            return (
                f"{counting.lost} spans could not be delivered to {endpoint}: "
                "is an OTLP receiver running there?"
            )
        return f"{counting.delivered} spans delivered to {endpoint}"

    try:
        yield outcome
    finally:
        tracing.force_flush()
        tracing.shutdown()
        # Where no span arrived no metric will, and waiting for it helps nobody.
        metering.shutdown(timeout_millis=500 if counting.lost else 5000)


def ask_all(assistant: Assistant, count: int) -> int:
    """Ask questions one after the other and print the trace of each.

    Args:
        assistant: Who answers.
        count: Number of questions.

    Returns:
        Number of questions that failed.
    """
    tracer = trace.get_tracer("halden.assistant", "1.0.0")
    failed = 0
    for number in range(count):
        question = QUESTIONS[number % len(QUESTIONS)]
        session = number // QUESTIONS_PER_SESSION
        about = baggage.set_baggage("session.id", f"session-{session:04}")
        about = baggage.set_baggage("user.id", f"user-{session % 7:02}", about)
        token = context.attach(about)
        # Other servers than the bundled one ignore this header, and then nothing fails.
        broken = number % FAIL_EVERY == FAIL_EVERY - 1
        headers = {"x-sample-fault": "500"} if broken else None
        try:
            # Stands for the span that a web framework's instrumentation would open.
            with tracer.start_as_current_span("POST /ask", kind=SpanKind.SERVER) as span:
                trace_id = trace.format_trace_id(span.get_span_context().trace_id)
                try:
                    said = assistant.answer(question, headers)
                except openai.OpenAIError as error:
                    mark_failed(span, error)
                    failed += 1
                    said = f"failed: {error}"
        finally:
            context.detach(token)
        print(f"trace {trace_id}\n  {question}\n  {said}", flush=True)
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service for a number of questions.

    Args:
        arguments: Command line without the program's name; by default this process's own.

    Returns:
        The exit status: 0 also where questions failed or nobody received the telemetry; 2 where
        the settings cannot work; 1 where the model's server cannot be reached at all; 130 where
        the user interrupted.
    """
    given = _parser().parse_args(arguments)
    with contextlib.ExitStack() as stack:
        try:
            outcome = stack.enter_context(
                telemetry(given.instrumentation or "", show_spans=given.show_spans)
            )
        except ValueError as error:
            print(f"otel_only_service: {error}", file=sys.stderr)
            return 2
        status = 0
        base_url = given.base_url
        if base_url is None:
            base_url = stack.enter_context(BackgroundServer(Settings(speed=given.speed))).base_url
        key = os.environ.get("OPENAI_API_KEY", "not-needed")
        client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=60)
        try:
            assistant = Assistant(client, given.model, given.embedding_model)
            failed = ask_all(assistant, given.questions)
            print(f"{given.questions} questions asked, {failed} failed")
        except openai.OpenAIError as error:
            print(f"otel_only_service: {base_url}: {error}", file=sys.stderr)
            status = 1
        except KeyboardInterrupt:
            status = 130
        finally:
            client.close()
    print(outcome())
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="otel_only_service", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--questions", type=int, default=5, help="how many questions to ask")
    parser.add_argument("--base-url", help="an OpenAI-compatible server, ending in /v1")
    parser.add_argument("--model", default="gpt-4o-mini", help="chat model")
    parser.add_argument(
        "--embedding-model", default="text-embedding-3-small", help="embedding model"
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, help="factor on the bundled server's delays; 0 for none"
    )
    parser.add_argument(
        "--instrumentation",
        choices=sorted(INSTRUMENTATIONS),
        help="which instrumentation of the OpenAI client to use (default: the first that works)",
    )
    parser.add_argument(
        "--show-spans", action="store_true", help="print every span with its attributes"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
