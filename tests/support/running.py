"""A running service, as its users see it: a process, its ports and its commands."""

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import grpc
import httpx
import psutil
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from prometheus_client.parser import text_string_to_metric_families

from spanglass_collector.tls import own_context
from spanglass_store.client import Store
from spanglass_store.embedded.config import USERS
from spanglass_store.endpoint import Endpoint, Role
from support.waiting import PATIENCE_S, wait_until

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE_ROOTS: Final = ("sdk", "detectors", "collector", "alerts", "dashboards", "examples")
PROTOBUF: Final = "application/x-protobuf"
EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#: What the shared service takes feedback links of.
FEEDBACK_SECRET: Final = "a secret of the tests, long enough"
FEEDBACK_SECRET_BEFORE: Final = "what it was before, long enough"
#: What the metrics call the items of each signal.
ITEMS: Final = {"traces": "spans", "logs": "log_records", "metrics": "data_points"}
#: A batch is sealed that soon, in milliseconds, so that tests need not wait for it.
SEGMENT_AGE_MS: Final = 40
#: What a service of a test does. Jobs take a process and a good second of every start, so they run
#: where a test sets them or alerts up, or asks for them.
ROLES: Final = "ingest,web"
ALL_ROLES: Final = "ingest,jobs,web"


def environment(**more: str) -> dict[str, str]:
    """The environment of our subprocesses: nothing of the caller's settings in it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SPANGLASS_", "OTEL_", "OPENAI_", "PYTEST_"))
    }
    paths = os.pathsep.join(str(ROOT / name) for name in PACKAGE_ROOTS)
    return kept | {"PYTHONPATH": paths, "COLUMNS": "200", "NO_COLOR": "1", **more}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "spanglass_collector.cli", *map(str, arguments)]


def run_cli(
    *arguments: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout_s: float = 120,
) -> "subprocess.CompletedProcess[bytes]":
    """A command, to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**(env or {})),
        input=None if stdin is None else stdin.encode(),
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )


@dataclass(frozen=True)
class Account:
    """The terms of the accounting identity, as `/metrics` shows them."""

    received: int
    stored: int
    rejected: int
    dead_lettered: int
    sampled_out: int
    spooled: int
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return self.received == (
            self.stored + self.rejected + self.dead_lettered + self.sampled_out + self.spooled
        )


