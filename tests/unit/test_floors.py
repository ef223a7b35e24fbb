"""Who may import whom. The tree is a house: nobody imports from a floor above."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Package, folder, and the packages of ours that it may import.
FLOORS: dict[str, tuple[str, frozenset[str]]] = {
    "spanglass": ("sdk", frozenset()),
    "spanglass_detectors": ("detectors", frozenset({"spanglass"})),
    "spanglass_store": ("collector", frozenset({"spanglass", "spanglass_detectors"})),
    "spanglass_alerts": (
        "alerts",
        frozenset({"spanglass", "spanglass_detectors", "spanglass_store"}),
    ),
    "spanglass_dashboards": (
        "dashboards",
        frozenset({"spanglass", "spanglass_detectors", "spanglass_store"}),
    ),
    "spanglass_collector": (
        "collector",
        frozenset({
            "spanglass", "spanglass_detectors", "spanglass_store", "spanglass_alerts",
            "spanglass_dashboards",
        }),
    ),
}  # fmt: skip


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every import in a file, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.partition(".")[0]
        elif (
            # `importlib.import_module("spanglass_collector.x")` is an import as well.
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", ""))
            in ("import_module", "__import__")
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.lineno, str(node.args[0].value).partition(".")[0]


def files(package: str) -> list[Path]:
    return sorted((ROOT / FLOORS[package][0] / package).rglob("*.py"))


def violations(package: str, paths: list[Path]) -> list[str]:
    allowed = FLOORS[package][1] | {package}
    return [
        f"{path.name}:{line} {package} imports {name}"
        for path in paths
        for line, name in imports(path)
        if name in FLOORS and name not in allowed
    ]


@pytest.mark.parametrize("package", FLOORS)
def test_nobody_imports_upwards(package: str) -> None:
    found = files(package)
    assert found, f"{package} is not where it should be"
    assert violations(package, found) == []


def test_every_package_has_a_floor() -> None:
    roots = {folder for folder, _ in FLOORS.values()}
    packages = {
        path.parent.name for root in roots for path in (ROOT / root).glob("spanglass*/__init__.py")
    }
    assert packages == set(FLOORS)


def test_product_code_does_not_import_tests_or_examples() -> None:
    foreign = {"tests", "support", "bench", "sample_server", "otel_only_service", "conftest"}
    for package in FLOORS:
        for path in files(package):
            assert not foreign & {name for _, name in imports(path)}, path


def test_the_sdk_imports_no_heavy_package_anywhere() -> None:
    heavy = {"numpy", "clickhouse_connect", "chdb", "fastapi", "sqlalchemy", "torch", "uvicorn"}
    for path in files("spanglass"):
        assert not heavy & {name for _, name in imports(path)}, path


def test_a_start_loads_no_statistics() -> None:
    # `import scipy` loads its parts when they are first used; together they cost half a second.
    look = "import sys, spanglass_collector.service; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "spanglass_detectors.drift.numeric" in loaded
    assert not {"scipy.stats", "scipy.special", "scipy.optimize"} & loaded


@pytest.mark.parametrize(
    ("package", "text"),
    [
        ("spanglass_store", "import spanglass_collector.service"),
        ("spanglass_store", "def f():\n    from spanglass_dashboards import app"),
        ("spanglass_alerts", "from spanglass_dashboards.api import sql"),
        ("spanglass_dashboards", "import spanglass_alerts"),
        ("spanglass_detectors", "import importlib\nimportlib.import_module('spanglass_store.x')"),
        ("spanglass", "from spanglass_detectors import text"),
    ],
)
def test_an_import_upwards_is_seen(package: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "guilty.py"
    path.write_text(text)
    assert len(violations(package, [path])) == 1
