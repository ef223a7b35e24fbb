"""The last good copy of each prompt, on disk, for when the registry is away."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from spanglass._guard import log
from spanglass._settings import Settings

_MOST_FILES: Final = 2000
_MOST_BYTES: Final = 2 << 20


class Copies:
    """A folder with a file for each prompt.

    Args:
        settings: where; each registry and key has a folder of its own in it.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder: Path | None = None
        if settings.prompt_dir.lower() == "off":
            return
        whose = hashlib.sha256(f"{settings.web}\n{settings.api_key}".encode()).hexdigest()[:16]
        with contextlib.suppress(RuntimeError):
            cache = Path(os.environ.get("XDG_CACHE_HOME", "")) if _has_cache() else None
            base = (
                settings.prompt_dir or (cache or Path.home() / ".cache") / "spanglass" / "prompts"
            )
            self._folder = Path(base).expanduser() / whose

    def keep(self, which: tuple[object, ...], answer: dict[str, Any]) -> None:
        """Writes a copy, whole or not at all. What goes wrong is not the application's matter."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._path(which)
            if not path.exists() and sum(1 for _ in self._folder.iterdir()) >= _MOST_FILES:
                return
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump({"which": which, "answer": answer}, file, ensure_ascii=False)
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            log.debug("spanglass: no copy of a prompt could be kept: %s", error)

    def find(self, which: tuple[object, ...]) -> dict[str, Any] | None:
        """The copy of a prompt; None where there is none that can be read."""
        if self._folder is None:
            return None
        try:
            path = self._path(which)
            if path.stat().st_size > _MOST_BYTES:
                return None
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        is_it = isinstance(said, dict) and said.get("which") == list(which)
        answer = said.get("answer") if is_it else None
        return answer if isinstance(answer, dict) else None

    def _path(self, which: tuple[object, ...]) -> Path:
        assert self._folder is not None
        digest = hashlib.sha256(json.dumps(which).encode()).hexdigest()[:32]
        return self._folder / f"{digest}.json"


def _has_cache() -> bool:
    return os.path.isabs(os.environ.get("XDG_CACHE_HOME", ""))  # noqa: PTH117 - may be empty
