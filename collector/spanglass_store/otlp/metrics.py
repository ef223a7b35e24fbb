"""From OTLP metric requests to rows of `metrics`, one a data point.

Source: opentelemetry-proto 1.9, `metrics/v1/metrics.proto`; OpenTelemetry metrics data model,
section "ExponentialHistogram" for where its buckets end.
"""

from typing import Final

from spanglass_store.otlp import columns
from spanglass_store.otlp.decoder import Decoder, select
from spanglass_store.otlp.expressions import at, attribute_map, texts, time, types
from spanglass_store.otlp.request import COMMON, unfold
from spanglass_store.otlp.schema import ATTRIBUTES, Shape

_EXEMPLARS: Final = (
    f"Array(Tuple(filtered_attributes {ATTRIBUTES}, time_unix_nano UInt64, span_id String,"
    " trace_id String, value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6),"
    " as_double Float64, as_int Int64))"
)
_BUCKETS: Final = "Tuple(offset Int32, bucket_counts Array(UInt64))"
_TIMES: Final = "start_time_unix_nano UInt64, time_unix_nano UInt64"
_NUMBER: Final = (
    f"Tuple(attributes {ATTRIBUTES}, {_TIMES},"
    " value Enum8('none' = 0, 'as_double' = 4, 'as_int' = 6), as_double Float64, as_int Int64,"
    f" exemplars {_EXEMPLARS}, flags UInt32)"
)
_HISTOGRAM: Final = (
    f"Tuple(attributes {ATTRIBUTES}, {_TIMES}, count UInt64, sum Nullable(Float64),"
    f" bucket_counts Array(UInt64), explicit_bounds Array(Float64), exemplars {_EXEMPLARS},"
    " flags UInt32, min Nullable(Float64), max Nullable(Float64))"
)
_EXPONENTIAL: Final = (
    f"Tuple(attributes {ATTRIBUTES}, {_TIMES}, count UInt64, sum Nullable(Float64), scale Int32,"
    f" zero_count UInt64, positive {_BUCKETS}, negative {_BUCKETS}, flags UInt32,"
    f" exemplars {_EXEMPLARS}, min Nullable(Float64), max Nullable(Float64),"
    " zero_threshold Float64)"
)
_SUMMARY: Final = (
    f"Tuple(attributes {ATTRIBUTES}, {_TIMES}, count UInt64, sum Float64,"
    " quantile_values Array(Tuple(quantile Float64, value Float64)), flags UInt32)"
)
SHAPE: Final = Shape(
    resources="resource_metrics",
    scopes="scope_metrics",
    items="metrics",
    messages="""message Exemplar { repeated KeyValue filtered_attributes = 7;
  fixed64 time_unix_nano = 2; bytes span_id = 4; bytes trace_id = 5;
  oneof value { double as_double = 3; sfixed64 as_int = 6; } }
message NumberPoint { repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2;
  fixed64 time_unix_nano = 3; oneof value { double as_double = 4; sfixed64 as_int = 6; }
  repeated Exemplar exemplars = 5; uint32 flags = 8; }
message HistogramPoint { repeated KeyValue attributes = 9; fixed64 start_time_unix_nano = 2;
  fixed64 time_unix_nano = 3; fixed64 count = 4; optional double sum = 5;
  repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
  repeated Exemplar exemplars = 8; uint32 flags = 10; optional double min = 11;
  optional double max = 12; }
message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
message ExponentialPoint { repeated KeyValue attributes = 1; fixed64 start_time_unix_nano = 2;
  fixed64 time_unix_nano = 3; fixed64 count = 4; optional double sum = 5; sint32 scale = 6;
  fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9; uint32 flags = 10;
  repeated Exemplar exemplars = 11; optional double min = 12; optional double max = 13;
  double zero_threshold = 14; }
message Quantile { double quantile = 1; double value = 2; }
message SummaryPoint { repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2;
  fixed64 time_unix_nano = 3; fixed64 count = 4; double sum = 5;
  repeated Quantile quantile_values = 6; uint32 flags = 8; }
message Gauge { repeated NumberPoint data_points = 1; }
message Sum { repeated NumberPoint data_points = 1; int64 aggregation_temporality = 2;
  bool is_monotonic = 3; }
message Histogram { repeated HistogramPoint data_points = 1; int64 aggregation_temporality = 2; }
message Exponential { repeated ExponentialPoint data_points = 1;
  int64 aggregation_temporality = 2; }
message Summary { repeated SummaryPoint data_points = 1; }
message Item { string name = 1; string description = 2; string unit = 3;
  oneof data { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9;
  Exponential exponential_histogram = 10; Summary summary = 11; } }""",
    item=(
        "Tuple(name String, description String, unit String,"
        " data Enum8('none' = 0, 'gauge' = 5, 'sum' = 7, 'histogram' = 9,"
        " 'exponential_histogram' = 10, 'summary' = 11),"
        f" gauge Tuple(data_points Array({_NUMBER})),"
        f" sum Tuple(data_points Array({_NUMBER}), aggregation_temporality Int64,"
        " is_monotonic Bool),"
        f" histogram Tuple(data_points Array({_HISTOGRAM}), aggregation_temporality Int64),"
        f" exponential_histogram Tuple(data_points Array({_EXPONENTIAL}),"
        " aggregation_temporality Int64),"
        f" summary Tuple(data_points Array({_SUMMARY})))"
    ),
)

