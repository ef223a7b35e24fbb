"""What a selection means in requests as they came, and in the dead letters that hold them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar

from spanglass_collector.erasure import requests
from spanglass_collector.ingest import wire
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.signals import LOGS, METRICS, RESOURCE, TRACES
from spanglass_store.erasure.selection import Selection, selection_of
from spanglass_store.errors import StoreError
from spanglass_store.otlp.schema import PROJECT_FIELD
from support import otlp, otlp_signals

TRACE = bytes(range(1, 17))
THEN = datetime(2026, 3, 1, tzinfo=UTC)
NS = int(THEN.timestamp()) * otlp.SECOND


def accepted(message: Message, project: str) -> bytes:
    """A request as the spool has it."""
    stamp = wire.field(PROJECT_FIELD, project.encode())
    contents = wire.messages(message.SerializeToString(), RESOURCE)
    return b"".join(wire.field(RESOURCE, content + stamp) for content in contents)


SPANS = accepted(
    otlp.request(
        otlp.span("a", trace=TRACE, start=NS, attrs={"user.id": "u", "session.id": "s"}),
        otlp.span("b", trace=TRACE, start=NS + 5),
        otlp.span("c", start=NS, attrs={"enduser.id": "u"}),
        otlp.span("d", start=NS, attrs={"user.id": "uu"}),
        service="shop",
        resource={"deployment.environment": "test"},
    ),
    "p",
) + accepted(otlp.request(otlp.span("e", trace=TRACE, start=NS, attrs={"user.id": "u"})), "q")


@pytest.mark.parametrize(
    ("which", "left"),
    [
        (Selection(user_id="u"), "d"),
        (Selection(user_id="u", project="p"), "de"),
        (Selection(session_id="s"), "cde"),
        (Selection(trace_id=TRACE.hex()), "cd"),
        (Selection(service="shop"), "e"),
        (Selection(service="shop", user_id="uu"), "abce"),
        (Selection(environment="test", project="q"), "abcde"),
        (Selection(start=THEN, end=datetime(2026, 3, 2, tzinfo=UTC)), ""),
        (Selection(end=THEN), "abcde"),
        (Selection(user_id="nobody"), "abcde"),
        (Selection(project="q"), "abcd"),
        (Selection(), ""),
    ],
    ids=str,
)
def test_spans_go_with_their_trace(which: Selection, left: str) -> None:
    traces = requests.fitting_traces(TRACES, SPANS, which)
    rest, items, removed = requests.without(
        TRACES, SPANS, which, lambda project, trace: (project, trace) in traces
    )
    request = TRACES.form.request.FromString(rest)
    # One of a project alone has another's spans of the same id left.
    assert "".join(one.name for one in otlp.all_spans(request)) == left
    assert (items, items + removed) == (len(left), 5)
    assert TRACES.count(rest) == items
    assert set(TRACES.by_project(rest)) <= {"p", "q"}, "what is left keeps its stamp"


def test_records_and_points() -> None:
    mine = {"user.id": "u"}
    which = Selection(user_id="u")
    logs = accepted(
        otlp_signals.logs(
            otlp_signals.record("a", mine),
            otlp_signals.record("b", trace_id=TRACE),
            otlp_signals.record("c"),
        ),
        "p",
    )
    _, items, removed = requests.without(LOGS, logs, which, lambda _, trace: trace == TRACE.hex())
    assert (items, removed) == (1, 2)
    point = otlp_signals.point(1.0)
    point.exemplars.extend([Exemplar(trace_id=TRACE), Exemplar(trace_id=bytes(16))])
    listed = otlp_signals.gauge("g", [otlp_signals.point(1.0, mine), point])
    metrics = accepted(otlp_signals.metrics(listed), "p")
    assert requests.trace_ids(METRICS, metrics) == {("p", TRACE.hex()), ("p", "0" * 32)}
    rest, items, removed = requests.without(
        METRICS, metrics, which, lambda _, trace: trace == TRACE.hex()
    )
    assert (items, removed) == (1, 2)
    assert TRACE not in rest


def test_what_is_left_of_a_letter_takes_its_place(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path, 1 << 20)
    letter = letters.put(TRACES, 7, "p", SPANS, 5, "no")
    rest, items, _ = requests.without(TRACES, SPANS, Selection(user_id="u"), lambda *_: False)
    letters.replace(letter, rest, items)
    for again in (letters, DeadLetters(tmp_path, 1 << 20)):
        (found,) = again.list()
        assert (found.name, found.items, found.reason) == (letter.name, items, "no")
        assert again.body(letter.name) == rest
        assert again.size == letters.size
        # It is known by what it holds now.
        assert again.put(TRACES, 7, "p", rest, items, "no").name == letter.name
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"trace_id": "12"},
        {"trace_id": "x" * 32},
        {"start": "yesterday"},
        {"end": "1969-01-01"},
        {"start": "2026-02-01", "end": "2026-02-01"},
    ],
    ids=json.dumps,
)
def test_a_selection_that_is_none(wrong: dict[str, str]) -> None:
    with pytest.raises(StoreError):
        selection_of(wrong)


def test_a_selection_is_its_document() -> None:
    which = Selection("p", "u", "s", TRACE.hex(), "shop", "test", THEN, None)
    assert selection_of(json.loads(json.dumps(which.document()))) == which
    assert Selection(project="p").is_everything
    assert not Selection(project="p", service="s").is_everything
    assert Selection(service="s").is_wide
    assert not which.is_wide
