"""Log records, from whoever sends them to what SQL and the API say of them."""

import json
import logging
import time
from contextlib import closing
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as OverGrpc
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as OverHttp
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from spanglass_collector.ingest import wire
from support import otlp
from support.otlp_signals import LOGS, METRICS, event, gauge, logs, metrics, point, record
from support.running import Launch, RunningService
from support.waiting import wait_until

NOW = time.time_ns() - otlp.SECOND
TRACE, SPAN = bytes(range(16)), bytes(range(1, 9))


def send(service: RunningService, message: ExportLogsServiceRequest, **headers: str) -> None:
    service.send(message, path="/v1/logs", **headers)


def rows(service: RunningService, of: str, columns: str = "*") -> list[dict[str, Any]]:
    service.settle()
    return service.sql(
        f"SELECT {columns} FROM logs WHERE service = {{of:String}} ORDER BY time, body", of=of
    )


# -- the standard SDK ----------------------------------------------------------------------------


def exporter(service: RunningService, kind: str) -> LogRecordExporter:
    service.dirty = True
    if kind == "grpc":
        return OverGrpc(endpoint=f"http://{service.addresses['otlp_grpc']}", insecure=True)
    compression = Compression.Gzip if kind == "http gzip" else Compression.NoCompression
    return OverHttp(endpoint=f"{service.otlp}/v1/logs", compression=compression)


@pytest.mark.parametrize("kind", ["grpc", "http", "http gzip"])
def test_the_standard_sdk(service: RunningService, unique: str, kind: str) -> None:
    provider = LoggerProvider(Resource.create({"service.name": unique, "service.version": "1.2"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter(service, kind)))
    logger = logging.getLogger(unique)
    logger.setLevel(logging.INFO)
    handler = LoggingHandler(logger_provider=provider)
    logger.addHandler(handler)
    with TracerProvider().get_tracer("t").start_as_current_span("span") as span:
        logger.warning("order %s is late", 7, extra={"order": 7})
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logger.exception("it broke")
    for n in range(300):
        logger.info("line %d", n)
    provider.shutdown()
    logger.removeHandler(handler)
    found = rows(service, unique)
    assert len(found) == 302
    late, broke = found[:2]
    assert (late["body"], late["body_type"]) == ("order 7 is late", "string")
    assert (late["severity_number"], late["release"]) == (13, "1.2")
    assert late["severity_text"].startswith("WARN")
    assert late["attributes"]["order"] == "7"
    assert late["attribute_types"]["order"] == "int"
    assert late["scope_name"] == unique
    context = span.get_span_context()
    assert late["trace_id"] == broke["trace_id"] == f"{context.trace_id:032x}"
    assert late["span_id"] == f"{context.span_id:016x}"
    assert broke["attributes"]["exception.type"] == "ZeroDivisionError"
    assert (found[2]["body"], found[2]["trace_id"]) == ("line 0", "")


# -- every field ---------------------------------------------------------------------------------

NESTED = {"text": "ü\0", "n": 1, "list": [1, [2.0, None], {"k": b"\x00"}], "$bytes": "mine"}


def full() -> LogRecord:
    return record(
        NESTED, {"a": 1, "deep": {"b": [True]}, "raw": b"\xff"}, time_unix_nano=NOW,
        observed_time_unix_nano=NOW + 5, severity_number=17, severity_text="Error",
        trace_id=TRACE, span_id=SPAN, flags=1, dropped_attributes_count=3, event_name="it.happened",
    )  # fmt: skip


def check_full(row: dict[str, Any]) -> None:
    assert row["body_type"] == "kvlist"
    assert json.loads(row["body"]) == {
        "text": "ü\0", "n": 1, "list": [1, [2.0, None], {"k": {"$bytes": "AA=="}}],
        "$$bytes": "mine",
    }  # fmt: skip
    assert row["attributes"] == {"a": "1", "deep": '{"b":[true]}', "raw": "/w=="}
    assert row["attribute_types"] == {"a": "int", "deep": "kvlist", "raw": "bytes"}
    assert row["time"].endswith(f".{NOW % otlp.SECOND:09}Z")
    assert row["observed_time"].endswith(f".{(NOW + 5) % otlp.SECOND:09}Z")
    assert (row["severity_number"], row["severity_text"]) == (17, "Error")
    assert (row["trace_id"], row["span_id"]) == (TRACE.hex(), SPAN.hex())
    assert (row["flags"], row["dropped_attributes_count"]) == (1, 3)
    assert (row["event_name"], row["scope_name"]) == ("it.happened", "tests")
    assert row["resource_schema_url"] == "https://example.org/resource"
    assert row["scope_schema_url"] == "https://example.org/scope"


def as_json(message: ExportLogsServiceRequest) -> bytes:
    document = MessageToDict(message, use_integers_for_enums=True)
    for of_resource in document["resourceLogs"]:
        for of_scope in of_resource["scopeLogs"]:
            for one in of_scope["logRecords"]:
                if "traceId" in one:
                    one |= {"traceId": TRACE.hex(), "spanId": SPAN.hex()}
    return json.dumps(document).encode()


@pytest.mark.parametrize("way", ["protobuf", "json", "grpc"])
def test_every_field(service: RunningService, unique: str, way: str) -> None:
    message = logs(full(), service=unique)
    if way == "grpc":
        assert service.call(LOGS.method, message) == b""
    elif way == "json":
        answer = service.post(as_json(message), path="/v1/logs", content_type="application/json")
        assert (answer.status_code, answer.content) == (200, b"{}")
    else:
        send(service, message)
    check_full(rows(service, unique)[0])


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (None, "empty", ""), ("", "string", ""), (7, "int", "7"), (1.5, "double", "1.5"),
        (False, "bool", "false"), (b"\x00\xff", "bytes", "AP8="), ([1, "x"], "array", '[1,"x"]'),
        ({}, "kvlist", "{}"), ([], "array", "[]"), ([[1]], "array", "[[1]]"),
    ],
)  # fmt: skip
def test_every_kind_of_body(
    service: RunningService, unique: str, body: otlp.Value, kind: str, text: str
) -> None:
    send(service, logs(record(body), service=unique))
    assert rows(service, unique, "body, body_type") == [{"body": text, "body_type": kind}]


