"""When a series of verdicts becomes a finding, and when a finding is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spanglass_detectors.drift.results import Verdict

State = Literal["quiet", "pending", "open"]


@dataclass(frozen=True)
class Persistence:
    """Opens after `opens` windows in a row that drifted, closes after `closes` that did not.

    Windows without a test say nothing either way.

    Attributes:
        state: `pending` while it has drifted too few times.
        streak: windows in a row that speak for the next state.
    """

    opens: int = 2
    closes: int = 2
    state: State = "quiet"
    streak: int = 0

    def after(self, verdict: Verdict) -> Persistence:
        """What it is after one more window."""
        if verdict == "not tested":
            return self
        is_drift = verdict == "drift"
        if self.state == "open":
            streak = 0 if is_drift else self.streak + 1
            done = streak >= self.closes
            return self._with("quiet" if done else "open", 0 if done else streak)
        streak = self.streak + 1 if is_drift else 0
        if streak >= self.opens:
            return self._with("open", 0)
        return self._with("pending" if is_drift else "quiet", streak)

    def _with(self, state: State, streak: int) -> Persistence:
        return Persistence(self.opens, self.closes, state, streak)
