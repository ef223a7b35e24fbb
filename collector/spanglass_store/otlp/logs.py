"""From OTLP log requests to rows of `logs`; evaluation results to `scores`, too.

Source: opentelemetry-proto 1.9, `logs/v1/logs.proto`; OpenTelemetry GenAI semantic conventions,
event `gen_ai.evaluation.result`.
"""

from typing import Final

from spanglass_store.otlp import columns, content
from spanglass_store.otlp.decoder import Decoder, View
from spanglass_store.otlp.expressions import at, texts, time, types
from spanglass_store.otlp.literal import quoted
from spanglass_store.otlp.request import COMMON, digest_of, unfold
from spanglass_store.otlp.schema import ATTRIBUTES, VALUE, Shape

#: The event that is a score, and the SDK's account of what became of its spans.
EVALUATION: Final = "gen_ai.evaluation.result"
LEDGER: Final = "spanglass.ledger"

SHAPE: Final = Shape(
    resources="resource_logs",
    scopes="scope_logs",
    items="log_records",
    messages="""message Item { fixed64 time_unix_nano = 1; fixed64 observed_time_unix_nano = 11;
  int64 severity_number = 2; string severity_text = 3; AnyValue body = 5;
  repeated KeyValue attributes = 6; uint64 dropped_attributes_count = 7; fixed32 flags = 8;
  bytes trace_id = 9; bytes span_id = 10; string event_name = 12; }""",
    item=(
        "Tuple(time_unix_nano UInt64, observed_time_unix_nano UInt64, severity_number Int64,"
        f" severity_text String, body {VALUE}, attributes {ATTRIBUTES},"
        " dropped_attributes_count UInt64, flags UInt32, trace_id String, span_id String,"
        " event_name String)"
    ),
)

#: Parts of a record that columns follow from, with their type and their place in the message.
_PARTS: Final = {
    "raw_time": ("UInt64", ("time_unix_nano",)),
    "raw_observed": ("UInt64", ("observed_time_unix_nano",)),
    "raw_severity": ("Int64", ("severity_number",)),
    "raw_trace_id": ("String", ("trace_id",)),
    "raw_span_id": ("String", ("span_id",)),
    "raw_event_name": ("String", ("event_name",)),
    "raw_body": (VALUE, ("body",)),
    "keys": ("Array(LowCardinality(String))", ("attributes", "key")),
    "values": (f"Array({VALUE})", ("attributes", "value")),
}
#: Columns that are a field of the record as it came.
_FIELDS: Final = {
    "severity_text": ("severity_text",),
    "flags": ("flags",),
    "dropped_attributes_count": ("dropped_attributes_count",),
}


def _rows(source: str) -> str:
    paths = {name: path for name, (_, path) in _PARTS.items()} | _FIELDS
    fields = {name: at("item", *path) for name, path in paths.items()}
    return unfold(source, SHAPE, fields, origin=True)


def _columns() -> dict[str, str]:
    is_content = f"match(k, {quoted(content.pattern(content.CONTENT_KEYS))})"
    typed = columns.typed()
    about = (
        "service", "environment", "release", "session_id", "user_id", "sample_data",
    )  # fmt: skip
    return {
        "time": time("if(raw_time = 0, raw_observed, raw_time)"),
        "observed_time": time("if(raw_observed = 0, raw_time, raw_observed)"),
        "ingested_at": "now64(6)",
        "trace_id": "lower(hex(raw_trace_id))",
        "span_id": "lower(hex(raw_span_id))",
        # Before it had a field of its own the name was an attribute.
        "event_name": "if(raw_event_name != '', raw_event_name, all_attributes['event.name'])",
        "severity_number": "if(raw_severity BETWEEN 0 AND 24, raw_severity, 0)",
        "body": "if(has_content, '', body_text)",
        "body_type": at("raw_body", "kind"),
        "payload_body": "if(has_content, body_text, '')",
        "attributes": f"mapFilter((k, v) -> NOT {is_content}, all_attributes)",
        "payload_attributes": f"mapFilter((k, v) -> {is_content}, all_attributes)",
        "attribute_types": types("keys", at("values", "kind")),
        "digest": "sipHash64(raw_trace_id, raw_span_id, event_name, raw_severity, severity_text,"
        f" body_type, body_text, {digest_of('keys', at('values', 'kind'), 'attribute_texts')},"
        " origin, raw_observed)",
        **{name: typed[name] for name in about},
    }


