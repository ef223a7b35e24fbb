"""Results in a file of JSON lines: a run that was killed goes on where it ended."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from spanglass.evaluation._example import Result

_KIND: Final = "spanglass-evaluation"


class Journal:
    """A file of results. What is written in it stays; the first result of an example counts.

    Args:
        path: of the file; it is made if it is not there.
        about: what is run over what; a file of something else is refused.

    Raises:
        ValueError: it is a file of another run, or no journal.
        OSError: it can't be read or written.
    """

    def __init__(self, path: Path | str, about: str = "") -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._done: dict[str, Result] = {}
        self._begin(about)

    def done(self) -> list[Result]:
        """Results that are there already."""
        return list(self._done.values())

    def keep(self, results: Sequence[Result]) -> None:
        """Writes results; they are on disk when this returns."""
        with self._lock:
            new = [each for each in results if each.example not in self._done]
            lines = "".join(_line(each.document()) for each in new)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            self._done |= {each.example: each for each in new}

    def _begin(self, about: str) -> None:
        text = self._path.read_text("utf-8", "replace") if self._path.exists() else ""
        whole, _, torn = text.rpartition("\n")
        if torn:
            # A line that was being written when the process ended is no result.
            with self._path.open("r+b") as file:
                file.truncate(len((whole + "\n").encode()) if whole else 0)
        lines = whole.splitlines()
        if not lines:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(_line({"kind": _KIND, "version": 1, "about": about}), "utf-8")
            return
        try:
            head = json.loads(lines[0])
            is_ours = head["kind"] == _KIND
        except (ValueError, KeyError, TypeError):
            is_ours = False
        if not is_ours:
            raise ValueError(f"{self._path} is no journal of an evaluation: name another file")
        if about and head.get("about") and head["about"] != about:
            raise ValueError(
                f"{self._path} is the journal of {head['about']}, not of {about}: name another"
                " file, or remove this one to begin anew"
            )
        for line in lines[1:]:
            result = Result.read(json.loads(line))
            self._done.setdefault(result.example, result)


def _line(document: Any) -> str:
    return json.dumps(document, ensure_ascii=True) + "\n"
