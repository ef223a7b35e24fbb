"""Where spans and scores leave the process: an exporter for each, and one account of both."""

from __future__ import annotations

import contextlib
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from spanglass._exporter import Exporter
from spanglass._guard import log
from spanglass._ledger import Ledger
from spanglass._signals import SCORES, SPANS
from spanglass._stats import Stats, added, in_words

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from spanglass._settings import Settings

_outlets: Final[weakref.WeakSet[Outlet]] = weakref.WeakSet()


class Outlet:
    """Sends the spans and scores of one `init`.

    Args:
        settings: bounds, delays and the endpoints.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.spans = Exporter(settings, SPANS)
        self.scores = Exporter(settings, SCORES, self.spans)
        # Without a step between: every span passes here.
        self.offer = self.spans.offer
        self.offer_score = self.scores.offer
        # It is there for as long as a thread of theirs has something to send.
        self.spans.outlet = self.scores.outlet = self
        _outlets.add(self)

    def begin(self, resource: Resource) -> None:
        """Knows what sends from now on."""
        if self.settings.ledger:
            self.spans.ledger = Ledger(self.spans, self.scores, resource)

    def refuse_score(self, reason: str) -> None:
        """Counts a score that cannot be recorded."""
        self.scores.account.drop(reason)

    def leave_out(self, count: int) -> None:
        """Counts spans that sampling leaves out."""
        self.spans.account.leave_out(count)

    def flush(self, timeout_s: float) -> bool:
        """Sends what is queued, and waits for it.

        Args:
            timeout_s: seconds to wait at most.

        Returns:
            Whether everything since the last flush has arrived.
        """
        until = time.monotonic() + timeout_s
        # Both at once.
        waits = [(each, each.hurry(until)) for each in (self.scores, self.spans)]
        arrived = [each.wait_flushed(target, until) for each, target in waits]
        return all(arrived)

    def close(self, timeout_s: float, reason: str = "exit") -> int:
        """Ends both: sends what it can within the time, and drops the rest.

        Args:
            timeout_s: seconds to wait at most.
            reason: under which the rest is counted.

        Returns:
            How many spans and scores were lost since the process began.
        """
        until = time.monotonic() + timeout_s
        self.retire(timeout_s, reason)
        # The scores first: the account of both goes with the spans.
        left = (max(0.0, until - time.monotonic()) for _ in range(2))
        return self.scores.close(next(left), reason) + self.spans.close(next(left), reason)

    def retire(self, timeout_s: float, reason: str = "exit") -> None:
        """Takes no more, and ends by itself within the time."""
        for each in (self.scores, self.spans):
            each.retire(timeout_s, reason)

    def stats(self) -> Stats:
        """What became of the spans and scores so far."""
        spans, scores = self.spans.counts(), self.scores.counts()
        redacted: dict[str, int] = {}
        retries = content_dropped = 0
        errors = []
        for delivery in (self.spans.delivery, self.scores.delivery):
            if delivery is not None:
                redacted = added(redacted, delivery.privacy.redacted)
                retries += delivery.retries
                content_dropped += delivery.privacy.dropped
                errors += [delivery.last_error] if delivery.last_error else []
        return Stats(
            accepted=spans.accepted,
            sent=spans.sent,
            waiting=spans.waiting,
            dropped=spans.dropped,
            spilled=spans.spilled,
            resent=spans.resent,
            sampled_out=spans.sampled_out,
            scores=scores,
            content_dropped=content_dropped,
            redacted=redacted,
            retries=retries,
            last_error=errors[0] if errors else "",
        )

    def delivered(self) -> tuple[float, int]:
        """When an endpoint last took something (seconds since 1970), and bytes waiting on disk."""
        deliveries = (self.spans.delivery, self.scores.delivery)
        taken = max(each.last_success if each is not None else 0.0 for each in deliveries)
        return taken, self.spans.spill.size(waiting=True) if self.spans.spill is not None else 0


def close_all() -> None:
    """Sends what is left as the process ends, and says so where something is lost."""
    sampling: Any = sys.modules.get("spanglass._sampling")
    if sampling is not None:
        sampling.decide_all()
    deadline: float | None = None
    for outlet in list(_outlets):
        try:
            if deadline is None:
                deadline = time.monotonic() + outlet.settings.exit_timeout_s
            if outlet.spans.account.closed:
                continue
            if outlet.close(max(0.0, deadline - time.monotonic())):
                _say(outlet)
        except KeyboardInterrupt:
            return
        except Exception:
            log.debug("spanglass: could not flush at exit", exc_info=True)


def _say(outlet: Outlet) -> None:
    """Tells on standard error: loggers may be gone by now."""
    stats = outlet.stats()
    why = f" Last error: {stats.last_error}." if stats.last_error else ""
    # Standard error may be closed, or None.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        for exporter, counts in ((outlet.spans, stats), (outlet.scores, stats.scores)):
            if counts.dropped:
                lost, noun = sum(counts.dropped.values()), exporter.signal.noun
                what = f"1 {noun.removesuffix('s')} was" if lost == 1 else f"{lost} {noun} were"
                sys.stderr.write(
                    f"spanglass: {what} not delivered to {exporter.endpoint}"
                    f" ({in_words(counts.dropped)}).{why}\n"
                )
