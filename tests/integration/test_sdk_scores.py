"""Scores and the account of losses on the wire: exactly what docs/sdk.md says."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)

import spanglass
from spanglass import _ledger, _state
from spanglass._settings import resolve
from support.sdk_sink import Reply, Sink, attributes_of, run_python

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
LEDGER = "spanglass.ledger"


def reports(sink: Sink) -> list[dict[str, Any]]:
    """The account's reports, without the prefix."""
    found = []
    for record in sink.events(LEDGER):
        attributes = attributes_of(record)
        found.append({key.removeprefix(f"{LEDGER}."): each for key, each in attributes.items()})
    return found


def test_the_record(sink: Sink, start: Callable[..., None]) -> None:
    start(api_key="sg-key")
    before = time.time_ns()
    score_id = spanglass.feedback(
        rating=4, correction="60 days.", comment="short", trace_id=TRACE, span_id=SPAN,
        session_id="s-17", evaluator="form",
    )  # fmt: skip
    spanglass.score("x", 1, session_id="s-17")
    assert spanglass.flush() is True
    [received] = sink.received_logs
    assert received.path == "/v1/logs"
    assert received.headers["authorization"] == "Bearer sg-key"
    [resource] = received.request.resource_logs
    about = attributes_of(resource.resource)
    assert about["service.name"] == "test"
    assert about["spanglass.instance.id"]
    [scope] = resource.scope_logs
    assert (scope.scope.name, scope.scope.version) == ("spanglass", spanglass.__version__)
    record, of_session = scope.log_records
    assert record.event_name == "gen_ai.evaluation.result"
    assert (record.trace_id.hex(), record.span_id.hex()) == (TRACE, SPAN)
    assert before <= record.time_unix_nano == record.observed_time_unix_nano <= time.time_ns()
    assert not record.HasField("body")
    found = attributes_of(record)
    assert json.loads(found.pop("spanglass.score.metadata")) == {
        "rating": 4, "rating_scale": [1, 5],
    }  # fmt: skip
    assert found == {
        "gen_ai.evaluation.name": "user_feedback",
        "gen_ai.evaluation.score.value": 0.75,
        "gen_ai.evaluation.explanation": "short",
        "session.id": "s-17",
        "spanglass.score.id": score_id,
        "spanglass.score.source": "user",
        "spanglass.score.evaluator": "form",
        "spanglass.correction": "60 days.",
    }
    value = next(a for a in record.attributes if a.key.endswith("score.value"))
    assert value.value.WhichOneof("value") == "double_value"
    assert (of_session.trace_id, of_session.span_id) == (b"", b"")
    stats = spanglass.stats()
    assert (stats.scores.accepted, stats.scores.sent, stats.accepted) == (2, 2, 0)


