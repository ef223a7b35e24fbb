"""`spanglass demo`, from its first line to Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from support.waiting import wait_until


def test_control_c_ends_the_demo_without_a_word(tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    # A terminal sends the signal to every process of the group, as we do here.
    with said.open("w") as output:
        demo = subprocess.Popen(
            [
                sys.executable, "-m", "spanglass_collector.cli", "demo", "--days", "1",
                "--web", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0",
            ],
            stdout=output, stderr=output, process_group=0,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )  # fmt: skip
    try:
        address = wait_until(lambda: _address(said), "its address", 60)
        wait_until(lambda: _traces(address), "its traces", 60)
        assert list(tmp_path.glob("spanglass-demo-*"))
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(60) == 0
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait()
    text = said.read_text()
    assert "Traceback" not in text
    assert "cannot be sent" not in text
    assert not list(tmp_path.glob("spanglass-demo-*"))


def _address(said: Path) -> str:
    _, _, rest = said.read_text().partition("The demo is at ")
    line, end, _ = rest.partition("\n")
    return line.strip() if end else ""


def _traces(address: str) -> bool:
    return bool(httpx.get(f"{address}/api/v1/traces", timeout=30).json()["items"])
