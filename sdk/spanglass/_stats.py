"""The account of what became of the spans, and of the scores."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the spans, or of the scores, of this process.

    Attributes:
        accepted: those that were taken into the queue.
        sent: those that the endpoint has acknowledged.
        waiting: those that are queued or on their way.
        dropped: those that are lost, by reason: `queue_full`, `queue_bytes`, `too_large`,
            `encoding`, `rejected` (by the endpoint, one by one), `refused`, `unauthorized`,
            `retries_exhausted`, `exit`, `shutdown`, `not_initialised`, `internal`, `spill`
            (what was on disk, and is refused by now or too old), and of scores `invalid` and
            `no_target`.
        spilled: those that were written to disk because they could not be sent.
        resent: those that were on disk, of this process or an earlier one, and are sent by now.
        sampled_out: spans of traces that sampling has left out.
    """

    accepted: int = 0
    sent: int = 0
    waiting: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    spilled: int = 0
    resent: int = 0
    sampled_out: int = 0


@dataclass(frozen=True, slots=True)
class Stats(Counts):
    """What became of the spans of this process; see `Counts`.

    Attributes:
        scores: the same of the scores.
        content_dropped: texts that were left out because they could not be masked.
        redacted: what was taken out of texts, by entity.
        retries: requests that were sent again.
        internal_errors: errors of ours that the guard has swallowed.
        last_error: why the last request failed; empty where it did not.
    """

    scores: Counts = field(default_factory=Counts)
    content_dropped: int = 0
    redacted: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    internal_errors: int = 0
    last_error: str = ""


def in_words(dropped: dict[str, int]) -> str:
    """Losses by reason, for people."""
    return ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))


def added(dropped: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    """Losses by reason, summed up."""
    return {key: dropped.get(key, 0) + more.get(key, 0) for key in {**dropped, **more}}
