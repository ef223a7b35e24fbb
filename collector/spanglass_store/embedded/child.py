"""The process that is the embedded server. Run by path: it imports nothing of ours.

    python child.py FOLDER

`FOLDER` holds `config.xml`; the data lies in `FOLDER/data`. The process ends when its standard
input is closed, so it can't outlive the one that started it, however that one ended.
"""

import os
import sys
import threading


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


def main() -> None:
    folder = sys.argv[1]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Before the change of directory: the import runs a query of its own, which would otherwise
    # open the configuration there.
    from chdb import _chdb

    os.chdir(folder)
    # The second query never ends and holds the session open. Its format becomes the server's
    # default format, so it has to be the one that servers have.
    _chdb.query(  # type: ignore[attr-defined]
        "SYSTEM START LISTEN QUERIES ALL;"
        " SELECT number FROM system.numbers WHERE sleepEachRow(3) SETTINGS max_block_size = 1",
        "TabSeparated",
        path=os.path.join(folder, "data"),  # noqa: PTH118  (nothing imported that is not needed)
    )


if __name__ == "__main__":
    main()
