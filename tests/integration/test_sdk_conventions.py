"""What the SDK sends, read by a plain OTLP decoder and held against the GenAI conventions.

Source: OpenTelemetry semantic conventions for generative AI, spans, as of 2026-11: kind, name, and the
attributes that are required, or required where the span has something to say of them.
"""

from typing import Any, Final, NamedTuple

import pytest
from openai import OpenAI
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import spanglass
from support.sdk_fixtures import Start
from support.sdk_sink import Sink, attributes_of


class Convention(NamedTuple):
    """What a span of an operation has to have.

    Attributes:
        kind: OpenTelemetry's.
        subject: the attribute that stands in the name, behind the operation.
        required: attributes beside the operation's name.
    """

    kind: Span.SpanKind.ValueType
    subject: str
    required: tuple[str, ...] = ()


PROVIDER, MODEL = "gen_ai.provider.name", "gen_ai.request.model"
CONVENTIONS: Final = {
    "chat": Convention(Span.SPAN_KIND_CLIENT, MODEL, (PROVIDER, MODEL)),
    "embeddings": Convention(Span.SPAN_KIND_CLIENT, MODEL, (PROVIDER, MODEL)),
    "retrieval": Convention(Span.SPAN_KIND_CLIENT, "gen_ai.data_source.id"),
    "execute_tool": Convention(Span.SPAN_KIND_INTERNAL, "gen_ai.tool.name", ("gen_ai.tool.name",)),
    "invoke_agent": Convention(Span.SPAN_KIND_INTERNAL, "gen_ai.agent.name"),
    "invoke_workflow": Convention(Span.SPAN_KIND_INTERNAL, "gen_ai.workflow.name"),
}
WHOLE_NUMBERS: Final = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")


def check(span: Span) -> str:
    """Holds a span against its operation's convention; the operation."""
    found: dict[str, Any] = attributes_of(span)
    operation = str(found["gen_ai.operation.name"])
    convention = CONVENTIONS[operation]
    assert span.kind == convention.kind
    assert [name for name in convention.required if not found.get(name)] == []
    if convention.subject in found:
        assert span.name == f"{operation} {found[convention.subject]}"
    assert (span.status.code == Status.STATUS_CODE_ERROR) == ("error.type" in found)
    assert "server.port" in found or "server.address" not in found
    assert all(isinstance(found.get(name, 0), int) for name in WHOLE_NUMBERS)
    assert isinstance(found.get("gen_ai.response.finish_reasons", []), list)
    return operation


def received(sink: Sink) -> list[Span]:
    assert spanglass.flush()
    return [span for request in sink.received for span in request.spans()]


def test_what_is_recorded_by_hand(sink: Sink, start: Start) -> None:
    start()
    with (
        spanglass.span("support", kind="workflow"),
        spanglass.span("helper", kind="agent"),
    ):
        with spanglass.span("help-centre", kind="retrieval", input="zip") as found:
            found.output([{"id": "1", "content": "Zips are repaired."}])
        with spanglass.span("get_order", kind="tool", input={"id": 7}) as tool:
            tool.output("sent")
        with spanglass.generation("e", provider="openai", operation="embeddings") as vectors:
            vectors.usage(input_tokens=3)
        with spanglass.generation("m", provider="openai", messages="zip", stream=True) as call:
            call.chunk("It is ")
            call.output("It is repaired.", finish_reason="stop")
            call.usage(input_tokens=3, output_tokens=4)
        with (
            pytest.raises(TimeoutError),
            spanglass.generation("m", provider="openai", messages="again"),
        ):
            raise TimeoutError
    operations = [check(span) for span in received(sink)]
    assert sorted(operations) == [
        "chat", "chat", "embeddings", "execute_tool", "invoke_agent", "invoke_workflow",
        "retrieval",
    ]  # fmt: skip


def test_what_wrapped_clients_record(sink: Sink, start: Start, url: str) -> None:
    start()
    client = spanglass.wrap(OpenAI(base_url=url, api_key="none", max_retries=0))
    asked: Any = [{"role": "user", "content": "How long is a gift card valid?"}]
    client.chat.completions.create(model="gpt-4o-mini", messages=asked)
    for _ in client.chat.completions.create(model="gpt-4o-mini", messages=asked, stream=True):
        pass
    client.embeddings.create(model="text-embedding-3-small", input="zip")
    spans = received(sink)
    assert sorted(check(span) for span in spans) == ["chat", "chat", "embeddings"]
    assert all(attributes_of(span)["server.address"] == "127.0.0.1" for span in spans)
