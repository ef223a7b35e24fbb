"""A full disk: senders are told to wait, nothing breaks, and it goes on when there is room."""

import contextlib
import errno
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.sender import Sender
from chaos.victim import Victim, marks
from support.running import ALL_ROLES
from support.waiting import wait_until

pytestmark = marks(300)

_MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 192 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
        pytest.skip("needs the permission to mount a tmpfs (root, or CAP_SYS_ADMIN)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Writes a file until the disk is full to the last byte.

    Meanwhile others delete files of their own, so that it may take more than one try.
    """

    def is_full() -> bool:
        with path.open("ab", buffering=0) as ballast:
            for size in (_MIB, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        ballast.write(bytes(size))
        probe = path.with_name("probe")
        try:
            probe.write_bytes(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
            return True
        finally:
            probe.unlink(missing_ok=True)
        return False

    wait_until(is_full, "nothing more fits on the disk")


def test_below_the_mark(tmp_path: Path) -> None:
    """Less free space than is to stay free; nothing fails, but nothing more is taken."""
    free = shutil.disk_usage(tmp_path).free
    if free < 6 << 30:
        pytest.skip("needs 6 GiB of free disk space for temporary files")
    victim = Victim(tmp_path / "data", "--min-free-bytes", str(free - (1 << 30)))
    ballast = tmp_path / "ballast"
    with victim, Sender(victim.door) as sender:
        wait_until(sender.more_than(1), "it takes spans")
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 3 << 30)
        wait_until(lambda: sender.count(503) >= 20, "it is told to wait")
        ballast.unlink()
        wait_until(sender.more_than(500), "it takes spans again")
        sender.pause()
        victim.verify(sender)
        assert set(sender.answers) == {200, 503}, sender.answers


@pytest.mark.parametrize("killed", ["nothing", "server", "collector"])
def test_full(killed: str, small_disk: Path) -> None:
    """Not one byte left, for the spool, for the accounts, and for ClickHouse."""
    victim = Victim(small_disk / "data", "--min-free-bytes", "0", roles=ALL_ROLES)
    # What a process prints goes elsewhere: that is not the data directory's disk.
    victim.log = small_disk.parent / "service.log"
    ballast = small_disk / "ballast"
    with victim, Sender(victim.door) as sender:
        wait_until(sender.more_than(1000), "it takes spans")
        fill(ballast)
        wait_until(lambda: sender.count(503) >= 20, "it is told to wait")
        assert victim.api("GET", "/healthz").status_code == 200
        if killed == "server":
            victim.kill_server()
            time.sleep(3)
        if killed == "collector":
            victim.kill()
            victim.launch()
            # It may give up, with a line that says why, or wait for better times.
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert victim.process.wait(8) == 1
        ballast.unlink()
        if killed == "collector":
            if victim.returncode is not None:
                victim.died()
                victim.launch()
            victim.await_ready()
        wait_until(sender.more_than(500), "it takes spans again")
        sender.pause()
        victim.verify(sender)
    assert sender.count(500) == 0
    assert "Traceback" not in victim.output(), victim.output()
