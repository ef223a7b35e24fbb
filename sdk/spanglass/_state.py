"""What `init` has set up, where every module can see it at the cost of one look."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from spanglass._guard import log

if TYPE_CHECKING:
    from spanglass._runtime import Runtime

#: None before `init`, after `shutdown`, and where the SDK is switched off.
runtime: Runtime | None = None

#: That of `spanglass.testing.capture`, while one captures; no `init` replaces it.
captured: Runtime | None = None

#: Threads on which the application's mask runs just now. What it makes there is not recorded: it
#: would be masked in its turn, and so on without end.
masking: Final[set[int]] = set()

#: Why there is no runtime: "not_initialised", "shutdown" or "disabled".
absence: str = "not_initialised"

#: Spans that were not made because there was no runtime, by reason.
missed: Final[dict[str, int]] = {}
#: The same of scores.
missed_scores: Final[dict[str, int]] = {}

_lock: Final = threading.RLock()


def is_masking() -> bool:
    """Whether what runs here is the application's mask, or called by it."""
    return bool(masking) and threading.get_ident() in masking


def miss(score: bool = False) -> None:
    """Counts a span or a score that nobody took, and says once that `init` is missing."""
    reason = absence
    if reason == "disabled":
        return
    with _lock:
        first = reason not in missed and reason not in missed_scores
        counts = missed_scores if score else missed
        counts[reason] = counts.get(reason, 0) + 1
    if first and reason == "not_initialised":
        log.warning(
            "spanglass.init() has not been called: nothing is recorded. Call it once at start,"
            " or set OTEL_SDK_DISABLED=true to silence this."
        )