def _metadata() -> str:
    """A JSON object as a map; values that are not text as their JSON."""
    pairs = "JSONExtractKeysAndValuesRaw(attributes['spanglass.score.metadata'])"
    return (
        f"mapFromArrays(arrayMap(p -> p.1, {pairs}),"
        f" arrayMap(p -> if(startsWith(p.2, '\"'), JSONExtractString(p.2), p.2), {pairs}))"
    )


_SOURCES: Final = ("human", "user", "code", "judge", "detector")
_SCORES: Final = View(
    target="scores",
    columns={
        "project": "project",
        # A score without an id is itself when it comes twice.
        "score_id": (
            "if(attributes['spanglass.score.id'] != '', attributes['spanglass.score.id'],"
            " lower(hex(digest)))"
        ),
        "name": "attributes['gen_ai.evaluation.name']",
        "value": (
            "if(isFinite(toFloat64OrNull(attributes['gen_ai.evaluation.score.value'])),"
            " toFloat64OrNull(attributes['gen_ai.evaluation.score.value']), NULL)"
        ),
        "label": "attributes['gen_ai.evaluation.score.label']",
        "source": (
            f"if(attributes['spanglass.score.source'] IN {_SOURCES},"
            " attributes['spanglass.score.source'], 'code')"
        ),
        "explanation": "payload_attributes['gen_ai.evaluation.explanation']",
        "correction": "payload_attributes['spanglass.correction']",
        "evaluator": "attributes['spanglass.score.evaluator']",
        "trace_id": "trace_id",
        "span_id": "span_id",
        "response_id": "attributes['gen_ai.response.id']",
        "session_id": "session_id",
        "created_at": "toDateTime64(time, 6, 'UTC')",
        "ingested_at": "ingested_at",
        "metadata": _metadata(),
    },
    where=f"event_name = '{EVALUATION}' AND attributes['gen_ai.evaluation.name'] != ''",
)


def _count(name: str) -> str:
    return f"toUInt64OrZero(attributes['spanglass.ledger.{name}'])"


_DROPPED: Final = "spanglass.ledger.dropped."
_REPORTS: Final = View(
    target="sdk_reports",
    columns={
        "project": "project",
        "service": "service",
        "environment": "environment",
        "instance_id": "attributes['spanglass.instance.id']",
        "number": _count("number"),
        "start_time": time(_count("start_time_unix_nano")),
        "end_time": "time",
        "sequence_first": _count("sequence.first"),
        "sequence_last": _count("sequence.last"),
        **{
            name: _count(name)
            for name in (
                "accepted", "sent", "spilled", "resent", "sampled_out", "waiting",
                "content_dropped",
            )
        },
        "dropped": (
            f"mapApply((k, v) -> (substring(k, {len(_DROPPED) + 1}), toUInt64OrZero(v)),"
            f" mapFilter((k, v) -> startsWith(k, '{_DROPPED}'), attributes))"
        ),
        "ingested_at": "ingested_at",
    },
    where=f"event_name = '{LEDGER}' AND attributes['spanglass.instance.id'] != ''",
)  # fmt: skip

LOGS: Final = Decoder(
    target="logs",
    shape=SHAPE,
    parts={name: kind for name, (kind, _) in _PARTS.items()} | {"origin": "UInt64"},
    passed=(*COMMON, *_FIELDS),
    rows=_rows,
    steps={
        "attribute_texts": texts("values"),
        "all_attributes": "mapFromArrays(keys, attribute_texts)",
        "body_text": f"{texts('[raw_body]')}[1]",
        "has_content": f"match(event_name, {quoted(content.pattern(content.CONTENT_EVENTS))})",
    },
    columns=_columns(),
    views=(_SCORES, _REPORTS),
)
