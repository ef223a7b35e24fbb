"""Traces as courses of events: what happened in them, and what the user said next."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from spanglass_detectors.quality.task_success import Course, Step
from spanglass_detectors.span import Span
from spanglass_detectors.text.exchange import ANSWERS, exchange_of
from spanglass_store.client import Store
from spanglass_store.queries.job_spans import Window

#: Spans of a trace that are looked at, and bytes of one text.
_SPANS: Final = 1_000
_BYTES: Final = 200_000
#: How long after a trace's end the next message still says something of it, in seconds.
FOLLOWS_S: Final = 1_800
_TOOL: Final = "execute_tool"


@dataclass(frozen=True, order=True)
class TraceKey:
    """Which trace."""

    project: str
    trace_id: str


@dataclass(frozen=True)
class Told:
    """A trace's course, and the row of the span that stands for it."""

    course: Course
    span: Mapping[str, Any]


def arrived(store: Store, window: Window, most: int) -> list[TraceKey]:
    """Traces of which something came in a window, those before them in their conversations too.

    What a user says next is about the answer before it.
    """
    database = store.database
    rows = store.query(
        f"SELECT DISTINCT project, trace_id, session_id FROM {database}.spans"
        f" WHERE {window.condition} LIMIT {{most:UInt32}}",
        {**window.values, "most": most},
    ).rows
    found = {TraceKey(str(project), str(trace)) for project, trace, _ in rows}
    sessions = sorted({(str(p), str(s)) for p, _, s in rows if s})
    if sessions:
        before = store.query(
            "SELECT project, session_id, groupArray((began, trace_id)) FROM ("
            "SELECT project, session_id, trace_id, min(start_time) AS began"
            f" FROM {database}.spans WHERE (project, session_id) IN"
            " {sessions:Array(Tuple(String, String))} AND start_time >= now() - INTERVAL 1 DAY"
            " GROUP BY project, session_id, trace_id ORDER BY began) GROUP BY project, session_id",
            {"sessions": sessions},
        ).rows
        for project, _, traces in before:
            ids = [str(trace) for _, trace in sorted(traces)]
            for first, second in pairwise(ids):
                if TraceKey(str(project), second) in found:
                    found.add(TraceKey(str(project), first))
    return sorted(found)


def courses(store: Store, keys: Sequence[TraceKey]) -> list[Told]:
    """What happened in traces that called a model or a tool."""
    spans = _spans(store, keys)
    told = [each for trace in spans.values() if (each := _told(trace)) is not None]
    follow = _follow_ups(store, told)
    return [
        Told(replace(each.course, follow_up=follow.get(str(each.span["trace_id"]), "")), each.span)
        for each in told
    ]


def _spans(store: Store, keys: Sequence[TraceKey]) -> dict[TraceKey, list[dict[str, Any]]]:
    rows = store.query(
        "SELECT project, trace_id, span_id, parent_span_id, name, operation, tool_name, service,"
        " environment, session_id, start_time, end_time, toString(status) AS status_,"
        " toString(toDateTime64(start_time, 6, 'UTC')) AS began,"
        " finish_reasons, sample_data, retention_days,"
        f" if(length(input) > {_BYTES}, '', input) AS input_,"
        f" if(length(output) > {_BYTES}, '', output) AS output_"
        f" FROM {store.database}.spans WHERE (project, trace_id) IN"
        " {keys:Array(Tuple(String, String))}"
        f" ORDER BY start_time, span_id, ingested_at LIMIT {_SPANS} BY project, trace_id",
        {"keys": [(each.project, each.trace_id) for each in keys]},
    ).dicts()
    found: dict[TraceKey, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        key = TraceKey(str(row["project"]), str(row["trace_id"]))
        # Of a span that came twice the last one counts.
        found[key][str(row["span_id"])] = row
    return {key: list(by_id.values()) for key, by_id in found.items()}


def _told(trace: Sequence[Mapping[str, Any]]) -> Told | None:
    calls = [row for row in trace if row["operation"] in (*ANSWERS, _TOOL)]
    if not calls:
        return None
    ids = {row["span_id"] for row in trace}
    root = next((row for row in trace if row["parent_span_id"] not in ids), trace[0])
    models = [row for row in calls if row["operation"] in ANSWERS]
    first = exchange_of(_span(models[0])) if models else None
    last = exchange_of(_span(models[-1])) if models else None
    steps = tuple(
        Step(
            row["operation"] == _TOOL,
            str(row["tool_name"] or row["name"]),
            str(row["input_"]),
            row["status_"] == "error",
        )
        for row in calls
    )
    course = Course(
        failed=root["status_"] == "error",
        steps=steps,
        question=first.question if first is not None else "",
        answer=last.prose if last is not None else "",
        finish_reasons=models[-1]["finish_reasons"] if models else (),
        calls_tools=bool(last is not None and last.tool_calls),
    )
    return Told(course, root)


def _span(row: Mapping[str, Any]) -> Span:
    return Span(operation=str(row["operation"]), input=row["input_"], output=row["output_"])


def _follow_ups(store: Store, told: Iterable[Told]) -> dict[str, str]:
    """What was said next in the conversations of traces, by trace."""
    sessions: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for each in told:
        if each.span["session_id"]:
            key = str(each.span["project"]), str(each.span["session_id"])
            sessions[key].append(each.span)
    if not sessions:
        return {}
    rows = store.query(
        "SELECT project, session_id, trace_id, min(start_time) AS began,"
        f" argMin(if(length(input) > {_BYTES}, '', input), start_time) AS said"
        f" FROM {store.database}.spans WHERE (project, session_id) IN"
        " {sessions:Array(Tuple(String, String))} AND operation IN {answers:Array(String)}"
        " AND start_time >= now() - INTERVAL 1 DAY"
        " GROUP BY project, session_id, trace_id ORDER BY began",
        {"sessions": sorted(sessions), "answers": list(ANSWERS)},
    ).dicts()
    found: dict[str, str] = {}
    for row in rows:
        for span in sessions[str(row["project"]), str(row["session_id"])]:
            trace = str(span["trace_id"])
            if trace == row["trace_id"] or trace in found or row["began"] <= span["start_time"]:
                continue
            waited = (row["began"] - span["end_time"]).total_seconds()
            if waited <= FOLLOWS_S:
                said = exchange_of(Span(operation="chat", input=row["said"]))
                found[trace] = said.question
    return found
