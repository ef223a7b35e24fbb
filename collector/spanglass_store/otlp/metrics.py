"""From OTLP metric requests to rows of `metrics`, one a data point.

Source: opentelemetry-proto 1.9, `metrics/v1/metrics.proto`; OpenTelemetry metrics data model,
section "ExponentialHistogram" for where its buckets end.
"""

from typing import Final

from spanglass_store.otlp import columns
from spanglass_store.otlp.decoder import Decoder, select
from spanglass_store.otlp.expressions import at, attribute_map, texts, time, types
from spanglass_store.otlp.request import COMMON, digest_of, unfold
from spanglass_store.otlp.schema import ATTRIBUTES, Shape

_EXEMPLARS: Final = (
    f"Array(Tuple(filtered_attributes {ATTRIBUTES}, time_unix_nano UInt64, span_id String,"
    " trace_id String, value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6),"
    " as_double Float64, as_int Int64))"
)
_QUANTILES: Final = "Array(Tuple(quantile Float64, value Float64))"
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
    f" quantile_values {_QUANTILES}, flags UInt32)"
)
_TYPE: Final = (
    "Enum8('none' = 0, 'gauge' = 5, 'sum' = 7, 'histogram' = 9, 'exponential_histogram' = 10,"
    " 'summary' = 11)"
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
        f" data {_TYPE},"
        f" gauge Tuple(data_points Array({_NUMBER})),"
        f" sum Tuple(data_points Array({_NUMBER}), aggregation_temporality Int64,"
        " is_monotonic Bool),"
        f" histogram Tuple(data_points Array({_HISTOGRAM}), aggregation_temporality Int64),"
        f" exponential_histogram Tuple(data_points Array({_EXPONENTIAL}),"
        " aggregation_temporality Int64),"
        f" summary Tuple(data_points Array({_SUMMARY})))"
    ),
)

#: Kinds of metrics: each lists points of its own kind, and a metric has points of one.
_NUMBERS: Final = ("gauge", "sum")
_HISTOGRAMS: Final = ("histogram", "exponential_histogram")
_ALL: Final = (*_NUMBERS, *_HISTOGRAMS, "summary")

#: Parts of a point, with their type, the kinds that have them, and the field.
_PARTS: Final = {
    "raw_attributes": (ATTRIBUTES, _ALL, "attributes"),
    "raw_start": ("UInt64", _ALL, "start_time_unix_nano"),
    "raw_time": ("UInt64", _ALL, "time_unix_nano"),
    "flags": ("UInt32", _ALL, "flags"),
    "raw_kind": ("Enum8('none' = 0, 'as_double' = 4, 'as_int' = 6)", _NUMBERS, "value"),
    "raw_double": ("Float64", _NUMBERS, "as_double"),
    "raw_int": ("Int64", _NUMBERS, "as_int"),
    "count": ("UInt64", (*_HISTOGRAMS, "summary"), "count"),
    "sum": ("Nullable(Float64)", (*_HISTOGRAMS, "summary"), "sum"),
    "min": ("Nullable(Float64)", _HISTOGRAMS, "min"),
    "max": ("Nullable(Float64)", _HISTOGRAMS, "max"),
    "raw_bounds": ("Array(Float64)", ("histogram",), "explicit_bounds"),
    "raw_counts": ("Array(UInt64)", ("histogram",), "bucket_counts"),
    "raw_scale": ("Int32", ("exponential_histogram",), "scale"),
    "zero_count": ("UInt64", ("exponential_histogram",), "zero_count"),
    "zero_threshold": ("Float64", ("exponential_histogram",), "zero_threshold"),
    "positive": (_BUCKETS, ("exponential_histogram",), "positive"),
    "negative": (_BUCKETS, ("exponential_histogram",), "negative"),
    "raw_quantiles": (_QUANTILES, ("summary",), "quantile_values"),
    "raw_exemplars": (_EXEMPLARS, (*_NUMBERS, *_HISTOGRAMS), "exemplars"),
}


def _rows(source: str) -> str:
    """One row a point.

    What points of several kinds have is brought together before there are rows: copying each
    kind's own parts for each point takes twice the time of all else.
    """
    metrics = unfold(
        source,
        SHAPE,
        {
            "name": at("item", "name"),
            "description": at("item", "description"),
            "unit": at("item", "unit"),
            "raw_type": at("item", "data"),
            "raw_temporality": " + ".join(
                at("item", kind, "aggregation_temporality") for kind in ("sum", *_HISTOGRAMS)
            ),
            "is_monotonic": at("item", "sum", "is_monotonic"),
            **{f"of_{kind}": at("item", kind, "data_points") for kind in _ALL},
        },
        origin=True,
    )
    kept = (*COMMON, *_OF_METRIC, "raw_type", "raw_temporality", "origin")
    lists = tuple(f"of_{kind}" for kind in _ALL)
    points = " + ".join(f"length({each})" for each in lists)
    counted = select({"points": points}, (*kept, *lists), metrics)
    zipped = ", ".join(_list(kinds, field) for _, kinds, field in _PARTS.values())
    joined = select({"point": f"arrayJoin(arrayZip({zipped}))"}, kept, counted)
    return select({name: f"point.{n}" for n, name in enumerate(_PARTS, 1)}, kept, joined)


