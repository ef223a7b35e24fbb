"""What README and docs tell people to type is typed, against a running service."""

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from sample_server import BackgroundServer
from sample_server import Settings as SampleSettings
from spanglass_alerts.evaluate.given import run as run_rule_tests
from spanglass_alerts.playbook import answered
from spanglass_alerts.rules.files import parse as parse_rules
from spanglass_collector.judging.rubric import read_rubric
from spanglass_collector.settings import load
from spanglass_store.client import Store
from spanglass_store.endpoint import Role
from spanglass_store.prices.file import parse
from support import otlp
from support.certificates import make
from support.commands import Commands
from support.docs import Block, blocks, languages
from support.external import ExternalServer
from support.running import ROOT, Launch, RunningService, environment
from support.waiting import wait_until

#: Commands that install packages, and run for minutes what is run here anyway.
NOT_RUN: Final = ("make demo", "make test", "python3 develop.py", "pip install")
#: What is done with the incident whose number stands in the documents.
VERBS: Final = ("show", "ack", "note", "own", "resolve", "postmortem")
#: Commands that go on until somebody ends them, with what they say when they are ready.
SERVING: Final = {
    "spanglass serve": "Web, API",
    "spanglass agent": "Sends to",
    "python examples/sample_server": "http://",
}
#: Somebody's application that knows OpenTelemetry alone.
APP: Final = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
with provider.get_tracer("app").start_as_current_span("of your app"):
    pass
