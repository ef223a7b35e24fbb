"""`spanglass serve` with a fault inside: it is killed, or its store is, at a given point.

    python faulty.py POINT COUNT VICTIM CLOCK_S [serve's flags]

`POINT` is one of `Hooks`, or `none`; `COUNT` says at which passage of it; `VICTIM` is `self` or
`store`; `CLOCK_S` is how far the service's wall clock is off, in seconds.
"""

import logging
import os
import signal
import sys
import threading
import time
from typing import Any

import psutil

from spanglass_collector.cli.serve import run
from spanglass_collector.ingest.pipeline import Hooks
from spanglass_collector.settings import load
from spanglass_store.errors import StoreError


class Fault:
    """Kills at a certain call."""

    def __init__(self, count: int, victim: str) -> None:
        self._left = count
        self._victim = victim
        self._lock = threading.Lock()

    def __call__(self, *_: object) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
            if self._victim == "store":
                for child in psutil.Process().children():
                    child.kill()
                    child.wait()
            else:
                os.kill(os.getpid(), signal.SIGKILL)


def shift_clock(seconds: float) -> None:
    """Makes this process's wall clock wrong. The embedded server's stays right."""
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)


def main() -> None:
    point, count, victim, clock_s, *flags = sys.argv[1:]
    hooks: dict[str, Any] = {} if point == "none" else {point: Fault(int(count), victim)}
    if float(clock_s):
        shift_clock(float(clock_s))
    names = [name.removeprefix("--").replace("-", "_") for name in flags[::2]]
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        run(load(dict(zip(names, flags[1::2], strict=True))), hooks=Hooks(**hooks))
    except StoreError as error:
        sys.exit(f"spanglass: {error}")


if __name__ == "__main__":
    main()
