"""Entry point of `python -m sample_server` and of `python examples/sample_server`."""

from __future__ import annotations

import sys
from pathlib import Path


def _run() -> int:
    if not __package__:
        # Run as a folder, Python puts the folder itself on the path: its parent holds the package.
        sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from sample_server.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(_run())
