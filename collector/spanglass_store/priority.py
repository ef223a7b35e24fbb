"""What can wait gives way on the processor to what somebody waits for."""

import contextlib
import os
import time
from pathlib import Path
from typing import Final

#: Of what works in the background: nobody waits for it.
BACKGROUND: Final = 10
#: Of the embedded server. Beside receivers of equal weight its bursts (inserts, merges) make an
#: acknowledgement in a hundred wait twice as long; what it gives up comes back between them.
SERVER: Final = 5
#: The kernel takes ten changes of sessions a second, from all together.
_TRIES: Final = 20
_AGAIN_S: Final = 0.1


def give_way(nice: int, process: int | None = None, processes: Path = Path("/proc")) -> None:
    """Makes a process yield, and its session where it leads one.

    Linux shares the processor among sessions first, so that within one of its own a process is as
    nice as it likes to no effect. Source: sched(7), "The autogroup feature".

    Args:
        nice: how nice it is to be, 0 to 19. What is nicer already stays so.
        process: which one; this one if None. Only its first thread changes, and those that it
            starts from then on.
        processes: for tests.
    """
    pid = os.getpid() if process is None else process
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, max(nice, os.getpriority(os.PRIO_PROCESS, pid)))
    with contextlib.suppress(OSError):
        if os.getsid(pid) == pid:
            _change_session(processes / str(pid) / "autogroup", nice)


def _change_session(session: Path, nice: int) -> None:
    for _ in range(_TRIES):
        try:
            session.write_text(str(nice))
            return
        except BlockingIOError:
            time.sleep(_AGAIN_S)