def test_what_is_sent_twice_is_one_and_what_differs_is_two(
    service: RunningService, unique: str
) -> None:
    """Records have no identity but what they say."""
    same = {"time_unix_nano": NOW}
    distinct = [
        record("1", {"a": "1", "b": "2"}, **same), record("1", {"a": "2", "b": "1"}, **same),
        record("1", {"a": "1", "b": 2}, **same), record(1, {"a": "1", "b": "2"}, **same),
        record("1", {"a": "1", "b": "2"}, severity_text="x", **same),
        record("1", {"a": "1", "b": "2"}, event_name="x", **same),
        record("1", {"a": "1", "b": "2"}, span_id=SPAN, **same),
    ]  # fmt: skip
    for _ in range(2):
        send(service, logs(*distinct, service=unique))
        send(service, logs(distinct[0], service=unique, resource={"host.name": "other"}))
    assert len(rows(service, unique)) == len(distinct) + 1


def test_a_record_without_time_gets_one(service: RunningService, unique: str) -> None:
    before = time.time_ns()
    observed = record("observed", time_unix_nano=0, observed_time_unix_nano=NOW)
    bare = [LogRecord(body=otlp.any_value("x"))] * 2_000
    send(service, logs(observed, *bare, service=unique))
    service.settle()
    of = {"of": unique}
    found = service.one(
        "SELECT count() AS n, min(toUnixTimestamp64Nano(time)) AS first FROM logs"
        " WHERE service = {of:String} AND body = 'x'",
        **of,
    )
    assert found["n"] >= 1
    assert before <= found["first"] <= time.time_ns()
    (row,) = service.sql(
        "SELECT toUnixTimestamp64Nano(time) AS t FROM logs"
        " WHERE service = {of:String} AND body = 'observed'",
        **of,
    )
    assert row["t"] == NOW


