"""What an installation takes: the wheel with each extra, in an environment of its own.

The versions are those that CI installs (`constraints.txt`), the wheel is built from the working tree.
Sizes are of the files that are installed, without what Python compiles from them later.
"""

from __future__ import annotations

import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Final

from bench.report import Report
from bench.sdk_peers import INSTALLER, output
from bench.server import REPOSITORY

#: What is installed, and the extras for it.
SETS: Final = {
    "the SDK": (),
    "the SDK, grpc": ("grpc",),
    "the agent (gpu)": ("gpu",),
    "the service (collector, detectors)": ("collector", "detectors"),
    "the service, alerts": ("collector", "detectors", "alerts"),
    "the service, pii": ("collector", "detectors", "pii"),
    "the service, mcp": ("collector", "detectors", "mcp"),
    "the service, oidc": ("collector", "detectors", "oidc"),
    "the service, quality": ("collector", "detectors", "quality"),
}
_INSTALL_S: Final = 600
_FLOOR_MB: Final = 12


def run(report: Report, work: Path) -> None:
    """Measure what each set takes on disk.

    Args:
        report: where the table goes.
        work: a folder for the environments; each is removed before the next one.

    Raises:
        RuntimeError: the wheel can't be built.
    """
    wheel = _wheel(work)
    rows = []
    found: dict[str, dict[str, float]] = {}
    failed = []
    for name, extras in SETS.items():
        try:
            packages, size, took = _installed(wheel, extras, work / "venv")
        except RuntimeError as error:
            failed.append(f"{name} does not install here: {error}")
            continue
        found[name] = {"packages": packages, "mb": size, "seconds": took}
        rows.append((name, packages, f"{size:,.1f}", f"{took:.1f}"))
    report.table(
        "An installation", ["what", "packages", "MB on disk", "seconds to install"], rows,
        f"Floor: {_FLOOR_MB} MB for the SDK. Seconds by uv, with what it has downloaded before."
        " Torch is the one that PyPI has for this system.",
    )  # fmt: skip
    for line in failed:
        report.say(line)
    report.keep(install=found, install_failed=failed)


def _wheel(work: Path) -> Path:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode:
        raise RuntimeError(f"the wheel can't be built: {built.stderr.strip()[-200:]}")
    [wheel] = work.glob("spanglass-*.whl")
    return wheel


def _installed(wheel: Path, extras: tuple[str, ...], place: Path) -> tuple[int, float, float]:
    """Packages, megabytes, and seconds that installing took."""
    venv.create(place, symlinks=True, clear=True)
    wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    began = time.perf_counter()
    output(
        [
            *INSTALLER, "--link-mode", "copy", "--python", str(place / "bin" / "python"),
            "--constraint", str(REPOSITORY / "constraints.txt"), wanted,
        ],
        _INSTALL_S,
    )  # fmt: skip
    took = time.perf_counter() - began
    files = [path for path in (place / "lib").rglob("*") if path.is_file()]
    packages = sum(path.name == "METADATA" for path in files)
    return packages, sum(path.stat().st_size for path in files) / 1e6, took
