"""Hypothesis strategies for OTLP."""

import math

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from support import otlp

#: Text that protobuf can carry: everything but lone surrogates.
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
INT64 = st.integers(-(2**63), 2**63 - 1)
#: With one NaN: JSON has no more.
FLOATS = st.floats(allow_nan=False) | st.just(math.nan)
SCALARS: SearchStrategy[otlp.Value] = st.one_of(
    TEXT, INT64, st.booleans(), FLOATS, st.binary(max_size=8), st.none()
)


def values(max_leaves: int = 12) -> SearchStrategy[otlp.Value]:
    """Attribute values of any shape; the keys of one list of keys and values differ."""
    return st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(TEXT | st.just("$bytes"), inner, max_size=4),
        ),
        max_leaves=max_leaves,
    )


ATTRIBUTES = st.dictionaries(TEXT, values(4), max_size=3)
SPANS = st.builds(
    otlp.span,
    name=TEXT,
    id=st.binary(min_size=8, max_size=8).filter(any),
    trace=st.binary(min_size=16, max_size=16).filter(any),
    attrs=ATTRIBUTES,
)
SCOPES = st.builds(
    ScopeSpans,
    scope=st.builds(InstrumentationScope, name=TEXT, version=TEXT),
    spans=st.lists(SPANS, max_size=4),
    schema_url=TEXT,
)


@st.composite
def requests(draw: st.DrawFn, max_resources: int = 3) -> ExportTraceServiceRequest:
    """Requests in which every span is acceptable, and has an id that no other one has."""
    message = ExportTraceServiceRequest()
    number = 0
    for _ in range(draw(st.integers(0, max_resources))):
        of_resource = otlp.resource_spans([], service=draw(TEXT), resource=draw(ATTRIBUTES))
        del of_resource.scope_spans[:]
        of_resource.scope_spans.extend(draw(st.lists(SCOPES, max_size=3)))
        of_resource.schema_url = draw(TEXT)
        message.resource_spans.append(of_resource)
    for one in otlp.all_spans(message):
        number += 1
        one.span_id = number.to_bytes(8, "big")
    return message
