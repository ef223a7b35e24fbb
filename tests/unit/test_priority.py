"""Background work gives way, whatever starts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAYS = (
    "import os; from spanglass_collector.jobs.priority import give_way; give_way(); give_way();"
    "from unit.test_priority import session_nice; print(os.nice(0), session_nice())"
)


def session_nice() -> int | None:
    """How this session yields to others; None where the kernel shares by process.

    There the file is absent, or empty.
    """
    try:
        return int(Path("/proc/self/autogroup").read_text().split()[-1])
    except (OSError, IndexError):
        return None


@pytest.mark.parametrize("leads", [True, False])
def test_it_and_the_session_that_it_leads_yield_once(leads: bool) -> None:
    ours = session_nice()
    said = subprocess.run(
        [sys.executable, "-c", SAYS],
        start_new_session=leads,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    nice, session = said.stdout.split()
    assert int(nice) == max(10, os.nice(0))
    # That of whoever started it is not its own to change.
    assert session == str(10 if leads and ours is not None else ours)
