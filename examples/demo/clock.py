"""Time for an application that runs now, or that ran last week.

A week of history goes the way that everything goes: through the SDK and OTLP. So the application
asks a clock what time it is and tells it how long things took. The real clock ignores what it is
told, because waiting took that long already.
"""

from __future__ import annotations

import random
import time
from typing import Protocol

from sample_server.models import MODELS


class Clock(Protocol):
    """What time it is, in nanoseconds since 1970."""

    def now(self) -> int:
        """The present of whoever asks."""

    def took(self, seconds: float) -> None:
        """Something took that long."""


class RealClock:
    """The machine's time."""

    def now(self) -> int:
        return time.time_ns()

    def took(self, seconds: float) -> None:
        """Nothing to do: it has passed."""


class PastClock:
    """A time that passes only when something takes some.

    Args:
        start_ns: where it begins, in nanoseconds since 1970.
    """

    def __init__(self, start_ns: int) -> None:
        self._now = start_ns

    def now(self) -> int:
        return self._now

    def took(self, seconds: float) -> None:
        self._now += int(seconds * 1e9)


def first_token_s(model: str, slowdown: float, rng: random.Random) -> float:
    """Seconds to the first token, drawn as the sample server draws them."""
    about = MODELS[model]
    return about.first_token_s * slowdown * rng.lognormvariate(0.0, about.first_token_sigma)


def token_s(model: str, slowdown: float) -> float:
    """Seconds a token."""
    return slowdown / MODELS[model].tokens_per_s
