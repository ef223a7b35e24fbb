"""What the watch over the embedded server makes of a question that can't be asked."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spanglass_store.data_directory import DataDirectory
from spanglass_store.embedded import EmbeddedServer


@contextmanager
def no_more_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_lack_of_files_of_our_own_is_not_the_servers_death(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "data") as directory, socket.socket() as reserved:
        # Bound and not listening: nobody answers there.
        reserved.bind(("127.0.0.1", 0))
        server = EmbeddedServer(directory)
        server._ports = [reserved.getsockname()[1]]
        assert not server._answers(if_unasked=True), "asked, and there is no answer"
        with no_more_files():
            with pytest.raises(OSError, match="Too many open files"):
                os.dup(0)
            assert server._answers(if_unasked=True)
            assert not server._answers(), "while it starts nothing is taken for an answer"