def test_what_fails_is_tried_again_and_counted_apart_from_spans(
    sink: Sink, start: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    partial = ExportLogsServiceResponse(
        partial_success=ExportLogsPartialSuccess(rejected_log_records=1, error_message="odd")
    )
    sink.log_replies = [Reply(503), Reply(200, body=partial.SerializeToString())]
    start()
    with spanglass.span("s"):
        spanglass.score("x", 1)
        spanglass.score("y", 1)
    assert spanglass.flush() is False, "one was rejected"
    sink.log_replies = [Reply(400)]
    spanglass.score("z", 1, trace_id=TRACE)
    assert spanglass.flush() is False
    stats = spanglass.stats()
    assert stats.retries == 1
    assert (stats.scores.sent, stats.scores.dropped) == (1, {"rejected": 1, "refused": 1})
    assert (stats.sent, stats.dropped) == (1, {})
    assert "2 scores dropped so far: 1 refused, 1 rejected" in caplog.text
    assert "scores cannot be sent" in caplog.text


def test_the_queue_is_bounded_and_the_end_is_counted(start: Callable[..., None]) -> None:
    start(endpoint="http://127.0.0.1:9", max_queue_spans=3)
    for _ in range(5):
        spanglass.score("x", 1, trace_id=TRACE)
    assert spanglass.stats().scores.dropped == {"queue_full": 2}
    runtime = _state.runtime
    spanglass.shutdown(0.1)
    assert runtime is not None
    assert runtime.sink.stats().scores.dropped == {"queue_full": 2, "shutdown": 3}


def test_a_dead_collector_and_a_later_process(sink: Sink, tmp_path: Path) -> None:
    program = (
        "import sys, spanglass, time\n"
        "spanglass.init(sys.argv[1], service='test', export_delay_s=0.01, exit_timeout_s=2)\n"
    )
    env = {"SPANGLASS_SPILL_DIR": str(tmp_path)}
    sink.replies, sink.log_replies = [Reply(503)] * 9, [Reply(503)] * 9
    done = run_python(
        program
        + "with spanglass.span('s'): spanglass.score('x', 1)\n"
        + "print(spanglass.flush(0.2))",
        sink.url,
        env=env,
    )
    assert "not delivered" not in done.stderr, done.stderr
    assert sink.events("gen_ai.evaluation.result") == []
    sink.replies, sink.log_replies = [], []
    done = run_python(
        program
        + "while spanglass.status().spill_bytes: time.sleep(0.01)\n"
        + "print(spanglass.stats().resent, spanglass.stats().scores.resent)",
        sink.url,
        env=env,
    )
    assert done.stdout == "1 1\n", done.stderr
    [score] = sink.events("gen_ai.evaluation.result")
    [span] = sink.spans()
    assert (score.trace_id, score.span_id) == (span.trace_id, span.span_id)
    # The first process's last report waited on disk, too.
    first, second = reports(sink)
    assert (first["number"], first["spilled"], first["scores.spilled"]) == (1, 1, 1)
    assert (second["number"], second["resent"], second["scores.resent"]) == (1, 1, 1)
    assert first["spanglass.instance.id"] != second["spanglass.instance.id"]


def test_the_account_of_a_process(sink: Sink) -> None:
    sink.replies = [Reply(400)]
    done = run_python(
        "import sys, spanglass\n"
        "with spanglass.span('early'): spanglass.score('x', 1)\n"
        "spanglass.init(sys.argv[1], service='test', export_delay_s=30, max_queue_spans=3,"
        " sample_rates={'left out': 0})\n"
        "for n in range(4):\n"
        "    with spanglass.span('refused'): pass\n"
        "spanglass.flush()\n"
        "with spanglass.span('taken'): pass\n"
        "with spanglass.span('left out'): pass\n"
        "spanglass.score('x', 1, session_id='s')\n"
        "spanglass.score('x', 1)\n",
        sink.url,
    )
    assert done.returncode == 0, done.stderr
    [report] = reports(sink)
    [record] = sink.events(LEDGER)
    assert 0 < report.pop("start_time_unix_nano") < record.time_unix_nano
    assert record.trace_id == record.span_id == b""
    instances = {
        attributes_of(resource.resource)["spanglass.instance.id"]
        for received in sink.received
        for resource in received.request.resource_spans
    }
    assert instances == {report.pop("spanglass.instance.id")}
    assert report == {
        "number": 1,
        "sequence.first": 1,
        "sequence.last": 5,
        "accepted": 4,
        "sent": 1,
        "dropped.refused": 3,
        "dropped.queue_full": 1,
        "dropped.not_initialised": 1,
        "sampled_out": 1,
        "scores.accepted": 1,
        "scores.sent": 1,
        "scores.dropped.no_target": 1,
        "scores.dropped.not_initialised": 1,
    }
    [span] = sink.spans()
    assert attributes_of(span)["spanglass.sequence"] == 5
    assert not any(
        scope.scope.name == LEDGER
        for received in sink.received
        for resource in received.request.resource_spans
        for scope in resource.scope_spans
    )


def test_reports_follow_one_another_and_come_again_unchanged(
    sink: Sink, start: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ledger, "_WINDOW_S", 0.0)
    monkeypatch.setattr("spanglass._reports._FIRST_WAIT_S", 0.0)
    sink.log_replies = [Reply(503)]
    start(export_delay_s=0.01)
    for number in range(1, 4):
        with spanglass.span("s"):
            pass
        assert spanglass.flush()
        sink.wait(lambda: sum(r["accepted"] for r in reports(sink)) == number)  # noqa: B023
    spanglass.shutdown(5)
    found = reports(sink)
    assert [report["number"] for report in found] == [*range(1, len(found) + 1)]
    assert sum(report["sent"] for report in found) == 3
    numbers = [(r["sequence.first"], r["sequence.last"]) for r in found if "sequence.first" in r]
    assert numbers == [(1, 1), (2, 2), (3, 3)]
    records = sink.events(LEDGER)
    for report, before in zip(found[1:], records, strict=False):
        assert report["start_time_unix_nano"] == before.time_unix_nano
    refused = [r for r in sink.received_logs if r.status == 503]
    assert refused[0].records()[0] == records[0]


def test_an_endpoint_without_logs_is_left_alone(
    sink: Sink,
    start: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(_ledger, "_WINDOW_S", 0.0)
    sink.log_replies = [Reply(404)] * 9
    start(export_delay_s=0.01)
    for _ in range(5):
        with spanglass.span("s"):
            pass
        assert spanglass.flush()
    spanglass.shutdown(5)
    assert len(sink.received_logs) == 1
    assert caplog.text == ""


def test_no_account_where_none_is_wanted(sink: Sink, start: Callable[..., None]) -> None:
    start(ledger=False)
    with spanglass.span("s"):
        pass
    spanglass.shutdown(5)
    assert sink.received_logs == []
    assert len(sink.spans()) == 1


def test_a_fork_gives_an_account_of_its_own(sink: Sink) -> None:
    done = run_python(
        "import os, sys, spanglass\n"
        "spanglass.init(sys.argv[1], export_delay_s=30)\n"
        "with spanglass.span('parent'): spanglass.score('p', 1)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    with spanglass.span('child'): spanglass.score('c', 1)\n"
        "    spanglass.shutdown(5)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n",
        sink.url,
    )
    assert done.returncode == 0, done.stderr
    found = reports(sink)
    assert [(r["number"], r["accepted"], r["scores.accepted"]) for r in found] == [(1, 1, 1)] * 2
    assert len({report["spanglass.instance.id"] for report in found}) == 2
    assert len(sink.events("gen_ai.evaluation.result")) == 2


@pytest.mark.parametrize(
    ("endpoint", "logs", "expected"),
    [
        ("http://host:4318", None, "http://host:4318/v1/logs"),
        ("https://host/otel/v1/traces", None, "https://host/otel/v1/logs"),
        ("http://host", "http://other:1/logs", "http://other:1/logs"),
    ],
)
def test_where_logs_go(endpoint: str, logs: str | None, expected: str) -> None:
    assert resolve({"endpoint": endpoint, "logs_endpoint": logs}, {}).logs == expected


@pytest.mark.parametrize(
    ("traces", "logs"),
    [
        ("http://host:1/custom", "http://host:1/v1/logs"),
        ("http://host/a/v1/traces?k=v", "http://host/a/v1/logs?k=v"),
    ],
)
def test_where_logs_go_beside_an_exact_address(traces: str, logs: str) -> None:
    assert resolve({}, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": traces}).logs == logs