# -- what can't be kept --------------------------------------------------------------------------

BAD = {
    "trace_id": {"trace_id": b"\x01"}, "span_id": {"span_id": b"\x01"},
    "too_old": {"time_unix_nano": 1}, "in_future": {"time_unix_nano": NOW + 2 * otlp.DAY},
}  # fmt: skip


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_record_is_refused_alone(service: RunningService, unique: str, reason: str) -> None:
    before = service.settle("logs")
    message = logs(record("good"), record("bad", **BAD[reason]), service=unique)
    answer = service.post(message, path="/v1/logs")
    assert answer.status_code == 200
    assert LOGS.rejected(answer.content) == 1
    assert LOGS.rejected(service.call(LOGS.method, message)) == 1
    answer = service.post(
        json.dumps(MessageToDict(message, use_integers_for_enums=True)).encode()
        .replace(b'"AQ=="', b'"01"'),
        path="/v1/logs", content_type="application/json",
    )  # fmt: skip
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "1"
    assert [row["body"] for row in rows(service, unique, "body")] == ["good"]
    after = service.account("logs")
    assert after.reasons[reason] - before.reasons.get(reason, 0) == 3
    assert (after.received - before.received, after.stored - before.stored) == (6, 3)


def test_a_body_a_hundred_deep_is_refused_alone(service: RunningService, unique: str) -> None:
    deep: otlp.Value = "x"
    for _ in range(25):
        deep = {"k": deep}
    send(service, logs(record(deep), service=unique))
    (row,) = rows(service, unique, "body")
    assert json.loads(row["body"])["k"]["k"]
    # By hand, since the runtime refuses the depth.
    value = otlp.any_value("x").SerializeToString()
    for _ in range(100):
        value = wire.field(6, wire.field(1, wire.field(1, b"k") + wire.field(2, value)))
    bad = record(None).SerializeToString() + wire.field(5, value)
    good = record("good").SerializeToString()
    before = service.settle("logs")
    resource = logs(service=unique).resource_logs[0].resource.SerializeToString()
    scope = wire.field(2, bad) + wire.field(2, good)
    body = wire.field(1, wire.field(1, resource) + wire.field(2, scope))
    assert LOGS.rejected(service.post(body, path="/v1/logs").content) == 1
    after = service.settle("logs")
    assert after.reasons["malformed"] - before.reasons.get("malformed", 0) == 1
    assert len(rows(service, unique)) == 2


def test_a_million_empty_records_are_refused(service: RunningService) -> None:
    before = service.settle("logs")
    answer = service.post(logs(*[LogRecord()] * 1_000_000), path="/v1/logs")
    assert answer.status_code == 400
    assert b"empty" in answer.content
    assert service.settle("logs") == before


# -- GenAI events --------------------------------------------------------------------------------

ASKED = [{"role": "user", "parts": [{"type": "text", "content": "Where is my order?"}]}]
SAID = [
    {
        "role": "assistant", "finish_reason": "stop",
        "parts": [{"type": "text", "content": "On its way."}],
    }
]  # fmt: skip


def g0(of: Any) -> list[LogRecord]:
    """One call, as instrumentations before OpenTelemetry 1.37 tell it: an event a message."""
    times = iter(range(NOW, NOW + 100))
    choice = {
        "index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "On its way."},
    }  # fmt: skip
    return [
        event(
            "gen_ai.user.message", of, {"content": "Where is my order?"},
            {"gen_ai.system": "openai"}, time_unix_nano=next(times),
        ),
        # Before it had a field the name was an attribute.
        record(
            choice, {"event.name": "gen_ai.choice"}, time_unix_nano=next(times),
            trace_id=of.trace_id, span_id=of.span_id,
        ),
    ]  # fmt: skip


def details(of: Any) -> list[LogRecord]:
    attrs = {
        "gen_ai.operation.name": "chat", "gen_ai.input.messages": ASKED,
        "gen_ai.output.messages": SAID,
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
    }  # fmt: skip
    return [event("gen_ai.client.inference.operation.details", of, None, attrs)]


