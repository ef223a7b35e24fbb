"""Which boards an engine works on: those with a process that belongs to whoever listens.

Source: proc(5), `/proc/net/tcp`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

from spanglass.gpu._processes import Processes

_LISTENS: Final = "0A"
#: Generations from a worker up to the process that listens.
_DEEPEST: Final = 12


def listeners(port: int, proc: Path) -> set[int]:
    """Numbers of the processes that listen at a port, where the node shows them."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{words[9]}]")
    if not inodes:
        return set()
    found = set()
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for link in (folder / "fd").iterdir():
                if str(link.readlink()) in inodes:
                    found.add(int(folder.name))
                    break
    return found


def boards_of(
    owners: Iterable[int], pids: Mapping[str, Iterable[int]], processes: Processes
) -> tuple[str, ...]:
    """Boards that have a process of an owner: itself, a descendant, or one of its container.

    Args:
        owners: numbers of processes.
        pids: those on each board.
        processes: looks processes up.
    """
    wanted = set(owners)
    containers = {dict(processes.describe(pid)).get("container.id") for pid in wanted} - {None}
    return tuple(
        sorted(
            uuid
            for uuid, found in pids.items()
            if any(_belongs(pid, wanted, containers, processes) for pid in found)
        )
    )


def _belongs(
    pid: int, owners: set[int], containers: Collection[object], processes: Processes
) -> bool:
    if dict(processes.describe(pid)).get("container.id") in containers:
        return True
    for _ in range(_DEEPEST):
        if pid in owners:
            return True
        pid = processes.parent(pid)
        if pid <= 1:
            return False
    return False


def is_here(host: str) -> bool:
    """Whether a host is this node."""
    if host in ("localhost", "::1", socket.gethostname()) or host.startswith("127."):
        return True
    try:
        return socket.gethostbyname(host).startswith("127.")
    except OSError:
        return False
