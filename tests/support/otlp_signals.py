"""Builders of OTLP log and metric requests."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from support import otlp
from support.otlp import Value

CUMULATIVE: Final = 2
DELTA: Final = 1


@dataclass(frozen=True)
class Way:
    """Where requests of a signal are sent, and what says what was refused.

    Attributes:
        signal: its name.
        path: over HTTP.
        method: over gRPC.
        request: the request's message.
        response: the answer's message.
        refused: the field of a partial success that counts, as JSON has it.
    """

    signal: str
    path: str
    method: str
    request: Any
    response: Any
    refused: str

    def rejected(self, answer: bytes) -> int:
        """How many items an answer in protobuf says were refused; it has to say why."""
        partial = self.response.FromString(answer).partial_success
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in self.refused)
        count = int(getattr(partial, name))
        assert bool(count) == bool(partial.error_message)
        return count


_SERVICE: Final = "/opentelemetry.proto.collector"
TRACES: Final = Way(
    "traces", "/v1/traces", f"{_SERVICE}.trace.v1.TraceService/Export",
    ExportTraceServiceRequest, ExportTraceServiceResponse, "rejectedSpans",
)  # fmt: skip
LOGS: Final = Way(
    "logs", "/v1/logs", f"{_SERVICE}.logs.v1.LogsService/Export",
    ExportLogsServiceRequest, ExportLogsServiceResponse, "rejectedLogRecords",
)  # fmt: skip
METRICS: Final = Way(
    "metrics", "/v1/metrics", f"{_SERVICE}.metrics.v1.MetricsService/Export",
    ExportMetricsServiceRequest, ExportMetricsServiceResponse, "rejectedDataPoints",
)  # fmt: skip


def _resource(service: str, more: Mapping[str, Value]) -> Resource:
    return Resource(attributes=otlp.attributes({"service.name": service, **more}))


def record(
    body: Value = None, attrs: Mapping[str, Value] | None = None, **fields: Any
) -> LogRecord:
    """A log record of a second ago, unless `time_unix_nano` is given."""
    fields.setdefault("time_unix_nano", time.time_ns() - otlp.SECOND)
    return LogRecord(
        body=None if body is None else otlp.any_value(body),
        attributes=otlp.attributes(attrs or {}),
        **fields,
    )


def event(
    name: str, of: Any = None, body: Value = None, attrs: Mapping[str, Value] | None = None,
    **fields: Any,
) -> LogRecord:  # fmt: skip
    """A log record that is an event; `of` is the span that it belongs to."""
    if of is not None:
        fields |= {"trace_id": of.trace_id, "span_id": of.span_id}
    return record(body, attrs, event_name=name, **fields)


def logs(
    *records: LogRecord, service: str = "tests", resource: Mapping[str, Value] | None = None
) -> ExportLogsServiceRequest:
    """A request with one resource and one scope."""
    scope = ScopeLogs(
        scope=InstrumentationScope(name="tests", version="1"),
        log_records=records,
        schema_url="https://example.org/scope",
    )
    return ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(
                resource=_resource(service, resource or {}), scope_logs=[scope],
                schema_url="https://example.org/resource",
            )
        ]
    )  # fmt: skip


def metrics(
    *listed: Metric, service: str = "tests", resource: Mapping[str, Value] | None = None
) -> ExportMetricsServiceRequest:
    """A request with one resource and one scope."""
    scope = ScopeMetrics(scope=InstrumentationScope(name="tests", version="1"), metrics=listed)
    return ExportMetricsServiceRequest(
        resource_metrics=[
            ResourceMetrics(resource=_resource(service, resource or {}), scope_metrics=[scope])
        ]
    )


def point(
    value: float | None = 1.0, attrs: Mapping[str, Value] | None = None, **fields: Any
) -> NumberDataPoint:
    """A point of a second ago, unless `time_unix_nano` is given; integers stay integers."""
    fields.setdefault("time_unix_nano", time.time_ns() - otlp.SECOND)
    if value is not None:
        fields["as_int" if isinstance(value, int) else "as_double"] = value
    return NumberDataPoint(attributes=otlp.attributes(attrs or {}), **fields)


def gauge(name: str, points: Iterable[NumberDataPoint], **fields: Any) -> Metric:
    return Metric(name=name, gauge=Gauge(data_points=points), **fields)


def all_records(message: ExportLogsServiceRequest) -> list[LogRecord]:
    return [
        one
        for of_resource in message.resource_logs
        for of_scope in of_resource.scope_logs
        for one in of_scope.log_records
    ]


def all_points(message: ExportMetricsServiceRequest) -> list[Message]:
    return [
        one
        for of_resource in message.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
        if (kind := metric.WhichOneof("data"))
        for one in getattr(metric, kind).data_points
    ]


def count(message: Message) -> int:
    """The number of records, points or spans in a request."""
    if isinstance(message, ExportLogsServiceRequest):
        return len(all_records(message))
    if isinstance(message, ExportMetricsServiceRequest):
        return len(all_points(message))
    assert isinstance(message, ExportTraceServiceRequest)
    return len(otlp.all_spans(message))
