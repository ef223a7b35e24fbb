"""Spans in an embedded store without a service, and what they have cost."""

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.signals import RESOURCE
from spanglass_store.bulk import BulkInsert
from spanglass_store.client import Store
from spanglass_store.otlp.schema import PROJECT_FIELD
from spanglass_store.otlp.spans import SPANS
from support import otlp


def insert(store: Store, project: str, spans: Iterable[Span], token: str) -> None:
    """Stores spans as the collector does."""
    stamp = wire.field(PROJECT_FIELD, project.encode())
    body = otlp.resource_spans(spans).SerializeToString() + stamp
    BulkInsert(store.endpoint, SPANS.insert(store.database), {})(
        wire.field(RESOURCE, body), token=token
    )


def costs(store: Store, project: str) -> dict[str, dict[str, Any]]:
    """The columns of cost of a project's spans, by span id."""
    rows = store.query(
        "SELECT span_id, cost_usd, input_cost_usd, output_cost_usd, toString(cost_source) AS source,"
        " price_revision FROM spanglass.spans FINAL WHERE project = {p:String}",
        {"p": project},
    ).dicts()
    return {row["span_id"]: row for row in rows}


def trace_costs(store: Store, project: str) -> dict[str, float]:
    """What a project's traces have cost, by trace id."""
    rows = store.query(
        "SELECT trace_id, cost_usd FROM spanglass.traces FINAL WHERE project = {p:String}",
        {"p": project},
    ).rows
    return {str(trace_id): float(cost) for trace_id, cost in rows}
