"""Hypothesis strategies for OTLP."""

import math
import time
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from support import otlp, otlp_signals

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


#: Times of now, and of none.
_TIMES = st.sampled_from([0, 1, 2**63, 2**64 - 1]) | st.builds(
    lambda back: time.time_ns() - back, st.integers(0, 10**9)
)
_RECORDS = st.builds(
    otlp_signals.record,
    body=values(6),
    attrs=ATTRIBUTES,
    time_unix_nano=_TIMES,
    observed_time_unix_nano=_TIMES,
    severity_number=st.integers(0, 30),
    severity_text=TEXT,
    event_name=TEXT | st.sampled_from(["gen_ai.choice", "gen_ai.user.message"]),
    trace_id=st.sampled_from([b"", b"\x01" * 16, b"\x01"]),
    span_id=st.sampled_from([b"", b"\x01" * 8, b"\x01"]),
)
_COUNTS = st.lists(st.integers(0, 2**64 - 1), max_size=4)


def _times(point: Any, time_unix_nano: int) -> Any:
    """A point with a time."""
    point.time_unix_nano = time_unix_nano
    return point


_NUMBERS = st.builds(
    otlp_signals.point, value=FLOATS | INT64 | st.none(), attrs=ATTRIBUTES, time_unix_nano=_TIMES
)
_HISTOGRAMS = st.builds(
    _times,
    st.builds(
        HistogramDataPoint,
        count=st.integers(0, 2**64 - 1),
        sum=st.none() | FLOATS,
        explicit_bounds=st.lists(FLOATS, max_size=3),
        bucket_counts=_COUNTS,
    ),
    _TIMES,
)
_BUCKETS = st.builds(
    ExponentialHistogramDataPoint.Buckets,
    offset=st.integers(-(2**31), 2**31 - 1),
    bucket_counts=_COUNTS,
)
_EXPONENTIALS = st.builds(
    _times,
    st.builds(
        ExponentialHistogramDataPoint,
        scale=st.integers(-(2**31), 2**31 - 1),
        zero_count=st.integers(0, 2**64 - 1),
        zero_threshold=FLOATS,
        positive=_BUCKETS,
        negative=_BUCKETS,
    ),
    _TIMES,
)
_METRICS = st.one_of(
    st.builds(Metric, name=TEXT),
    st.builds(otlp_signals.gauge, TEXT, st.lists(_NUMBERS, max_size=3), unit=TEXT),
    st.builds(
        Metric,
        name=TEXT,
        histogram=st.builds(Histogram, data_points=st.lists(_HISTOGRAMS, max_size=3)),
    ),
    st.builds(
        Metric,
        name=TEXT,
        exponential_histogram=st.builds(
            ExponentialHistogram, data_points=st.lists(_EXPONENTIALS, max_size=3)
        ),
    ),
)


def log_requests() -> SearchStrategy[ExportLogsServiceRequest]:
    """Requests of log records, not all of which are acceptable."""
    return st.builds(
        lambda listed, service: otlp_signals.logs(*listed, service=service),
        st.lists(_RECORDS, max_size=4),
        TEXT,
    )


def metric_requests() -> SearchStrategy[ExportMetricsServiceRequest]:
    """Requests of metrics, not all of whose points are acceptable."""
    return st.builds(
        lambda listed, service: otlp_signals.metrics(*listed, service=service),
        st.lists(_METRICS, max_size=4),
        TEXT,
    )
