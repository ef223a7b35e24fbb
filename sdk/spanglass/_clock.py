"""The clocks that spans are timed by, in one place, so that tests can put their own in."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Nanoseconds since 1970.
wall: Callable[[], int] = time.time_ns
#: Nanoseconds of a clock that never jumps.
steady: Callable[[], int] = time.perf_counter_ns
