"""Real senders against the running service: nothing here knows Spanglass."""

import contextlib
import json
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as over_grpc
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import trace_exporter as over_http
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from support.running import ROOT, RunningService, environment


def exporter(service: RunningService, kind: str) -> SpanExporter:
    service.dirty = True
    if kind == "grpc":
        address = f"http://{service.addresses['otlp_grpc']}"
        return over_grpc.OTLPSpanExporter(endpoint=address, insecure=True)
    compression = Compression.Gzip if kind == "http gzip" else Compression.NoCompression
    return over_http.OTLPSpanExporter(endpoint=f"{service.otlp}/v1/traces", compression=compression)


@pytest.mark.parametrize("kind", ["grpc", "http", "http gzip"])
def test_the_standard_sdk(service: RunningService, unique: str, kind: str) -> None:
    resource = Resource.create({"service.name": unique, "service.version": "1.2"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter(service, kind)))
    tracer = provider.get_tracer("my.library", "0.1", schema_url="https://example.org/1")
    with tracer.start_as_current_span("server", kind=SpanKind.SERVER) as root:
        with contextlib.suppress(ZeroDivisionError), tracer.start_as_current_span(
            "client", kind=SpanKind.CLIENT,
            attributes={"text": "ü", "n": 7, "f": 1.0, "b": False, "list": [1, 2], "none": ()},
            links=[Link(root.get_span_context(), {"l": 1})],
        ) as child:  # fmt: skip
            child.add_event("something", {"k": "v"})
            _ = 1 / 0
        for n in range(300):
            with tracer.start_as_current_span(f"many {n}"):
                pass
        root.set_status(Status(StatusCode.OK))
    provider.shutdown()
    shown = service.trace(root.get_span_context().trace_id.to_bytes(16, "big"))
    assert len(shown) == 302
    by_name = {one["name"]: one for one in shown}
    server, client = by_name["server"], by_name["client"]
    assert (server["span_kind"], server["status"], server["parent_span_id"]) == ("server", "ok", "")
    assert (server["service"], server["release"]) == (unique, "1.2")
    assert server["resource"]["telemetry.sdk.language"] == "python"
    assert (server["scope_name"], server["scope_version"]) == ("my.library", "0.1")
    assert server["scope_schema_url"] == "https://example.org/1"
    assert client["parent_span_id"] == server["span_id"]
    assert (client["status"], client["status_message"]) == (
        "error", "ZeroDivisionError: division by zero",
    )  # fmt: skip
    assert client["attributes"] == {
        "text": "ü", "n": 7, "f": 1.0, "b": False, "list": [1, 2], "none": [],
    }  # fmt: skip
    assert [event["name"] for event in client["events"]] == ["something", "exception"]
    assert client["events"][1]["attributes"]["exception.type"] == "ZeroDivisionError"
    (link,) = client["links"]
    assert (link["span_id"], link["attributes"]) == (server["span_id"], {"l": 1})


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_an_exporter_is_told_that_it_succeeded(service: RunningService, kind: str) -> None:
    ended: list[Any] = []

    class Recording(SpanExporter):
        def __init__(self, inner: SpanExporter) -> None:
            self.inner = inner

        def export(self, spans: Any) -> SpanExportResult:
            ended.append(self.inner.export(spans))
            return SpanExportResult.SUCCESS

        def shutdown(self) -> None:
            self.inner.shutdown()

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Recording(exporter(service, kind))))
    with provider.get_tracer("t").start_as_current_span("one"):
        pass
    provider.shutdown()
    assert ended == [SpanExportResult.SUCCESS]


def run(path: str, *arguments: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / path), *arguments], env=environment(**env), cwd=ROOT,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def calls(shared_service: RunningService) -> dict[str, dict[str, Any]]:
    """The span that openai-v2 made of each call of the real client."""
    openai_v2 = "opentelemetry.instrumentation.openai_v2"
    pytest.importorskip(
        openai_v2, exc_type=ImportError,
        reason="opentelemetry-instrumentation-openai-v2 does not work here: it needs"
        " opentelemetry-util-genai<1.2 (extra dev has it)",
    )  # fmt: skip
    shared_service.dirty = True
    traces = json.loads(run("tests/support/openai_sender.py", shared_service.otlp))
    found = {}
    for name, trace_id in traces.items():
        spans = shared_service.trace(bytes.fromhex(trace_id))
        assert [one["name"] for one in spans][:1] == [name]
        (found[name],) = [one for one in spans if one["name"] != name]
    return found


def test_a_chat_of_the_real_client(calls: dict[str, dict[str, Any]]) -> None:
    chat = calls["chat"]
    assert (chat["operation"], chat["provider"]) == ("chat", "openai")
    assert chat["request_model"] == "gpt-4o-mini"
    assert chat["response_model"].startswith("gpt-4o-mini")
    assert chat["input_tokens"] > 0
    assert chat["output_tokens"] > 0
    assert chat["finish_reasons"] == ["stop"]
    assert chat["span_kind"] == "client"
    assert chat["attributes"]["gen_ai.request.temperature"] == 0.5
    assert chat["attributes"]["gen_ai.request.max_tokens"] == 50
    assert "How much is express delivery?" in chat["input"]
    assert chat["input_key"] == "gen_ai.input.messages"
    assert "assistant" in chat["output"]
    assert "express delivery" not in json.dumps(chat["attributes"])


def test_a_streamed_chat_of_the_real_client(calls: dict[str, dict[str, Any]]) -> None:
    stream = calls["stream"]
    assert stream["operation"] == "chat"
    assert stream["input_tokens"] > 0
    assert stream["output_tokens"] > 0
    assert "How much is express delivery?" in stream["input"]
    assert stream["output"]
    assert stream["output"] == calls["chat"]["output"] or "assistant" in stream["output"]


def test_tools_of_the_real_client(calls: dict[str, dict[str, Any]]) -> None:
    tools = calls["tools"]
    assert tools["finish_reasons"] == ["tool_calls"]
    assert "get_order_status" in tools["output"]
    assert "HO-10482" in tools["output"]
    assert "HO-10482" not in json.dumps(tools["attributes"])


def test_embeddings_and_errors_of_the_real_client(calls: dict[str, dict[str, Any]]) -> None:
    assert calls["embeddings"]["operation"] == "embeddings"
    assert calls["embeddings"]["request_model"] == "text-embedding-3-small"
    assert calls["embeddings"]["input_tokens"] > 0
    error = calls["error"]
    assert (error["status"], error["operation"]) == ("error", "chat")
    assert "RateLimitError" in error["error_type"]
    assert error["output_tokens"] is None


def test_the_global_provider_is_left_alone() -> None:
    """What these tests do does not leak into others."""
    assert not isinstance(trace.get_tracer_provider(), TracerProvider)
