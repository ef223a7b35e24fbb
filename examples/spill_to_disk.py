"""A collector that is away: what could not be sent waits on disk, and a later process sends it.

    python examples/spill_to_disk.py

Two processes of the same program: while the first one runs, nobody takes anything. Then the
collector is back, and the second one sends what it finds.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time

import spanglass


def work(folder: str, endpoint: str) -> None:
    """The program: two spans, and then what an earlier run has left."""
    spanglass.init(endpoint, service="spill", spill_dir=folder, exit_timeout_s=2)
    for name in ("first", "second"):
        with spanglass.span(name):
            pass
    spanglass.flush(timeout_s=1)
    until = time.monotonic() + 10
    while spanglass.stats().last_error == "" and spanglass.status().spill_bytes:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    stats = spanglass.stats()
    print(f"{stats.sent} sent, {stats.spilled} put on disk, {stats.resent} sent from disk")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        work(*sys.argv[1:])
        sys.exit()
    here = os.environ.get("SPANGLASS_ENDPOINT", "http://127.0.0.1:4318")
    with tempfile.TemporaryDirectory() as folder:
        # A folder belongs to an endpoint: the same address has nobody listening, and then somebody.
        host, _, port = here.rpartition("/")[2].partition(":")
        try:
            socket.create_connection((host, int(port or 80)), timeout=1).close()
        except OSError:
            print(f"nobody listens at {here}: run `spanglass serve`, and this once more")
        for round_ in (1, 2):
            print(f"run {round_}:", end=" ", flush=True)
            subprocess.run([sys.executable, __file__, folder, here], check=True)
