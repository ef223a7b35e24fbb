"""What jobs did, counted: for the metrics of the service, and for the rows of `jobs`."""

import socket
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spanglass_store.state.jobs import moment, now_us


@dataclass(kw_only=True)
class Tally:
    """Sums, and how it stands.

    Attributes:
        seconds: that detectors took.
        lag_s: how far what is judged lies behind.
    """

    spans: int = 0
    results: int = 0
    failures: int = 0
    seconds: float = 0.0
    cost_usd: float = 0.0
    lag_s: float = 0.0
    error: str = ""

    def add(self, more: Mapping[str, Any]) -> None:
        """Adds what was done since."""
        for name in ("spans", "results", "failures", "seconds", "cost_usd"):
            setattr(self, name, getattr(self, name) + more[name])


@dataclass(kw_only=True)
class Progress(Tally):
    """What a job did since it was last asked, or since the service started."""

    job: str
    is_over_budget: bool = False

    def take(self, later: Mapping[str, Any]) -> None:
        """Adds what was done since, and how it stands now."""
        self.add(later)
        self.lag_s = later["lag_s"]
        self.is_over_budget = later["is_over_budget"]
        self.error = later["error"]


@dataclass(kw_only=True)
class Run(Tally):
    """A row of `jobs`."""

    job: str
    kind: str
    version: str = ""
    state: str = "running"
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    host: str = field(default_factory=socket.gethostname)
    started_at: int = field(default_factory=now_us)
    window_start: int = 0
    window_end: int = 0

    def row(self) -> dict[str, Any]:
        times = ("started_at", "window_start", "window_end")
        return {**asdict(self), **{name: moment(getattr(self, name)) for name in times}}
