"""The account of one signal: what became of everything that was offered.

Accepted is sent, spilled, dropped after that, waiting, or on its way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from spanglass._stats import Counts


class Account:
    """Counts, and wakes whoever waits for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._sent = 0
        self._spilled = 0
        self._resent = 0
        self._sampled_out = 0
        self._dropped: dict[str, int] = {}
        self._lost_at_flush = 0
        #: How many were dropped before they were accepted.
        self.turned_away = 0
        #: How many of those that were accepted are through, one way or the other.
        self.settled = 0
        #: Nothing is counted any more: the rest was given up, and counted as that.
        self.closed = False

    def drop(self, reason: str, count: int = 1) -> None:
        """Counts what is lost before it was accepted."""
        with self._changed:
            self._dropped[reason] = self._dropped.get(reason, 0) + count
            self.turned_away += count

    def leave_out(self, count: int) -> None:
        """Counts what sampling leaves out."""
        with self._changed:
            self._sampled_out += count

    def settle(self, sent: int, lost: int, reason: str = "") -> None:
        """Counts what is through, one way or the other."""
        with self._changed:
            if self.closed:
                return
            self._sent += sent
            if lost:
                self._dropped[reason] = self._dropped.get(reason, 0) + lost
            self.settled += sent + lost
            self._changed.notify_all()

    def settle_spilled(self, count: int) -> None:
        """Counts what is on disk now."""
        with self._changed:
            if self.closed:
                return
            self._spilled += count
            self.settled += count
            self._changed.notify_all()

    def settle_resent(self, sent: int, refused: int) -> None:
        """Counts what was on disk and is there no more, or is set aside."""
        with self._changed:
            self._resent += sent
            if refused:
                self._dropped["spill"] = self._dropped.get("spill", 0) + refused

    def close(self, accepted: int, reason: str) -> int:
        """Gives up what is not through.

        Args:
            accepted: how many were ever accepted.
            reason: under which the rest is counted.

        Returns:
            How many are lost altogether.
        """
        with self._changed:
            self.settle(0, max(0, accepted - self.settled), reason)
            self.closed = True
            return self.lost()

    def wait(self, target: int, timeout_s: float) -> bool:
        """Waits until as many are through; whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self.settled >= target, timeout_s)

    def flushed(self, target: int) -> bool:
        """Whether as many are through, and none was lost since this was asked last."""
        with self._changed:
            lost = self.lost()
            complete = self.settled >= target and lost == self._lost_at_flush
            self._lost_at_flush = lost
            return complete

    def lost(self) -> int:
        """How many are lost altogether."""
        return sum(self._dropped.values())

    def counts(self, accepted: Callable[[], int]) -> Counts:
        """All of it at one moment.

        Args:
            accepted: says how many were ever accepted.
        """
        with self._changed:
            # Later than the rest, so that nothing is through that was not accepted.
            settled, total = self.settled, accepted()
            return Counts(
                accepted=total,
                sent=self._sent,
                waiting=max(0, total - settled),
                dropped=dict(self._dropped),
                spilled=self._spilled,
                resent=self._resent,
                sampled_out=self._sampled_out,
            )
