"""What works in the background gives way to inserts and to questions."""

import contextlib
import os
from pathlib import Path
from typing import Final

_NICE: Final = 10
#: Where Linux has the weight of a session among others: its scheduler shares the processor among
#: sessions first, so that within one of its own a process is as nice as it likes to no effect.
#: Source: sched(7), "The autogroup feature".
_SESSION: Final = Path("/proc/self/autogroup")


def give_way(session: Path = _SESSION) -> None:
    """Makes this process yield, and its session where it leads one.

    Args:
        session: for tests.
    """
    # What started it may have yielded already, and that is inherited.
    with contextlib.suppress(OSError):
        os.nice(max(0, _NICE - os.nice(0)))
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            session.write_text(str(_NICE))