#: Kinds of points, with the ClickHouse type of one; a metric has points of one kind.
_KINDS: Final = {
    "number": _NUMBER,
    "histogram": _HISTOGRAM,
    "exponential": _EXPONENTIAL,
    "summary": _SUMMARY,
}


def _rows(source: str) -> str:
    """One row a point: the points of all kinds side by side, of which all but one are empty."""
    metrics = unfold(
        source,
        SHAPE,
        {
            "name": at("item", "name"),
            "description": at("item", "description"),
            "unit": at("item", "unit"),
            "raw_type": at("item", "data"),
            "raw_temporality": " + ".join(
                at("item", kind, "aggregation_temporality")
                for kind in ("sum", "histogram", "exponential_histogram")
            ),
            "is_monotonic": at("item", "sum", "is_monotonic"),
            "numbers": (
                f"arrayConcat({at('item', 'gauge', 'data_points')},"
                f" {at('item', 'sum', 'data_points')})"
            ),
            "histograms": at("item", "histogram", "data_points"),
            "exponentials": at("item", "exponential_histogram", "data_points"),
            "summaries": at("item", "summary", "data_points"),
        },
    )
    kept = (*COMMON, *_PASSED, "raw_type", "raw_temporality")
    lists = ("numbers", "histograms", "exponentials", "summaries")
    points = "length(numbers) + length(histograms) + length(exponentials) + length(summaries)"
    padded = ", ".join(f"arrayResize({each}, points)" for each in lists)
    counted = select({"points": points}, (*kept, *lists), metrics)
    joined = select({"point": f"arrayJoin(arrayZip({padded}))"}, kept, counted)
    return select({name: f"point.{n}" for n, name in enumerate(_KINDS, 1)}, kept, joined)


#: Columns that are a field of the metric as it came.
_PASSED: Final = ("name", "description", "unit", "is_monotonic")


def _of_any(field: str) -> str:
    """A field that points of every kind have: that of the kind which is there."""
    number, *others = (at(kind, field) for kind in _KINDS)
    return (
        f"multiIf(raw_type IN ('gauge', 'sum'), {number}, raw_type = 'histogram', {others[0]},"
        f" raw_type = 'exponential_histogram', {others[1]}, {others[2]})"
    )


def _of_both(field: str) -> str:
    """A field that both kinds of histogram have."""
    return (
        f"if(raw_type = 'exponential_histogram', {at('exponential', field)},"
        f" {at('histogram', field)})"
    )


def _bounds(sign: str, side: str) -> str:
    """Where the buckets of one side of an exponential histogram end, from zero outwards."""
    counts, offset = at("exponential", side, "bucket_counts"), at("exponential", side, "offset")
    return (
        f"if(empty({counts}), [], arrayMap(i -> {sign}exp2((i + {offset}) * width),"
        f" range(length({counts}) + 1)))"
    )


