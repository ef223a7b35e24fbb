"""Fixtures of the SDK's tests; `tests/conftest.py` has them for all."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

import spanglass
from sample_server import BackgroundServer, Settings
from spanglass import _state
from spanglass.testing import CapturedSpans, capture
from support.sdk_sink import Sink, running_sink

#: `spanglass.init` against the sink, with settings of a test's own.
Start: TypeAlias = Callable[..., None]


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """No error of ours is swallowed."""
    monkeypatch.setenv("SPANGLASS_RAISE_INTERNAL_ERRORS", "1")


@pytest.fixture
def spans() -> Iterator[CapturedSpans]:
    """What is recorded, kept in memory."""
    with capture() as captured:
        yield captured


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A receiver that shows what it got."""
    with running_sink() as running:
        yield running


@pytest.fixture
def start(sink: Sink, strict: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """`init` against the sink; what other tests missed is not counted."""
    monkeypatch.setattr(_state, "missed", {})
    monkeypatch.setattr(_state, "missed_scores", {})

    def start_(**options: Any) -> None:
        given = {"endpoint": sink.url, "service": "test", "export_delay_s": 30, **options}
        spanglass.init(**given)
        assert _state.runtime is not None

    yield start_
    spanglass.shutdown(0.0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A model server that never waits."""
    with BackgroundServer(Settings(speed=0)) as server:
        yield server.base_url
