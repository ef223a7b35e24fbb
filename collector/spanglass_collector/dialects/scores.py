"""Scores that came inside of spans, made the events that scores are.

Feedback in OpenInference's lists, about a span, its trace or its session, and the evaluation
events of spans. Each becomes a log record `gen_ai.evaluation.result`, as whoever scores later sends
it.

Source: openinference-semantic-conventions 0.1.42, "Annotations"; OpenTelemetry GenAI semantic
conventions, event `gen_ai.evaluation.result`.
"""

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector.dialects import convert
from spanglass_collector.dialects.attributes import plain
from spanglass_store.otlp.columns import TEXT
from spanglass_store.otlp.logs import EVALUATION

log = logging.getLogger(__name__)

#: What a serialised request has in it that may hold some; the event's name has the second.
_MARKS: Final = (b".annotation.", b".evaluation.")
#: Names that count through a list of feedback.
_FEEDBACK: Final = re.compile(
    r"(?:(trace|session)\.)?(annotation|evaluation)s\.([0-9]{1,9})\.\2\."
    r"(name|score|label|explanation|annotator_kind|identifier|metadata)"
)
_KINDS: Final[Mapping[str, str]] = {"HUMAN": "human", "LLM": "judge", "CODE": "code"}
#: Whose session and which user: a score is found by them, and goes when they are erased.
_SESSION: Final = frozenset(TEXT["session_id"])
_WHOSE: Final = _SESSION | {*TEXT["user_id"]}
_ID: Final = "spanglass.score.id"


def may_apply(body: bytes) -> bool:
    """Whether a serialised `ExportTraceServiceRequest` may have scores in its spans."""
    return any(mark in body for mark in _MARKS)


def read(request: ExportTraceServiceRequest) -> ExportLogsServiceRequest | None:
    """The scores that the spans of a request have in them, as events; None without any.

    The same span gives the same scores, so that one that comes twice is scored once. What is
    said of a trace or a session by several of its spans under one name is one score, the last.
    """
    made = ExportLogsServiceRequest()
    for of_resource in request.resource_spans:
        resource = None
        for of_scope in of_resource.scope_spans:
            records: list[LogRecord] = []
            for span in of_scope.spans:
                try:
                    records += _records(span)
                except Exception:
                    # A fault of ours, not of the sender's, who would send it again for ever.
                    log.exception("Scores of a span of %r are left out.", of_scope.scope.name)
            if not records:
                continue
            if resource is None:
                resource = made.resource_logs.add(schema_url=of_resource.schema_url)
                resource.resource.CopyFrom(of_resource.resource)
            resource.scope_logs.append(ScopeLogs(scope=of_scope.scope, log_records=records))
    return made if made.resource_logs else None


def _records(span: Span) -> Iterator[LogRecord]:
    whose = [each for each in span.attributes if each.key in _WHOSE]
    told: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for about, each in _feedback(span):
        if about == "session" and not any(one.key in _SESSION for one in whose):
            # Nobody knows which session; it is about its trace, too.
            about = "trace"
        name, identifier = (convert.text(each.get(key)) or "" for key in ("name", "identifier"))
        before = told.setdefault((about, name, identifier), [])
        # In both terminologies, say.
        if each in before:
            continue
        before.append(each)
        record = _record(span, about, whose)
        known = _about(record, whose), name, identifier, str(len(before) - 1)
        record.attributes.append(_attribute(_ID, _digest(known)))
        record.attributes.extend(_attribute(key, value) for key, value in _said(each).items())
        yield record
    for event in span.events:
        if event.name != EVALUATION:
            continue
        given = {each.key for each in event.attributes}
        record = _record(span, "span", [each for each in whose if each.key not in given])
        record.time_unix_nano = event.time_unix_nano or record.time_unix_nano
        record.attributes.extend(event.attributes)
        yield record


def _feedback(span: Span) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each entry of a span's lists is about, and what it says."""
    lists: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for each in span.attributes:
        found = _FEEDBACK.fullmatch(each.key)
        if found is None:
            continue
        about, term, index, field = found.groups()
        entries = lists.setdefault((about or "span", term), {})
        entries.setdefault(int(index), {}).setdefault(field, plain(each.value))
    for (about, term), entries in lists.items():
        for index in sorted(entries):
            entry = {key: value for key, value in entries[index].items() if value is not None}
            if not entry.keys().isdisjoint(("score", "label", "explanation")):
                entry.setdefault("name", term)
                yield about, entry


def _said(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry in the event's words."""
    score, label = entry.get("score"), convert.text(entry.get("label"))
    value = float(score) if isinstance(score, bool) else convert.number(score)
    if score is not None and label is None and (value is None or isinstance(score, bool)):
        label = convert.json_text(score)
    metadata = entry.get("metadata")
    found = convert.loads(metadata) if isinstance(metadata, str) else metadata
    if metadata is not None and not isinstance(found, dict):
        found = {"metadata": metadata}
    said = {
        "gen_ai.evaluation.name": convert.text(entry["name"]) or convert.json_text(entry["name"]),
        "gen_ai.evaluation.score.value": value,
        "gen_ai.evaluation.score.label": label,
        "gen_ai.evaluation.explanation": convert.json_text(entry.get("explanation")),
        "spanglass.score.source": _KINDS.get(str(entry.get("annotator_kind")).upper()),
        "spanglass.score.evaluator": convert.text(entry.get("identifier")),
        "spanglass.score.metadata": convert.dumps(found) if found else None,
    }
    return {key: value for key, value in said.items() if value is not None}


def _record(span: Span, about: str, whose: list[KeyValue]) -> LogRecord:
    record = LogRecord(
        time_unix_nano=span.end_time_unix_nano or span.start_time_unix_nano,
        event_name=EVALUATION,
        attributes=whose,
    )
    if about != "session":
        record.trace_id = span.trace_id
    if about == "span":
        record.span_id = span.span_id
    return record


def _about(record: LogRecord, whose: list[KeyValue]) -> str:
    """What a score is about: the session's id where it is about no trace."""
    if record.trace_id:
        return f"{record.trace_id.hex()}:{record.span_id.hex()}"
    return next(each.value.string_value for each in whose if each.key in _SESSION)


def _digest(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _attribute(key: str, value: str | float) -> KeyValue:
    made = KeyValue(key=key)
    if isinstance(value, str):
        made.value.string_value = value.encode("utf-8", "replace").decode()
    else:
        made.value.double_value = value
    return made
