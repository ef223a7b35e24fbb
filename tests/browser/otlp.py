"""Traces written by hand, as OTLP requests."""

import json
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

KINDS: Final = {"internal": 1, "server": 2, "client": 3}


@dataclass
class Trace:
    """One trace under construction; times of spans are milliseconds after its start.

    Args:
        service: the resource's service, unless a span names another.
        ago_s: how long ago it started, in seconds.
        seed: decides its ids.
    """

    service: str
    ago_s: float = 60.0
    seed: int = 0
    environment: str = "production"
    common: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.service} {self.seed}")
        self.trace_id = self._random.randbytes(16)
        self.start = time.time_ns() - int(self.ago_s * 1e9)
        self._spans: dict[str, list[Span]] = {}

    @property
    def id(self) -> str:
        """The trace id as it is shown."""
        return self.trace_id.hex()

    def span(
        self,
        name: str,
        at: float,
        duration: float,
        parent: Span | bytes | None = None,
        kind: str = "internal",
        error: str = "",
        service: str = "",
        events: Sequence[tuple[str, float, dict[str, Any]]] = (),
        **attributes: Any,
    ) -> Span:
        """Adds a span. In the names of attributes `__` stands for a dot."""
        above = parent.span_id if isinstance(parent, Span) else parent or b""
        begin = self.start + int(at * 1e6)
        made = Span(
            trace_id=self.trace_id,
            span_id=self._random.randbytes(8),
            parent_span_id=above,
            name=name,
            kind=KINDS[kind],
            start_time_unix_nano=begin,
            end_time_unix_nano=begin + int(duration * 1e6),
            attributes=[
                pair(key.replace("__", "."), value)
                for key, value in {**self.common, **attributes}.items()
                if value is not None
            ],
            events=[
                Span.Event(
                    name=event,
                    time_unix_nano=begin + int(offset * 1e6),
                    attributes=[pair(key, value) for key, value in values.items()],
                )
                for event, offset, values in events
            ],
        )
        if error:
            made.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=error))
        self._spans.setdefault(service or self.service, []).append(made)
        return made

    def last(self, name: str) -> str:
        """The id, as it is shown, of the last span of a name."""
        named = [span for spans in self._spans.values() for span in spans if span.name == name]
        return named[-1].span_id.hex()

    def request(self) -> ExportTraceServiceRequest:
        """The trace as an exporter sends it."""
        found = ExportTraceServiceRequest()
        for service, spans in self._spans.items():
            sent = ResourceSpans()
            sent.resource.attributes.extend(
                [
                    pair("service.name", service),
                    pair("service.version", "2.4.1"),
                    pair("deployment.environment.name", self.environment),
                    pair("telemetry.sdk.language", "python"),
                ]
            )
            scope = sent.scope_spans.add()
            scope.scope.name = "example.instrumentation"
            scope.spans.extend(spans)
            found.resource_spans.append(sent)
        return found


def pair(key: str, value: Any) -> KeyValue:
    """One attribute."""
    return KeyValue(key=key, value=_any(value))


def _any(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return AnyValue(array_value=ArrayValue(values=[_any(each) for each in value]))
    return AnyValue(string_value=value if isinstance(value, str) else json.dumps(value))


def request_of(traces: Iterable[Trace]) -> ExportTraceServiceRequest:
    """Several traces as one request."""
    whole = ExportTraceServiceRequest()
    for trace in traces:
        whole.MergeFrom(trace.request())
    return whole
