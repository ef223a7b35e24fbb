"""Background work gives way, whatever starts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAYS = (
    "import os; from spanglass_collector.jobs.priority import give_way; give_way(); give_way();"
    "print(os.nice(0), open('/proc/self/autogroup').read().split()[-1])"
)


@pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="this kernel shares by process, not session"
)
@pytest.mark.parametrize("leads", [True, False])
def test_it_and_the_session_that_it_leads_yield_once(leads: bool) -> None:
    ours = Path("/proc/self/autogroup").read_text().split()[-1]
    said = subprocess.run(
        [sys.executable, "-c", SAYS], start_new_session=leads, check=True, capture_output=True
    )
    nice, session = said.stdout.split()
    assert int(nice) == max(10, os.nice(0))
    # That of whoever started it is not its own to change.
    assert int(session) == (10 if leads else int(ours))