_STORED = (
    "SELECT input, output, input_text, output_text, toString(payload_attributes) AS payload,"
    " attributes['spanglass.messages_from_events'] AS mark FROM spans"
    " WHERE trace_id = {trace:String} AND span_id = {span:String}"
)


@pytest.mark.parametrize("first", ["spans", "logs"])
@pytest.mark.parametrize("tell", [g0, details])
def test_messages_on_logs_join_their_span(
    service: RunningService, unique: str, tell: Any, first: str
) -> None:
    call = otlp.chat_span()
    own = {"gen_ai.input.messages": json.dumps(SAID), "gen_ai.output.messages": json.dumps(ASKED)}
    other = otlp.chat_span(attrs=own, trace=call.trace_id)
    failed = event(
        "gen_ai.client.operation.exception", call, None,
        {"exception.type": "Timeout", "exception.message": "too slow"}, severity_number=13,
    )  # fmt: skip
    messages = [
        lambda: service.send(otlp.request(call, other, service=unique)),
        lambda: send(service, logs(*tell(call), *tell(other), failed, service=unique)),
    ]
    for each in messages if first == "spans" else reversed(messages):
        each()
        service.settle()
    of_call = {"trace": call.trace_id.hex(), "span": call.span_id.hex()}
    wait_until(lambda: service.sql(_STORED, **of_call)[0]["input"], "they are in the span's row")
    stored = service.one(_STORED, **of_call)
    assert json.loads(stored["input"]) == ASKED
    assert json.loads(stored["output"]) == SAID
    assert (stored["input_text"], stored["output_text"]) == ("Where is my order?", "On its way.")
    assert stored["mark"] == "input output"
    assert ("Be brief." in stored["payload"]) is (tell is details)
    # What was sent once is there once, tokens and cost of its trace too.
    listed = service.one(
        "SELECT spans, input_tokens FROM traces WHERE trace_id = {trace:String}", **of_call
    )
    assert listed == {"spans": 2, "input_tokens": 20}
    shown = {one["span_id"]: one for one in service.trace(call.trace_id)}
    joined = shown[call.span_id.hex()]
    assert json.loads(joined["input"]) == ASKED
    assert json.loads(joined["output"]) == SAID
    assert joined["input_key"] == "gen_ai.input.messages"
    assert joined["output_key"] == "gen_ai.output.messages"
    (exception,) = joined["events"]
    assert exception["name"] == "gen_ai.client.operation.exception"
    assert exception["attributes"] == {"exception.type": "Timeout", "exception.message": "too slow"}
    if tell is details:
        assert "Be brief." in json.dumps(joined["payload_attributes"])
    # What a span says itself stays.
    assert json.loads(shown[other.span_id.hex()]["input"]) == SAID
    assert shown[other.span_id.hex()]["events"] == []
    path = f"/api/v1/traces/{call.trace_id.hex()}/spans/{call.span_id.hex()}"
    (alone,) = service.get(path)["spans"]
    assert alone == joined
    (bare,) = [
        one for one in service.trace(call.trace_id, payload=False)
        if one["span_id"] == call.span_id.hex()
    ]  # fmt: skip
    assert "input" not in bare
    assert bare["events"] == joined["events"]


def test_messages_that_come_late_are_added_and_judged(service: RunningService, unique: str) -> None:
    call = otlp.chat_span(attrs={"gen_ai.operation.name": "chat"})
    _, answered = g0(call)
    text = {"content": "Write to ana@example.com"}
    asked = event("gen_ai.user.message", call, text, time_unix_nano=NOW)
    keys = {"trace": call.trace_id.hex(), "span": call.span_id.hex()}
    service.send(otlp.request(call, service=unique))
    send(service, logs(asked, service=unique))
    service.settle()
    wait_until(lambda: service.sql(_STORED, **keys)[0]["mark"] == "input", "the question is there")
    assert service.one(_STORED, **keys)["output"] == ""
    send(service, logs(answered, service=unique))
    wait_until(
        lambda: service.sql(_STORED, **keys)[0]["mark"] == "input output", "so is the answer"
    )
    assert service.one(_STORED, **keys)["input_text"] == "Write to ana@example.com"
    found = "SELECT entity, field FROM pii_findings WHERE trace_id = {trace:String}"
    wait_until(lambda: service.sql(found, trace=keys["trace"]), "the question is judged")
    assert service.one(found, trace=keys["trace"])["entity"] == "EMAIL_ADDRESS"


