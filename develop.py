"""Everything a contributor runs: sets up its own virtual environment, then does one thing.

    python3 develop.py demo     the product at work, with sample data
    python3 develop.py test     the whole test suite
    python3 develop.py lint     formatting, rules, types
    python3 develop.py bench    measurements, beside their peers
    python3 develop.py web      builds the web application
    python3 develop.py sbom     writes what an installation is made of, in build/sbom.json
    python3 develop.py scan     looks that up among known vulnerabilities, where it can
    python3 develop.py sdks     installs SDKs of other products, each apart, and tests them with us
    python3 develop.py docs     makes the reference and builds the documentation's site

`make demo`, `make test` and so on are the same. Needs Python 3.11 or later, and nothing else.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

ROOT: Final = Path(__file__).resolve().parent
VENV: Final = ROOT / ".venv"
PYTHON: Final = VENV / "bin" / "python"
#: What an installation depends on; when one changes, it is done again.
_INPUTS: Final = ("pyproject.toml", "constraints.txt")
#: How pytest says that tests ran, and that some failed.
_TESTS_FAILED: Final = 1


def main(arguments: Sequence[str]) -> int:
    """Runs one task with the arguments behind it; its exit status."""
    tasks: dict[str, Callable[[Sequence[str]], int]] = {
        "setup": lambda _: 0,
        "demo": demo,
        "test": test,
        "lint": lint,
        "bench": bench,
        "web": web,
        "docs": docs,
        "sbom": sbom,
        "scan": scan,
        "sdks": sdks,
    }
    if not arguments or arguments[0] not in tasks:
        say(__doc__ or "")
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036  (who has an older one reads it here)
        fail(f"Python {sys.version.split()[0]} is too old: install Python 3.11 or later.")
    setup()
    return tasks[arguments[0]](arguments[1:])


def setup() -> None:
    """The virtual environment with everything in it, made once."""
    stamp = VENV / "installed"
    inputs = b"".join((ROOT / name).read_bytes() for name in _INPUTS)
    digest = hashlib.sha256(inputs + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    if not PYTHON.exists():
        say(f"Creating the virtual environment {VENV.name} …")
        made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False)
        if made.returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            fail("Python can't make virtual environments here: apt-get install python3-venv.")
    say("Installing Spanglass and what it needs (a minute or two, once) …")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--constraint", "constraints.txt", "--editable", ".[dev]"])
    stamp.write_text(digest)


def have_quality() -> None:
    """The extra `quality`, which tests need and the demo does not; torch goes in first."""
    names = ("torch", "bert_score", "evaluate")
    look = f"import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, {names})))"
    if subprocess.run([str(PYTHON), "-c", look], check=False).returncode == 0:
        return
    say("Installing what BERTScore needs (torch, once) …")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "torch==2.13.0"])
    run([*pip, "--constraint", "constraints.txt", "--editable", ".[dev,quality]"])


def demo(arguments: Sequence[str]) -> int:
    """The product at work."""
    return call([str(VENV / "bin" / "spanglass"), "demo", *arguments])


def test(arguments: Sequence[str]) -> int:
    """The whole suite, in parallel; what fails beside others is tried once more alone."""
    have_chromium()
    have_quality()
    have_sdks()
    pytest = [str(PYTHON), "-m", "pytest", *arguments]
    code = call([*pytest, "-n", "2", "--dist", "worksteal"])
    if code != _TESTS_FAILED:
        return code
    say("Once more, alone: what passes now hangs on the machine's load, and is to be mended.")
    return call([*pytest, "--last-failed", "--last-failed-no-failures", "none", "--exitfirst"])


def lint(_: Sequence[str]) -> int:
    """Formatting, rules, types, the web application's too; all of them, even if one fails."""
    ruff = [str(PYTHON), "-m", "ruff"]
    codes = [
        call([*ruff, "format", "--check", "."]),
        call([*ruff, "check", "."]),
        call([str(PYTHON), "-m", "mypy"]),
        call([str(PYTHON), "hatch_build.py", "--verify"]),
    ]
    return max(codes)


def bench(arguments: Sequence[str]) -> int:
    """Measurements; all of them unless one is named."""
    return call([str(PYTHON), "-m", "bench", *(arguments or ["all"])], path="tests")


