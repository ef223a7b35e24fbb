"""Scores that come inside of spans become events; whatever stands there, nothing fails."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_collector.dialects.attributes import plain
from spanglass_collector.ingest import wire
from spanglass_collector.ingest.bounds import PIECE
from spanglass_collector.ingest.check import RESOURCES, Window, check_quickly, check_request
from spanglass_collector.ingest.forms import LOGS
from support import otlp

NOW = 1_800_000_000 * otlp.SECOND
EVENT = "gen_ai.evaluation.result"
NAME, VALUE, LABEL = (
    f"gen_ai.evaluation.{each}" for each in ("name", "score.value", "score.label")
)
IDS = {"trace": b"\1" * 16, "span": b"\2" * 8}


def of(attrs: Any, **fields: Any) -> Span:
    one: Span = otlp.span(attrs=attrs, start=NOW - otlp.SECOND, **fields)
    one.trace_id, one.span_id = IDS["trace"], IDS["span"]
    return one


def records(*spans: Span, resource: Any = ()) -> list[LogRecord]:
    """The events that a request's check makes of them."""
    request = ExportTraceServiceRequest()
    added = request.resource_spans.add()
    added.resource.attributes.extend(otlp.attributes(resource))
    added.scope_spans.add().spans.extend(spans)
    checked = check_request(request.SerializeToString(), Window(30), NOW)
    assert checked.accepted == len(spans)
    if checked.scores is None:
        return []
    assert checked.scores.form is LOGS
    found = [
        record
        for content in checked.scores.resources
        for of_resource in ExportLogsServiceRequest.FromString(
            wire.field(RESOURCES, content)
        ).resource_logs
        for scope in of_resource.scope_logs
        for record in scope.log_records
    ]
    assert len(found) == checked.scores.accepted
    return found


def said(record: LogRecord) -> dict[str, Any]:
    return {each.key: plain(each.value) for each in record.attributes}


def ids(*found: LogRecord) -> list[Any]:
    return [said(each)["spanglass.score.id"] for each in found]


def test_feedback_about_a_span_a_trace_and_a_session() -> None:
    words = {"name": "correct", "score": 0.75, "label": "mostly", "explanation": "one is missing",
             "annotator_kind": "LLM", "identifier": "judge-2", "metadata": '{"rounds": 2}'}  # fmt: skip
    attrs = {f"annotations.3.annotation.{key}": value for key, value in words.items()}
    attrs |= {
        "trace.evaluations.0.evaluation.name": "solved",
        "trace.evaluations.0.evaluation.label": "yes",
        "session.annotations.0.annotation.name": "patient",
        "session.annotations.0.annotation.score": 4,
        "session.annotations.0.annotation.annotator_kind": "HUMAN",
        "session.id": "s-1",
        "user.id": "u-1",
    }
    one, trace, session = records(of(attrs))
    assert said(one) == {
        NAME: "correct", VALUE: 0.75, LABEL: "mostly",
        "gen_ai.evaluation.explanation": "one is missing", "spanglass.score.source": "judge",
        "spanglass.score.evaluator": "judge-2", "spanglass.score.metadata": '{"rounds":2}',
        "spanglass.score.id": ids(one)[0], "session.id": "s-1", "user.id": "u-1",
    }  # fmt: skip
    assert [(each.trace_id, each.span_id) for each in (one, trace, session)] == [
        (IDS["trace"], IDS["span"]), (IDS["trace"], b""), (b"", b""),
    ]  # fmt: skip
    assert said(trace)[LABEL] == "yes"
    assert VALUE not in said(trace)
    assert (said(session)[VALUE], said(session)["spanglass.score.source"]) == (4, "human")
    assert {each.event_name for each in (one, trace, session)} == {EVENT}
    assert one.time_unix_nano == of(attrs).end_time_unix_nano


def test_what_comes_again_is_the_same_score() -> None:
    feedback = {"annotations.0.annotation.name": "a", "annotations.0.annotation.score": 1.0}
    other = feedback | {"annotations.0.annotation.score": 0.0}
    first, again, corrected = (records(of(each)) for each in (feedback, feedback, other))
    assert ids(*first) == ids(*again) == ids(*corrected)
    # Both terminologies for one thing, and two entries of one name that say different things.
    twice = {"evaluations.0.evaluation.name": "a", "evaluations.0.evaluation.score": 1.0}
    assert ids(*records(of(feedback | twice))) == ids(*first)
    differ = records(of(feedback | {key.replace(".0.", ".1."): v for key, v in other.items()} | {
        "annotations.1.annotation.score": 0.5}))  # fmt: skip
    assert len({*ids(*differ)}) == 2
    # Of another span, by another identifier, in another session.
    elsewhere = of(feedback)
    elsewhere.span_id = b"\3" * 8
    assert ids(*records(elsewhere)) != ids(*first)
    assert ids(*records(of(feedback | {"annotations.0.annotation.identifier": "x"}))) != ids(*first)