def _steps() -> dict[str, str]:
    positive, negative = (
        at("exponential", side, "bucket_counts") for side in ("positive", "negative")
    )
    return {
        "keys": f"{at(_of_any('attributes'), 'key')}",
        "values": f"{at(_of_any('attributes'), 'value')}",
        "all_attributes": f"mapFromArrays(keys, {texts('values')})",
        # Buckets of a scale end at powers of two that are this far apart.
        "width": f"exp2(-{at('exponential', 'scale')})",
        "exponential_bounds": (
            f"arrayConcat(arrayReverse({_bounds('-', 'negative')}), {_bounds('', 'positive')})"
        ),
        "exponential_counts": (
            f"arrayConcat(if(empty({negative}), [], arrayConcat([0], arrayReverse({negative}))),"
            f" [{at('exponential', 'zero_count')}],"
            f" if(empty({positive}), [], arrayConcat({positive}, [0])))"
        ),
        "all_exemplars": (
            f"arrayConcat({at('number', 'exemplars')}, {at('histogram', 'exemplars')},"
            f" {at('exponential', 'exemplars')})"
        ),
    }


def _columns() -> dict[str, str]:
    typed = columns.typed()
    quantiles = at("summary", "quantile_values")
    exponential = "raw_type = 'exponential_histogram'"
    return {
        "type": "if(raw_type = 'none', 'gauge', toString(raw_type))",
        "temporality": "if(raw_temporality BETWEEN 0 AND 2, raw_temporality, 0)",
        "start_time": time(_of_any("start_time_unix_nano")),
        "time": time(_of_any("time_unix_nano")),
        "ingested_at": "now64(6)",
        "series": (
            "sipHash64(type, arraySort(arrayZip(keys, values.kind, mapValues(all_attributes))),"
            " arraySort(arrayZip(mapKeys(resource), mapValues(resource))), scope_name)"
        ),
        "value": (
            f"if({at('number', 'value')} = 'as_int', {at('number', 'as_int')},"
            f" {at('number', 'as_double')})"
        ),
        "is_integer": f"{at('number', 'value')} = 'as_int'",
        "count": (
            f"multiIf({exponential}, {at('exponential', 'count')}, raw_type = 'summary',"
            f" {at('summary', 'count')}, {at('histogram', 'count')})"
        ),
        "sum": f"if(raw_type = 'summary', {at('summary', 'sum')}, {_of_both('sum')})",
        "min": _of_both("min"),
        "max": _of_both("max"),
        "bucket_bounds": (
            f"if({exponential}, exponential_bounds, {at('histogram', 'explicit_bounds')})"
        ),
        "bucket_counts": (
            f"if({exponential}, exponential_counts, {at('histogram', 'bucket_counts')})"
        ),
        "scale": f"if({exponential}, {at('exponential', 'scale')}, NULL)",
        "zero_threshold": at("exponential", "zero_threshold"),
        "quantiles.quantile": at(quantiles, "quantile"),
        "quantiles.value": at(quantiles, "value"),
        "exemplars.time": (f"arrayMap(t -> {time('t')}, {at('all_exemplars', 'time_unix_nano')})"),
        "exemplars.value": (
            "arrayMap((kind, i, d) -> if(kind = 'as_int', toFloat64(i), d),"
            f" {at('all_exemplars', 'value')}, {at('all_exemplars', 'as_int')},"
            f" {at('all_exemplars', 'as_double')})"
        ),
        "exemplars.trace_id": f"arrayMap(x -> lower(hex(x)), {at('all_exemplars', 'trace_id')})",
        "exemplars.span_id": f"arrayMap(x -> lower(hex(x)), {at('all_exemplars', 'span_id')})",
        "exemplars.attributes": (
            f"arrayMap(a -> {attribute_map('a')}, {at('all_exemplars', 'filtered_attributes')})"
        ),
        "attributes": "all_attributes",
        "attribute_types": types("keys", at("values", "kind")),
        "flags": _of_any("flags"),
        **{name: typed[name] for name in ("service", "environment", "sample_data")},
    }


METRICS: Final = Decoder(
    target="metrics",
    shape=SHAPE,
    parts={
        "raw_type": (
            "Enum8('none' = 0, 'gauge' = 5, 'sum' = 7, 'histogram' = 9,"
            " 'exponential_histogram' = 10, 'summary' = 11)"
        ),
        "raw_temporality": "Int64",
        **_KINDS,
    },
    passed=(*(name for name in COMMON if name != "payload_retention_days"), *_PASSED),
    rows=_rows,
    steps=_steps(),
    columns=_columns(),
)
