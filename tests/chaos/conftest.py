"""Fixtures of the chaos tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.victim import Victim


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    """A service on an empty data directory, not started; nothing of it outlives the test."""
    service = Victim(tmp_path / "data")
    yield service
    service.stop()
    assert not service.servers(), "an embedded server was left behind"
