"""Where `spanglass` begins: the agent needs none of the collector's packages, so none is loaded."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs the command line; exits with 0, 1 (it could not), or 2 (used wrongly)."""
    if sys.argv[1:2] == ["agent"]:
        from spanglass.gpu.command import main as agent

        sys.exit(agent(sys.argv[2:]))
    try:
        from spanglass_collector.cli.main import main as commands
    except ModuleNotFoundError as missing:
        if (missing.name or "spanglass").startswith("spanglass"):
            raise
        sys.stderr.write(
            f"spanglass: {missing.name} is not installed. The service and its commands need"
            " `pip install 'spanglass[collector]'`; `spanglass agent` does not.\n"
        )
        sys.exit(1)
    commands()
