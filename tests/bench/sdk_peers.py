"""Peers, each in a virtual environment of its own below `.bench/peers`.

They are installed at first use, in bounded time. One that does not install is remembered with the
reason, so that the next run does not wait for it again: delete its `.failed` to try once more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.server import REPOSITORY

PEERS: Final = ("langfuse", "logfire", "traceloop-sdk", "opik", "openlit", "fastotel")
#: What a peer imports and does not require.
BESIDE: Final = {"traceloop-sdk": ("httpx",)}
PLACE: Final = REPOSITORY / ".bench" / "peers"
_INSTALL_S: Final = 180
#: It finds versions that fit one another in seconds, where pip tries them out for many minutes.
INSTALLER: Final = (sys.executable, "-m", "uv", "pip", "install", "-q")


def output(command: list[str], timeout_s: float) -> str:
    """What a command prints.

    Raises:
        RuntimeError: it fails, or takes too long.
    """
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    if command[0] == sys.executable:
        quiet["PYTHONPATH"] = str(REPOSITORY / "sdk")
    else:
        quiet.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(
            command, env=quiet, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"it took more than {timeout_s:.0f} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no word"]
        raise RuntimeError(said[-1][:200])
    return done.stdout


def peer(
    name: str,
    place: Path = PLACE,
    install_s: float = _INSTALL_S,
    beside: tuple[str, ...] = (),
) -> Path:
    """The interpreter of a peer's environment, which is made where it is missing.

    Args:
        name: of its distribution.
        place: where the environments are.
        install_s: seconds that a step of it may take.
        beside: what else it needs to work: requirements as an installer reads them.

    Raises:
        RuntimeError: it cannot be, or could not be when it was tried last.
    """
    python = place / name / "bin" / "python"
    if version(name, str(python)):
        return python
    failed = place / f"{name}.failed"
    if failed.exists():
        raise RuntimeError(f"{failed.read_text().strip()} (delete {failed} to try again)")
    try:
        if not python.exists():
            output([sys.executable, "-m", "venv", "--without-pip", str(place / name)], install_s)
        output([*INSTALLER, "--python", str(python), name, *beside], install_s)
    except RuntimeError as error:
        failed.parent.mkdir(parents=True, exist_ok=True)
        failed.write_text(f"{error}\n")
        raise
    return python


def version(name: str, python: str) -> str:
    """The version of a distribution in an environment; empty where there is none."""
    package = {"opentelemetry": "opentelemetry-sdk"}.get(name, name)
    if " " in package or not Path(python).exists():
        return ""
    try:
        code = f"from importlib import metadata; print(metadata.version({package!r}))"
        return output([python, "-c", code], 30).strip()
    except RuntimeError:
        return ""