def test_a_session_that_nobody_names_is_its_trace() -> None:
    attrs = {"session.annotations.0.annotation.label": "good"}
    (one,) = records(of(attrs))
    assert (one.trace_id, one.span_id) == (IDS["trace"], b"")
    assert said(one)[NAME] == "annotation"


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (True, {VALUE: 1.0, LABEL: "true"}),
        ("0.5", {VALUE: 0.5}),
        ("good", {LABEL: "good"}),
        (float("nan"), {}),
        ([1, 2], {LABEL: "[1,2]"}),
    ],
)
def test_scores_of_other_types(score: Any, expected: dict[str, Any]) -> None:
    attrs = {"annotations.0.annotation.name": "a", "annotations.0.annotation.score": score}
    (one,) = records(of(attrs))
    found = {key: value for key, value in said(one).items() if key in (VALUE, LABEL)}
    if expected:
        assert found == expected
    assert said(one)[NAME] == "a"


def test_events_of_spans_are_handed_on_whole() -> None:
    event = Span.Event(
        name=EVENT, time_unix_nano=NOW - 5,
        attributes=otlp.attributes({NAME: "fluent", VALUE: 3, "gen_ai.response.id": "r", "own": {"a": [1]}}),
    )  # fmt: skip
    (one,) = records(
        of({"session.id": "s", "other": 1}, events=[event]), resource={"service.name": "x"}
    )
    assert (one.time_unix_nano, one.span_id) == (NOW - 5, IDS["span"])
    assert (said(one)[NAME], said(one)["session.id"]) == ("fluent", "s")
    assert "other" not in said(one)


def test_spans_without_scores_have_none_and_take_the_quick_way() -> None:
    attrs = {"annotations.x.annotation.name": "a", "annotations.0.annotation.name": "only a name",
             "annotations.0.evaluation.score": 1, "my.annotation.score": 1}  # fmt: skip
    assert records(of(attrs)) == []
    large = ExportTraceServiceRequest()
    large.resource_spans.add().scope_spans.add().spans.extend([of({"text": "x" * 70_000})])
    assert check_quickly(large.SerializeToString(), Window(30), NOW) is not None
    large.resource_spans[0].scope_spans[0].spans[0].attributes.extend(
        otlp.attributes({"annotations.0.annotation.score": 1.0})
    )
    assert check_quickly(large.SerializeToString(), Window(30), NOW) is None


def test_a_refused_span_scores_nothing_and_a_large_request_all() -> None:
    attrs = {"annotations.0.annotation.score": 1.0, "text": "y" * 2000}
    bad = of(attrs)
    bad.trace_id = b""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.extend([bad, *(of(attrs) for _ in range(300))])
    body = request.SerializeToString()
    assert len(body) > PIECE
    checked = check_request(body, Window(30), NOW)
    assert checked.scores is not None
    assert (checked.accepted, checked.scores.accepted) == (300, 300)


VALUES = (
    st.text(max_size=6) | st.floats() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.lists(st.text(max_size=3), max_size=3) | st.dictionaries(st.text(max_size=3), st.integers(0, 3))
    | st.binary(max_size=4) | st.none()
)  # fmt: skip
NAMES = st.builds(
    lambda about, term, index, field: f"{about}{term}s.{index}.{term}.{field}",
    st.sampled_from(["", "trace.", "session.", "span."]),
    st.sampled_from(["annotation", "evaluation"]),
    st.integers(0, 3).map(str) | st.sampled_from(["", "x", "-1", "٣", "9" * 30]),
    st.sampled_from(["name", "score", "label", "explanation", "annotator_kind", "identifier", "metadata", ""]),
) | st.sampled_from(["session.id", "gen_ai.conversation.id", "user.id"])  # fmt: skip


@given(st.dictionaries(NAMES, VALUES, max_size=12))
def test_whatever_stands_there_is_an_event_or_nothing(attrs: dict[str, Any]) -> None:
    found = records(of(attrs))
    assert len({*ids(*found)}) == len(found)
    assert all(said(each)[NAME] for each in found)