def web(_: Sequence[str]) -> int:
    """Builds the web application."""
    return call([str(PYTHON), "hatch_build.py"])


def docs(_: Sequence[str]) -> int:
    """The pages of docs/reference, then the site in build/site."""
    code = call([str(PYTHON), "-m", "generator"], path="docs")
    return code or call([str(PYTHON), "-m", "mkdocs", "build", "--strict"])


def sbom(_: Sequence[str]) -> int:
    """The bill of materials, in build/sbom.json."""
    made = subprocess.run(
        [str(PYTHON), ".ci/sbom.py"], cwd=ROOT, stdout=subprocess.PIPE, check=False
    )
    if made.returncode == 0:
        (ROOT / "build").mkdir(exist_ok=True)
        (ROOT / "build" / "sbom.json").write_bytes(made.stdout)
        say("build/sbom.json")
    return made.returncode


def scan(_: Sequence[str]) -> int:
    """Known vulnerabilities of what CI installs; skipped where no database of them is at hand."""
    look = [str(PYTHON), "-c", "import pip_audit"]
    if subprocess.run(look, stderr=subprocess.DEVNULL, check=False).returncode:
        say("Skipped the scan for known vulnerabilities: pip-audit is not installed.")
        return 0
    done = subprocess.run(
        [
            str(PYTHON), "-m", "pip_audit", "--requirement", "constraints.txt", "--no-deps",
            "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "10",
        ],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        say(f"Skipped the scan for known vulnerabilities: no database is at hand ({said[:200]}).")
        return 0
    found = [(each, one) for each in packages for one in each.get("vulns", ())]
    for each, one in found:
        fixed = ", ".join(one["fix_versions"]) or "nothing yet"
        say(f"{each['name']} {each['version']}: {one['id']}, mended in {fixed}")
    say(f"{len(found)} known vulnerabilities in {len(packages)} packages.")
    return 1 if found else 0


def sdks(_: Sequence[str]) -> int:
    """Tests with the real SDKs of other products that can't live in our environment."""
    have_sdks()
    tests = "tests/integration/test_products.py"
    return call([str(PYTHON), "-m", "pytest", tests, "-q", "-rs"])


def have_sdks() -> None:
    """SDKs of other products, each in an environment of its own below `.bench/sdks`.

    They do not install beside ours nor together, and their instrumentations would take part in
    other tests. Every version is written down (`NAME.txt`, made of `NAME.in`), so that it takes
    seconds.
    """
    for wanted in sorted((ROOT / "tests" / "support" / "sdks").glob("*.txt")):
        place = ROOT / ".bench" / "sdks" / wanted.stem
        stamp = place / "installed"
        if stamp.exists() and stamp.read_text() == wanted.read_text():
            continue
        say(f"Installing the SDK of {wanted.stem} …")
        shutil.rmtree(place, ignore_errors=True)
        run([str(PYTHON), "-m", "venv", "--without-pip", str(place)])
        uv = [str(PYTHON), "-m", "uv", "pip", "install", "--quiet"]
        if call([*uv, "--python", str(place / "bin" / "python"), "--requirement", str(wanted)]):
            say(f"It can't be installed from here, so the test with {wanted.stem} will skip.")
            shutil.rmtree(place)
            continue
        stamp.write_text(wanted.read_text())


def have_chromium() -> None:
    """Installs Chromium for the browser tests where the system's packages allow it."""
    if shutil.which("chromium") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    say("Installing Chromium for the browser tests …")
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "chromium"]):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            say("Chromium can't be installed here; the browser tests will say that they skip.")
            return


def call(command: Sequence[str], path: str = "") -> int:
    """Runs a command in the root, shown; its exit status."""
    say("$ " + " ".join(str(part).removeprefix(f"{ROOT}/") for part in command))
    environment = dict(os.environ)
    if path:
        environment["PYTHONPATH"] = str(ROOT / path)
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # It heard Ctrl-C, too, and clears up before it ends; `run` would kill it at once.
            continue


def run(command: Sequence[str]) -> None:
    """Runs a command that has to succeed."""
    if call(command):
        fail("That failed; the lines above say why.")


def say(text: str) -> None:
    """Prints at once, also into a pipe."""
    print(text, flush=True)


def fail(text: str) -> NoReturn:
    """Ends with a message."""
    say(text)
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
