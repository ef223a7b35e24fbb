"""The account of what became of the spans."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stats:
    """What became of the spans of this process.

    Attributes:
        accepted: spans that were taken into the queue.
        sent: spans that the endpoint has acknowledged.
        waiting: spans that are queued or on their way.
        dropped: spans that are lost, by reason: `queue_full`, `queue_bytes`, `too_large`,
            `encoding`, `rejected` (by the endpoint, one by one), `refused`, `unauthorized`,
            `retries_exhausted`, `exit`, `shutdown`, `not_initialised`, `internal`, `spill`
            (what was on disk, and is refused by now).
        spilled: spans that were written to disk because they could not be sent.
        resent: spans that were on disk, of this process or an earlier one, and are sent by now.
        sampled_out: spans of traces that sampling has left out.
        content_dropped: texts that were left out because they could not be masked.
        redacted: what was taken out of texts, by entity.
        retries: requests that were sent again.
        internal_errors: errors of ours that the guard has swallowed.
        last_error: why the last request failed; empty where it did not.
    """

    accepted: int = 0
    sent: int = 0
    waiting: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    spilled: int = 0
    resent: int = 0
    sampled_out: int = 0
    content_dropped: int = 0
    redacted: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    internal_errors: int = 0
    last_error: str = ""


def in_words(dropped: dict[str, int]) -> str:
    """Losses by reason, for people."""
    return ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
