"""The benchmark of SDKs counts what arrives, and does not wait twice for what does not install."""

import json
import sys
import time
from pathlib import Path

import pytest

from bench import sdk
from bench.sdk_peers import output, peer, version


def test_what_arrives_is_counted() -> None:
    program = str(Path(sdk.__file__).with_name("sdk_program.py"))
    with sdk._sink() as url:
        for name in ("spanglass", "opentelemetry"):
            told = output([sys.executable, program, name, url, "2", "30"], 60)
            assert len(json.loads(told)["cpu"]) == 2
            assert sdk._counted(url, 110) == 110, name
        output([sys.executable, program, "bare", url, "1", "5"], 60)
        before = time.monotonic()
        assert sdk._counted(url, 0) == 0
        assert time.monotonic() - before < sdk._LATE_S


def test_a_peer_that_does_not_install_is_remembered(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="took more than"):
        peer("a-peer", tmp_path, install_s=0.01)
    failed = tmp_path / "a-peer.failed"
    assert "took more than" in failed.read_text()
    with pytest.raises(RuntimeError, match="to try again"):
        peer("a-peer", tmp_path, install_s=0.01)
    assert version("a-peer", str(tmp_path / "a-peer" / "bin" / "python")) == ""
    assert version("opentelemetry", sys.executable)
