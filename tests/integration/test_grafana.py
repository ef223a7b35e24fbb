"""Grafana's dashboards ask what Spanglass answers: every panel, as Grafana would ask it."""

import importlib.util
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from support import otlp
from support.external import ExternalServer
from support.running import ALL_ROLES, ROOT, RunningService
from support.waiting import wait_until

FOLDER = ROOT / "dashboards" / "grafana"
FILES = sorted((FOLDER / "dashboards").glob("*.json"))
#: Findings of drift take days of traffic, and personal data is looked for in one of the services.
MAY_BE_EMPTY = {"Findings of drift", "Personal data"}


def _built() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("grafana_build", FOLDER / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: dict[str, str] = module.dashboards()
    return made


def test_the_files_are_what_the_panels_say() -> None:
    assert {path.name: path.read_text() for path in FILES} == _built()


def _targets() -> Iterator[Any]:
    for path in FILES:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                name = f"{path.stem.removeprefix('spanglass-')}: {panel['title']}"
                yield pytest.param(panel, target, id=name + f" {target['refId']}")


SQL = [each for each in _targets() if "url" in each.values[1]]
PROMETHEUS = [each for each in _targets() if "expr" in each.values[1]]


def _send(service: RunningService, is_judged: bool) -> None:
    now = time.time_ns()
    spans = [otlp.chat_span(5, 7, {"gen_ai.response.model": "gpt-4o-mini", "user.id": "u-1",
                                   "input.value": "ana.marsh@example.com",
                                   "gen_ai.response.time_to_first_chunk": 0.2})]  # fmt: skip
    service.send(otlp.request(*spans, otlp.span(error="no"), service="shop"))
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(otlp.attributes({"host.name": "node-1"}))
    scope = resource.scope_metrics.add()
    board = otlp.attributes({"hw.id": "GPU-1", "hw.state": "ok", "hw.gpu.throttle.reason": "power"})
    gauges = (
        "engine.requests_running", "engine.requests_waiting", "engine.kv_cache_usage", "engine.up",
        "hw.gpu.utilization", "hw.gpu.memory.utilization", "hw.power", "hw.temperature",
        "hw.gpu.throttled", "hw.status",
    )  # fmt: skip
    for name in gauges:
        point = scope.metrics.add(name=name).gauge.data_points.add(
            time_unix_nano=now - 10**9, as_double=1
        )
        point.attributes.extend(board)
    cumulative = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    tokens = scope.metrics.add(name="engine.generated_tokens").sum
    tokens.aggregation_temporality = cumulative
    tokens.is_monotonic = True
    first = scope.metrics.add(name="gen_ai.server.time_to_first_token").histogram
    first.aggregation_temporality = cumulative
    for number in (1, 2):
        at = now - (3 - number) * 10**9
        tokens.data_points.add(time_unix_nano=at, as_int=number * 100)
        first.data_points.add(
            time_unix_nano=at, count=number, sum=number, bucket_counts=[0, number],
            explicit_bounds=[0.1],
        )  # fmt: skip
    assert service.post(request.SerializeToString(), path="/v1/metrics").content == b""
    service.settle()
    (span,) = service.sql("SELECT trace_id, span_id FROM spans WHERE operation = 'chat' LIMIT 1")
    score = {"name": "user_feedback", "value": 1, **span}
    assert service.api("POST", "/api/v1/scores", json=score).status_code == 201
    if is_judged:
        wait_until(lambda: service.sql("SELECT 1 FROM pii_findings LIMIT 1"), "it is found")
    wait_until(lambda: service.sql("SELECT 1 FROM metrics WHERE name = 'hw.status'"), "is stored")


@pytest.fixture(scope="module", params=["embedded", "external"])
def filled(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with something of everything, over ClickHouse inside or outside."""
    folder: Path = tmp_path_factory.mktemp("grafana")
    if request.param == "embedded":
        env = {"SPANGLASS_ROLES": ALL_ROLES, "SPANGLASS_DRIFT": '{"enabled": false}'}
        with RunningService(folder / "data", env=env) as service:
            _send(service, is_judged=True)
            yield service
        return
    with (
        ExternalServer(folder / "clickhouse") as server,
        RunningService(folder / "data", "--clickhouse", server.url) as service,
    ):
        _send(service, is_judged=False)
        yield service


def _asked(service: RunningService, target: dict[str, Any]) -> list[dict[str, Any]]:
    """Fills in what Grafana fills in, and sends it as the data source does."""
    now = int(time.time() * 1000)
    filled_in = {"${__from}": str(now - 3_600_000), "${__to}": str(now + 60_000)}
    filled_in["${service:json}"] = json.dumps("*")
    body = target["url_options"]["data"]
    for variable, value in filled_in.items():
        body = body.replace(variable, value)
    assert "${" not in body
    answer = service.api(
        target["url_options"]["method"], target["url"], content=body.encode(),
        headers={"Content-Type": target["url_options"]["body_content_type"]},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()
    return rows


@pytest.mark.parametrize(("panel", "target"), SQL)
def test_panels_show_something(
    filled: RunningService, panel: dict[str, Any], target: dict[str, Any]
) -> None:
    rows = _asked(filled, target)
    assert rows or panel["title"] in MAY_BE_EMPTY
    for row in rows:
        assert list(row) == [column["selector"] for column in target["columns"]]
        for column in target["columns"]:
            is_text = isinstance(row[column["selector"]], str)
            assert is_text == (column["type"] == "string"), column


def test_services_can_be_chosen(filled: RunningService) -> None:
    for path in FILES:
        for variable in json.loads(path.read_text())["templating"]["list"]:
            rows = _asked(filled, variable["query"]["infinityQuery"])
            assert {"service": "shop"} in rows


@pytest.mark.parametrize(("panel", "target"), PROMETHEUS)
def test_metrics_of_the_collector_exist(
    shared_service: RunningService, panel: dict[str, Any], target: dict[str, Any]
) -> None:
    exposed = shared_service.api("GET", "/metrics").text
    names = re.findall(r"spanglass_\w+", target["expr"])
    assert names
    for name in names:
        assert re.search(rf"^# TYPE {name} ", exposed, re.MULTILINE), name
    for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
        assert any(
            f"{label}=" in line for line in exposed.splitlines() if line.startswith(names[0])
        )


def test_sources_and_folders_are_provisioned() -> None:
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/spanglass.yaml").read_text())
    known = {each["uid"]: each["type"] for each in sources["datasources"]}
    for each in (*SQL, *PROMETHEUS):
        source = each.values[1]["datasource"]
        assert known[source["uid"]] == source["type"]
    [provider] = yaml.safe_load((FOLDER / "provisioning/dashboards/spanglass.yaml").read_text())[
        "providers"
    ]
    mounts = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["grafana"]["volumes"]
    assert f"./dashboards:{provider['options']['path']}:ro" in mounts