provider.shutdown()
"""


class Desk:
    """Where things are typed: a folder with what the documents take for granted.

    Attributes:
        data_dir: of the service that runs.
        places: what stands in the documents, with what it is here.
    """

    def __init__(self, folder: Path, service: RunningService, model: str) -> None:
        self.folder = folder
        self.data_dir = service.data_dir
        self.places = {
            "127.0.0.1:4318": service.addresses["otlp_http"],
            "localhost:4318": service.addresses["otlp_http"],
            "localhost:4317": service.addresses["otlp_grpc"],
            "http://127.0.0.1:8410/v1": model,
            "--port 8410": "--port 0",
            "/var/lib/spanglass": str(folder / "restored"),
            "/etc/spanglass/tls.": f"{folder / 'tls'}.",
            # Realistic pauses are for people.
            "otel_only_service.py": "otel_only_service.py --speed 0",
        }
        self._env = environment(
            PATH=f"{folder / 'bin'}:/usr/bin:/bin",
            SPANGLASS_ENDPOINT=service.otlp,
            OTEL_EXPORTER_OTLP_ENDPOINT=service.otlp,
            SPANGLASS_DATA_DIR=str(folder / "data"),
            SPANGLASS_AGENT_BUFFER_DIR=str(folder / "buffer"),
            **{f"SPANGLASS_{door}": "127.0.0.1:0" for door in ("OTLP_GRPC", "OTLP_HTTP", "WEB")},
        )
        (folder / "bin").mkdir()
        for name, more in (("python", ""), ("spanglass", " -m spanglass_collector.cli")):
            script = folder / "bin" / name
            script.write_text(f'#!/bin/sh\nexec {sys.executable}{more} "$@"\n')
            script.chmod(0o755)
        (folder / "your_app.py").write_text(APP)
        make(folder, "tls")
        (folder / "examples").symlink_to(ROOT / "examples")

    def here(self, text: str) -> str:
        for there, here in self.places.items():
            text = text.replace(there, here)
        return text

    def type(self, command: str) -> str:
        """Runs a command of a shell; what it says. One that serves is ended when it is ready."""
        ready = next((said for name, said in SERVING.items() if command.startswith(name)), None)
        log = self.folder / "output"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self.here(command)}" if ready else self.here(command)],
                cwd=self.folder, env=self._env, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
            try:
                if ready is not None:
                    wait_until(
                        lambda: ready in log.read_text() or process.poll() is not None,
                        f"{command} is ready",
                    )
                    process.terminate()
                code = process.wait(120)
                # The sample server leaves it to the system what the signal does.
                assert code == 0 or (ready and code == -signal.SIGTERM), (
                    f"{command}: {log.read_text()}"
                )
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
        said = log.read_text()
        assert "Traceback" not in said, said
        assert ready is None or ready in said
        return said


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with BackgroundServer(SampleSettings(speed=0)) as server:
        yield server.base_url


@pytest.fixture
def desk(tmp_path: Path, service: RunningService, model: str) -> Desk:
    service.dirty = True
    return Desk(tmp_path, service, model)


def named(language: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", blocks(language), ids=str)


@named("python")
def test_python(desk: Desk, block: Block) -> None:
    (desk.folder / "block.py").write_text(desk.here(block.text))
    desk.type("python block.py")


@named("sh")
def test_commands(
    desk: Desk, service: RunningService, block: Block, cli: Commands, tmp_path: Path
) -> None:
    if " incidents " in block.text:
        made = service.api("POST", "/api/v1/incidents", json={"title": "Checkout fails"}).json()
        desk.places |= {f"{verb} 12": f"{verb} {made['id']}" for verb in VERBS}
    if "spanglass import" in block.text:
        service.send(otlp.request(otlp.chat_span()))
        service.settle()
    with ExitStack() as stack:
        for command in block.commands():
            if command.startswith(NOT_RUN):
                continue
            if "--clickhouse" in command:
                server = stack.enter_context(ExternalServer(tmp_path / "clickhouse"))
                desk.places["https://user:password@host:8443/spanglass"] = server.url
            words = shlex.split(desk.here(command))
            if words[0] != "spanglass" or words[1] in ("serve", "agent"):
                desk.type(command)
                continue
            # The service of the other tests goes on without keys and accounts.
            data = "data" if words[1] in ("keys", "accounts") else desk.data_dir
            of_files = words[1:3] in (
                ["alerts", "check"],
                ["alerts", "init"],
                ["alerts", "metrics"],
            )
            is_told = of_files or "--data-dir" in words
            done = cli(
                *words[1:], *([] if is_told else ["--data-dir", data]),
                stdin="a password of many characters\n",
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            if words[1] == "backup" and done.stdout.startswith(b"/"):
                made = Path(done.stdout.decode().strip())
                desk.places |= {
                    "/backups/2026": f"{made.parent}/2026",
                    "20260102T030405": made.name,
                }
            if words[1:3] == ["keys", "create"]:
                desk.places["1a2b3c4d"] = re.findall(rb"Key (\w+) for", done.stderr)[0].decode()


def _send_scores_and_metrics(service: RunningService) -> None:
    (span,) = service.sql("SELECT trace_id, span_id FROM spans WHERE operation = 'chat' LIMIT 1")
    score = {"name": "user_feedback", "value": 1, **span}
    assert service.api("POST", "/api/v1/scores", json=score).status_code == 201
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    histogram = scope.metrics.add(name="gen_ai.client.token.usage").histogram
    histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    histogram.data_points.add(
        time_unix_nano=time.time_ns(), count=3, sum=9, bucket_counts=[1, 2], explicit_bounds=[4]
    )
    for name in ("hw.power", "engine.generated_tokens"):
        scope.metrics.add(name=name).gauge.data_points.add(time_unix_nano=time.time_ns(), as_int=1)
    assert service.post(request.SerializeToString(), path="/v1/metrics").content == b""
    wait_until(lambda: service.sql("SELECT 1 FROM metrics WHERE name = 'hw.power'"), "it is stored")


@named("sql")
def test_sql(service: RunningService, block: Block) -> None:
    service.send(otlp.request(otlp.chat_span(5, 7), otlp.span(error="no")))
    service.settle()
    _send_scores_and_metrics(service)
    query = block.text
    if "pii_findings" in query:
        mail = {"input.value": "ana.marsh@example.com", "gen_ai.operation.name": "chat"}
        service.send(otlp.request(otlp.span(attrs=mail)))
        wait_until(lambda: service.sql("SELECT 1 FROM pii_findings LIMIT 1"), "it is found")
    # Of these the shared service may have none.
    rare = ("time_to_first_token_s", "alert_events", "energy_j", "deployment_changes")
    if not any(name in query for name in rare):
        assert service.sql(query)
    else:
        service.sql(query)


@named("toml")
def test_settings(tmp_path: Path, block: Block) -> None:
    if "[[price]]" in block.text:
        assert parse(block.text, str(block))
        return
    path = tmp_path / "spanglass.toml"
    path.write_text(block.text)
    settings = load({}, path)
    assert settings.model_fields_set


@named("yaml")
def test_rules(block: Block, tmp_path: Path) -> None:
    if block.text.startswith("price:"):
        return
    if "\nquestion:" in block.text:
        path = tmp_path / "rubric.yaml"
        path.write_text(block.text)
        assert read_rubric(str(path)).labels
        return
    book = parse_rules(block.text, str(block))
    assert [each.problem for each in run_rule_tests(book) if each.problem] == []


def test_nothing_else_is_shown() -> None:
    # The page with the feedback script is opened by tests/browser/test_feedback_widget.py.
    assert languages() - {"html"} == {"markdown", "python", "sh", "sql", "toml", "yaml"}


@named("markdown")
def test_playbooks(service: RunningService, block: Block) -> None:
    now = time.time()
    reader = Store(service.owner().endpoint, Role.PAYLOAD_READER)
    checks = [each for each in answered(block.text, reader, {}, now - 60, now) if each.sql]
    assert checks
    assert not [each.error for each in checks if each.error]


def test_an_exporter_sends_its_key_as_documented(launch: Launch, tmp_path: Path) -> None:
    """The line that names the header, with a key that was made."""
    (line,) = [
        command
        for block in blocks("sh")
        for command in block.commands()
        if command.startswith("OTEL_EXPORTER_OTLP_HEADERS")
    ]
    keyed = launch()
    secret = keyed.key("ingest")
    wait_until(lambda: keyed.api("GET", "/metrics", key="").status_code == 401)
    desk = Desk(tmp_path, keyed, "")
    desk.places["sg_ingest_…"] = secret
    desk.type(f"{line} python your_app.py")
    keyed.settle()
    assert keyed.one("SELECT name FROM spans") == {"name": "of your app"}
