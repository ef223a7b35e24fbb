"""The account that a process gives of its spans and scores, in windows of time.

Each report covers what happened since the one before, has a number, and is kept unchanged until
the endpoint has taken it: so the reports of a process add up, and one that arrives twice is one.
docs/sdk.md says what is in it.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from spanglass import _names as names
from spanglass import _state
from spanglass._logs import Event
from spanglass._stats import Counts, added
from spanglass._version import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from spanglass._exporter import Exporter

#: Seconds of a window, and of one in which something was lost.
_WINDOW_S: Final = 30.0
_WINDOW_WITH_LOSSES_S: Final = 5.0
#: Reports that wait; while there are as many, the window goes on.
_MAX_PENDING: Final = 60
#: Seconds in which an endpoint that knows no logs is not asked again.
_QUIET_S: Final = 600.0
#: Seconds that the end waits for the scores, so that the last report has them.
_SCORES_WAIT_S: Final = 1.0

#: What was missed without an `init` is told once, by whichever ledger comes first.
_missed_before: Final[dict[str, int]] = {}


class Ledger:
    """The reports of one process.

    Args:
        spans: sends the spans, and the reports.
        scores: sends the scores.
        resource: what sends.
    """

    def __init__(self, spans: Exporter, scores: Exporter, resource: Resource) -> None:
        self._spans = spans
        self._scores = scores
        self._resource = resource
        self._scope = InstrumentationScope("spanglass", __version__)
        self.reset()

    def reset(self) -> None:
        """A new start, in a new process."""
        #: Reports that the endpoint has not taken, oldest first.
        self.pending: deque[Event] = deque()
        self._number = 0
        self._start_ns = time.time_ns()
        self._made = 0
        self._before: dict[str, int] = {}
        self._cut_at = time.monotonic()
        self._quiet_until = 0.0

    def forget_missed(self) -> None:
        """What was missed before a fork is the parent's to tell."""
        _missed_before.update(_missed())

    def quiet(self) -> None:
        """The endpoint does not know logs: it is left alone for a while."""
        self.pending.clear()
        self._quiet_until = time.monotonic() + _QUIET_S

    def next_s(self) -> float | None:
        """Seconds until the next report is due; None where there is nothing to tell."""
        found = added(*self._changes())
        if not found:
            return None
        window = _WINDOW_WITH_LOSSES_S if _has_losses(found) else _WINDOW_S
        return max(0.0, max(self._cut_at + window, self._quiet_until) - time.monotonic())

    def cut(self, final: bool = False) -> None:
        """Ends the window where it is due, and begins the next.

        Args:
            final: whether the process ends, and this is the last one.
        """
        if final:
            self._scores.wait(min(_SCORES_WAIT_S, max(0.0, self._spans.seconds_left())))
        changed, missed = self._changes()
        found = added(changed, missed)
        due = self.next_s() == 0 or (final and time.monotonic() >= self._quiet_until)
        if not found or not due or len(self.pending) >= _MAX_PENDING:
            return
        self._before = added(self._before, changed)
        _missed_before.update(added(_missed_before, missed))
        made, now_ns = self._spans.made(), time.time_ns()
        self._number += 1
        attributes: dict[str, Any] = {
            **self._spans.identity,
            f"{names.LEDGER}.number": self._number,
            f"{names.LEDGER}.start_time_unix_nano": self._start_ns,
        }
        if made > self._made:
            attributes[f"{names.LEDGER}.sequence.first"] = self._made + 1
            attributes[f"{names.LEDGER}.sequence.last"] = made
        attributes |= {f"{names.LEDGER}.{key}": count for key, count in found.items()}
        for key, waiting in (
            ("waiting", self._spans.counts().waiting),
            ("scores.waiting", self._scores.counts().waiting),
        ):
            if waiting:
                attributes[f"{names.LEDGER}.{key}"] = waiting
        self.pending.append(
            Event(names.LEDGER, attributes, now_ns, 0, 0, self._resource, self._scope)
        )
        self._made, self._start_ns, self._cut_at = made, now_ns, time.monotonic()

    def _changes(self) -> tuple[dict[str, int], dict[str, int]]:
        """What has changed since the last report, and what nobody was there to take."""
        return _since(self._before, self._totals()), _since(_missed_before, _missed())

    def _totals(self) -> dict[str, int]:
        texts = self._spans.content_dropped() + self._scores.content_dropped()
        return {
            **_flat(self._spans.counts()),
            **{f"scores.{key}": count for key, count in _flat(self._scores.counts()).items()},
            "content_dropped": texts,
        }


def _missed() -> dict[str, int]:
    """What nobody was there to take."""
    found = {f"dropped.{reason}": count for reason, count in _state.missed.copy().items()}
    for reason, count in _state.missed_scores.copy().items():
        found[f"scores.dropped.{reason}"] = count
    return found


def _since(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    return {key: now[key] - before.get(key, 0) for key in now if now[key] > before.get(key, 0)}


def _flat(counts: Counts) -> dict[str, int]:
    return {
        "accepted": counts.accepted,
        "sent": counts.sent,
        "spilled": counts.spilled,
        "resent": counts.resent,
        "sampled_out": counts.sampled_out,
        **{f"dropped.{reason}": count for reason, count in counts.dropped.items()},
    }


def _has_losses(found: dict[str, int]) -> bool:
    return any("dropped." in key for key in found)
