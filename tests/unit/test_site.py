"""The documentation's site builds, and its reference says what the code says now."""

import subprocess
import sys
from pathlib import Path

import pytest

from generator.pages import pages
from support.running import ROOT


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "docs/reference").iterdir()))
def test_the_reference_is_up_to_date(made: dict[str, str], name: str) -> None:
    assert name in made
    assert made[name] == (ROOT / "docs" / "reference" / name).read_text(), (
        "run `python3 develop.py docs`"
    )


def test_every_page_is_made(made: dict[str, str]) -> None:
    assert set(made) == {path.name for path in (ROOT / "docs" / "reference").iterdir()}


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    start = (tmp_path / "start" / "chatbot.html").read_text()
    assert "An application with a model" in start
    # Nothing is asked of other hosts by a page that is read.
    assert "fonts.googleapis" not in start
    assert 'src="https://' not in start
