"""What can wait gives way, whatever starts it."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spanglass_store.priority import give_way

SAYS = (
    "import os; from spanglass_store.priority import give_way;"
    "from unit.test_priority import session_nice; before = session_nice();"
    "give_way(10); give_way(10); print(os.nice(0), before, session_nice())"
)


def session_nice(process: int | str = "self") -> int | None:
    """How a process's session yields to others; None where the kernel shares by process.

    There the file is absent, or empty; a session that is new may have what the one it came from
    has not.
    """
    try:
        return int(Path(f"/proc/{process}/autogroup").read_text().split()[-1])
    except (OSError, IndexError):
        return None


@pytest.mark.parametrize("leads", [True, False])
def test_it_and_the_session_that_it_leads_yield_once(leads: bool) -> None:
    said = subprocess.run(
        [sys.executable, "-c", SAYS],
        start_new_session=leads,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    nice, before, session = said.stdout.split()
    assert int(nice) == max(10, os.nice(0))
    # That of whoever started it is not its own to change.
    assert session == ("10" if leads and before != "None" else before)


@pytest.mark.parametrize("leads", [True, False])
def test_another_process_is_made_to_yield(leads: bool) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=leads) as other:
        try:
            before = session_nice(other.pid)
            give_way(5, other.pid)
            assert os.getpriority(os.PRIO_PROCESS, other.pid) == max(5, os.nice(0))
            assert session_nice(other.pid) == (5 if leads and before is not None else before)
        finally:
            other.kill()


def test_a_kernel_that_is_asked_too_often_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = tmp_path / str(os.getpid()) / "autogroup"
    session.parent.mkdir()
    refused = iter([True, True])
    write = Path.write_text

    def busy(path: Path, text: str) -> int:
        if next(refused, False):
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return write(path, text)

    monkeypatch.setattr(Path, "write_text", busy)
    monkeypatch.setattr(os, "getsid", lambda pid: pid)
    give_way(0, processes=tmp_path)
    assert session.read_text() == "0"
