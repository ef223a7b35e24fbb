"""Tables and facts that are printed: what ran, on what, and each figure beside its peer."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import tomllib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.server import REPOSITORY

console = Console(width=None if Console().is_terminal else 140)


class Report:
    """Prints tables as they come, and keeps every figure for `--json`."""

    def __init__(self, path: Path | None = None) -> None:
        """`path` is where the figures are written as JSON, if anywhere."""
        self._path = path
        self.figures: dict[str, Any] = {}

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        caption: str = "",
    ) -> None:
        """Print a table; the first column is text, the others are numbers."""
        table = Table(title=title, box=box.SIMPLE_HEAD, title_style="bold", title_justify="left")
        for i, column in enumerate(columns):
            table.add_column(column, justify="right" if i else "left")
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        console.print(table)
        if caption:
            console.print(caption, style="dim")
            console.print()

    def keep(self, **figures: Any) -> None:
        """Keep figures under their names, and write all of them if they are wanted as a file."""
        self.figures.update(figures)
        if self._path is not None:
            self._path.write_text(json.dumps(self.figures, indent=2) + "\n")

    def say(self, text: str) -> None:
        """Print a line of explanation."""
        console.print(text)


def count(value: float) -> str:
    """A number with separators between thousands."""
    return f"{value:,.0f}"


def ratio(ours: float, theirs: float) -> str:
    """How many times `theirs` goes into `ours`."""
    return f"{ours / theirs:.2f} x" if theirs else "-"


def median(values: Sequence[float]) -> float:
    """The median, or NaN of nothing."""
    return statistics.median(values) if values else float("nan")


def limit_cores(cores: int) -> int:
    """Keep this process and all that it starts to `cores` cores, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(allowed[:cores]))
    return len(os.sched_getaffinity(0))


def versions(cores: int) -> dict[str, str]:
    """What is compared, in which versions, on how many cores."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    told = subprocess.run(
        ["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    commit = f" ({told.stdout.strip()})" if told.returncode == 0 else ""
    return {
        "Spanglass": f"{project['version']}{commit}",
        "ClickHouse": f"chdb-core {metadata.version('chdb-core')}",
        "rotel": metadata.version("rotel"),
        "Python": platform.python_version(),
        "processor": f"{_processor()}, {cores} cores used",
    }


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    if about.exists():
        for line in about.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
