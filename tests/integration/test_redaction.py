"""Personal data that is taken out before storage is nowhere: not in spool, store, letters or logs."""

import json
import re
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from support import otlp
from support.running import Launch, RunningService, run_cli
from support.waiting import wait_until

#: Each in a place of its own, so that one that stays says where it was.
SECRETS = {
    place: f"ana.{place}@example.com"
    for place in (
        "name", "status", "input", "nested", "tool", "document", "list", "map", "bytes", "event", "link",
        "resource", "scope", "metadata", "broken", "log", "record", "point", "exemplar", "grpc", "bad",
    )
}  # fmt: skip
CARD = 4111111111111111


def send(service: RunningService) -> None:
    secret = SECRETS
    messages = json.dumps([
        {"role": "user", "content": f"write to {secret['input']}"},
        {"role": "assistant", "tool_calls": [{"function": {"arguments": json.dumps({"to": secret["tool"]})}}]},
        {"role": "tool", "content": json.dumps({"deep": json.dumps({"mail": secret["nested"], "n": CARD})})},
    ])  # fmt: skip
    span = otlp.span(
        f"GET /users/{secret['name']}",
        attrs={
            "gen_ai.operation.name": "chat", "gen_ai.input.messages": messages, "card": CARD,
            "retrieval.documents.0.document.content": secret["document"], "l": ["x", secret["list"]],
            "m": {"a": {"b": secret["map"]}}, "raw": secret["bytes"].encode(), "kept": "Halden",
            "spanglass.metadata.mail": secret["metadata"], "output.value": '[{"text": "' + secret["broken"],
        },
        error=f"no answer from {secret['status']}",
        events=[otlp.event("e", {"text": secret["event"]})],
        links=[{"trace_id": b"1" * 16, "span_id": b"1" * 8, "attributes": otlp.attributes({"t": secret["link"]})}],
    )  # fmt: skip
    request = otlp.request(span, service="redacted", resource={"owner": secret["resource"]})
    request.resource_spans[0].scope_spans[0].scope.attributes.extend(
        otlp.attributes({"author": secret["scope"]})
    )
    # One that is refused, beside it.
    bad = otlp.span(attrs={"input.value": secret["bad"]})
    bad.trace_id = b""
    request.resource_spans[0].scope_spans[0].spans.append(bad)
    assert service.post(request).status_code == 200
    service.grpc(otlp.request(otlp.span(attrs={"input.value": secret["grpc"]}), service="redacted"))
    logs = ExportLogsServiceRequest()
    record = (
        logs.resource_logs.add()
        .scope_logs.add()
        .log_records.add(time_unix_nano=span.start_time_unix_nano)
    )
    record.body.CopyFrom(otlp.any_value({"text": [secret["log"]]}))
    record.attributes.extend(otlp.attributes({"who": secret["record"]}))
    assert service.post(logs, path="/v1/logs").status_code == 200
    metrics = ExportMetricsServiceRequest()
    total = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="calls").sum
    total.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    point = total.data_points.add(time_unix_nano=span.start_time_unix_nano, as_int=1)
    point.attributes.extend(otlp.attributes({"who": secret["point"]}))
    exemplar = point.exemplars.add(time_unix_nano=span.start_time_unix_nano, as_int=1)
    exemplar.filtered_attributes.extend(otlp.attributes({"who": secret["exemplar"]}))
    assert service.post(metrics, path="/v1/metrics").status_code == 200