def test_events_of_a_call_that_is_not_there_change_nothing(
    service: RunningService, unique: str
) -> None:
    call = otlp.chat_span()
    other = otlp.chat_span()
    send(service, logs(*g0(call), *details(other), service=unique))
    service.send(otlp.request(other, service=unique))
    service.settle()
    keys = {"trace": other.trace_id.hex(), "span": other.span_id.hex()}
    wait_until(lambda: service.sql(_STORED, **keys)[0]["input"], "the other one's are joined")
    assert (
        service.sql("SELECT name FROM spans WHERE trace_id = {t:String}", t=call.trace_id.hex())
        == []
    )


def test_a_traces_log_records_are_listed(service: RunningService, unique: str) -> None:
    span = otlp.chat_span()
    service.send(otlp.request(span, service=unique))
    plain = [
        record({"n": n}, {"n": n}, time_unix_nano=NOW + n // 2, trace_id=span.trace_id)
        for n in range(7)
    ]
    send(service, logs(*plain, *details(span), service=unique))
    service.settle()
    path = f"/api/v1/traces/{span.trace_id.hex()}/logs"
    seen = []
    cursor = ""
    while True:
        page = service.get(path, limit=3, cursor=cursor)
        seen += page["items"]
        cursor = page["next"]
        if not cursor:
            break
    assert sorted(one["attributes"]["n"] for one in seen if not one["event_name"]) == list(range(7))
    assert [one["time"] for one in seen] == sorted(one["time"] for one in seen)
    assert all(one["body"] == one["attributes"] for one in seen if not one["event_name"])
    (told,) = [one for one in seen if one["event_name"]]
    assert told["payload_attributes"]["gen_ai.input.messages"] == ASKED
    assert "gen_ai.input.messages" not in told["attributes"]
    assert service.get(f"/api/v1/traces/{'0' * 31}1/logs") == {"items": [], "next": ""}
    assert service.api("GET", "/api/v1/traces/nothing/logs").status_code == 404
    assert service.api("GET", path, params={"cursor": "x"}).status_code == 400


# -- who may read --------------------------------------------------------------------------------


def test_projects_and_payload(launch: Launch) -> None:
    """A key sees its project's logs, metrics and scores, and what was written only with a grant."""
    service = launch()
    keys = {
        name: service.key(*about[:2], payload=about[2])
        for name, about in {
            "blue in": ("ingest", "blue", True), "red in": ("ingest", "red", True),
            "blue": ("read", "blue", True), "blue finance": ("read", "blue", False),
        }.items()
    }  # fmt: skip
    span = otlp.chat_span()
    evaluation = event(
        "gen_ai.evaluation.result", span, None,
        {
            "gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.5,
            "gen_ai.evaluation.explanation": "SECRET", "spanglass.correction": "SECRET",
        },
    )  # fmt: skip
    secret = event("gen_ai.user.message", span, {"content": "SECRET"}, {"gen_ai.system": "x"})
    for project in ("blue", "red"):
        key = f"Bearer {keys[f'{project} in']}"
        send(service, logs(evaluation, secret, *details(span), service=project), authorization=key)
        service.send(
            metrics(gauge("g", [point(1)]), service=project), path="/v1/metrics", authorization=key
        )
        service.send(otlp.request(span, service=project), authorization=key)
    service.settle()
    for table, count in (("logs", 3), ("metrics", 1), ("scores", 1)):
        for name in ("blue", "blue finance"):
            (row,) = service.sql(
                f"SELECT count() AS n, groupUniqArray(project) AS p FROM {table}", key=keys[name]
            )
            assert (row["n"], row["p"]) == (count, ["blue"]), (table, name)
    for table, column in (
        ("logs", "payload_body"), ("logs", "payload_attributes"),
        ("logs", "payload_attributes.values"), ("logs", "mapValues(payload_attributes)"),
        ("logs", "*"), ("scores", "explanation"), ("scores", "correction"), ("scores", "*"),
    ):  # fmt: skip
        query = f"SELECT {column} FROM {table}"
        refused = service.ask(query, key=keys["blue finance"])
        assert refused.status_code in (400, 403), (query, refused.text)
        assert "SECRET" not in refused.text
        allowed = service.ask(query, key=keys["blue"])
        assert allowed.status_code == 200, allowed.text
    trace = f"/api/v1/traces/{span.trace_id.hex()}"
    for path in (trace, f"{trace}/logs", f"{trace}/spans/{span.span_id.hex()}"):
        for name, sees in (("blue", True), ("blue finance", False)):
            text = service.api("GET", path, key=keys[name]).text
            assert ("SECRET" in text or "Where is my order" in text) is sees, (path, name)
    readable = "body, attributes, toString(attribute_types)"
    found = service.sql(f"SELECT {readable} FROM logs", key=keys["blue finance"])
    assert "SECRET" not in json.dumps(found)
    assert "Where is my order" not in json.dumps(found)


# -- nothing is lost -----------------------------------------------------------------------------


def test_a_kill_loses_nothing_of_any_signal(launch: Launch) -> None:
    """What was acknowledged is stored, once, and the accounts of each signal are right."""
    service = launch()
    sent = 0
    for _ in range(3):
        for _ in range(15):
            lines = [record(f"{sent} {n}") for n in range(20)]
            points = [point(n, {"at": sent}) for n in range(1, 21)]
            for n, each in enumerate(points):
                each.time_unix_nano += n
            send(service, logs(*lines))
            service.send(metrics(gauge("g", points)), path="/v1/metrics")
            sent += 20
        service.kill()
        service.start()
    wait_until(lambda: service.api("GET", "/readyz").status_code == 200, "it is ready")
    for signal, table in (("logs", "logs"), ("metrics", "metrics")):
        account = service.settle(signal)
        assert account.holds
        assert account.stored >= sent
        assert service.one(f"SELECT count() AS n FROM {table}")["n"] == sent


def test_dead_letters_of_logs_and_metrics(launch: Launch) -> None:
    service = launch()
    ways = {
        "logs": (LOGS, logs(record("bad"), record("good")), "body != 'bad'", "body"),
        "metrics": (
            METRICS, metrics(gauge("bad", [point(1)]), gauge("good", [point(2)])),
            "name != 'bad'", "name",
        ),
    }  # fmt: skip
    with closing(service.owner()) as store:
        for table, (_, _, check, _) in ways.items():
            store.command(f"ALTER TABLE spanglass.{table} ADD CONSTRAINT no_bad CHECK {check}")
    for way, message, _, _ in ways.values():
        service.send(message, path=way.path)
    for signal in ways:
        account = service.settle(signal)
        assert (account.stored, account.dead_lettered) == (1, 1)
    letters = {
        letter["signal"]: letter["name"] for letter in service.get("/api/v1/dead-letters")["items"]
    }
    assert set(letters) == set(ways)
    for signal, name in letters.items():
        shown = service.get(f"/api/v1/dead-letters/{name}")
        assert '"bad"' in json.dumps(shown["request"])
        assert '"good"' not in json.dumps(shown["request"])
        with closing(service.owner()) as store:
            store.command(f"ALTER TABLE spanglass.{signal} DROP CONSTRAINT no_bad")
        assert service.cli("dead-letters", "replay", name).returncode == 0
        account = service.settle(signal)
        assert (account.stored, account.dead_lettered) == (2, 0)
        column = ways[signal][3]
        found = service.sql(f"SELECT {column} AS c FROM {signal} ORDER BY c")
        assert [row["c"] for row in found] == ["bad", "good"]