class RunningService:
    """`spanglass serve` on free ports.

    Args:
        data_dir: its data directory; the process works in its parent.
        flags: further arguments.
        env: further variables.
    """

    def __init__(
        self, data_dir: Path, *flags: str | Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self._flags = flags
        self._env = dict(env or {})
        with_jobs = "SPANGLASS_DETECT" in self._env or "--alerts" in flags
        self._env.setdefault("SPANGLASS_ROLES", ALL_ROLES if with_jobs else ROLES)
        # Tests of other jobs need none of these; tests of these name them.
        off = {name: {"enabled": False} for name in ("quality", "safety", "grounding")}
        asked = json.loads(self._env.get("SPANGLASS_DETECT", "{}"))
        self._env["SPANGLASS_DETECT"] = json.dumps({**off, **asked})
        self._process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None
        self._channel: grpc.Channel | None = None
        self.addresses: dict[str, str] = {}
        self.scheme = "http"
        self.token = ""
        self.log = data_dir.parent / f"{data_dir.name}.log"
        #: Whether anything was sent since the accounts were last looked at.
        self.dirty = False

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> Self:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        arguments = [
            "serve", "--data-dir", str(self.data_dir), "--otlp-grpc", "127.0.0.1:0",
            "--otlp-http", "127.0.0.1:0", "--web", "127.0.0.1:0",
            "--segment-age-ms", str(SEGMENT_AGE_MS), "--min-free-bytes", "1000000",
            *map(str, self._flags),
        ]  # fmt: skip
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command(*arguments),
                cwd=self.data_dir.parent,
                env=environment(**self._env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        document = wait_until(self._announced, "the service announces itself")
        self.addresses = document["addresses"]
        self.token = document["token"]
        self._client = httpx.Client(timeout=PATIENCE_S, verify=self._trusted(document))
        return self

    def _trusted(self, document: dict[str, Any]) -> ssl.SSLContext | bool:
        """Whose certificates count: the service's own, where it has one."""
        certificate = document["certificate"]
        self.scheme = "https" if certificate else "http"
        return own_context(Path(certificate)) if certificate else True

    def _announced(self) -> dict[str, Any] | None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the service ended while starting:\n{self.output()}")
        try:
            document: dict[str, Any] = json.loads((self.data_dir / "service.json").read_text())
        except (OSError, ValueError):
            return None
        # A file that a killed service left behind is not this one's.
        web = document["addresses"].get("web")
        if web is None:
            return document
        try:
            trusted = self._trusted(document)
            health = httpx.get(
                f"{self.scheme}://{web}/metrics", verify=trusted,
                headers={"authorization": f"Bearer {document['token']}"},
            )  # fmt: skip
        except httpx.HTTPError:
            return None
        return document if health.status_code == 200 else None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    @property
    def store_process(self) -> psutil.Process:
        """The embedded server."""
        (child,) = [p for p in self.process.children() if "child.py" in " ".join(p.cmdline())]
        return child

    @property
    def returncode(self) -> int | None:
        assert self._process is not None
        return self._process.poll()

    def terminate(self) -> None:
        assert self._process is not None
        self._process.terminate()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE_S)
        self._disconnect()

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(PATIENCE_S)

    def stop(self) -> None:
        """Ends the service; nothing of it stays."""
        if self._process is None:
            return
        self._disconnect()
        if self._process.poll() is None:
            family = [self.process, *self.process.children(recursive=True)]
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise
            _, alive = psutil.wait_procs(family, timeout=10)
            assert not alive, f"left behind: {alive}"

    def restart(self) -> None:
        self.stop()
        self.start()

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # -- sending -------------------------------------------------------------------------------

    @property
    def http(self) -> httpx.Client:
        assert self._client is not None
        return self._client

    @property
    def otlp(self) -> str:
        return f"{self.scheme}://{self.addresses['otlp_http']}"

    @property
    def web(self) -> str:
        return f"{self.scheme}://{self.addresses['web']}"

    def post(
        self,
        body: bytes | Message,
        *,
        path: str = "/v1/traces",
        content_type: str | None = PROTOBUF,
        **headers: str,
    ) -> httpx.Response:
        """One OTLP/HTTP request, whatever the answer; underscores in header names are hyphens."""
        self.dirty = True
        content = body if isinstance(body, bytes) else body.SerializeToString()
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            fields["content-type"] = content_type
        return self.http.post(self.otlp + path, content=content, headers=fields)

    def send(self, message: Message, **headers: str) -> None:
        """Sends spans or the like that are all to be accepted."""
        response = self.post(message, **headers)
        assert response.status_code == 200, response.content
        assert response.content == b"", "accepted in part only"

    def call(
        self,
        method: str,
        body: bytes | Message,
        metadata: Sequence[tuple[str, str]] = (),
        compression: grpc.Compression | None = None,
    ) -> bytes:
        """One gRPC call, with the serialised answer.

        Raises:
            grpc.RpcError: if it is answered with an error.
        """
        self.dirty = True
        if self._channel is None:
            self._channel = grpc.insecure_channel(
                self.addresses["otlp_grpc"],
                options=[("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)],
            )
        call = self._channel.unary_unary(method)
        content = body if isinstance(body, bytes) else body.SerializeToString()
        answer: bytes = call(
            content, metadata=metadata, timeout=PATIENCE_S, compression=compression,
            wait_for_ready=True,
        )  # fmt: skip
        return answer

    def grpc(
        self,
        body: bytes | ExportTraceServiceRequest,
        metadata: Sequence[tuple[str, str]] = (),
        compression: grpc.Compression | None = None,
    ) -> ExportTraceServiceResponse:
        """One OTLP/gRPC request of spans.

        Raises:
            grpc.RpcError: if it is answered with an error.
        """
        answer = self.call(EXPORT, body, metadata, compression)
        return ExportTraceServiceResponse.FromString(answer)

    # -- reading -------------------------------------------------------------------------------

    def api(self, method: str, path: str, key: str | None = None, **options: Any) -> httpx.Response:
        """One call of the API, with the local token unless a key (or "" for none) is given."""
        secret = self.token if key is None else key
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        headers |= options.pop("headers", {})
        return self.http.request(method, self.web + path, headers=headers, **options)

    def get(self, path: str, key: str | None = None, **params: Any) -> Any:
        """The JSON answer of a successful `GET`."""
        response = self.api("GET", path, key, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def ask(
        self, query: str, params: Mapping[str, Any] | None = None, key: str | None = None
    ) -> httpx.Response:
        """The answer to a query, whatever it is."""
        body = {"query": query, "params": dict(params or {})}
        return self.api("POST", "/api/v1/sql", key, json=body)

    def sql(self, query: str, key: str | None = None, **params: Any) -> list[dict[str, Any]]:
        """The rows of a query."""
        response = self.ask(query, params, key)
        assert response.status_code == 200, response.text
        answer = response.json()
        return [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]

    def one(self, query: str, key: str | None = None, **params: Any) -> dict[str, Any]:
        """The only row of a query."""
        rows = self.sql(query, key, **params)
        assert len(rows) == 1, rows
        return rows[0]

    def stored_span(self, span_id: bytes, columns: str = "*") -> dict[str, Any]:
        """The row of a span, once it is there."""
        self.settle()
        return self.one(
            f"SELECT {columns} FROM spans WHERE span_id = {{id:String}}", id=span_id.hex()
        )

    def trace(self, trace_id: bytes, key: str | None = None, **params: Any) -> list[dict[str, Any]]:
        """The spans of a trace, as the API shows them."""
        self.settle()
        document = self.get(f"/api/v1/traces/{trace_id.hex()}", key, **params)
        spans: list[dict[str, Any]] = document["spans"]
        return spans

    def owner(self) -> Store:
        """The embedded server, as the collector uses it."""
        config = (self.data_dir / "store" / "config.xml").read_text()
        port = re.search(r"<http_port>(\d+)<", config)
        assert port is not None
        passwords = json.loads((self.data_dir / "credentials.json").read_text())
        users = {role: (USERS[role], str(passwords[role])) for role in Role}
        return Store(Endpoint("127.0.0.1", int(port[1]), users, isolated=True))

    # -- accounts ------------------------------------------------------------------------------

    def metrics(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """Samples by name, then by labels."""
        response = self.api("GET", "/metrics")
        assert response.status_code == 200, response.text
        result: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(response.text):
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                result.setdefault(sample.name, {})[labels] = sample.value
        return result

    def requests(self, outcome: str) -> int:
        """How many OTLP requests had this outcome."""
        return int(self.metrics()["spanglass_requests_total"][(("outcome", outcome),)])

    def account(self, signal: str = "traces") -> Account:
        return self.accounts()[signal]

    def accounts(self) -> dict[str, Account]:
        """The accounts of each signal."""
        found = self.metrics()

        def account(items: str) -> Account:
            def term(name: str) -> int:
                return int(found[f"spanglass_{items}_{name}"][()])

            reasons = {
                dict(labels)["reason"]: int(value)
                for labels, value in found.get(f"spanglass_{items}_rejected_total", {}).items()
            }
            return Account(
                term("received_total"), term("stored_total"), sum(reasons.values()),
                term("dead_lettered"), term("sampled_out_total"), term("spooled"), reasons,
            )  # fmt: skip

        return {signal: account(items) for signal, items in ITEMS.items()}

    def settle(self, signal: str = "traces") -> Account:
        """Waits until nothing is on its way to the store, and checks the accounts.

        Returns:
            The account of one signal; those of the others are checked, too.
        """
        settled = wait_until(self._settled, "everything accepted is stored")
        self.dirty = False
        return settled[signal]

    def _settled(self) -> dict[str, Account] | None:
        accounts = self.accounts()
        for account in accounts.values():
            assert account.holds, account
        return None if any(account.spooled for account in accounts.values()) else accounts

    # -- commands ------------------------------------------------------------------------------

    def cli(
        self, *arguments: str | Path, stdin: str | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        """A command on this service's data directory."""
        return run_cli(
            *arguments, "--data-dir", self.data_dir, cwd=self.data_dir.parent, stdin=stdin
        )

    def key(self, scope: str, project: str = "default", payload: bool = True) -> str:
        """A new key, made with the command."""
        done = self.cli(
            "keys", "create", "--scope", scope, "--project", project,
            "--payload" if payload else "--no-payload",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()


#: Starts a service on a new data directory with further flags; it ends with the test.
Launch = Callable[..., RunningService]
