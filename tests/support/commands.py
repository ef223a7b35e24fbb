"""Commands of `spanglass`, run inside the tests' process."""

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from spanglass_collector.cli.main import main

Done = subprocess.CompletedProcess[bytes]


@dataclass
class Commands:
    """Runs commands inside this process: the same code, without the seconds that importing takes.

    Attributes:
        folder: where they work.
    """

    folder: Path
    _patch: pytest.MonkeyPatch
    _capture: pytest.CaptureFixture[bytes]

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> Done:
        words = ["spanglass", *map(str, arguments)]
        self._capture.readouterr()
        with self._patch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", words)
            if stdin is not None:
                patch.setattr(sys, "stdin", io.StringIO(stdin))
            with pytest.raises(SystemExit) as left:
                main()
        out, err = self._capture.readouterr()
        return Done(words, int(left.value.code or 0), out, err)

    def on(self, data_dir: Path) -> Callable[..., Done]:
        """Runs commands on a data directory."""
        return lambda *words, **options: self(*words, "--data-dir", data_dir, **options)
