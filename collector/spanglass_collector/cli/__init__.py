"""The command `spanglass`.

One module a command or family of commands; `remote` is how they reach a running service or open
the data directory themselves.
"""

from spanglass_collector.cli.main import main

__all__ = ["main"]
