"""Counters that start anew, or turn over: since when they count, and by how much."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

#: Where a counter of 32 bits turns over.
_TURN: Final = 1 << 32


class Counters:
    """Follows counters by name; a counter that falls has begun anew."""

    def __init__(self) -> None:
        #: How often any of them has begun anew.
        self.resets = 0
        # By name: since when, what was read last and when, and what is added to it.
        self._state: dict[Hashable, tuple[int, float, int, int]] = {}

    def follow(
        self, name: Hashable, raw: float, time_ns: int, began_ns: int = 0, turns: bool = False
    ) -> tuple[int, float]:
        """What a reading means.

        Args:
            name: of the counter.
            raw: what was read.
            time_ns: when, in nanoseconds since 1970.
            began_ns: when what counts has begun, where that is known.
            turns: whether a fall from just below 2³² is a turn, not a new beginning.

        Returns:
            Since when it counts, 0 where that is not known, and how far it is. One that has begun
            anew counts since the reading before, at the latest.
        """
        found = self._state.get(name)
        start, added = began_ns, 0
        if found is not None:
            start, last, read_ns, added = found
            if raw < last:
                if turns and last < _TURN and raw + _TURN - last < _TURN // 2:
                    added += _TURN
                else:
                    self.resets += 1
                    start, added = (began_ns if began_ns > start else read_ns), 0
        self._state[name] = (start, raw, time_ns, added)
        return start, raw + added
