"""`spanglass.status()`: how the SDK itself is, for people and for health checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from spanglass._stats import Stats, in_words

if TYPE_CHECKING:
    from spanglass._runtime import Runtime

#: Share of the queue from which on it is about to overflow.
_NEARLY_FULL = 0.8


@dataclass(frozen=True, slots=True)
class Status:
    """How the SDK is. `str()` of it says it in lines for people.

    Attributes:
        state: `recording`, `not_initialised`, `shutdown` or `disabled`.
        endpoint: where spans are posted to; empty without one.
        last_success: when the endpoint last took a request; None where it never has.
        stats: what became of the spans.
        spill_bytes: bytes that wait on disk.
        problems: what is wrong, each with what to do; empty where nothing is.
    """

    state: str
    endpoint: str = ""
    last_success: datetime | None = None
    stats: Stats = field(default_factory=Stats)
    spill_bytes: int = 0
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether spans are recorded, and nothing is wrong."""
        return self.state == "recording" and not self.problems

    def __str__(self) -> str:
        stats = self.stats
        last = self.last_success.isoformat(timespec="seconds") if self.last_success else "never"
        where = f", to {self.endpoint}" if self.endpoint else ""
        counts = (
            f"  {stats.sent} sent, {stats.waiting} waiting, {sum(stats.dropped.values())} dropped,"
            f" {stats.spilled} put on disk; last taken: {last}"
        )
        problems = [f"  ! {problem}" for problem in self.problems]
        return "\n".join([f"spanglass: {self.state}{where}", counts, *problems])


def status_of(runtime: Runtime | None, absence: str, stats: Stats) -> Status:
    """The status as it is now.

    Args:
        runtime: what `init` has set up; None without.
        absence: why there is none.
        stats: what became of the spans.
    """
    if runtime is None:
        problems = {
            "not_initialised": "spanglass.init() has not been called: call it once at start",
            "shutdown": "spanglass.shutdown() has been called: spanglass.init() starts again",
        }
        said = (problems[absence],) if absence in problems else ()
        return Status(absence, stats=stats, problems=said)
    settings = runtime.settings
    taken, spilled = runtime.delivered()
    return Status(
        "recording",
        settings.endpoint,
        datetime.fromtimestamp(taken, UTC) if taken else None,
        stats,
        spilled,
        tuple(_problems(stats, settings.endpoint, settings.max_queue_spans)),
    )


def _problems(stats: Stats, endpoint: str, room: int) -> list[str]:
    found = []
    if stats.last_error:
        found.append(f"the last request to {endpoint} failed: {stats.last_error}")
    if stats.dropped:
        found.append(f"spans are lost: {in_words(stats.dropped)}")
    if stats.scores.dropped:
        found.append(f"scores are lost: {in_words(stats.scores.dropped)}")
    if stats.waiting > _NEARLY_FULL * room:
        found.append(
            f"{stats.waiting} spans wait, and {room} is the most: raise max_queue_spans, or sample"
        )
    if stats.content_dropped:
        found.append(f"mask failed on {stats.content_dropped} texts, which were left out: mend it")
    if stats.internal_errors:
        found.append(f"{stats.internal_errors} errors inside spanglass: the log has the first")
    return found
