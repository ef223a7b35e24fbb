"""Fixtures of all tests."""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.migrate import migrate
from support.commands import Commands
from support.embedded import EmbeddedStore
from support.running import (
    ALL_ROLES,
    FEEDBACK_SECRET,
    FEEDBACK_SECRET_BEFORE,
    Launch,
    RunningService,
)
from support.sdk_fixtures import sink, spans, start, strict, url

__all__ = ["sink", "spans", "start", "strict", "url"]

settings.register_profile(
    "tests", deadline=None, derandomize=True, max_examples=60, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
settings.load_profile("tests")


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One service without keys, for all tests that can share it."""
    env = {
        "SPANGLASS_FEEDBACK_SECRET": FEEDBACK_SECRET, "SPANGLASS_ROLES": ALL_ROLES,
        "SPANGLASS_FEEDBACK_SECRET_BEFORE": FEEDBACK_SECRET_BEFORE,
    }  # fmt: skip
    with RunningService(tmp_path_factory.mktemp("shared") / "data", env=env) as running:
        yield running


@pytest.fixture
def service(shared_service: RunningService) -> Iterator[RunningService]:
    """The shared service; its accounts have to be right when a test that sent leaves it."""
    yield shared_service
    if shared_service.dirty:
        shared_service.settle()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Starts services that only this test uses."""
    with ExitStack() as stack:

        def start(*flags: str | Path, name: str = "data", **env: str) -> RunningService:
            running = RunningService(tmp_path / name, *flags, env=env)
            stack.callback(running.stop)
            stack.callback(_settle_if_it_runs, running)
            return running.start()

        yield start


def _settle_if_it_runs(running: RunningService) -> None:
    if running.dirty and running.returncode is None and "web" in running.addresses:
        running.settle()


@pytest.fixture(scope="session")
def embedded_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """One embedded server for all tests that need no service."""
    with (
        DataDirectory(tmp_path_factory.mktemp("store") / "data") as directory,
        EmbeddedServer(directory) as server,
    ):
        owner = Store(server.endpoint)
        migrate(owner)
        yield EmbeddedStore(owner, server, directory)
        owner.close()


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Commands:
    """Runs commands as they are typed, in a folder of their own."""
    for name in list(os.environ):
        if name.startswith("SPANGLASS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HOME", str(tmp_path))
    return Commands(tmp_path, monkeypatch, capfdbinary)


@pytest.fixture
def unique() -> str:
    """A name that no other test uses."""
    return f"t-{uuid.uuid4().hex[:12]}"
