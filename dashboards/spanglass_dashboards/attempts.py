"""How often somebody may try to sign in: so that passwords can't be guessed by trying."""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Allowance:
    """Attempts that fail: so many at once, and another one every so many seconds."""

    burst: int
    every_s: float


#: Of one name from one address; of one address; of one name. The last is wide, so that nobody is
#: kept out by a stranger who knows the name.
OF_BOTH: Final = Allowance(5, 30.0)
OF_ADDRESS: Final = Allowance(30, 10.0)
OF_NAME: Final = Allowance(50, 30.0)
#: What is remembered at most; who has not tried for the longest is forgotten first.
_MOST: Final = 20_000


#: Passwords that are checked at a time: each takes a thread for a good while, and those are few.
CHECKED_AT_ONCE: Final = 2


class TooMany(Exception):
    """Too many attempts.

    Attributes:
        wait_s: seconds after which the next may be made.
    """

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Too many attempts. Try again in {wait_s} seconds.")
        self.wait_s = wait_s


class Attempts:
    """Counts attempts; each is taken before it is looked at, and given back if it was right.

    Source: the token bucket of RFC 2697, section 3, with one colour.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: To be held while a password is checked, so that whoever waits keeps no thread.
        self.checking = asyncio.Semaphore(CHECKED_AT_ONCE)
        self._lock = threading.Lock()
        #: When each bucket would be full again.
        self._full_at: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def take(self, name: str, address: str) -> None:
        """Counts an attempt.

        Raises:
            TooMany: if none is left; then it does not count.
        """
        now = self._clock()
        with self._lock:
            wait = 0.0
            for key, allowance in _buckets(name, address):
                full_at = max(self._full_at.get(key, now), now)
                wait = max(wait, full_at - now - (allowance.burst - 1) * allowance.every_s)
            if wait > 0:
                raise TooMany(int(wait) + 1)
            for key, allowance in _buckets(name, address):
                self._full_at[key] = max(self._full_at.get(key, now), now) + allowance.every_s
                self._full_at.move_to_end(key)
            while len(self._full_at) > _MOST:
                self._full_at.popitem(last=False)

    def give_back(self, name: str, address: str) -> None:
        """Takes back an attempt that was right."""
        with self._lock:
            for key, allowance in _buckets(name, address):
                if key in self._full_at:
                    self._full_at[key] -= allowance.every_s


def _buckets(name: str, address: str) -> Sequence[tuple[tuple[str, ...], Allowance]]:
    return (
        (("both", name, address), OF_BOTH),
        (("address", address), OF_ADDRESS),
        (("name", name), OF_NAME),
    )
