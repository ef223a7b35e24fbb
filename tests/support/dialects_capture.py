"""Captures what real instrumentations send, once, into `tests/contract/dialects/NAME.json`.

    python tests/support/dialects_capture.py [NAME ...]

Each sender in `dialects_senders` runs in an environment of its own (`.bench/dialects/NAME`, made
at first use: these packages can't live together, and are no dependencies of ours), talks to the
bundled sample server, and exports to a listener here. What arrives is kept as OTLP JSON, less
what tells about the machine that it was made on. Tests read these files; nothing else makes them.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))

from sample_server import BackgroundServer, Settings  # noqa: E402

FIXTURES: Final = ROOT / "tests" / "contract" / "dialects"
_SENDERS: Final = Path(__file__).parent / "dialects_senders"
_PLACE: Final = ROOT / ".bench" / "dialects"
_INSTALL_S: Final = 900
_RUN_S: Final = 180
#: What of a resource is kept: the rest tells about a machine, or changes with every run.
_RESOURCE: Final = re.compile(
    r"service\.(name|version)|deployment\..*|telemetry\..*|openinference.*"
)
#: Attributes of a span that tell about a machine.
_LOCAL: Final = re.compile(
    r"code\..*|thread\..*|process\..*|net\.peer\..*|user_agent\.original|logfire\.json_schema"
    r"|langsmith\.metadata\.(LANGSMITH_.*|revision_id)"
)
_STACK: Final = "exception.stacktrace"


@dataclass(frozen=True)
class Sender:
    """A program that sends in a dialect.

    Attributes:
        packages: what is installed for it; the first is what the dialect comes from.
        program: its file in `dialects_senders`.
        shown: the packages whose versions the fixture names.
    """

    packages: tuple[str, ...]
    program: str
    shown: tuple[str, ...]

    @property
    def is_node(self) -> bool:
        return self.program.endswith(".mjs")


_HTTP: Final = "opentelemetry-exporter-otlp-proto-http"
SENDERS: Final = {
    "openinference": Sender(
        (
            "openinference-instrumentation-openai", "openinference-instrumentation-langchain",
            "langchain-openai", _HTTP,
        ),
        "send_openinference.py",
        (
            "openinference-instrumentation-openai", "openinference-instrumentation-langchain",
            "openai",
        ),
    ),
    "openllmetry": Sender(
        ("traceloop-sdk==0.62.4", "openai", "httpx"), "send_openllmetry.py",
        ("traceloop-sdk", "opentelemetry-instrumentation-openai", "openai"),
    ),
    "openllmetry-chroma": Sender(
        ("opentelemetry-instrumentation-chromadb==0.62.4", "chromadb", _HTTP),
        "send_openllmetry_chroma.py", ("opentelemetry-instrumentation-chromadb", "chromadb"),
    ),
    "openllmetry-old": Sender(
        ("opentelemetry-instrumentation-openai==0.33.12", "openai<2", "setuptools<80", _HTTP),
        "send_openllmetry_old.py", ("opentelemetry-instrumentation-openai", "openai"),
    ),
    "otel-g0": Sender(
        ("azure-ai-inference", "azure-core-tracing-opentelemetry", _HTTP), "send_otel_g0.py",
        ("azure-ai-inference", "azure-core-tracing-opentelemetry"),
    ),
    "langfuse": Sender(("langfuse", "openai"), "send_langfuse.py", ("langfuse", "openai")),
    "logfire": Sender(("logfire", "openai"), "send_logfire.py", ("logfire", "openai")),
    "pydantic-ai": Sender(
        ("pydantic-ai-slim[openai]", _HTTP), "send_pydantic_ai.py", ("pydantic-ai-slim", "openai")
    ),
    "openlit": Sender(("openlit", "openai"), "send_openlit.py", ("openlit", "openai")),
    "openlit-old": Sender(
        ("openlit==1.30.0", "openai<2", "setuptools<80"), "send_openlit_old.py", ("openlit", "openai")
    ),
    "langsmith": Sender(
        ("langsmith[otel]", "openai", _HTTP), "send_langsmith.py", ("langsmith", "openai")
    ),
    "mcp": Sender(("mcp", _HTTP), "send_mcp.py", ("mcp",)),
    "mcp-openllmetry": Sender(
        ("opentelemetry-instrumentation-mcp", "mcp<2", _HTTP), "send_mcp_openllmetry.py",
        ("opentelemetry-instrumentation-mcp", "mcp"),
    ),
    "vercel": Sender(
        (
            "ai", "@ai-sdk/openai", "@opentelemetry/sdk-trace-node",
            "@opentelemetry/exporter-trace-otlp-proto", "zod",
        ),
        "send_vercel.mjs", ("ai", "@ai-sdk/openai"),
    ),
    "vercel5": Sender(
        (
            "ai@5", "@ai-sdk/openai@2", "@opentelemetry/sdk-trace-node",
            "@opentelemetry/exporter-trace-otlp-proto", "zod",
        ),
        "send_vercel.mjs", ("ai", "@ai-sdk/openai"),
    ),
}  # fmt: skip


def environment(name: str, sender: Sender) -> Path:
    """The folder with a sender's packages, made where it is missing."""
    place = _PLACE / name
    if sender.is_node:
        if not (place / "node_modules").exists():
            place.mkdir(parents=True, exist_ok=True)
            (place / "package.json").write_text('{"private": true, "type": "module"}')
            _run(["npm", "install", "--silent", *sender.packages], _INSTALL_S, cwd=place)
    elif not (place / "bin" / "python").exists():
        _run([sys.executable, "-m", "venv", str(place)], _INSTALL_S)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-q"]
        _run([*pip, "--disable-pip-version-check", *sender.packages], _INSTALL_S)
    return place


