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
        # By name: since when, what was read last, and what is added to it.
        self._state: dict[Hashable, tuple[int, float, int]] = {}

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
            Since when it counts, and how far it is.
        """
        found = self._state.get(name)
        if found is None:
            state = (began_ns or time_ns, raw, 0)
        else:
            start, last, added = found
            if raw >= last:
                state = (start, raw, added)
            elif turns and last < _TURN and raw + _TURN - last < _TURN // 2:
                state = (start, raw, added + _TURN)
            else:
                self.resets += 1
                state = (began_ns if began_ns > start else time_ns, raw, 0)
        self._state[name] = state
        return state[0], state[1] + state[2]

    def keep(self, names: set[Hashable]) -> None:
        """Forgets all but these."""
        for name in self._state.keys() - names:
            del self._state[name]