def _list(kinds: tuple[str, ...], field: str) -> str:
    """A field of each of a metric's points; the type's default for kinds that don't have it."""
    lists = [at(f"of_{kind}", field) for kind in kinds]
    joined = f"arrayConcat({', '.join(lists)})" if len(lists) > 1 else lists[0]
    return joined if kinds == _ALL else f"arrayResize({joined}, points)"


#: Columns that are a field of the metric as it came, and of the point.
_OF_METRIC: Final = ("name", "description", "unit", "is_monotonic")
_OF_POINT: Final = ("flags", "count", "sum", "min", "max", "zero_threshold")


def _bounds(sign: str, side: str) -> str:
    """Where the buckets of one side of an exponential histogram end, from zero outwards."""
    counts, offset = at(side, "bucket_counts"), at(side, "offset")
    return (
        f"if(empty({counts}), [], arrayMap(i -> {sign}exp2((i + {offset}) * width),"
        f" range(length({counts}) + 1)))"
    )


def _steps() -> dict[str, str]:
    positive, negative = (at(side, "bucket_counts") for side in ("positive", "negative"))
    return {
        "keys": at("raw_attributes", "key"),
        "kinds": at("raw_attributes", "value", "kind"),
        "attribute_texts": texts(at("raw_attributes", "value")),
        # Buckets of a scale end at powers of two that are this far apart.
        "width": "exp2(-raw_scale)",
        "exponential_bounds": (
            f"arrayConcat(arrayReverse({_bounds('-', 'negative')}), {_bounds('', 'positive')})"
        ),
        "exponential_counts": (
            f"arrayConcat(if(empty({negative}), [], arrayConcat([0], arrayReverse({negative}))),"
            f" [zero_count], if(empty({positive}), [], arrayConcat({positive}, [0])))"
        ),
    }


def _columns() -> dict[str, str]:
    typed = columns.typed()
    exponential = "raw_type = 'exponential_histogram'"
    return {
        "type": "if(raw_type = 'none', 'gauge', toString(raw_type))",
        "temporality": "if(raw_temporality BETWEEN 0 AND 2, raw_temporality, 0)",
        "start_time": time("raw_start"),
        "time": time("raw_time"),
        "ingested_at": "now64(6)",
        "series": (
            "sipHash64(raw_type, raw_temporality, is_monotonic, unit, origin,"
            f" {digest_of('keys', 'kinds', 'attribute_texts')})"
        ),
        "value": "if(raw_kind = 'as_int', raw_int, raw_double)",
        "is_integer": "raw_kind = 'as_int'",
        "bucket_bounds": f"if({exponential}, exponential_bounds, raw_bounds)",
        "bucket_counts": f"if({exponential}, exponential_counts, raw_counts)",
        "scale": f"if({exponential}, raw_scale, NULL)",
        "quantiles.quantile": at("raw_quantiles", "quantile"),
        "quantiles.value": at("raw_quantiles", "value"),
        "exemplars.time": f"arrayMap(t -> {time('t')}, {at('raw_exemplars', 'time_unix_nano')})",
        "exemplars.value": (
            "arrayMap((kind, i, d) -> if(kind = 'as_int', toFloat64(i), d),"
            f" {at('raw_exemplars', 'value')}, {at('raw_exemplars', 'as_int')},"
            f" {at('raw_exemplars', 'as_double')})"
        ),
        "exemplars.trace_id": f"arrayMap(x -> lower(hex(x)), {at('raw_exemplars', 'trace_id')})",
        "exemplars.span_id": f"arrayMap(x -> lower(hex(x)), {at('raw_exemplars', 'span_id')})",
        "exemplars.attributes": (
            f"arrayMap(a -> {attribute_map('a')}, {at('raw_exemplars', 'filtered_attributes')})"
        ),
        "attributes": "mapFromArrays(keys, attribute_texts)",
        "attribute_types": types("keys", "kinds"),
        **{name: typed[name] for name in ("service", "environment", "sample_data")},
    }


METRICS: Final = Decoder(
    target="metrics",
    shape=SHAPE,
    parts={
        "raw_type": _TYPE,
        "raw_temporality": "Int64",
        "origin": "UInt64",
        **{name: kind for name, (kind, _, _) in _PARTS.items() if name not in _OF_POINT},
    },
    passed=(
        *(name for name in COMMON if name != "payload_retention_days"), *_OF_METRIC, *_OF_POINT,
    ),
    rows=_rows,
    steps=_steps(),
    columns=_columns(),
)  # fmt: skip
