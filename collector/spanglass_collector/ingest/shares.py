"""Who has how much of what all projects share, so that one can't take it from the others.

A project may have four times as much as is free: alone it has four fifths, and there is room for
the next one's at any time. Whoever has nothing yet may have anything that fits.

Source: dynamic thresholds for shared buffers, Choudhury and Hahne 1998, with alpha = 4.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

_ALPHA: Final = 4


class Shares:
    """What each project has. For one thread, or under its caller's lock."""

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()

    def fits(self, owner: str, size: int, free: int) -> bool:
        """Whether a project may have so much more.

        Args:
            owner: the project.
            size: in bytes; it has to fit into what is free anyhow.
            free: what nobody has, before.
        """
        has = self._used.get(owner, 0)
        return not has or has + size <= _ALPHA * (free - size)

    def take(self, owner: str, size: int) -> None:
        """A project has so much more."""
        self._used[owner] += size

    def give_back(self, sizes: Mapping[str, int]) -> None:
        """Projects have so much less."""
        for owner, size in sizes.items():
            self._used[owner] -= size
            if self._used[owner] <= 0:
                del self._used[owner]
