"""Several projects in one service: retention and quotas of each, and nobody pays for another."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from support import otlp
from support.commands import Commands
from support.running import RunningService
from support.sdk_sink import Sink, running_sink
from support.waiting import wait_until

QUOTAS = {"flood": {"items_per_s": 0.5}}
RETENTION = {"brief": {"spans_days": 3, "payload_days": 1}}


@dataclass
class Tenants:
    """A service and a key of each project."""

    service: RunningService
    keys: dict[str, str]
    sink: Sink

    def sent(self, project: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.keys[project]}"}


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    env = {
        "SPANGLASS_QUOTAS": json.dumps(QUOTAS), "SPANGLASS_RETENTION": json.dumps(RETENTION),
        "SPANGLASS_FORWARD_HEADERS": "api-key=theirs",
        "SPANGLASS_FORWARD_PRIVATE_NETWORKS": "127.0.0.1/32",
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("tenants")
    with (
        running_sink() as sink,
        RunningService(folder / "data", env=env | {"SPANGLASS_FORWARD_TO": sink.url}) as running,
    ):
        keys = {name: running.key("ingest", name) for name in ("flood", "calm", "brief")}
        yield Tenants(running, keys, sink)


def test_over_its_quota_a_project_waits_and_others_do_not(tenants: Tenants) -> None:
    service = tenants.service
    spans = [otlp.span() for _ in range(100)]
    # More than there is, and the first all the same: it is owed.
    service.send(otlp.request(*spans), **tenants.sent("flood"))
    for _ in range(3):
        refused = service.post(otlp.request(otlp.span()), **tenants.sent("flood"))
        assert refused.status_code == 429
        assert 100 < int(refused.headers["retry-after"]) <= 3600
        told = Status.FromString(refused.content)
        assert "over its quota of 0.5 items a second" in told.message
    metadata = tuple(tenants.sent("flood").items())
    with pytest.raises(grpc.RpcError) as failed:
        service.grpc(otlp.request(otlp.span()), metadata=metadata)
    assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    details = dict(failed.value.trailing_metadata())["grpc-status-details-bin"]
    info = RetryInfo()
    assert Status.FromString(details).details[0].Unpack(info)
    assert info.retry_delay.seconds > 100
    for _ in range(3):
        service.send(otlp.request(*(otlp.span() for _ in range(50))), **tenants.sent("calm"))
    account = service.settle()
    assert account.holds
    rows = service.sql("SELECT project, count() AS n FROM spans GROUP BY project")
    assert {row["project"]: row["n"] for row in rows} == {"flood": 100, "calm": 150}
    counted = service.metrics()["spanglass_project_refused_requests_total"]
    assert counted == {(("project", "flood"), ("reason", "quota")): 4.0}
    assert service.requests("over_quota") == 4


def test_what_is_kept_is_said_by_project(tenants: Tenants, cli: Commands) -> None:
    service, run = tenants.service, cli.on(tenants.service.data_dir)

    def stamped(project: str, name: str) -> tuple[int, int]:
        service.send(otlp.request(otlp.span(name)), **tenants.sent(project))
        service.settle()
        row = service.one(
            "SELECT retention_days AS s, payload_retention_days AS p FROM spans WHERE name = {n:String}",
            n=name,
        )
        return row["s"], row["p"]

    assert stamped("brief", "by the file") == (3, 1)
    old = otlp.span("old", start=otlp.span().start_time_unix_nano - 4 * 86_400 * 10**9)
    late = service.post(otlp.request(old), **tenants.sent("brief"))
    assert late.status_code == 200
    assert late.content, "older than that project keeps: told so"
    service.send(otlp.request(old), **tenants.sent("calm"))
    done = run("retention", "set", "calm", "--spans-days", "60", "--metrics-days", "400")
    assert done.returncode == 0, done.stderr
    assert stamped("calm", "by the command") == (60, 0)
    done = run("retention", "list")
    shown = " ".join(done.stdout.decode().replace("│", " ").split())
    assert "calm 60 days as spans 400 days" in shown
    assert "brief 3 days 1 day as spans" in shown
    # Shorter counts for what is there; it goes when it is swept.
    assert run("retention", "set", "calm", "--spans-days", "3").returncode == 0
    done = run("retention", "sweep")
    assert done.returncode == 0, done.stderr
    assert service.sql("SELECT name FROM spans WHERE name = 'old'") == [{"name": "old"}], (
        "what came late is kept for its days from then on"
    )
    assert run("retention", "unset", "calm").returncode == 0
    assert run("retention", "unset", "calm").returncode == 1
    assert run("retention", "set", "calm").returncode == 1
    assert service.api("PUT", "/api/v1/retention/x", json={"spans_days": "7"}).status_code == 422
    key = service.key("read", "calm")
    for method, path in (("GET", ""), ("PUT", "/calm"), ("POST", "/sweep"), ("DELETE", "/calm")):
        refused = service.api(method, f"/api/v1/retention{path}", key, json={})
        assert refused.status_code == 403


def test_a_copy_goes_elsewhere(tenants: Tenants, unique: str) -> None:
    service, sink = tenants.service, tenants.sink
    sent = otlp.span(unique, attrs={"said": "as it was"})
    request_sent = otlp.request(sent, otlp.span(id=b"\0" * 8), service="shop")
    assert service.post(request_sent, **tenants.sent("calm")).status_code == 200
    request = wait_until(
        lambda: next((r for r in sink.received if unique in {s.name for s in r.spans()}), None)
    )
    assert request.headers["api-key"] == "theirs"
    assert [each for each in request.spans() if each.name == unique] == [sent]
    # Nothing that only we understand goes along, and nothing that was refused.
    (resource,) = [
        each for each in request.request.resource_spans if sent in each.scope_spans[0].spans
    ]
    assert len(resource.SerializeToString()) == len(
        otlp.resource_spans([sent], "shop").SerializeToString()
    )
    assert service.metrics()["spanglass_forwarded_items_total"][("signal", "traces"),] >= 1
