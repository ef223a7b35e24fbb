"""The process that is the embedded server. Run by path: it imports nothing of ours.

    python child.py FOLDER

`FOLDER` holds `config.xml`; the data lies in `FOLDER/data`. The process ends when its standard
input is closed, so it can't outlive the one that started it, however that one ended.
"""

import fcntl
import os
import sys
import threading


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


def _await_predecessor(folder: str) -> None:
    """Waits until a server whose parent was killed has ended, too: ClickHouse itself gives up."""
    try:
        status = os.open(os.path.join(folder, "data", "status"), os.O_RDWR)  # noqa: PTH118
    except FileNotFoundError:
        return
    fcntl.flock(status, fcntl.LOCK_EX)
    os.close(status)


def main() -> None:
    folder = sys.argv[1]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _await_predecessor(folder)
    # Before the change of directory: the import runs a query of its own, which would otherwise
    # open the configuration there.
    from chdb import _chdb

    os.chdir(folder)
    # Without the native port: over it anybody could log in who can log in at all.
    # The second query never ends and holds the session open. Its format becomes the server's
    # default format, so it has to be the one that servers have.
    _chdb.query(  # type: ignore[attr-defined]
        "SYSTEM START LISTEN HTTP;"
        " SELECT number FROM system.numbers WHERE sleepEachRow(3) SETTINGS max_block_size = 1",
        "TabSeparated",
        path=os.path.join(folder, "data"),  # noqa: PTH118  (nothing imported that is not needed)
    )


if __name__ == "__main__":
    main()
