"""Writes the pages; with `--check`, says which are not what the code says now."""

import sys
from pathlib import Path
from typing import Final

from generator.pages import pages

_FOLDER: Final = Path(__file__).resolve().parents[1] / "reference"


def main() -> int:
    """Writes what changed, and deletes what nothing makes any more."""
    check = "--check" in sys.argv[1:]
    made = pages()
    old = [path for path in _FOLDER.glob("*.md") if path.name not in made]
    stale = [
        name
        for name, text in made.items()
        if not (_FOLDER / name).is_file() or (_FOLDER / name).read_text() != text
    ]
    for name in (*stale, *(path.name for path in old)):
        print(f"docs/reference/{name}")
    if check:
        return 1 if stale or old else 0
    _FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (_FOLDER / name).write_text(made[name])
    for path in old:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
