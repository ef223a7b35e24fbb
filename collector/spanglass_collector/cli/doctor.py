"""`spanglass doctor`: what works here, what is missing, and the command that mends it."""

import importlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import typer

from spanglass_collector.cli.output import console
from spanglass_collector.cli.remote import DataDir, running_service
from spanglass_collector.doors import open_door
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.jobs.config import NEEDS, missing_packages
from spanglass_collector.settings import Settings, load
from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.endpoint import parse_url
from spanglass_store.errors import StoreError

#: What tests show at work where it is installed: distribution, of what, what to install.
_INSTRUMENTED: Final = (
    ("openinference-instrumentation-llama-index", "LlamaIndex",
     "llama-index-core openinference-instrumentation-llama-index"),
    ("openinference-instrumentation-litellm", "LiteLLM",
     "litellm openinference-instrumentation-litellm"),
    ("opentelemetry-instrumentation-mcp", "MCP", "'mcp<2' opentelemetry-instrumentation-mcp"),
    ("openinference-instrumentation-bedrock", "Amazon Bedrock",
     "boto3 openinference-instrumentation-bedrock"),
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: `ok`, `note` (something optional is missing) or `bad`.
        text: what was found.
        mend: the command or step that mends it.
    """

    level: str
    text: str
    mend: str = ""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("doctor")(doctor)


def doctor(data_dir: DataDir = None) -> None:
    """Says what works here, what is missing, and the command that mends it.

    spanglass doctor
    """
    settings = load({"data_dir": data_dir})
    checks: tuple[Callable[[Settings], list[Finding]], ...] = (
        _python, _packages, _optional, _directory, _dead_letters, _store, _ports, _browser,
    )  # fmt: skip
    bad = 0
    for check in checks:
        for finding in check(settings):
            sign, style = {"ok": ("✓", "green"), "note": ("·", "yellow")}.get(
                finding.level, ("✗", "red")
            )
            bad += finding.level == "bad"
            console.print(f"{sign} {finding.text}", style=style, highlight=False, markup=False)
            if finding.mend:
                console.print(f"    {finding.mend}", highlight=False, markup=False, soft_wrap=True)
    if bad:
        raise typer.Exit(1)


def _python(_: Settings) -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    return [Finding("ok", f"Python {version}")]


def _packages(_: Settings) -> list[Finding]:
    needed = ("grpc", "google.protobuf", "clickhouse_connect", "uvicorn", "fastapi", "sqlalchemy")
    missing = [name for name in needed if not _imports(name)]
    if missing:
        mend = "pip install 'spanglass[collector]'"
        return [Finding("bad", f"missing for the service: {', '.join(missing)}", mend)]
    return [Finding("ok", "the service's packages")]


def _optional(_: Settings) -> list[Finding]:
    findings = []
    for module, what, mend in (
        ("pynvml", "NVIDIA's management library (GPU metrics)", "pip install 'spanglass[gpu]'"),
        (
            "opentelemetry.exporter.otlp.proto.grpc",
            "OTLP/gRPC in the SDK",
            "pip install 'spanglass[grpc]'",
        ),
    ):
        found = _imports(module)
        findings.append(
            Finding("ok", what) if found else Finding("note", f"not installed: {what}", mend)
        )
    for job in NEEDS:
        missing = missing_packages(job)
        text = f"the job {job} is off: {', '.join(missing)} not installed"
        if missing:
            findings.append(Finding("note", text, "pip install 'spanglass[detectors]'"))
    for distribution, what, packages in _INSTRUMENTED:
        if not _is_installed(distribution):
            text = f"not installed: what spanglass.instrument() traces {what} with"
            findings.append(Finding("note", text, f"pip install {packages}"))
    return findings


def _imports(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _is_installed(distribution: str) -> bool:
    """Not imported: what instruments a library brings it along."""
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _directory(settings: Settings) -> list[Finding]:
    path = settings.data_dir
    free = shutil.disk_usage(_existing(path)).free
    findings = []
    if free < settings.min_free_bytes:
        findings.append(
            Finding(
                "bad", f"{free >> 20} MiB free on the disk of {path}: senders get 503",
                "Make room, choose another --data-dir, or lower --min-free-bytes.",
            )
        )  # fmt: skip
    else:
        findings.append(Finding("ok", f"{path}: {free >> 30} GiB free"))
    return findings


def _dead_letters(settings: Settings) -> list[Finding]:
    folder = settings.data_dir / "dead-letters"
    if not folder.is_dir():
        return []
    letters = DeadLetters(folder, settings.dead_letters_bytes)
    found = letters.list()
    if not found:
        return [Finding("ok", "no dead letters")]
    text = (
        f"{len(found)} dead letters, {letters.size >> 20} MiB: ClickHouse refused what is in them"
    )
    mend = "spanglass dead-letters list, then replay or discard them"
    full = sorted({each.project for each in found if not letters.has_room(each.project, 0)})
    if full:
        names = ", ".join(repr(name) for name in full)
        return [Finding("bad", f"{text}; no room is left for those of {names}", mend)]
    return [Finding("note", text, mend)]


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _store(settings: Settings) -> list[Finding]:
    service = running_service(settings.data_dir)
    if service is not None:
        try:
            service.request("GET", "/readyz")
        except StoreError as error:
            return [Finding("bad", f"the service at {service.url} is not ready", str(error))]
        return [Finding("ok", f"a service runs at {service.url} and is ready")]
    try:
        if settings.clickhouse:
            version = Store(parse_url(settings.clickhouse)).check()
            return [Finding("ok", f"ClickHouse {version} at --clickhouse")]
        with DataDirectory(settings.data_dir) as directory, EmbeddedServer(directory) as server:
            return [Finding("ok", f"embedded ClickHouse {Store(server.endpoint).check()}")]
    except StoreError as error:
        return [Finding("bad", "the store does not start", str(error))]


def _ports(settings: Settings) -> list[Finding]:
    if running_service(settings.data_dir) is not None:
        return []
    findings = []
    for name in ("otlp_grpc", "otlp_http", "web"):
        address = getattr(settings, name)
        try:
            open_door(name, address).close()
        except StoreError as error:
            problem, _, remedy = str(error).partition(". ")
            findings.append(Finding("bad", problem, remedy))
        else:
            findings.append(Finding("ok", f"{address} is free ({name})"))
    return findings


def _browser(_: Settings) -> list[Finding]:
    named = os.environ.get("SPANGLASS_CHROMIUM", "")
    if any(map(shutil.which, (named, "chromium", "chromium-browser", "google-chrome"))):
        return [Finding("ok", "Chromium (browser tests)")]
    return [
        Finding(
            "note", "not installed: Chromium, for the browser tests", "apt-get install chromium"
        )
    ]
