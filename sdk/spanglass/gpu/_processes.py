"""Who a process is: its command, and the container and pod that it runs in.

Read from `/proc`. A command's arguments can hold secrets, so only the words before the first
option are kept.

Source: proc(5); the names of cgroups that Docker, containerd, CRI-O, Podman and the kubelet make.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from spanglass.gpu._points import Attributes

_CONTAINER: Final = re.compile(r"(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])")
_POD: Final = re.compile(r"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})")
#: Characters of a command that are kept.
_LONGEST: Final = 200
#: Processes that are remembered.
_REMEMBERED: Final = 4096


class Identity(NamedTuple):
    """What tells one run of a process from another that got its number.

    Attributes:
        pid: its number.
        started: clock ticks after the start of the machine.
    """

    pid: int
    started: int


class Processes:
    """Looks processes up, each once.

    Args:
        proc: where `/proc` of the node is; in a container it may be mounted elsewhere.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._known: dict[Identity, Attributes] = {}

    def describe(self, pid: int) -> Attributes:
        """Attributes of a process: the number alone, where the node does not show it."""
        alone: Attributes = (("process.pid", pid),)
        try:
            stat = (self._proc / str(pid) / "stat").read_text("utf-8", "replace")
        except OSError:
            return alone
        name, _, rest = stat.partition("(")[2].rpartition(")")
        words = rest.split()
        identity = Identity(pid, int(words[19]) if len(words) > 19 and words[19].isdigit() else 0)
        found = self._known.get(identity)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[identity] = alone + self._read(pid, name)
        return found

    def _read(self, pid: int, name: str) -> Attributes:
        folder = self._proc / str(pid)
        found: list[tuple[str, str]] = [("process.executable.name", name)] if name else []
        if command := command_of(_read_bytes(folder / "cmdline")):
            found.append(("process.command", command))
        cgroup = _read_bytes(folder / "cgroup").decode("utf-8", "replace")
        container, pod = container_of(cgroup)
        if container:
            found.append(("container.id", container))
        if pod:
            found.append(("k8s.pod.uid", pod))
        return tuple(found)

    def parent(self, pid: int) -> int:
        """The number of a process's parent; 0 where the node does not show it."""
        try:
            stat = (self._proc / str(pid) / "stat").read_text("utf-8", "replace")
        except OSError:
            return 0
        words = stat.rpartition(")")[2].split()
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def command_of(cmdline: bytes) -> str:
    """The words of a command before its first option: `-m` and what it runs belong to them."""
    words = [word.decode("utf-8", "replace") for word in cmdline.split(b"\0") if word]
    kept: list[str] = []
    for word in words:
        if word.startswith("-") and word != "-m":
            break
        kept.append(word)
    return " ".join(kept)[:_LONGEST].strip()


def container_of(cgroup: str) -> tuple[str, str]:
    """Container and pod in the text of a `cgroup` file; empty where there is none."""
    containers = _CONTAINER.findall(cgroup)
    pods = _POD.findall(cgroup)
    pod = pods[-1].replace("_", "-") if pods else ""
    return (containers[-1] if containers else ""), pod


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16 << 10)
    except OSError:
        return b""
