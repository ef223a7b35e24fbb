"""Runs the bundled examples as a user does."""

import subprocess
import sys

from support.running import ROOT, environment


def run_example(*command: str, **env: str) -> str:
    """An example's output; it has to succeed."""
    done = subprocess.run(
        [sys.executable, *command],
        env=environment(**env),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout
