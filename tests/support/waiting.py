"""Waiting for something to become true."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

#: Seconds after which something that should happen counts as not happening. Generous, because a
#: machine that runs tests in parallel is slow at times; a test that passes never waits for it.
PATIENCE_S: Final = 60.0


def wait_until(
    condition: Callable[[], T], what: str = "", timeout_s: float = PATIENCE_S, every_s: float = 0.03
) -> T:
    """The first true value of `condition`.

    Raises:
        AssertionError: if there is none within `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {timeout_s:.0f} s: {what or condition}")
        time.sleep(every_s)
