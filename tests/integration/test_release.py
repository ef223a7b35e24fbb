"""The wheel, installed away from the repository, takes the quickstart's steps."""

import os
import re
import signal
import site
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.running import ROOT
from support.waiting import wait_until

APPLICATION = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
_PACKAGES = (
    "spanglass", "spanglass_detectors", "spanglass_store", "spanglass_collector",
    "spanglass_alerts", "spanglass_dashboards",
)  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with the wheel; what it depends on is borrowed from this one.

    Its packages are found behind the environment's own by a path file, which does not run this
    environment's path files: so the repository, which is installed by one, is not there.
    """
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, symlinks=True)
    packages = Path(
        sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    borrowed = {sysconfig.get_path("purelib"), *site.getsitepackages()}
    (packages / "borrowed.pth").write_text("\n".join(sorted(borrowed)))
    return folder / "bin" / "python"


def _environment(folder: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **more}


def test_it_carries_what_it_should(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for package in _PACKAGES:
        assert f"{package}/py.typed" in names
    assert any(re.search(r"static/assets/.*\.js$", name) for name in names)
    assert any(name.startswith("spanglass_store/migrations/0001") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        *_PACKAGES, "spanglass_examples",
    }  # fmt: skip
    # The SDK is light, and so is everything of ours: models and engines are dependencies.
    assert wheel.stat().st_size < 6_000_000


def test_licences_of_what_the_pages_are_made_of_go_along(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("spanglass_dashboards/static/licences.txt").decode()
    notices = text.split("-" * 80)
    of = {notice.split()[0]: notice for notice in notices}
    assert {"react", "react-dom", "@mantine/core", "uplot", "@tanstack/react-query"} <= set(of)
    licences = {re.findall(r"^Licence: (.+)$", notice, re.MULTILINE)[0] for notice in notices}
    assert licences <= {"MIT", "ISC", "0BSD", "BSD-3-Clause", "Apache-2.0"}
    assert "Permission is hereby granted, free of charge" in of["react"]


def test_it_is_built_the_same_twice(wheel: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_sdist_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """Whoever builds from the sdist needs neither the repository nor Node.js."""
    build = [sys.executable, "-m", "hatchling", "build", "-d", tmp_path, "-t"]
    subprocess.run([*build, "sdist"], cwd=ROOT, check=True, capture_output=True)
    [sdist] = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / sdist.name.removesuffix(".tar.gz")
    bare = {"PATH": "", "HOME": str(tmp_path)}
    subprocess.run([*build, "wheel"], cwd=unpacked, check=True, capture_output=True, env=bare)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_sdk_needs_opentelemetry_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        text = archive.read(metadata).decode()
    needed = re.findall(r"^Requires-Dist: ([\w.-]+)[^;\n]*$", text, re.MULTILINE)
    assert sorted(needed) == ["opentelemetry-api", "opentelemetry-sdk"]


@contextmanager
def _serving(python: Path, folder: Path) -> Iterator[dict[str, str]]:
    """The service of the wheel; its addresses."""
    log = folder / "log"
    doors = [f"--{door}=127.0.0.1:0" for door in ("otlp-grpc", "otlp-http", "web")]
    command = [python, "-m", "spanglass_collector.cli", "serve", "--data-dir", folder / "data"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *doors, "--roles", "ingest,web"], cwd=folder, env=_environment(folder),
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            wait_until(
                lambda: "Web, API" in log.read_text() or process.poll() is not None, "it serves"
            )
            said = log.read_text()
            assert process.poll() is None, said
            yield {
                "otlp": re.findall(r"OTLP/HTTP\s+(http://\S+|\S+:\d+)", said)[0],
                "web": re.findall(r"Web, API\s+(http://\S+)", said)[0],
            }
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def test_the_quickstart(python: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [python, "-c", "import spanglass_collector; print(spanglass_collector.__file__)"],
        cwd=tmp_path, env=_environment(tmp_path), check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert not Path(where.strip()).is_relative_to(ROOT)
    (tmp_path / "application.py").write_text(APPLICATION)
    with _serving(python, tmp_path) as addresses:
        endpoint = addresses["otlp"]
        endpoint = endpoint if "://" in endpoint else f"http://{endpoint}"
        done = subprocess.run(
            [python, "application.py"], cwd=tmp_path, check=True, capture_output=True, text=True,
            env=_environment(tmp_path, SPANGLASS_ENDPOINT=endpoint),
        )  # fmt: skip
        assert done.stdout == "Thirty days, unworn.\n"

        def found() -> str:
            command = [python, "-m", "spanglass_collector.cli", "sql", "--format", "csv"]
            asked = subprocess.run(
                [*command, "--data-dir", tmp_path / "data", "SELECT name, input_tokens FROM spans"],
                cwd=tmp_path, env=_environment(tmp_path), check=True, capture_output=True, text=True,
            )  # fmt: skip
            return asked.stdout if asked.stdout.count("\n") == 3 else ""

        rows = wait_until(found, "both spans are stored")
    assert "chat gpt-4o-mini" in rows
    assert ",12" in rows