def places_in(folder: Path) -> set[str]:
    """Where secrets are, in every file below a folder."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found |= {
                f"{place} in {path.name}"
                for place, text in SECRETS.items()
                if text.encode() in content
            }
            if str(CARD).encode() in content:
                found.add(f"card in {path.name}")
    return found


def test_nothing_of_it_reaches_the_disk(launch: Launch, tmp_path: Path) -> None:
    # Batches stay in the spool until the service ends.
    service = launch(
        "--segment-age-ms", "60000", "--log-level", "debug",
        SPANGLASS_REDACT=json.dumps({"action": "placeholder"}),
    )  # fmt: skip
    send(service)
    spooled = [path for path in (service.data_dir / "spool").rglob("*") if path.stat().st_size > 50]
    assert spooled, "it is in the spool now"
    assert places_in(tmp_path) == set()
    counted = service.metrics()["spanglass_redacted_total"]
    assert counted[(("entity", "EMAIL_ADDRESS"),)] >= 15
    service.stop()
    assert places_in(tmp_path) == set()
    again = launch(SPANGLASS_REDACT=json.dumps({"action": "placeholder"}))
    wait_until(lambda: again.sql("SELECT 1 FROM spans WHERE service = 'redacted'"), "it is stored")
    again.settle()
    for table in ("spans", "traces", "logs", "metrics", "pii_findings", "scores"):
        rows = again.owner().text(f"SELECT * FROM spanglass.{table}", "JSONEachRow")
        assert not [place for place, text in SECRETS.items() if text.encode() in rows], table
        assert str(CARD).encode() not in rows
    row = again.one(
        "SELECT name, redacted, attributes['kept'] AS kept, attributes['spanglass.redacted'] AS counts,"
        " input FROM spans WHERE name LIKE 'GET /users/%'"
    )
    assert row["redacted"]
    assert row["kept"] == "Halden"
    assert json.loads(row["counts"])["CREDIT_CARD"] == 2
    assert json.loads(row["input"])[0]["content"].startswith("write to <EMAIL_ADDRESS_")


def test_a_pseudonym_is_turned_back_by_who_may_and_written_down(
    launch: Launch, tmp_path: Path
) -> None:
    key = tmp_path / "apart" / "pseudonyms.key"
    assert run_cli("pseudonyms", "new-key", key, cwd=tmp_path).returncode == 0
    kept = key.read_bytes()
    again = run_cli("pseudonyms", "new-key", key, cwd=tmp_path)
    assert again.returncode == 1
    assert b"there already" in again.stderr
    assert key.read_bytes() == kept
    rule = {"projects": ["default"], "action": "pseudonym", "entities": ["EMAIL_ADDRESS"]}
    redact = json.dumps({"action": "mask", "key_file": str(key), "rule": [rule]})
    service = launch(SPANGLASS_REDACT=redact)
    texts = ("write to ana@example.com or ana@example.com", "ana@example.com, 203.0.113.7")
    service.send(
        otlp.request(*(otlp.span(attrs={"input.value": text}) for text in texts), service="shop")
    )
    service.settle()
    inputs = {row["input"] for row in service.sql("SELECT input FROM spans WHERE service = 'shop'")}
    found = {each for text in inputs for each in re.findall(r"<EMAIL_ADDRESS~[\w-]+>", text)}
    assert len(found) == 1, "the same value has the same one in every trace"
    assert any(text.endswith(", <IP_ADDRESS>") for text in inputs)
    (pseudonym,) = found
    path = "/api/v1/pii/reveal"
    asked = {"pseudonym": pseudonym, "reason": "request of access 4711"}
    assert service.api("POST", path, json=asked).json() == {
        "entity": "EMAIL_ADDRESS", "value": "ana@example.com",
    }  # fmt: skip
    changed = service.api("POST", path, json={**asked, "pseudonym": pseudonym[:-4] + "AAA>"})
    assert changed.status_code == 400
    assert "made no such pseudonym" in changed.json()["detail"]
    reader = service.key("read")
    # Without keys this machine may do everything, until the service knows that there are some.
    wait_until(lambda: service.api("GET", "/api/v1/keys", reader).status_code == 403, "it knows")
    assert service.api("POST", path, reader, json=asked).status_code == 403
    admin = service.key("admin")
    told = service.cli(
        "pseudonyms", "reveal", pseudonym, "--reason", "asked by phone", "--key", admin
    )
    assert told.stdout.decode().strip() == "ana@example.com", told.stderr
    log = service.get("/api/v1/audit", admin, action="pii.reveal")["items"]
    assert [each["detail"] for each in log] == [
        {"reason": "asked by phone"}, {"reason": "request of access 4711"},
    ]  # fmt: skip
    assert "ana@" not in json.dumps(log)
    service.stop()
    assert not [
        each
        for each in service.data_dir.rglob("*")
        if each.is_file() and kept.strip() in each.read_bytes()
    ]