def versions(place: Path, sender: Sender) -> dict[str, str]:
    """The versions of the packages that a fixture names."""
    if sender.is_node:
        return {
            package: json.loads((place / "node_modules" / package / "package.json").read_text())[
                "version"
            ]
            for package in sender.shown
        }
    code = f"from importlib.metadata import version\nfor n in {sender.shown!r}: print(version(n))"
    found = _run([str(place / "bin" / "python"), "-c", code], 60).split()
    return dict(zip(sender.shown, found, strict=True))


def capture(name: str) -> dict[str, Any]:
    """Runs a sender; what it sent, ready to be written."""
    sender = SENDERS[name]
    place = environment(name, sender)
    listener = _Listener()
    listener.start()
    try:
        with BackgroundServer(Settings(speed=0, seed=5)) as server:
            env = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME")}
            env |= {"SAMPLE_URL": server.base_url, "OTLP_URL": listener.url}
            if sender.is_node:
                program = place / sender.program
                program.write_text((_SENDERS / sender.program).read_text())
                command = ["node", str(program)]
            else:
                command = [str(place / "bin" / "python"), str(_SENDERS / sender.program)]
            _run(command, _RUN_S, env=env, cwd=place)
    finally:
        listener.stop()
    requests = [_neutral(body) for body in listener.bodies]
    return {
        "made_by": f"tests/support/dialects_senders/{sender.program} against the sample server,"
        " captured by tests/support/dialects_capture.py",
        "versions": versions(place, sender),
        "paths": sorted(set(listener.paths)),
        "requests": [request for request in requests if request],
    }


def _neutral(body: bytes) -> dict[str, Any]:
    """A request as JSON, without what tells about this machine."""
    request = ExportTraceServiceRequest.FromString(body)
    for resource_spans in request.resource_spans:
        attributes = resource_spans.resource.attributes
        kept = [each for each in attributes if _RESOURCE.fullmatch(each.key)]
        del attributes[:]
        attributes.extend(kept)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                kept = [each for each in span.attributes if not _LOCAL.fullmatch(each.key)]
                del span.attributes[:]
                span.attributes.extend(kept)
                for event in span.events:
                    kept = [each for each in event.attributes if each.key != _STACK]
                    del event.attributes[:]
                    event.attributes.extend(kept)
    return MessageToDict(request)


class _Listener:
    """An OTLP/HTTP receiver that keeps the bodies, whatever path they come to."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        kept = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                if "chunked" in self.headers.get("transfer-encoding", ""):
                    body = b"".join(iter(self._chunk, b""))
                else:
                    body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path.endswith("/traces"):
                    kept.bodies.append(body)
                    kept.paths.append(self.path)
                self._answer(b"")

            def _chunk(self) -> bytes:
                chunk = self.rfile.read(int(self.rfile.readline(), 16))
                self.rfile.readline()
                return chunk

            def do_GET(self) -> None:
                self._answer(b"{}")

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header(
                    "content-type", "application/x-protobuf" if not body else "application/json"
                )
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _run(command: list[str], patience_s: float, **options: Any) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=patience_s, check=False, **options
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main(names: list[str]) -> None:
    """Captures the senders named, or all."""
    FIXTURES.mkdir(exist_ok=True)
    for name in names or SENDERS:
        made = capture(name)
        (FIXTURES / f"{name}.json").write_text(
            json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        )
        print(name, made["versions"], len(made["requests"]), "requests")


if __name__ == "__main__":
    main(sys.argv[1:])
